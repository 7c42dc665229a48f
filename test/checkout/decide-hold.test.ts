import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { decideHold, type HoldDecision } from '../../src/checkout/decide-hold.ts';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import type { Hold } from '../../src/shop/decision.ts';
import { standingHolds } from '../../src/shop/holds.ts';
import type { Order } from '../../src/shop/order.ts';
import { orderMoney } from '../../src/shop/order-money.ts';
import { loseFirstIntent, loseNextAnswers, payTwice } from '../support/pay-twice.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { current, hours, logged, minutes, ordered, runReconcile, start } from '../support/scenario-steps.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s an order', (_name, options) => {
  test('that was paid twice counts each payment, and goes out once the second went back', async () => {
    const shop = await start(await options());
    const { order, first, second } = await payTwice(shop);
    expect(moneyOf(order)).toEqual({ received: 2790, returned: 0, payments: [1395, 1395] });
    expect(order).toMatchObject({ status: 'paid', holds: ['late_payment', 'paid_twice'], mayShip: false });

    const decided = await decide(shop, order, { action: 'refund', payment: first });
    expect(decided).toMatchObject({
      kind: 'decided',
      settled: ['late_payment', 'paid_twice'],
      payments: [{ number: first, amount: 1395, kind: 'done' }],
    });
    const after = await current(shop, order);
    expect(after).toMatchObject({ status: 'paid', holds: [], mayShip: true, isDue: true });
    expect(moneyOf(after)).toEqual({ received: 2790, returned: 1395, payments: [0, 1395] });
    expect(keptAtDojo(shop)).toBe(1395);
    expect(second).not.toBe(first);
  });

  test('that was paid twice is still paid when one payment went back in the portal, and the rest is returned by undo', async () => {
    const shop = await start(await options());
    const { order, intents } = await payTwice(shop);
    await shop.portalRefund(intents[0] ?? '', 1395);
    await shop.handAll();
    const refunded = await current(shop, order);
    expect(refunded.status).toBe('paid');
    expect(moneyOf(refunded)).toEqual({ received: 2790, returned: 1395, payments: [0, 1395] });
    const undone = await undo(shop, refunded);
    expect(undone.payments).toMatchObject([{ number: 2, amount: 1395, kind: 'done' }]);
    expect(keptAtDojo(shop)).toBe(0);
    expect((await current(shop, order)).status).toBe('refunded');
  });

  test('that was paid twice has both payments returned by one undo', async () => {
    const shop = await start(await options());
    const { order } = await payTwice(shop);
    expect((await undo(shop, order)).payments).toEqual([
      { number: 1, amount: 1395, how: 'reversed', kind: 'done' },
      { number: 2, amount: 1395, how: 'reversed', kind: 'done' },
    ]);
    expect(await current(shop, order)).toMatchObject({ status: 'reversed', received: 2790, returned: 2790 });
    expect(keptAtDojo(shop)).toBe(0);
  });

  test('that was paid twice is refunded only if the payment is named', async () => {
    const shop = await start(await options());
    const { order } = await payTwice(shop);
    const request = { id: 'r1', amount: 500, reason: 'Broken', expectedReturned: 0 };
    expect((await refundOrder(shop.context, order, { ...request, payment: null })).kind).toBe('ambiguous');
    const { kind, order: after } = await refundOrder(shop.context, order, { ...request, payment: 2 });
    expect(kind).toBe('done');
    expect(moneyOf(after)).toEqual({ received: 2790, returned: 500, payments: [1395, 895] });
    // What is left of one payment is not what is left of the order.
    const more = { ...request, id: 'r2', payment: 2, amount: 896, expectedReturned: 500 };
    expect((await refundOrder(shop.context, after, more)).kind).toBe('too-much');
  });

  test('that was paid late goes out once a person accepts it, and only then', async () => {
    const shop = await start(await options());
    const order = await paidLate(shop);
    expect(await decide(shop, order, { action: 'accept' })).toMatchObject({ settled: ['late_payment'] });
    expect(await current(shop, order)).toMatchObject({
      status: 'paid',
      holds: [],
      mayShip: true,
      isDue: true,
    });
  });

  test('that was paid late is read again, so that a refund in the portal is learnt without a webhook', async () => {
    const shop = await start(await options());
    shop.simulator.changeSettings({ partialRefundEvent: 'none' });
    // Neither create call has an answer, so the shopper is shown no intent.
    loseNextAnswers(shop, 2);
    expect((await shop.place()).kind).toBe('dojo-unavailable');
    const orphan = shop.simulator.paymentIntents()[0]?.id ?? '';
    await shop.pay(orphan);
    shop.pass(minutes);
    await runReconcile(shop);
    await shop.portalRefund(orphan, 100);
    shop.pass(2 * days);
    await runReconcile(shop);
    const order = await shop.context.store.findOrderByCheckoutKey('key-1');
    expect(order).toMatchObject({ status: 'partly_refunded', received: 1395, returned: 100 });
  });

  test('whose payment changed long after its create call is found, whichever date a search of Dojo goes by', async () => {
    const shop = await start(await options());
    shop.simulator.changeSettings({ searchDates: 'update' });
    loseNextAnswers(shop, 2);
    await shop.place();
    const orphan = shop.simulator.paymentIntents()[0]?.id ?? '';
    await shop.pay(orphan);
    // No check before the refund.
    shop.pass(60 * minutes);
    await shop.portalRefund(orphan, 100);
    shop.pass(minutes);
    await runReconcile(shop);
    const order = await shop.context.store.findOrderByCheckoutKey('key-1');
    expect(order).toMatchObject({ status: 'partly_refunded', received: 1395, returned: 100 });
  });

  test('that was reserved late is read again, so that a capture in the portal is learnt without a webhook', async () => {
    const shop = await start({ ...(await options()), env: { CAPTURE_MODE: 'Manual' } });
    loseNextAnswers(shop, 2);
    expect((await shop.place()).kind).toBe('dojo-unavailable');
    const orphan = shop.simulator.paymentIntents()[0]?.id ?? '';
    await shop.pay(orphan);
    shop.pass(minutes);
    await runReconcile(shop);
    const find = () => shop.context.store.findOrderByCheckoutKey('key-1');
    expect(await find()).toMatchObject({ status: 'authorized', received: 0 });
    await shop.portalCapture(orphan, 600);
    shop.pass(days);
    await runReconcile(shop);
    expect(await find()).toMatchObject({ status: 'paid', received: 600, holds: ['late_payment'] });
  });

  test('that a person dismisses is settled and never goes out', async () => {
    const shop = await start(await options());
    const order = await paidLate(shop);
    expect(await decide(shop, order, { action: 'dismiss' })).toMatchObject({ settled: ['late_payment'] });
    expect(await current(shop, order)).toMatchObject({
      status: 'paid',
      holds: [],
      mayShip: false,
      isDue: false,
    });
  });

  test('whose refund Dojo refuses stays held', async () => {
    const shop = await start(await options());
    const order = await paidLate(shop);
    shop.simulator.faults.add({ kind: 'status', operation: 'create-reversal', status: 400, times: 9 });
    shop.simulator.faults.add({ kind: 'status', operation: 'create-refund', status: 400, times: 9 });
    expect(await decide(shop, order, { action: 'refund' })).toMatchObject({
      settled: [],
      payments: [{ kind: 'refused' }],
      order: { holds: ['late_payment'] },
    });
    expect(logged(shop, 'holdDecided')).toMatchObject([
      { orderReference: order.reference, decision: 'refund', holds: ['late_payment'] },
    ]);
    expect(logged(shop, 'refundRefused')).toMatchObject([
      { orderReference: order.reference, amount: 1395 },
      { orderReference: order.reference, amount: 1395 },
    ]);
    shop.simulator.faults.reset(1);
    // The money that goes back later settles it, whoever returns it.
    await undo(shop, await current(shop, order));
    expect(await current(shop, order)).toMatchObject({ holds: [], mayShip: false });
  });

  test('is held again when a new fact raises the hold again, and an old decision does not count', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await shop.portalRefund(intentId, 100);
    shop.pass(minutes);
    await runReconcile(shop);
    const held = await current(shop, order);
    expect(held.holds).toEqual(['refunded_before_fulfilment']);
    await decide(shop, held, { action: 'accept' });
    expect(await current(shop, order)).toMatchObject({ status: 'partly_refunded', holds: [], mayShip: true });

    await shop.portalRefund(intentId, 200);
    shop.pass(2 * hours);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    const again = await current(shop, order);
    expect(again).toMatchObject({ returned: 300, holds: ['refunded_before_fulfilment'], mayShip: false });
    // What the first person was shown is not what stands now.
    const stale = { ...decisionOn(held), action: 'accept' as const };
    expect(await decideHold(shop.context, again, { id: 'd3', ...stale })).toMatchObject({ kind: 'stale' });
    expect((await current(shop, order)).decisions).toHaveLength(1);
  });

  test('goes out although everything went back in the portal, if a person accepts that', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await shop.portalRefund(intentId, 1395);
    await shop.handAll();
    const held = await current(shop, order);
    expect(held).toMatchObject({ status: 'refunded', mayShip: false });
    await decide(shop, held, { action: 'accept' });
    expect(await current(shop, order)).toMatchObject({ status: 'refunded', holds: [], mayShip: true });
  });

  test('that a newer one supersedes is cancelled, raises no hold, and its link is handed out no more', async () => {
    const shop = await start(await options());
    const { order } = await ordered(shop, 'key-1');
    const newer = await placeNewer(shop, 'key-2', ['key-1']);
    expect((await shop.place('key-1')).kind).toBe('exhausted');
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'canceled', holds: [] });
    await shop.pay(newer.intentId);
    await shop.handAll();
    expect(await current(shop, newer.order)).toMatchObject({ status: 'paid', holds: [] });
  });

  test('that a newer one supersedes while Dojo creates its intent is never sent to that, and it is cancelled', async () => {
    const shop = await start(await options());
    const create = shop.context.dojo.createPaymentIntent;
    const purchase = { items: [{ sku: 'mug', quantity: 1 }], shopperId: 'shopper-1' };
    const overtaken: typeof create = async (...args) => {
      Object.assign(shop.context.dojo, { createPaymentIntent: create });
      const newer = { ...purchase, checkoutKey: 'newer', supersedes: ['older'] };
      expect((await placeOrder(shop.context, newer)).kind).toBe('ready');
      return create(...args);
    };
    Object.assign(shop.context.dojo, { createPaymentIntent: overtaken });
    const older = await placeOrder(shop.context, { ...purchase, checkoutKey: 'older' });
    expect(older.kind).toBe('exhausted');
    shop.pass(minutes);
    await runReconcile(shop);
    const statuses = shop.simulator
      .paymentIntents()
      .map(({ request, status }) => [request.reference, status]);
    const { reference } = (await shop.context.store.findOrderByCheckoutKey('older')) ?? {};
    expect(statuses).toHaveLength(2);
    expect(statuses).toContainEqual([reference, 'Canceled']);
  });

  test('that was superseded and is paid all the same is an order like any other', async () => {
    const shop = await start(await options());
    const { order, intentId } = await ordered(shop, 'key-1');
    const newer = await placeNewer(shop, 'key-2', ['key-1']);
    await shop.pay(intentId);
    await shop.handAll();
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', holds: [], mayShip: true });
    expect(await current(shop, newer.order)).toMatchObject({ status: 'awaiting_payment', holds: [] });
  });

  test('that is paid beside the one it supersedes is held, whichever comes second', async () => {
    const shop = await start(await options());
    const earlier = await ordered(shop, 'key-1');
    const middle = await placeNewer(shop, 'key-2', ['key-1']);
    const newest = await placeNewer(shop, 'key-3', ['key-1', 'key-2']);
    await shop.pay(newest.intentId);
    await shop.handAll();
    await shop.pay(earlier.intentId);
    await shop.pay(middle.intentId);
    await shop.handAll();
    expect(await current(shop, newest.order)).toMatchObject({ status: 'paid', holds: [], mayShip: true });
    for (const { order } of [earlier, middle]) {
      const held = await current(shop, order);
      expect(held).toMatchObject({ status: 'paid', holds: ['paid_again_by_shopper'], isDue: false });
    }
    await decide(shop, await current(shop, middle.order), { action: 'refund' });
    expect(await current(shop, middle.order)).toMatchObject({ holds: [], mayShip: false });
  });

  test('that is paid beside an earlier one is held, also if the order between them was cancelled', async () => {
    const shop = await start(await options());
    const earlier = await ordered(shop, 'key-1');
    const middle = await placeNewer(shop, 'key-2', ['key-1']);
    await cancelOrder(shop.context, await current(shop, middle.order));
    const newest = await placeNewer(shop, 'key-3', ['key-1', 'key-2']);
    await shop.pay(earlier.intentId);
    await shop.pay(newest.intentId);
    await shop.handAll();
    expect(await current(shop, earlier.order)).toMatchObject({ status: 'paid', holds: [] });
    expect(await current(shop, newest.order)).toMatchObject({
      status: 'paid',
      holds: ['paid_again_by_shopper'],
      mayShip: false,
    });
  });

  test('that is paid after the page of a newer one was made is not superseded, but the newer one is held', async () => {
    const shop = await start(await options());
    const earlier = await paid(shop, 'key-1');
    const newer = await placeNewer(shop, 'key-2', ['key-1']);
    expect(await current(shop, earlier.order)).toMatchObject({
      status: 'paid',
      supersededBy: null,
      holds: [],
    });
    await shop.pay(newer.intentId);
    await shop.handAll();
    expect(await current(shop, newer.order)).toMatchObject({
      holds: ['paid_again_by_shopper'],
      isDue: false,
    });
  });

  test('supersedes no order of another shopper, none that is paid, and none when it was placed by JSON', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop, 'key-1');
    await ordered(shop, 'key-2');
    const stranger = { items: [{ sku: 'mug', quantity: 1 }], shopperId: 'another', checkoutKey: 'key-3' };
    await placeOrder(shop.context, { ...stranger, supersedes: ['key-2'] });
    expect((await shop.place('key-2')).kind).toBe('ready');
    await placeNewer(shop, 'key-4', ['key-1']);
    expect(await current(shop, order)).toMatchObject({ supersededBy: null, status: 'paid' });
    expect(shop.simulator.paymentIntents().find(({ id }) => id === intentId)?.status).toBe('Captured');
  });

  test('of which a part is captured keeps that part, and goes out once Dojo says how much it was', async () => {
    const shop = await start({ ...(await options()), env: { CAPTURE_MODE: 'Manual' } });
    const { order } = await paid(shop);
    const tooMuch = await captureOrder(shop.context, await current(shop, order), 1396);
    expect(tooMuch.kind).toBe('too-much');
    const captured = await captureOrder(shop.context, await current(shop, order), 895);
    expect(captured).toMatchObject({ kind: 'captured', amount: 895 });
    expect(await current(shop, order)).toMatchObject({ status: 'paid', received: 895, mayShip: true });
    expect(keptAtDojo(shop)).toBe(895);
    const undone = await undo(shop, await current(shop, order));
    expect(undone.payments).toEqual([{ number: 1, amount: 895, how: 'refunded', kind: 'done' }]);
    expect(await current(shop, order)).toMatchObject({ status: 'refunded', holds: [], returned: 895 });
  });

  test('whose reservation ends is announced once, two days before, and then it is released', async () => {
    const shop = await start({ ...(await options()), env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await paid(shop);
    const endings = () => shop.shop.log.filter(({ event }) => event === 'orderReservationEnding');
    shop.pass(4 * days + 22 * hours);
    await runReconcile(shop);
    expect(endings()).toEqual([]);
    shop.pass(2 * hours);
    await runReconcile(shop);
    expect(endings()).toMatchObject([{ level: 'warn', amount: 1395, orderReference: order.reference }]);
    shop.pass(days);
    await runReconcile(shop);
    expect(endings()).toHaveLength(1);
    const messages = await shop.context.store.listMessages({ orderReference: order.reference, state: null });
    expect(messages.map(({ type }) => type)).toEqual(['order.authorized', 'order.reservation_ending']);

    // No webhook tells of the release.
    shop.pass(2 * days);
    expect(shop.simulator.paymentIntents().find(({ id }) => id === intentId)?.status).toBe('Reversed');
    await runReconcile(shop);
    expect((await current(shop, order)).status).toBe('reversed');
  });

  test('that was captured elsewhere waits for the amount before it goes out', async () => {
    const shop = await start({ ...(await options()), env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await paid(shop);
    await shop.portalCapture(intentId, 500);
    await shop.handAll();
    expect(await current(shop, order)).toMatchObject({ status: 'paid', mayShip: false, isDue: false });
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({
      status: 'paid',
      received: 500,
      mayShip: true,
      isDue: true,
    });
  });
});

test('of two orders of a shopper that are recorded as paid at the same moment, one is held', async () => {
  const databaseUrl = await postgres.createDatabase();
  for (let round = 0; round < 10; round += 1) {
    const shop = await start({ databaseUrl });
    const earlier = await ordered(shop, `earlier-${round}`);
    const newer = await placeNewer(shop, `newer-${round}`, [`earlier-${round}`]);
    await shop.pay(earlier.intentId);
    await shop.pay(newer.intentId);
    await shop.posted();
    await Promise.all(shop.post.splice(0).map((delivery) => shop.hand(delivery)));
    const both = await Promise.all([earlier, newer].map(({ order }) => current(shop, order)));
    expect(both.map(({ holds }) => holds.join()).sort()).toEqual(['', 'paid_again_by_shopper']);
  }
});

test('an undo that Dojo refuses for one payment says so, and returns the other', async () => {
  const shop = await start();
  const { order, intents } = await payTwice(shop);
  const refused = { kind: 'status', status: 400, times: 1, paymentIntentId: intents[1] } as const;
  shop.simulator.faults.add({ ...refused, operation: 'create-reversal' });
  shop.simulator.faults.add({ ...refused, operation: 'create-refund' });
  expect((await undo(shop, order)).payments).toMatchObject([{ kind: 'done' }, { kind: 'refused' }]);
  expect(keptAtDojo(shop)).toBe(1395);
  expect(await current(shop, order)).toMatchObject({ status: 'paid', received: 2790, returned: 1395 });
});

function decisionOn(order: Order, named?: readonly Hold[]): Omit<HoldDecision, 'action'> {
  const standing = standingHolds(order);
  const names = named ?? (Object.keys(standing) as Hold[]);
  const settles = Object.fromEntries(names.map((hold) => [hold, standing[hold]]));
  return { settles, payment: null, decidedBy: 'a test', reason: 'It was looked at.' };
}

const days = 24 * hours;

let decisions = 0;
function decide(shop: Scenario, order: Order, members: Pick<HoldDecision, 'action'> & Partial<HoldDecision>) {
  decisions += 1;
  return decideHold(shop.context, order, { id: `decision-${decisions}`, ...decisionOn(order), ...members });
}

function undo(shop: Scenario, order: Order) {
  decisions += 1;
  return undoOrder(shop.context, order, { id: `undo-${decisions}`, payment: null, reason: 'Sold out' });
}

function moneyOf(order: Order) {
  const { received, returned, payments } = orderMoney(order);
  return { received, returned, payments: payments.map(({ kept }) => kept) };
}

function keptAtDojo(shop: Scenario): number {
  return shop.simulator.ledger().reduce((sum, { charged, refunded }) => sum + charged - refunded, 0);
}

async function paid(shop: Scenario, checkoutKey = 'key-1') {
  const placed = await ordered(shop, checkoutKey);
  await shop.pay(placed.intentId);
  await shop.handAll();
  return { ...placed, order: await current(shop, placed.order) };
}

/** Through the link of an intent whose create call had no answer. */
async function paidLate(shop: Scenario): Promise<Order> {
  const { order, lost } = await loseFirstIntent(shop);
  await shop.pay(lost);
  shop.pass(minutes);
  await runReconcile(shop);
  const paidOrder = await current(shop, order);
  expect(paidOrder).toMatchObject({ status: 'paid', holds: ['late_payment'] });
  return paidOrder;
}

async function placeNewer(shop: Scenario, checkoutKey: string, supersedes: readonly string[]) {
  const placed = await placeOrder(shop.context, {
    items: [{ sku: 'mug', quantity: 1 }],
    shopperId: 'shopper-1',
    checkoutKey,
    supersedes,
  });
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  return { intentId: placed.paymentIntentId, order: await current(shop, placed.order) };
}
