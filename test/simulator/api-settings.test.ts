import { expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import type { Settings } from '../../src/simulator/settings.ts';
import type { Clock } from '../../src/simulator/state/clock.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  minimalIntent,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

type Scene = { simulator: Simulator; clock: Clock };
type ApiSetting =
  | 'missingVersion'
  | 'captureModeCase'
  | 'metadataLimit'
  | 'paymentLinkPort'
  | 'expiredIntent'
  | 'autoExpireFrom'
  | 'capturedRemainder'
  | 'releasedRemainder'
  | 'reversalWindow'
  | 'refundAge'
  | 'refundReplay'
  | 'idempotencyScope'
  | 'invalidState'
  | 'unknownIntent'
  | 'canceledAgain'
  | 'canceledInSearch'
  | 'searchDates';

/** All choices of the settings about the API, and their effect. */
const proofs: { [Name in ApiSetting]: Record<Settings[Name], (scene: Scene) => Promise<void>> } = {
  missingVersion: {
    refused: async ({ simulator }) => {
      for (const version of [undefined, 'latest'])
        expect((await createWithVersion(simulator, version)).status).toBe(400);
    },
    newest: async ({ simulator }) => {
      for (const version of [undefined, 'latest']) {
        const reply = await createWithVersion(simulator, version);
        expect(reply).toMatchObject({ status: 200, body: { paymentLink: expect.any(String) } });
      }
      expect((await createWithVersion(simulator, '2022-04-07')).body).not.toHaveProperty('paymentLink');
    },
  },
  captureModeCase: {
    exact: async ({ simulator }) => {
      const reply = await create(simulator, { captureMode: 'manual' });
      expect(Object.keys(reply.body.errors)).toEqual(['CaptureMode']);
    },
    any: async ({ simulator }) => {
      expect((await create(simulator, { captureMode: 'manual' })).body.captureMode).toBe('Manual');
      expect((await create(simulator, { captureMode: 'AUTO' })).body.captureMode).toBe('Auto');
      expect((await create(simulator, {})).body.captureMode).toBe('Auto');
      expect((await create(simulator, { captureMode: 'later' })).status).toBe(400);
    },
  },
  metadataLimit: {
    none: async ({ simulator }) => {
      const intent = await createIntent(simulator, { metadata: createMetadata(1000) });
      expect(intent.metadata).toMatchObject({ key999: 'value' });
    },
    '50-keys': async ({ simulator }) => {
      expect((await create(simulator, { metadata: createMetadata(50) })).status).toBe(200);
      const reply = await create(simulator, { metadata: createMetadata(51) });
      expect(Object.keys(reply.body.errors)).toEqual(['Metadata']);
    },
  },
  paymentLinkPort: {
    'as-it-is': async () => {
      expect(await linkStart('as-it-is', 'https://pay.example')).toBe('https://pay.example/checkout');
      expect(await linkStart('as-it-is', 'https://pay.example:8443')).toBe(
        'https://pay.example:8443/checkout',
      );
    },
    explicit: async () => {
      expect(await linkStart('explicit', 'https://pay.example')).toBe('https://pay.example:443/checkout');
      expect(await linkStart('explicit', 'http://pay.example')).toBe('http://pay.example:80/checkout');
      expect(await linkStart('explicit', 'https://pay.example:8443')).toBe(
        'https://pay.example:8443/checkout',
      );
      expect(await linkStart('explicit', 'https://pay.example/dojo/')).toBe(
        'https://pay.example:443/dojo/checkout',
      );
    },
  },
  expiredIntent: {
    canceled: async (scene) => {
      const { id, events } = await expire(scene);
      expect((await getIntent(scene.simulator, id)).status).toBe('Canceled');
      expect(events).toEqual(['Canceled']);
    },
    'canceled-silently': async (scene) => {
      const { id, events } = await expire(scene);
      expect((await getIntent(scene.simulator, id)).status).toBe('Canceled');
      expect(events).toEqual([]);
    },
    'stays-created': async (scene) => {
      const { id, events } = await expire(scene);
      expect((await getIntent(scene.simulator, id)).status).toBe('Created');
      expect(events).toEqual([]);
      const path = `/payment-intents/${id}/refresh-client-session-secret`;
      expect((await callApi(scene.simulator, { method: 'POST', path })).status).toBe(400);
    },
  },
  autoExpireFrom: {
    authorization: async (scene) => {
      expect(await authorizeLate(scene)).toEqual(['Authorized', 'Authorized', 'Reversed']);
    },
    creation: async (scene) => {
      expect(await authorizeLate(scene)).toEqual(['Authorized', 'Reversed', 'Reversed']);
    },
  },
  capturedRemainder: {
    capturable: async ({ simulator }) => {
      const id = await pay(simulator, { captureMode: 'Manual' });
      expect((await post(simulator, id, 'captures', { amount: 1000 })).status).toBe(200);
      expect(simulator.ledger()).toMatchObject([{ charged: 1000, reserved: 234 }]);
      expect((await post(simulator, id, 'captures', { amount: 234 })).status).toBe(200);
      expect(simulator.ledger()).toMatchObject([{ charged: 1234, reserved: 0 }]);
    },
    released: async ({ simulator }) => {
      const id = await pay(simulator, { captureMode: 'Manual' });
      expect((await post(simulator, id, 'captures', { amount: 1000 })).status).toBe(200);
      expect(simulator.ledger()).toMatchObject([{ charged: 1000, reserved: 0 }]);
      expect((await post(simulator, id, 'captures', { amount: 1 })).status).toBe(409);
      expect((await getIntent(simulator, id)).status).toBe('Captured');
    },
  },
  releasedRemainder: {
    captured: async (scene) => expect(await releaseRemainder(scene)).toBe('Captured'),
    reversed: async (scene) => expect(await releaseRemainder(scene)).toBe('Reversed'),
  },
  reversalWindow: {
    'same-day': async (scene) => {
      const [today, tomorrow] = [await pay(scene.simulator), await pay(scene.simulator)];
      scene.clock.set(new Date('2026-11-22T23:59:59.999Z'));
      expect((await post(scene.simulator, today, 'reversal')).status).toBe(200);
      scene.clock.advance(1);
      expect((await post(scene.simulator, tomorrow, 'reversal')).status).toBe(409);
    },
    'seven-days': async (scene) => {
      const [early, late] = [await pay(scene.simulator), await pay(scene.simulator)];
      scene.clock.advance(7 * dayMs);
      expect((await post(scene.simulator, early, 'reversal')).status).toBe(200);
      scene.clock.advance(1);
      expect((await post(scene.simulator, late, 'reversal')).status).toBe(409);
    },
  },
  refundAge: {
    unlimited: async (scene) => {
      const id = await pay(scene.simulator);
      scene.clock.advance(1000 * dayMs);
      expect((await refund(scene.simulator, id, 1, 'k')).status).toBe(200);
    },
    '180-days': async (scene) => {
      const id = await pay(scene.simulator);
      scene.clock.advance(180 * dayMs);
      expect((await refund(scene.simulator, id, 1, 'k')).status).toBe(200);
      scene.clock.advance(1);
      expect((await refund(scene.simulator, id, 1, 'l')).status).toBe(400);
      expect((await getIntent(scene.simulator, id)).refundedAmount).toBe(1);
    },
  },
  refundReplay: {
    'same-refund': async ({ simulator }) => {
      const id = await pay(simulator);
      const first = await refund(simulator, id, 100, 'k');
      expect((await refund(simulator, id, 100, 'k')).body).toEqual(first.body);
      expect((await refund(simulator, id, 101, 'k')).status).toBe(400);
      expect((await getIntent(simulator, id)).refundedAmount).toBe(100);
    },
    refused: async ({ simulator }) => {
      const id = await pay(simulator);
      expect((await refund(simulator, id, 100, 'k')).status).toBe(200);
      expect((await refund(simulator, id, 100, 'k')).status).toBe(400);
      expect((await getIntent(simulator, id)).refundedAmount).toBe(100);
    },
  },
  idempotencyScope: {
    intent: async ({ simulator }) => {
      const [one, other] = [await pay(simulator), await pay(simulator)];
      expect((await refund(simulator, one, 100, 'k')).status).toBe(200);
      expect((await refund(simulator, other, 100, 'k')).status).toBe(200);
      expect((await getIntent(simulator, other)).refundedAmount).toBe(100);
    },
    account: async ({ simulator }) => {
      const [one, other] = [await pay(simulator), await pay(simulator)];
      expect((await refund(simulator, one, 100, 'k')).status).toBe(200);
      expect((await refund(simulator, other, 100, 'k')).status).toBe(400);
      expect((await getIntent(simulator, other)).refundedAmount).toBe(0);
      expect((await refund(simulator, one, 100, 'k')).status).toBe(200);
    },
  },
  invalidState: {
    mixed: async ({ simulator }) =>
      expect(await misuse(simulator)).toEqual({ captures: 409, reversal: 409, refunds: 400, cancel: 400 }),
    '400': async ({ simulator }) =>
      expect(await misuse(simulator)).toEqual({ captures: 400, reversal: 400, refunds: 400, cancel: 400 }),
    '409': async ({ simulator }) =>
      expect(await misuse(simulator)).toEqual({ captures: 409, reversal: 409, refunds: 409, cancel: 409 }),
  },
  unknownIntent: {
    '400': async ({ simulator }) => expect(await askUnknown(simulator)).toEqual([400, 400, 400]),
    '404': async ({ simulator }) => expect(await askUnknown(simulator)).toEqual([404, 404, 404]),
  },
  canceledAgain: {
    '400': async ({ simulator }) => expect(await cancelTwice(simulator)).toEqual([200, 400]),
    '404': async ({ simulator }) => expect(await cancelTwice(simulator)).toEqual([200, 404]),
  },
  canceledInSearch: {
    shown: async ({ simulator }) => expect(await searchCanceled(simulator)).toEqual([2, 1]),
    hidden: async ({ simulator }) => expect(await searchCanceled(simulator)).toEqual([1, 0]),
  },
  searchDates: {
    creation: async (scene) => expect(await searchChangedToday(scene)).toEqual([]),
    update: async (scene) => expect(await searchChangedToday(scene)).toEqual(['Canceled']),
  },
};

for (const [name, choices] of Object.entries(proofs)) {
  test.each(Object.entries(choices))(`${name} can be %s`, async (choice, prove) => {
    const clock = createStoppedClock();
    const simulator = await startSimulator({ clock, settings: { [name]: choice } });
    await prove({ simulator, clock });
  });
}

const dayMs = 24 * 3600_000;

/** The statuses that a search of today finds for an intent of yesterday that changed today. */
async function searchChangedToday({ simulator, clock }: Scene): Promise<string[]> {
  const { id } = (await create(simulator, {})).body;
  clock.advance(dayMs);
  const startDate = clock.now().toISOString();
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  const found = await callApi(simulator, {
    method: 'POST',
    path: '/payment-intents/search',
    body: { startDate },
  });
  return found.body.data.map(({ status }: { status: string }) => status);
}

/** Replies that leave the specification because of a setting are not checked against it. */
function post(simulator: Simulator, id: string, name: string, body?: object) {
  const path = `/payment-intents/${id}/${name}`;
  return callApi(simulator, { method: 'POST', path, body, offSpec: true });
}

function create(simulator: Simulator, change: object) {
  const body = { ...minimalIntent, ...change };
  return callApi(simulator, { method: 'POST', path: '/payment-intents', body });
}

function createWithVersion(simulator: Simulator, version: string | undefined) {
  const { authorization } = apiHeaders;
  const headers = version === undefined ? { authorization } : { authorization, version };
  return callApi(simulator, {
    method: 'POST',
    path: '/payment-intents',
    body: minimalIntent,
    headers,
    // The contract is the newest version's.
    offSpec: version === '2022-04-07',
  });
}

function createMetadata(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key${index}`, 'value']));
}

async function pay(simulator: Simulator, change: object = {}): Promise<string> {
  const { id } = await createIntent(simulator, change);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  return id;
}

function refund(simulator: Simulator, id: string, amount: number, idempotencyKey: string) {
  const path = `/payment-intents/${id}/refunds`;
  const headers = { ...apiHeaders, idempotencyKey };
  return callApi(simulator, { method: 'POST', path, body: { amount }, headers, offSpec: true });
}

/** The link of a new intent up to its id. */
async function linkStart(paymentLinkPort: Settings['paymentLinkPort'], publicUrl: string) {
  const simulator = await createSimulator({ publicUrl, settings: { paymentLinkPort } });
  const { id, paymentLink } = await createIntent(simulator);
  await simulator.close();
  return paymentLink.replace(`/${id}`, '');
}

/** Lets an intent expire without a call, and returns the statuses in the webhooks. */
async function expire({ simulator, clock }: Scene) {
  const receiver = await startReceiver();
  await subscribe(simulator, receiver.url, ['payment_intent.status_updated']);
  const { id } = await createIntent(simulator, { expireAt: '2026-11-22T10:30:00Z' });
  clock.advance(30 * 60_000);
  const events = simulator.deliveries().map(({ body }) => JSON.parse(Buffer.from(body).toString()));
  return { id, events: events.map(({ data }) => data.paymentStatus) };
}

/** Authorised after three of five minutes: the status then, after the fifth and after the eighth minute. */
async function authorizeLate({ simulator, clock }: Scene): Promise<string[]> {
  const { id } = await createIntent(simulator, {
    captureMode: 'Manual',
    autoExpireIn: '00:05:00',
    autoExpireAction: 'Release',
  });
  clock.advance(3 * 60_000);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const statuses = [];
  for (const minutes of [0, 2, 3]) {
    clock.advance(minutes * 60_000);
    statuses.push((await getIntent(simulator, id)).status);
  }
  return statuses;
}

async function misuse(simulator: Simulator) {
  const { id } = await createIntent(simulator);
  const paid = await pay(simulator);
  const cancel = { method: 'DELETE', path: `/payment-intents/${paid}`, offSpec: true };
  return {
    captures: (await post(simulator, id, 'captures', { amount: 1 })).status,
    reversal: (await post(simulator, id, 'reversal')).status,
    refunds: (await refund(simulator, id, 1, 'k')).status,
    cancel: (await callApi(simulator, cancel)).status,
  };
}

async function askUnknown(simulator: Simulator): Promise<number[]> {
  const id = 'pi_sandbox_unknown';
  return [
    (await post(simulator, id, 'captures', { amount: 1 })).status,
    (await refund(simulator, id, 1, 'k')).status,
    (await post(simulator, id, 'reversal')).status,
  ];
}

async function cancelTwice(simulator: Simulator): Promise<number[]> {
  const { id } = await createIntent(simulator);
  const cancel = () => callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  return [(await cancel()).status, (await cancel()).status];
}

/** The status once the rest of a partial capture is released; what was captured stays taken. */
async function releaseRemainder({ simulator, clock }: Scene): Promise<string> {
  const id = await pay(simulator, { captureMode: 'Manual' });
  await post(simulator, id, 'captures', { amount: 1000 });
  clock.advance(7 * dayMs);
  expect(simulator.ledger()).toMatchObject([{ charged: 1000, reserved: 0 }]);
  return (await getIntent(simulator, id)).status;
}

async function searchCanceled(simulator: Simulator): Promise<number[]> {
  await cancelTwice(simulator);
  await createIntent(simulator);
  const search = async (body: object) =>
    (await callApi(simulator, { method: 'POST', path: '/payment-intents/search', body })).body.data.length;
  return [await search({}), await search({ statuses: ['Canceled'] })];
}
