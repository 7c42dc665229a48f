import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { createClock } from '../../src/simulator/state/clock.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** A stopped clock, a simulator, and the statuses in its webhooks. */
async function openScene(startAt?: string) {
  const clock = createStoppedClock(startAt);
  const simulator = await startSimulator({ clock });
  const receiver = await startReceiver();
  await subscribe(simulator, receiver.url);
  const nextEvent = async () => {
    const { body } = await receiver.next();
    const { createdAt, data } = JSON.parse(body.toString());
    return { at: createdAt, ...data };
  };
  return { clock, simulator, nextEvent };
}

async function authorize(simulator: Simulator, change: object = {}): Promise<string> {
  const { id } = await createIntent(simulator, { captureMode: 'Manual', ...change });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  return id;
}

function post(simulator: Simulator, id: string, name: string, body?: object) {
  return callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/${name}`, body });
}

test('an unpaid intent is void at its expireAt, and a webhook says so without a call', async () => {
  const { clock, simulator, nextEvent } = await openScene();
  const { id } = await createIntent(simulator, { expireAt: '2026-11-22T12:30:00+02:00' });
  clock.advance(2 * 3600_000);
  expect(await nextEvent()).toEqual({
    at: '2026-11-22T10:30:00.0000000Z',
    paymentIntentId: id,
    paymentStatus: 'Canceled',
    captureMode: 'Auto',
  });
  expect((await getIntent(simulator, id)).updatedAt).toBe('2026-11-22T10:30:00.0000000Z');
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).location).toBeNull();
  expect(simulator.ledger()).toEqual([]);
});

test('an intent without expireAt is void after thirty days', async () => {
  const { clock, simulator } = await openScene();
  const { id } = await createIntent(simulator);
  clock.advance(30 * dayMs - 1);
  expect((await getIntent(simulator, id)).status).toBe('Created');
  clock.advance(1);
  expect((await getIntent(simulator, id)).status).toBe('Canceled');
});

test('a paid or canceled intent does not expire', async () => {
  const { clock, simulator } = await openScene();
  const paid = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${paid.id}`, cards.success);
  const canceled = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${canceled.id}` });
  const before = await Promise.all([paid.id, canceled.id].map((id) => getIntent(simulator, id)));
  clock.advance(31 * dayMs);
  const after = await Promise.all([paid.id, canceled.id].map((id) => getIntent(simulator, id)));
  expect(after).toEqual(before);
});

test.each([
  ['Release', 'Reversed', { charged: 0, reserved: 0 }],
  ['Capture', 'Captured', { charged: 1234, reserved: 0 }],
])('autoExpireIn with %s leaves the intent %s', async (autoExpireAction, status, balance) => {
  const { clock, simulator, nextEvent } = await openScene();
  const id = await authorize(simulator, { autoExpireIn: '00:05:00', autoExpireAction });
  expect(await nextEvent()).toMatchObject({ paymentIntentId: id, paymentStatus: 'Authorized' });
  clock.advance(5 * minuteMs - 1);
  expect((await getIntent(simulator, id)).status).toBe('Authorized');
  clock.advance(10 * minuteMs);
  expect(await nextEvent()).toMatchObject({
    at: '2026-11-22T10:05:00.0000000Z',
    paymentIntentId: id,
    paymentStatus: status,
  });
  expect((await getIntent(simulator, id)).status).toBe(status);
  expect(simulator.ledger()).toMatchObject([balance]);
});

test.each([
  ['00:00:31', 31_000],
  ['1.00:00:00', dayMs],
  ['6.23:59:59', 7 * dayMs - 1000],
])('an autoExpireIn of %s lasts that long', async (autoExpireIn, lengthMs) => {
  const { clock, simulator } = await openScene();
  const id = await authorize(simulator, { autoExpireIn, autoExpireAction: 'Release' });
  clock.advance(lengthMs - 1);
  expect((await getIntent(simulator, id)).status).toBe('Authorized');
  clock.advance(1);
  expect((await getIntent(simulator, id)).status).toBe('Reversed');
});

test('autoExpireIn captures the rest of a partial capture', async () => {
  const { clock, simulator } = await openScene();
  const id = await authorize(simulator, { autoExpireIn: '00:05:00', autoExpireAction: 'Capture' });
  await post(simulator, id, 'captures', { amount: 1000, tipsAmount: 100 });
  clock.advance(5 * minuteMs);
  const { captures } = await getIntent(simulator, id);
  expect(captures.map(({ amount }: { amount: number }) => amount)).toEqual([1000, 134]);
  expect(simulator.ledger()).toMatchObject([{ charged: 1234, reserved: 0 }]);
});

test('a reservation is released after seven days, and can be captured until then', async () => {
  const { clock, simulator, nextEvent } = await openScene();
  const kept = await authorize(simulator);
  expect(await nextEvent()).toMatchObject({ paymentStatus: 'Authorized' });
  clock.advance(7 * dayMs - 1);
  const taken = await authorize(simulator);
  expect(await nextEvent()).toMatchObject({ paymentIntentId: taken });
  clock.advance(1);
  expect(await nextEvent()).toMatchObject({
    at: '2026-11-29T10:00:00.0000000Z',
    paymentIntentId: kept,
    paymentStatus: 'Reversed',
  });
  expect((await post(simulator, kept, 'captures', { amount: 1 })).status).toBe(409);
  expect((await post(simulator, taken, 'captures', { amount: 1234 })).status).toBe(200);
});

test('the rest of a partly captured reservation is released after seven days, and the intent stays Captured', async () => {
  const { clock, simulator } = await openScene();
  const id = await authorize(simulator);
  await post(simulator, id, 'captures', { amount: 1000 });
  expect(simulator.ledger()).toMatchObject([{ charged: 1000, reserved: 234 }]);
  clock.advance(7 * dayMs);
  expect((await getIntent(simulator, id)).status).toBe('Captured');
  expect(simulator.ledger()).toMatchObject([{ charged: 1000, reserved: 0 }]);
  expect((await post(simulator, id, 'captures', { amount: 234 })).status).toBe(409);
});

test.each([
  ['in the last moment of a summer’s day', '2026-06-30T23:00:00.000Z', '2026-07-01T22:59:59.999Z', 200],
  ['after a summer’s midnight', '2026-07-01T22:59:59.999Z', '2026-07-01T23:00:00.000Z', 409],
  ['in the last moment of a winter’s day', '2026-12-01T00:00:00.000Z', '2026-12-01T23:59:59.999Z', 200],
  ['after a winter’s midnight', '2026-12-01T23:59:59.999Z', '2026-12-02T00:00:00.000Z', 409],
  ['in the 25th hour of an autumn’s day', '2026-10-24T23:00:00.000Z', '2026-10-25T23:59:59.999Z', 200],
])('a reversal %s follows London time', async (_when, paidAt, reversedAt, status) => {
  const { clock, simulator } = await openScene(paidAt);
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  clock.set(new Date(reversedAt));
  expect((await post(simulator, id, 'reversal')).status).toBe(status);
  expect((await getIntent(simulator, id)).status).toBe(status === 200 ? 'Reversed' : 'Captured');
});

test('changing a setting moves the deadlines of existing intents', async () => {
  const { clock, simulator } = await openScene();
  const { id } = await createIntent(simulator, {
    captureMode: 'Manual',
    autoExpireIn: '00:05:00',
    autoExpireAction: 'Release',
  });
  clock.advance(4 * minuteMs);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  simulator.changeSettings({ autoExpireFrom: 'creation' });
  clock.advance(minuteMs);
  expect((await getIntent(simulator, id)).status).toBe('Reversed');
});

test.each(['Capture', 'Release'])(
  'a reservation ends in time (%s), even if everything captured was refunded',
  async (autoExpireAction) => {
    const { clock, simulator } = await openScene();
    const id = await authorize(simulator, { autoExpireIn: '01:00:00', autoExpireAction });
    await post(simulator, id, 'captures', { amount: 300 });
    const headers = { ...apiHeaders, idempotencyKey: 'key-1' };
    const path = `/payment-intents/${id}/refunds`;
    await callApi(simulator, { method: 'POST', path, body: { amount: 300 }, headers });
    expect(simulator.ledger()).toMatchObject([{ charged: 300, refunded: 300, reserved: 934 }]);
    clock.advance(60 * minuteMs);
    expect(simulator.ledger()).toMatchObject([{ charged: 300, refunded: 300, reserved: 0 }]);
    expect((await getIntent(simulator, id)).status).toBe('Refunded');
  },
);

test('a call while a timer is late finds everything due done', async () => {
  let sleptMs = 0;
  const simulator = await startSimulator({ clock: createClock({ machineMs: () => Date.now() + sleptMs }) });
  const { id } = await createIntent(simulator);
  sleptMs = 31 * dayMs;
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).location).toBeNull();
  expect(simulator.paymentIntents()).toMatchObject([{ id, status: 'Canceled', payment: null }]);
});
