import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { priceBasket } from '../../src/shop/basket.ts';
import { noFacts } from '../../src/shop/intent-facts.ts';
import type { NewOrder } from '../../src/shop/order.ts';
import { createOrderId, createToken, type Order, referenceOf } from '../../src/shop/order.ts';
import type { ReceivedEvent } from '../../src/shop/order-events.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { OrderStore } from '../../src/store/order-store.ts';
import { StoreError } from '../../src/store/order-store.ts';
import { testCatalogue } from '../support/catalogue.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const now = new Date('2026-11-22T10:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

/** A first or further attempt that begins so many seconds later and has until then. */
const start = (leaseUntil: number, createdAt = 0) => ({
  createdAt: later(createdAt),
  leaseUntil: later(leaseUntil),
  captureMode: 'Auto' as const,
});
let folder: string;
let store: OrderStore;
let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const fileUrl = () => `sqlite:${join(folder, 'deep', 'orders.db')}`;

let made = 0;
function newOrder(replaced: Partial<NewOrder> = {}): NewOrder {
  made += 1;
  const id = createOrderId(now, made);
  const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
  if (priced.kind !== 'priced') throw new Error('The test basket must have a price.');
  return {
    id,
    reference: referenceOf(id),
    token: createToken(id, 'S'.repeat(24)),
    checkoutKey: `key-${made}`,
    shopperId: 'shopper',
    basket: priced.basket,
    createdAt: now,
    ...replaced,
  };
}

let events = 0;
function event(paymentIntentId: string, paymentStatus: string | null): ReceivedEvent {
  events += 1;
  return {
    eventId: `evt_${events}`,
    event: 'payment_intent.status_updated',
    paymentIntentId,
    paymentStatus,
    body: Buffer.from(`event ${events}`),
    digest: createHash('sha256').update(`event ${events}`).digest(),
    secret: 'whs_00000000',
    receivedAt: now,
  };
}

async function place(order = newOrder()): Promise<Order> {
  expect(await store.placeOrder(order, start(15))).toEqual({ kind: 'placed' });
  return find(order);
}

async function find({ token }: NewOrder): Promise<Order> {
  const found = await store.findOrderByToken(token);
  if (found === null) throw new Error('The order is not there.');
  return found;
}

const link = 'https://pay.dojo.test/x';

async function attach(order: Order, intentId: string, attempt = 1): Promise<Order> {
  const intent = { id: intentId, paymentLink: link, expireAt: later(3600) };
  expect(await store.attachIntent(order.id, attempt, intent, now)).toBe('attached');
  return find(order);
}

const endAs = (order: Order, number: number, state: 'refused' | 'ambiguous' | 'mismatched') =>
  store.endAttempt(order.id, number, { state, paymentIntentId: null, nextCheckAt: null }, now);

async function prune(before: Date): Promise<number> {
  let dropped = 0;
  for (let after: number | null = 0; after !== null; ) {
    const page: { events: number; last: number | null } = await store.pruneEvents(after, before);
    dropped += page.events;
    after = page.last;
  }
  return dropped;
}

// Every database keeps the same contract.
describe.each([
  ['a SQLite file', () => openStore(fileUrl())],
  ['SQLite in memory', () => openStore('sqlite::memory:')],
  ['PostgreSQL', async () => openStore(await postgres.createDatabase(), { clock: 'caller' })],
])('the order store on %s', (_name, open) => {
  beforeEach(async () => {
    store = await open();
  });

  test('returns every member of an order as it was stored, with its first attempt under way', async () => {
    const order = newOrder();
    await place(order);
    const stored = {
      ...order,
      total: order.basket.total,
      currencyCode: 'GBP',
      refunds: [],
      captures: [],
      decisions: [],
      chainId: null,
      supersededBy: null,
      paidAgainWith: null,
      sentAt: null,
      releaseWarnedAt: null,
      erasedAt: null,
      carrier: null,
      trackingUrl: null,
      nextCheckAt: null,
      status: 'placed',
      holds: [],
      received: 0,
      returned: 0,
      mayShip: false,
      isDue: false,
      paidAt: null,
      updatedAt: now,
      attempts: [
        {
          number: 1,
          state: 'sending',
          captureMode: 'Auto',
          leaseUntil: later(15),
          createdAt: now,
          checks: 0,
          nextCheckAt: later(15),
          paymentIntentId: null,
          paymentLink: null,
          expireAt: null,
          hasIntent: false,
          facts: noFacts,
        },
      ],
    };
    expect(await store.findOrderByToken(order.token)).toEqual(stored);
    expect(await store.findOrderByCheckoutKey(order.checkoutKey)).toEqual(stored);
  });

  test('keeps every character of a name', async () => {
    const order = newOrder();
    const name = '☕ שלום e\u0301 \u{1F469}\u200D\u{1F373} "quoted" \\ <b>';
    const lines = order.basket.lines.map((line) => ({ ...line, name }));
    await place({ ...order, basket: { ...order.basket, lines } });
    expect((await store.findOrderByToken(order.token))?.basket.lines[0]?.name).toBe(name);
  });

  test('stores one order and begins one attempt when many requests with one checkout key come at once', async () => {
    const orders = Array.from({ length: 20 }, () => newOrder({ checkoutKey: 'the same' }));
    const placed = await Promise.all(orders.map((order) => store.placeOrder(order, start(15))));
    expect(placed.filter(({ kind }) => kind === 'placed')).toHaveLength(1);
    const underWay = placed.flatMap((outcome) => (outcome.kind === 'under-way' ? [outcome.order] : []));
    expect(underWay).toHaveLength(19);
    const stored = await store.findOrderByCheckoutKey('the same');
    expect(stored?.attempts).toMatchObject([{ number: 1, state: 'sending' }]);
    for (const order of underWay) expect(order).toEqual(stored);
  });

  test('refuses the id of another order, and leaves that order unchanged', async () => {
    const order = await place();
    expect(await store.placeOrder(newOrder({ id: order.id }), start(99))).toEqual({ kind: 'id-taken' });
    expect(await find(order)).toEqual(order);
  });

  test('refuses another basket under the same checkout key, and begins no attempt', async () => {
    const order = await place();
    await endAs(order, 1, 'refused');
    const before = await find(order);
    const { checkoutKey, basket } = order;
    const changed = newOrder({ checkoutKey, basket: { ...basket, total: basket.total + 1 } });
    expect(await store.placeOrder(changed, start(15))).toEqual({ kind: 'basket-changed' });
    expect(await find(order)).toEqual(before);
    expect(await store.findOrderByToken(changed.token)).toBeNull();
  });

  test('begins another attempt when an order is placed again after its first attempt has ended', async () => {
    const order = await place();
    const again = (seconds: number) =>
      newOrder({ checkoutKey: order.checkoutKey, createdAt: later(seconds), shopperId: 'another tab' });
    expect(await store.placeOrder(again(14), start(29, 14))).toEqual({ kind: 'under-way', order });
    const begun = await store.placeOrder(again(15), start(30, 15));
    expect(begun).toMatchObject({ kind: 'begun', number: 2, order: { id: order.id, token: order.token } });
    expect((await find(order)).attempts).toMatchObject([
      { state: 'ambiguous', leaseUntil: later(15) },
      { state: 'sending', leaseUntil: later(30), createdAt: later(15) },
    ]);
  });

  test('answers with the state of an order that is placed again', async () => {
    const order = await place();
    const again = () => store.placeOrder(newOrder({ checkoutKey: order.checkoutKey }), start(15));
    await attach(order, 'pi_1');
    expect(await again()).toEqual({ kind: 'attached', order: await find(order) });
    await store.recordEvents([event('pi_1', 'Captured')]);
    expect(await again()).toEqual({ kind: 'settled', order: await find(order) });
  });

  test('begins one attempt when many requests come at once', async () => {
    const order = await place();
    await endAs(order, 1, 'refused');
    const begun = await Promise.all(
      Array.from({ length: 20 }, () => store.beginAttempt(order.id, start(15))),
    );
    expect(begun.filter((outcome) => outcome.kind === 'begun')).toHaveLength(1);
    expect(begun.filter((outcome) => outcome.kind === 'under-way')).toHaveLength(19);
  });

  test('begins another attempt when the lease has ended, and then refuses an intent for the first', async () => {
    const order = await place();
    expect(await store.beginAttempt(order.id, start(30, 14))).toMatchObject({ kind: 'under-way' });
    expect(await store.beginAttempt(order.id, start(30, 15))).toMatchObject({
      kind: 'begun',
      number: 2,
    });
    const intent = { id: 'pi_late', paymentLink: link, expireAt: null };
    expect(await store.attachIntent(order.id, 1, intent, later(16))).toBe('lost');
    const stored = await find(order);
    expect(stored.status).toBe('placed');
    expect(stored.attempts).toMatchObject([
      { state: 'ambiguous', paymentIntentId: null },
      { state: 'sending', paymentIntentId: null },
    ]);
  });

  test('allows three attempts that may have created an intent, and does not count those that created none', async () => {
    const order = await place();
    const again = () => store.placeOrder(newOrder({ checkoutKey: order.checkoutKey }), start(15));
    for (const [number, state] of [
      [1, 'refused'],
      [1, 'ambiguous'],
      [2, 'refused'],
      [2, 'mismatched'],
    ] as const) {
      await endAs(order, number, state);
      const next = state === 'refused' ? number : number + 1;
      expect(await store.beginAttempt(order.id, start(15))).toMatchObject({
        kind: 'begun',
        number: next,
      });
    }
    await endAs(order, 3, 'ambiguous');
    expect(await store.beginAttempt(order.id, start(15))).toMatchObject({ kind: 'exhausted' });
    expect(await again()).toMatchObject({ kind: 'exhausted' });
  });

  test('begins no attempt for an order that has a link or needs none', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    expect(await store.beginAttempt(order.id, start(15))).toMatchObject({ kind: 'attached' });
    await store.recordEvents([event('pi_1', 'Captured')]);
    expect(await store.beginAttempt(order.id, start(15))).toMatchObject({ kind: 'settled' });
  });

  test('makes an order await payment once its intent is attached, and plans a check', async () => {
    const order = await place();
    const intent = { id: 'pi_1', paymentLink: link, expireAt: later(3600) };
    expect(await store.attachIntent(order.id, 1, intent, later(1))).toBe('attached');
    expect(await find(order)).toEqual({
      ...order,
      status: 'awaiting_payment',
      updatedAt: later(1),
      nextCheckAt: later(120),
      attempts: [
        {
          ...order.attempts[0],
          state: 'attached',
          paymentIntentId: 'pi_1',
          paymentLink: link,
          expireAt: later(3600),
          nextCheckAt: null,
          hasIntent: true,
        },
      ],
    });
    // An attempt that has its intent is no orphan.
    expect(await store.claimOrphans(later(999), later(1_000), 9)).toEqual([]);
  });

  test('keeps the facts of an earlier attempt when a later one gets its intent', async () => {
    const order = await place();
    const end = { state: 'mismatched', paymentIntentId: 'pi_orphan', nextCheckAt: null } as const;
    await store.endAttempt(order.id, 1, end, now);
    expect(await store.beginAttempt(order.id, start(15))).toMatchObject({ kind: 'begun', number: 2 });
    await store.recordEvents([event('pi_orphan', 'Captured')]);
    const before = await find(order);
    expect(await attach(order, 'pi_1', 2)).toMatchObject({
      status: 'paid',
      holds: ['amount_mismatch'],
      updatedAt: before.updatedAt,
      nextCheckAt: before.nextCheckAt,
    });
    expect((await store.checkReplay()).different).toEqual([]);
  });

  test('applies several events in one commit, each to its own order, and answers each', async () => {
    const one = await place();
    const two = await place();
    await attach(one, 'pi_1');
    await attach(two, 'pi_2');
    const captured = event('pi_1', 'Captured');
    const answers = await store.recordEvents([
      captured,
      event('pi_unknown', 'Captured'),
      captured,
      event('pi_2', 'Canceled'),
      event('pi_1', null),
    ]);
    expect(answers.map((answer) => answer.kind)).toEqual(['applied', 'kept', 'duplicate', 'applied', 'kept']);
    expect((await store.findOrderByToken(one.token))?.status).toBe('paid');
    expect((await store.findOrderByToken(two.token))?.status).toBe('canceled');
  });

  test('takes events of one id for the same only if their bytes are', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const [created, authorized, captured] = ['Created', 'Authorized', 'Captured'].map((status) => ({
      ...event('pi_1', status),
      eventId: 'evt_same',
    })) as [ReceivedEvent, ReceivedEvent, ReceivedEvent];
    expect(await store.recordEvents([created, authorized])).toMatchObject([
      { kind: 'applied' },
      { kind: 'applied' },
    ]);
    expect(await store.recordEvents([authorized])).toEqual([{ kind: 'duplicate' }]);
    expect(await store.recordEvents([captured])).toMatchObject([{ order: { status: 'paid' } }]);
  });

  test('applies the events that came before their intent was attached', async () => {
    const order = await place();
    await store.recordEvents([event('pi_1', 'Captured'), event('pi_1', 'Refunded')]);
    expect(await attach(order, 'pi_1')).toMatchObject({ status: 'refunded', nextCheckAt: later(30) });
    expect((await store.checkReplay()).different).toEqual([]);
  });

  test('applies the events that came before their orphan intent was found, whatever Dojo answers then', async () => {
    const order = await place();
    const end = { state: 'ambiguous', paymentIntentId: null, nextCheckAt: later(60) } as const;
    await store.endAttempt(order.id, 1, end, now);
    expect(await store.recordEvents([event('pi_lost', 'Captured')])).toEqual([{ kind: 'kept' }]);
    expect(await store.claimOrphans(later(59), later(119), 9)).toEqual([]);
    const [orphan] = await store.claimOrphans(later(60), later(120), 9);
    if (orphan === undefined) throw new Error('There is no orphan.');
    const found = { state: 'found', paymentIntentId: 'pi_lost', nextCheckAt: null } as const;
    const observation = {
      orderId: order.id,
      attempt: 1,
      observedAt: later(60),
      status: 'Created',
      expired: true,
    };
    await store.endOrphanCheck(orphan, { ...found, observation }, later(61));
    expect(await find(order)).toMatchObject({ status: 'paid', received: 1395, holds: ['late_payment'] });
    expect((await store.checkReplay()).different).toEqual([]);
  });

  test('begins a refund under one id once, within what is left, and hands it out later each time', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    await store.recordEvents([event('pi_1', 'Captured')]);
    const refund = { orderId: order.id, attempt: 1, kind: 'refund' as const, reason: 'Broken', askedAt: now };
    const begin = (id: string, amount: number, expectedReturned: number | null = null) =>
      store.beginRefund({ ...refund, id, amount, expectedReturned });
    expect(await begin('r1', 1_000, 0)).toBe('begun');
    expect(await begin('r1', 1_000, 0)).toBe('begun');
    expect((await find(order)).refunds).toMatchObject([{ id: 'r1', amount: 1_000, state: 'asked' }]);
    expect(await begin('r2', 396)).toBe('too-much');
    expect(await begin('r2', 395, 0)).toBe('stale');
    const claim = async (seconds: number) => (await store.claimOpenRefund(later(seconds)))?.id ?? null;
    // After one minute, and then after one, four and nine more.
    const claimed: (string | null)[] = [];
    for (const at of [59, 60, 60, 119, 120, 359, 360, 899, 900]) claimed.push(await claim(at));
    expect(claimed).toEqual([null, 'r1', null, null, 'r1', null, 'r1', null, 'r1']);
    expect(await store.endRefund('r1', { state: 'refused', refundId: null }, later(901))).toMatchObject({
      refunds: [],
    });
    expect(await claim(90_000)).toBeNull();
    expect(await begin('r2', 1_395, 0)).toBe('begun');
    expect(await store.endRefund('r2', { state: 'done', refundId: 'rfnd_2' }, later(902))).toMatchObject({
      refunds: [{ id: 'r2', amount: 1_395, state: 'done' }],
      mayShip: false,
    });
  });

  test('begins one capture of a payment at a time, and another once its process must be gone', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const capture = { orderId: order.id, attempt: 1, amount: 500 };
    const begin = (id: string, seconds: number) =>
      store.beginCapture({ ...capture, id, askedAt: later(seconds) });
    expect(await begin('c1', 0)).toBe('begun');
    expect(await begin('c2', 59)).toBe('under-way');
    expect(await store.beginCapture({ ...capture, attempt: 2, id: 'c3', askedAt: later(59) })).toBe('begun');
    expect(await begin('c4', 60)).toBe('begun');
    const ended = await store.endCapture('c4', { state: 'done', captureId: 'cp_4' }, later(61));
    expect(ended.captures.map(({ id, state }) => [id, state]).sort()).toEqual([
      ['c1', 'asked'],
      ['c3', 'asked'],
      ['c4', 'done'],
    ]);
    expect(await begin('c5', 62)).toBe('begun');
  });

  test('gives one intent to one attempt only', async () => {
    await attach(await place(), 'pi_1');
    const other = await place();
    const intent = { id: 'pi_1', paymentLink: link, expireAt: null };
    expect(await store.attachIntent(other.id, 1, intent, now)).toBe('taken');
    expect(await find(other)).toEqual(other);
  });

  test('leaves an order unchanged when an event says nothing new', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    await store.recordEvents([event('pi_1', 'Captured')]);
    const before = await store.findOrderByToken(order.token);
    await store.recordEvents([{ ...event('pi_1', 'Captured'), receivedAt: later(99) }]);
    // It may be about a partial refund: Dojo is asked again, also if it is being asked now.
    const after = await store.findOrderByToken(order.token);
    const soonest = new Date(later(30).getTime() - 1);
    expect(before?.nextCheckAt).toEqual(later(30));
    expect(after).toEqual({ ...before, nextCheckAt: soonest });
    await store.planCheck(order.id, { at: null, seen: soonest }, later(99));
    await store.recordEvents([{ ...event('pi_1', 'Refunded'), receivedAt: later(200) }]);
    expect((await find(order)).nextCheckAt).toEqual(later(230));
  });

  test('keeps all or none of the events that are recorded together', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const broken = { ...event('pi_1', 'Captured'), event: null as unknown as string };
    await expect(store.recordEvents([event('pi_1', 'Captured'), broken])).rejects.toThrow(StoreError);
    expect((await store.findOrderByToken(order.token))?.status).toBe('awaiting_payment');
  });

  test('refuses a call that breaks a constraint, and keeps those that come at the same moment', async () => {
    const orders = await Promise.all([place(), place(), place()]);
    for (const [index, order] of orders.entries()) await attach(order, `pi_${index}`);
    const broken = { ...event('pi_0', 'Captured'), event: null as unknown as string };
    const calls = [
      [event('pi_0', 'Captured')],
      [broken],
      [event('pi_1', 'Captured')],
      [event('pi_1', 'Refunded'), broken],
      [event('pi_2', 'Captured')],
    ];
    const recorded = await Promise.allSettled(calls.map((call) => store.recordEvents(call)));
    expect(recorded.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    for (const { token } of orders) expect((await store.findOrderByToken(token))?.status).toBe('paid');
    expect(await store.checkReplay()).toEqual({ orders: 3, different: [] });
  });

  test('keeps an event with characters that a database may not accept', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const odd = { ...event('pi_\u0000', 'Captured'), eventId: 'evt_\u0000_\ud800' };
    expect(await store.recordEvents([odd, event('pi_1', 'Captured')])).toMatchObject([
      { kind: 'kept' },
      { kind: 'applied' },
    ]);
    expect(await store.recordEvents([odd])).toEqual([{ kind: 'duplicate' }]);
  });

  test('answers and keeps hundreds of changes that come at once', async () => {
    const orders = await Promise.all(Array.from({ length: 50 }, () => place()));
    await Promise.all(orders.map((order) => attach(order, `pi_${order.id}`)));
    const heard = orders.flatMap(({ id }) =>
      ['Created', 'Authorized', 'Captured'].map((status) => event(`pi_${id}`, status)),
    );
    await Promise.all([...heard, ...heard].map((each) => store.recordEvents([each])));
    for (const { token } of orders) expect((await store.findOrderByToken(token))?.status).toBe('paid');
    expect(await store.checkReplay()).toEqual({ orders: 50, different: [] });
    // Created, Authorized and Captured came together or apart, so some orders were authorised first.
    const messages = await store.listMessages({ orderReference: null, state: null });
    for (const type of ['order.paid', 'order.due'])
      expect(messages.filter((message) => message.type === type)).toHaveLength(50);
  });

  test('drops raw events of finished orders, and derives the same orders without them', async () => {
    const [paid, held, canceled, shipped] = [await place(), await place(), await place(), await place()];
    for (const order of [paid, held, canceled, shipped]) await attach(order, `pi_${order.id}`);
    await store.recordEvents(
      [paid, held, canceled, shipped].flatMap(({ id }) => [event(`pi_${id}`, 'Created')]),
    );
    await store.recordEvents([
      event(`pi_${paid.id}`, 'Captured'),
      event(`pi_${held.id}`, 'Refunded'),
      event(`pi_${canceled.id}`, 'Canceled'),
      event(`pi_${shipped.id}`, 'Authorized'),
      event(`pi_${shipped.id}`, 'Captured'),
    ]);
    // Dojo has nothing more to say about any of them.
    for (const { token } of [paid, held, canceled, shipped]) {
      const order = await store.findOrderByToken(token);
      await store.planCheck(order?.id ?? 0, { at: null, seen: order?.nextCheckAt ?? null }, later(1));
    }
    const shipment = { carrier: 'Royal Mail', trackingUrl: null, sentAt: later(2) };
    expect(await store.shipOrder(shipped.id, shipment)).toMatchObject({ kind: 'sent' });
    const before = await Promise.all(
      [paid, held, canceled, shipped].map(({ token }) => store.findOrderByToken(token)),
    );
    const day = 86_400;
    expect(await prune(now)).toBe(0);
    // Two events of the cancelled order and three of the shipped one; the others are not finished.
    expect(await prune(later(day))).toBe(5);
    // Its messages wait, and the shop goes on with them.
    expect(await store.listMessages({ orderReference: shipped.reference, state: 'waiting' })).toHaveLength(3);
    expect(await prune(later(day))).toBe(0);
    expect(await store.checkReplay()).toEqual({ orders: 4, different: [] });
    expect(
      await Promise.all([paid, held, canceled, shipped].map(({ token }) => store.findOrderByToken(token))),
    ).toEqual(before);
    // A late payment still counts.
    await store.recordEvents([event(`pi_${canceled.id}`, 'Captured')]);
    expect((await store.findOrderByToken(canceled.token))?.holds).toEqual(['captured_after_cancel']);
    expect((await store.checkReplay()).different).toEqual([]);
  });

  test('drops quarantined deliveries once they are old, although there is no order', async () => {
    const delivery = (at: Date, byte: number) => ({
      body: Buffer.from('{}'),
      digest: new Uint8Array(32).fill(byte),
      secret: 'one',
      reason: 'not-understood' as const,
      receivedAt: at,
    });
    await store.quarantine(delivery(now, 1));
    await store.quarantine(delivery(later(60), 2));
    expect(await store.pruneEvents(0, now)).toMatchObject({ quarantined: 0 });
    expect(await store.pruneEvents(0, later(60))).toMatchObject({ quarantined: 1, last: null });
    expect(await store.pruneEvents(0, later(61))).toMatchObject({ quarantined: 1 });
  });

  test('drops messages of finished orders that wait for nothing, and answers to requests of long ago', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    await store.recordEvents([event('pi_1', 'Captured')]);
    const read = await find(order);
    await store.planCheck(order.id, { at: null, seen: read.nextCheckAt }, later(2));
    const shipment = { carrier: null, trackingUrl: null, sentAt: later(2) };
    const refused = { status: 409, body: 'no' };
    const request = {
      id: 'msg_1',
      digest: new Uint8Array(32),
      receivedAt: later(2),
      answers: {
        sent: { status: 200, body: 'yes' },
        'already-sent': refused,
        held: refused,
        'refund-under-way': refused,
        dismissed: refused,
        'amount-unknown': refused,
        'not-paid': refused,
      },
    };
    expect(await store.shipOrder(order.id, shipment, request)).toMatchObject({ kind: 'sent' });
    const list = () => store.listMessages({ orderReference: order.reference, state: null });
    const end = {
      state: 'delivered',
      nextTryAt: null,
      sentAt: later(3),
      latencyMs: 1,
      answer: '204',
    } as const;
    for (let left = 3; left > 0; left -= 1) {
      expect(await prune(later(86_400))).toBe(left === 3 ? 1 : 0);
      expect(await list()).toHaveLength(3);
      const claimed = await store.claimMessage(later(3), later(60));
      if (claimed !== null) await store.endTry(claimed, end, later(3));
    }
    expect(
      await store.shipOrder(order.id, shipment, { ...request, digest: new Uint8Array(32).fill(1) }),
    ).toMatchObject({
      kind: 'already-sent',
    });
    await prune(later(86_400));
    expect(await list()).toEqual([]);
    expect(await find(order)).toMatchObject({ status: 'paid', sentAt: later(2) });
  });

  test('makes no order due that is held by what comes in the same moment', async () => {
    const order = await attach(await place(), 'pi_1');
    await store.recordEvents([event('pi_1', 'Captured'), event('pi_1', 'Canceled')]);
    const held = { status: 'paid', holds: ['captured_after_cancel'], mayShip: false, isDue: false };
    expect(await find(order)).toMatchObject(held);
  });

  test('finds nothing by a token with the right id and the wrong secret', async () => {
    const order = await place();
    expect(await store.findOrderByToken(createToken(order.id, 'T'.repeat(24)))).toBeNull();
  });

  test('finds what was ordered under several keys in one question, and leaves out keys without an order', async () => {
    const [paid, superseded] = [await place(), await place()];
    const newer = newOrder();
    await store.placeOrder(newer, start(15), { supersedes: [superseded.checkoutKey] });
    await attach(paid, 'pi_paid');
    await store.recordEvents([event('pi_paid', 'Captured')]);
    const keys = [paid.checkoutKey, superseded.checkoutKey, 'key-of-none'];
    const found = await store.findBaskets(keys);
    expect(
      found.toSorted((one, other) => keys.indexOf(one.checkoutKey) - keys.indexOf(other.checkoutKey)),
    ).toEqual([
      { checkoutKey: keys[0], status: 'paid', supersededBy: null, basket: paid.basket },
      { checkoutKey: keys[1], status: 'placed', supersededBy: newer.id, basket: superseded.basket },
    ]);
    expect(await store.findBaskets([])).toEqual([]);
  });
});

describe('the order store on a SQLite file', () => {
  test('keeps its orders when the shop restarts', async () => {
    store = await openStore(fileUrl());
    const order = await place();
    await store.close();
    store = await openStore(fileUrl());
    expect(await store.findOrderByToken(order.token)).toMatchObject({ reference: order.reference });
  });

  test('replays every order, however many there are', async () => {
    store = await openStore(fileUrl());
    const orders = Array.from({ length: 501 }, () => newOrder());
    await Promise.all(orders.map((order) => store.placeOrder(order, start(15))));
    expect(await store.checkReplay()).toEqual({ orders: 501, different: [] });
    const last = orders.toSorted((one, other) => one.id - other.id).at(-1);
    const file = new DatabaseSync(fileUrl().slice('sqlite:'.length));
    file.exec(`UPDATE orders SET status = 'paid' WHERE id = ${last?.id}`);
    file.close();
    expect((await store.checkReplay()).different).toEqual([last?.reference]);
  });

  test('waits for another process that writes, without blocking the event loop', async () => {
    store = await openStore(fileUrl());
    const other = new DatabaseSync(fileUrl().slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');
    let turns = 0;
    const turning = setInterval(() => {
      turns += 1;
      if (turns === 20) other.exec('ROLLBACK');
    }, 5);
    await place();
    clearInterval(turning);
    other.close();
    expect(turns).toBeGreaterThanOrEqual(20);
  });

  test('fails and stores nothing while another process never releases the file', async () => {
    store = await openStore(fileUrl());
    const other = new DatabaseSync(fileUrl().slice('sqlite:'.length));
    other.exec('BEGIN IMMEDIATE');
    await expect(place()).rejects.toThrow(StoreError);
    await expect(store.checkWritable()).rejects.toThrow(StoreError);
    other.close();
    await expect(store.checkWritable()).resolves.toBeUndefined();
  });

  test('refuses a file that a newer version of the shop made', async () => {
    store = await openStore(fileUrl());
    await store.close();
    const file = new DatabaseSync(fileUrl().slice('sqlite:'.length));
    file.exec("INSERT INTO migrations (name) VALUES ('9999-later.sql')");
    file.close();
    await expect(openStore(fileUrl())).rejects.toThrow(/newer version/);
    store = await openStore('sqlite::memory:');
  });

  test('refuses a path that is a folder', async () => {
    store = await openStore('sqlite::memory:');
    await expect(openStore(`sqlite:${folder}`)).rejects.toThrow(StoreError);
  });
});
