import { fileURLToPath } from 'node:url';
import { type RequestHandler, Router } from 'express';
import { Problem } from '../api/problem.ts';
import { isLoopback } from '../environment.ts';
import { formatTime, sendPage, shownTestCards } from '../pages.ts';
import { defaultSettings, settingNames } from '../settings.ts';
import { readLedger } from '../state/ledger.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { createClockRouter } from './clock-routes.ts';
import { createFaultsRouter } from './faults-routes.ts';
import { noticeOf, readInput } from './page-or-json.ts';
import {
  balanceRecord,
  callRecord,
  createRecordsRouter,
  deliveryRecord,
  intentRecord,
} from './records-routes.ts';
import { createSettingsRouter } from './settings-routes.ts';

const files = ['simulator.css', 'simulator-control.css'] as const;
const shownRows = 5;

/** What programs may call; pages use a few more addresses, since forms only know GET and POST. */
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
 * Everything that Dojo does not have: the control page at `/`, the control interface below `/simulator`, and the style sheets of
 * all pages. At the same addresses, the interface sends JSON to programs, and pages and forms to browsers.
 */
export function createControlRouter(state: SimulatorState): Router {
  const router = Router();
  const guard = allowOnlyThisMachine(state.publicUrl);

  for (const file of files) {
    const path = fileURLToPath(new URL(`../public/${file}`, import.meta.url));
    router.get(`/${file}`, (_req, res) => res.sendFile(path));
  }
  router.get('/favicon.ico', (_req, res) => {
    res.status(204).end();
  });
  router.get('/', guard, (req, res) => {
    sendPage(res, {
      name: 'control-overview',
      page: { title: 'Overview', notice: noticeOf(req), ...readOverview(state) },
    });
  });
  router.use('/simulator', guard, readInput());
  router.get('/simulator', (_req, res) => res.redirect(303, '/'));
  router.use('/simulator/settings', createSettingsRouter(state));
  router.use('/simulator/faults', createFaultsRouter(state));
  router.use('/simulator/clock', createClockRouter(state));
  router.use('/simulator', createRecordsRouter(state));
  router.use('/simulator', () => {
    throw new Problem(404, `The control interface has no such address. It has: ${served.join('; ')}.`);
  });
  return router;
}

function readOverview(state: SimulatorState) {
  const { intents, deliveries, calls, clock, faults, settings } = state;
  const limit = shownRows;
  const changed = settingNames.filter((name) => settings()[name] !== defaultSettings[name]);
  return {
    from: 'overview',
    apiUrl: state.publicUrl(),
    now: formatTime(clock.now()),
    isStopped: clock.isStopped(),
    faultsOn: faults.list().length,
    settingsChanged: changed.length,
    intents: intents.list({ limit }).map(intentRecord),
    deliveries: deliveries.list({ limit }).map(deliveryRecord),
    calls: calls.list({ limit }).map(callRecord),
    balances: readLedger(intents).balances.map(balanceRecord),
    testCards: shownTestCards,
  };
}

/**
 * Keeps other sites away from the controls, since any site in the developer's browser can reach them. Allows only this machine
 * and the host of the public address, so no name that was rebound to this machine, and no forms of other sites. Programs send no
 * origin, and pass.
 */
function allowOnlyThisMachine(publicUrl: () => string): RequestHandler {
  return (req, res, next) => {
    const host = parseHost(req.rawHeaders);
    const ours = new URL(publicUrl());
    if (host === null || !(isLoopback(host.hostname) || host.hostname === ours.hostname))
      throw new Problem(
        400,
        'The control interface answers only to localhost and to the host of --public-url.',
      );
    const { origin, 'sec-fetch-site': site } = req.headers;
    const isForeign =
      site === 'cross-site' ||
      site === 'same-site' ||
      (origin !== undefined && ![host.origin, ours.origin].includes(origin));
    if (isForeign && !['GET', 'HEAD', 'OPTIONS'].includes(req.method))
      throw new Problem(403, 'Another site must not control the simulator.');
    // With `no-referrer`, browsers would send `Origin: null` with the forms of these pages.
    res.set({ 'referrer-policy': 'same-origin', vary: 'Accept' });
    next();
  };
}

/** Null unless there is exactly one Host header, with a host and an optional port. */
function parseHost(rawHeaders: readonly string[]): URL | null {
  const hosts = rawHeaders.filter(
    (_, index) => rawHeaders[index - 1]?.toLowerCase() === 'host' && index % 2 === 1,
  );
  const [host = ''] = hosts;
  if (hosts.length !== 1 || !/^[\w.:[\]-]+$/.test(host) || !URL.canParse(`http://${host}`)) return null;
  return new URL(`http://${host}`);
}
