import { type Request, type Response, Router } from 'express';
import type { ApiCall } from '../api/call-log.ts';
import { Problem } from '../api/problem.ts';
import { formatMoney, formatTime, sendPage } from '../pages.ts';
import type { Delivery } from '../state/delivery.ts';
import { type CardBalance, type LedgerEntry, readLedger } from '../state/ledger.ts';
import { type PaymentIntent, refundedAmount } from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { mostRows, noticeOf, parseLimit, sendDone, typedInto, wantsPage } from './page-or-json.ts';

type List = {
  readonly title: string;
  readonly intro: string;
  readonly total: number;
  readonly records: readonly ListRecord[];
  readonly json: unknown;
  /** Above the list. */
  readonly summary?: { readonly heading: string; readonly records: readonly ListRecord[] };
};

/** Lists of what has happened, newest first; sends webhooks again, and deletes everything. */
export function createRecordsRouter(state: SimulatorState): Router {
  const { intents, deliveries, calls } = state;
  const router = Router();

  const list = (path: string, read: (limit: number) => List) =>
    router.get(path, (req, res) => {
      const found = read(parseLimit(req));
      if (wantsPage(req)) sendList(req, res, found);
      else res.json(found.json);
    });

  list('/payment-intents', (limit) => {
    const shown = intents.list({ limit });
    const total = intents.count();
    return {
      title: 'Payment intents',
      intro: 'Each links to its payment page.',
      total,
      records: shown.map(intentRecord),
      json: { total, data: shown.map((intent) => presentIntent(intent, state.publicUrl())) },
    };
  });

  list('/deliveries', (limit) => {
    const total = deliveries.count();
    const shown = deliveries.list({ limit });
    return {
      title: 'Webhook deliveries',
      intro: 'Sending one again sends the same bytes with a new signature.',
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
      intro: 'The latest thousand, without bodies, and with the first characters of the key.',
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
      intro: 'What each card was charged and refunded: the truth to compare a shop with.',
      total: movements.length,
      records: shown.map(movementRecord),
      json: { balances, total: movements.length, movements: shown },
      summary: { heading: 'Cards', records: balances.map(balanceRecord) },
    };
  });

  router.post('/deliveries/:id/redeliver', async (req: Request<{ id: string }>, res) => {
    const made = await deliveries.redeliver(req.params.id);
    const page = typedInto(req).from === 'overview' ? '/' : '/simulator/deliveries';
    if (made !== null) sendDone(req, res, { page, notice: 'sent', json: made });
    else if (wantsPage(req)) res.redirect(303, page);
    else throw new Problem(404, 'There is no such delivery.');
  });

  router.post('/reset', (req, res) => {
    state.clear();
    sendDone(req, res, { page: '/', notice: 'deleted' });
  });

  return router;
}

function sendList(req: Request, res: Response, list: List): void {
  sendPage(res, {
    name: 'control-records',
    page: {
      title: list.title,
      notice: noticeOf(req),
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

/** One row of a list on the control page. */
type ListRecord = {
  readonly heading: string;
  readonly href: string | null;
  readonly side: string;
  readonly tag: { readonly text: string; readonly isBad: boolean } | null;
  readonly facts: readonly { readonly name: string; readonly value: string; readonly isCode: boolean }[];
  /** The delivery that the button sends again; null for no button. */
  readonly resend: string | null;
};

/** Dojo's names where it has them, and the movements that make up the ledger. */
function presentIntent(intent: PaymentIntent, publicUrl: string) {
  return {
    id: intent.id,
    reference: intent.request.reference,
    status: intent.status,
    captureMode: intent.captureMode,
    amount: intent.request.amount,
    totalAmount: intent.total,
    refundedAmount: refundedAmount(intent),
    createdAt: intent.createdAt,
    updatedAt: intent.updatedAt,
    expireAt: intent.expireAt,
    isExpired: intent.isExpired,
    page: `${publicUrl}/checkout/${intent.id}`,
    events: intent.events.map(({ type, at }) => ({ type, at })),
    captures: intent.captures,
    refunds: intent.refunds,
    movements: intent.movements,
  };
}

function presentDelivery({ body, ...delivery }: Delivery) {
  return { ...delivery, body: Buffer.from(body).toString('utf8') };
}

export function intentRecord(intent: PaymentIntent): ListRecord {
  return {
    heading: intent.request.reference,
    href: `/checkout/${intent.id}`,
    side: formatMoney(intent.total),
    tag: { text: intent.isExpired ? `${intent.status}, expired` : intent.status, isBad: false },
    facts: [code('Id', intent.id), fact('Created', formatTime(intent.createdAt))],
    resend: null,
  };
}

const stateNames = {
  pending: 'waiting',
  delivered: 'delivered',
  'given-up': 'given up',
  dropped: 'dropped',
} as const satisfies Record<Delivery['state'], string>;

export function deliveryRecord(delivery: Delivery): ListRecord {
  const last = delivery.tries.at(-1);
  const answer = last === undefined ? 'none yet' : String(last.status ?? last.error);
  return {
    heading: delivery.event,
    href: null,
    side: '',
    tag: {
      text: stateNames[delivery.state],
      isBad: delivery.state === 'given-up' || delivery.state === 'dropped',
    },
    facts: [
      code('Id', delivery.id),
      code('About', delivery.paymentIntentId),
      ...(delivery.paymentStatus === null ? [] : [fact('Status', delivery.paymentStatus)]),
      fact('Created', formatTime(delivery.createdAt)),
      fact('Tries', `${delivery.tries.length}, last answer ${answer}`),
      ...(delivery.dueAt === null ? [] : [fact('Next', formatTime(delivery.dueAt))]),
      ...faultFacts([...delivery.faults, ...(last?.faults ?? [])]),
    ],
    resend: delivery.id,
  };
}

export function callRecord(call: ApiCall): ListRecord {
  const isBad = call.status === null || call.status >= 400;
  return {
    heading: `${call.method} ${call.path}`,
    href: null,
    side: '',
    tag: { text: call.status === null ? 'no answer' : String(call.status), isBad },
    facts: [
      fact('At', `${formatTime(call.at)}, ${call.latencyMs} ms`),
      ...(call.keyPrefix === null ? [] : [code('Key', `${call.keyPrefix}…`)]),
      ...(call.version === null ? [] : [fact('Version', call.version)]),
      ...(call.problem === null ? [] : [fact('Problem', call.problem)]),
      ...faultFacts(call.faults),
    ],
    resend: null,
  };
}

export function balanceRecord(balance: CardBalance): ListRecord {
  const money = (value: number) => formatMoney({ value, currencyCode: balance.currencyCode });
  return {
    heading: balance.maskedNumber,
    href: null,
    side: `${money(balance.charged - balance.refunded)} kept`,
    tag: { text: `${balance.scheme} ${balance.currencyCode}`, isBad: false },
    facts: [
      fact('Charged', money(balance.charged)),
      fact('Refunded', money(balance.refunded)),
      fact('Held', money(balance.reserved)),
    ],
    resend: null,
  };
}

function movementRecord(entry: LedgerEntry): ListRecord {
  return {
    heading: entry.reference,
    href: `/checkout/${entry.paymentIntentId}`,
    side: formatMoney({ value: entry.amount, currencyCode: entry.currencyCode }),
    tag: { text: entry.kind, isBad: false },
    facts: [
      code('Card', entry.maskedNumber),
      code('Intent', entry.paymentIntentId),
      fact('At', formatTime(entry.at)),
    ],
    resend: null,
  };
}

function fact(name: string, value: string) {
  return { name, value, isCode: false };
}

function code(name: string, value: string) {
  return { name, value, isCode: true };
}

function faultFacts(faults: readonly string[]) {
  return faults.length === 0 ? [] : [fact('Faults', faults.join(', '))];
}
