import { type Request, type Response, Router } from 'express';
import { sendProblem } from '../api/problem.ts';
import { sendPage } from '../page/page-response.ts';
import type { Parts } from '../parts.ts';
import { readLedger } from '../state/ledger.ts';
import { mostRows, noticeOf, readLimit, sendDone, typedInto, wantsPage } from './page-or-json.ts';
import {
  balanceRecord,
  callRecord,
  deliveryRecord,
  intentRecord,
  movementRecord,
  presentDelivery,
  presentIntent,
  type RecordShown,
} from './records.ts';

type List = {
  readonly title: string;
  readonly intro: string;
  readonly total: number;
  readonly records: readonly RecordShown[];
  readonly json: unknown;
  /** What stands above the list. */
  readonly summary?: { readonly heading: string; readonly records: readonly RecordShown[] };
};

/** What has happened so far, newest first: lists to read, and what can be done again or undone. */
export function createRecordsRouter(parts: Parts): Router {
  const { intents, deliveries, calls } = parts;
  const router = Router();

  const list = (path: string, read: (limit: number) => List) =>
    router.get(path, (request, response) => {
      const limit = readLimit(request, response);
      if (limit === null) return;
      const found = read(limit);
      if (wantsPage(request)) sendList(request, response, found);
      else response.json(found.json);
    });

  list('/payment-intents', (limit) => {
    const shown = intents.list({ limit });
    const total = intents.count();
    return {
      title: 'Payment intents',
      intro: 'Each leads to its payment page.',
      total,
      records: shown.map(intentRecord),
      json: { total, data: shown.map((intent) => presentIntent(intent, parts.publicUrl())) },
    };
  });

  list('/deliveries', (limit) => {
    const total = deliveries.count();
    const shown = deliveries.list({ limit });
    return {
      title: 'Webhook deliveries',
      intro: 'A delivery that is sent again has the same bytes, and a signature of now.',
      total,
      records: shown.map(deliveryRecord),
      json: { total, data: shown.map(presentDelivery) },
    };
  });

  list('/calls', (limit) => {
    const total = calls.count();
    const shown = calls.list({ limit });
    return {
      title: 'API calls',
      intro: 'The latest thousand, without bodies and with the beginning of the key alone.',
      total,
      records: shown.map(callRecord),
      json: { total, data: shown },
    };
  });

  list('/ledger', (limit) => {
    const { balances, movements } = readLedger(intents);
    const shown = movements.toReversed().slice(0, limit);
    return {
      title: 'Ledger',
      intro: 'What every card was charged and refunded: the truth to compare a shop with.',
      total: movements.length,
      records: shown.map(movementRecord),
      json: { balances, total: movements.length, movements: shown },
      summary: { heading: 'Cards', records: balances.map(balanceRecord) },
    };
  });

  router.post('/deliveries/:id/redeliver', async (request: Request<{ id: string }>, response) => {
    const attempt = await deliveries.redeliver(request.params.id);
    const page = typedInto(request).from === 'overview' ? '/' : '/simulator/deliveries';
    if (attempt !== null) sendDone(request, response, { page, says: 'sent', json: attempt });
    else if (wantsPage(request)) response.redirect(303, page);
    else sendProblem(response, { status: 404, detail: 'There is no such delivery.' });
  });

  router.post('/reset', (request, response) => {
    parts.clear();
    sendDone(request, response, { page: '/', says: 'forgotten' });
  });

  return router;
}

function sendList(request: Request, response: Response, list: List): void {
  sendPage(response, {
    name: 'control-records',
    page: {
      title: list.title,
      notice: noticeOf(request),
      intro: list.intro,
      summary: list.summary ?? null,
      heading: list.summary ? 'Movements' : null,
      records: list.records,
      shown: list.records.length,
      total: list.total,
      allHref: `?limit=${mostRows}`,
      from: 'list',
    },
  });
}
