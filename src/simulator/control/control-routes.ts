import { fileURLToPath } from 'node:url';
import { Router } from 'express';
import { sendProblem } from '../api/problem.ts';
import { sendPage } from '../page/page-response.ts';
import type { Parts } from '../parts.ts';
import { defaultSettings, settingNames } from '../settings.ts';
import { formatExpiry, groupDigits, testCards } from '../state/cards.ts';
import { readLedger } from '../state/ledger.ts';
import { createClockRouter } from './clock-routes.ts';
import { createFaultsRouter } from './faults-routes.ts';
import { onlyThisMachine } from './guard.ts';
import { noticeOf, readInput } from './page-or-json.ts';
import { balanceRecord, callRecord, deliveryRecord, intentRecord, showTime } from './records.ts';
import { createRecordsRouter } from './records-routes.ts';
import { createSettingsRouter } from './settings-routes.ts';

const files = ['simulator.css', 'simulator-control.css'] as const;
const shownRows = 5;

/** What a program may ask for; pages have forms besides, for what a browser has no method. */
const served = [
  'GET /simulator/payment-intents',
  'GET /simulator/deliveries',
  'POST /simulator/deliveries/ID/redeliver',
  'GET /simulator/calls',
  'GET /simulator/ledger',
  'GET, POST, PUT /simulator/faults',
  'DELETE /simulator/faults/ID',
  'GET, POST /simulator/clock',
  'GET, PATCH, DELETE /simulator/settings',
  'POST /simulator/reset',
] as const;

/**
 * What is the simulator's own and none of Dojo's: the control page on `/`, the control interface under `/simulator`, and
 * what all pages load. The interface speaks JSON to programs, and with the same addresses pages and forms to browsers.
 */
export function createControlRouter(parts: Parts): Router {
  const router = Router();
  const guard = onlyThisMachine(parts.publicUrl);

  for (const file of files) {
    const path = fileURLToPath(new URL(`../../../public/${file}`, import.meta.url));
    router.get(`/${file}`, (_request, response) => response.sendFile(path));
  }
  router.get('/favicon.ico', (_request, response) => {
    response.status(204).end();
  });
  router.get('/', guard, (request, response) => {
    sendPage(response, {
      name: 'control-overview',
      page: { title: 'Overview', notice: noticeOf(request), ...readOverview(parts) },
    });
  });
  router.use('/simulator', guard, readInput());
  router.get('/simulator', (_request, response) => response.redirect(303, '/'));
  router.use('/simulator/settings', createSettingsRouter(parts));
  router.use('/simulator/faults', createFaultsRouter(parts));
  router.use('/simulator/clock', createClockRouter(parts));
  router.use('/simulator', createRecordsRouter(parts));
  router.use('/simulator', (_request, response) => {
    sendProblem(response, {
      status: 404,
      detail: `That is no part of the control interface. There are: ${served.join('; ')}.`,
    });
  });
  return router;
}

function readOverview(parts: Parts) {
  const { intents, deliveries, calls, clock, faults, settings } = parts;
  const limit = shownRows;
  const changed = settingNames.filter((name) => settings()[name] !== defaultSettings[name]);
  return {
    from: 'overview',
    apiUrl: parts.publicUrl(),
    now: showTime(clock.now()),
    isStopped: clock.isStopped(),
    faultsOn: faults.list().length,
    settingsChanged: changed.length,
    intents: intents.list({ limit }).map(intentRecord),
    deliveries: deliveries.list({ limit }).map(deliveryRecord),
    calls: calls.list({ limit }).map(callRecord),
    balances: readLedger(intents).balances.map(balanceRecord),
    testCards: testCards.map((card) => ({
      number: groupDigits(card.number),
      expiry: card.expiry === null ? 'any' : formatExpiry(card.expiry),
      securityCode: card.securityCode,
      says: card.says,
    })),
  };
}
