import { createHash } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { priceBasket } from '../../src/shop/basket.ts';
import { createOrderId, createToken, type Order, referenceOf } from '../../src/shop/order.ts';
import type { ReceivedEvent } from '../../src/shop/order-events.ts';
import { openStore } from '../../src/store/open-store.ts';
import { type OrderStore, StoreError } from '../../src/store/order-store.ts';
import { openPostgres } from '../../src/store/postgres/database.ts';
import { testCatalogue } from '../support/catalogue.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { createRandom } from '../support/random.ts';

// Two stores on one database stand for two processes: they share nothing but the server.

const now = new Date('2026-11-22T10:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);

/** A first or further attempt that begins so many seconds later and has until then. */
const start = (leaseUntil: number, createdAt = 0) => ({
  createdAt: later(createdAt),
  leaseUntil: later(leaseUntil),
  captureMode: 'Auto' as const,
});
const rounds = 40;
let postgres: PostgresServer;
let url: string;
let one: OrderStore;
let other: OrderStore;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  url = await postgres.createDatabase();
  one = await openStore(url, { clock: 'caller' });
  other = await openStore(url, { clock: 'caller' });
});
afterEach(async () => {
  expect((await one.checkReplay()).different).toEqual([]);
  await one.close();
  await other.close();
});

const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
if (priced.kind !== 'priced') throw new Error('The test basket must have a price.');
const { basket } = priced;

let made = 0;
function newOrder(checkoutKey = `key-${made}`) {
  made += 1;
  const id = createOrderId(later(made), made);
  const token = createToken(id, 'S'.repeat(24));
  return { id, reference: referenceOf(id), token, checkoutKey, shopperId: 'shopper', basket, createdAt: now };
}

async function place(): Promise<Order> {
  const order = newOrder();
  expect(await one.placeOrder(order, start(15))).toEqual({ kind: 'placed' });
  return current(order);
}

const intent = (id: string) => ({ id, paymentLink: 'https://pay.dojo.test/x', expireAt: later(3600) });

async function attach(order: Order, id: string, attempt = 1): Promise<void> {
  expect(await one.attachIntent(order.id, attempt, intent(id), now)).toBe('attached');
}

let events = 0;
function event(paymentIntentId: string, paymentStatus: string): ReceivedEvent {
  events += 1;
  const body = Buffer.from(`event ${events}`);
  return {
    eventId: `evt_${events}`,
    event: 'payment_intent.status_updated',
    paymentIntentId,
    paymentStatus,
    body,
    digest: createHash('sha256').update(body).digest(),
    secret: 'whs_00000000',
    receivedAt: now,
  };
}

async function current(order: Pick<Order, 'reference'>): Promise<Order> {
  const found = await other.findOrderByReference(order.reference);
  if (found === null) throw new Error('The order is gone.');
  return found;
}

describe('two processes on one PostgreSQL', () => {
  test('retry a transaction that a deadlock with another client has undone, and it succeeds', async () => {
    const otherClient = new pg.Client({ connectionString: url });
    await otherClient.connect();
    // The server undoes the transaction that finds the deadlock, and that must be the shop's.
    await otherClient.query(
      `ALTER DATABASE ${new URL(url).pathname.slice(1)} SET deadlock_timeout = '500ms'`,
    );
    await otherClient.query(`SET deadlock_timeout = '20s'`);
    const shop = await openStore(url, { clock: 'caller' });
    const lock = (order: Pick<Order, 'id'>) =>
      otherClient.query('SELECT 1 FROM orders WHERE id = $1 FOR UPDATE', [order.id]);
    const isWaitedFor = async () => {
      const { rows } = await otherClient.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      expect(rows).toHaveLength(1);
    };
    for (let round = 0; round < 5; round += 1) {
      const orders = [await place(), await place()] as const;
      for (const order of orders) await attach(order, `pi_${order.id}`);
      await otherClient.query('BEGIN');
      await lock(orders[1]);
      const recorded = shop.recordEvents(orders.map(({ id }) => event(`pi_${id}`, 'Captured')));
      await vi.waitFor(isWaitedFor, { interval: 1 });
      await lock(orders[0]);
      await otherClient.query('COMMIT');
      expect((await recorded).map(({ kind }) => kind)).toEqual(['applied', 'applied']);
      for (const order of orders) expect((await current(order)).status).toBe('paid');
    }
    await shop.close();
    await otherClient.end();
  });

  test('lose no payment when one attaches an intent while the other receives its event', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const order = await place();
      const [attached] = await Promise.all([
        one.attachIntent(order.id, 1, intent(`pi_${round}`), now),
        other.recordEvents([event(`pi_${round}`, 'Captured')]),
      ]);
      expect(attached).toBe('attached');
      expect((await current(order)).status).toBe('paid');
    }
  });

  test('hold an order as paid twice when they hear of two paid attempts at the same moment', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const order = await place();
      const end = { state: 'mismatched', paymentIntentId: `pi_a_${round}`, nextCheckAt: null } as const;
      await one.endAttempt(order.id, 1, end, now);
      expect(await one.beginAttempt(order.id, start(15))).toMatchObject({ kind: 'begun', number: 2 });
      await attach(order, `pi_b_${round}`, 2);
      await Promise.all([
        one.recordEvents([event(`pi_a_${round}`, 'Captured')]),
        other.recordEvents([event(`pi_b_${round}`, 'Captured')]),
      ]);
      expect((await current(order)).holds).toContain('paid_twice');
    }
  });

  test('derive an order from both an event and an observation that come at the same moment', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const order = await place();
      await attach(order, `pi_${round}`);
      const wish = { status: null, refundedAmount: 0, expired: false, unwanted: true, mismatched: false };
      await Promise.all([
        one.recordObservation(
          { ...wish, orderId: order.id, attempt: 1, observedAt: now },
          { at: null, seen: order.nextCheckAt },
        ),
        other.recordEvents([event(`pi_${round}`, 'Captured')]),
      ]);
      expect((await current(order)).holds).toEqual(['captured_after_cancel']);
    }
  });

  test('give one intent to one attempt only', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const [first, second] = [await place(), await place()];
      const attached = await Promise.all([
        one.attachIntent(first.id, 1, intent(`pi_${round}`), now),
        other.attachIntent(second.id, 1, intent(`pi_${round}`), now),
      ]);
      expect(attached.sort()).toEqual(['attached', 'taken']);
    }
  });

  test('store one order and begin one attempt for a checkout key', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const placed = await Promise.all(
        [one, other, one, other].map((store) => store.placeOrder(newOrder(`the same ${round}`), start(15))),
      );
      expect(placed.map(({ kind }) => kind).sort()).toEqual([
        'placed',
        'under-way',
        'under-way',
        'under-way',
      ]);
      const first = await one.findOrderByCheckoutKey(`the same ${round}`);
      expect(first?.attempts).toMatchObject([{ number: 1, state: 'sending', leaseUntil: later(15) }]);
      for (const outcome of placed) if ('order' in outcome) expect(outcome.order).toEqual(first);
      const end = { state: 'refused', paymentIntentId: null, nextCheckAt: null } as const;
      await one.endAttempt(first?.id ?? 0, 1, end, now);
      const begun = await Promise.all(
        [one, other, one, other].map((store) => store.beginAttempt(first?.id ?? 0, start(15))),
      );
      expect(begun.map(({ kind }) => kind).sort()).toEqual(['begun', 'under-way', 'under-way', 'under-way']);
    }
  });

  test('never refund more than was captured', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const order = await place();
      await attach(order, `pi_${round}`);
      await one.recordEvents([event(`pi_${round}`, 'Captured')]);
      const amount = Math.floor(basket.total / 3);
      const refund = (name: number) => ({
        id: `refund-${round}-${name}`,
        orderId: order.id,
        attempt: 1,
        kind: 'refund' as const,
        amount,
        reason: 'Broken',
        expectedReturned: null,
        askedAt: now,
      });
      const begun = await Promise.all(
        [one, other, one, other, one, other].map((store, name) => store.beginRefund(refund(name))),
      );
      expect(begun.filter((outcome) => outcome === 'begun')).toHaveLength(3);
      // One person in each of two windows: the second has not seen the refund of the first.
      const seen = await Promise.all(
        [one, other].map((store, name) =>
          store.beginRefund({ ...refund(10 + name), amount: 1, expectedReturned: 3 * amount }),
        ),
      );
      expect(seen.filter((outcome) => outcome === 'stale')).toHaveLength(
        basket.total - 3 * amount > 0 ? 1 : 0,
      );
    }
  });

  test('share due work without doing any of it twice', async () => {
    const orders = await Promise.all(Array.from({ length: 60 }, () => place()));
    await Promise.all(orders.map((order) => attach(order, `pi_${order.id}`)));
    await one.recordEvents(orders.map(({ id }) => event(`pi_${id}`, 'Captured')));
    const at = later(3 * 3600);
    const until = later(4 * 3600);
    async function drain<T>(claim: (store: OrderStore) => Promise<T[]>): Promise<T[]> {
      const taken: T[] = [];
      const worker = async (store: OrderStore) => {
        for (;;) {
          const claimed = await claim(store);
          taken.push(...claimed);
          // Another worker may hold what is left.
          if (claimed.length === 0) return;
        }
      };
      await Promise.all([worker(one), worker(other), worker(one), worker(other)]);
      return taken;
    }
    const ids = (list: readonly { readonly id: number }[]) => list.map(({ id }) => id).sort();
    const every = ids(orders);
    const claimed = await drain(async (store) => [(await store.claimMessage(at, until)) ?? []].flat());
    // Of each order the first message alone: the next waits for it.
    expect(claimed.map(({ orderId }) => orderId).sort()).toEqual(every);
    expect(new Set(claimed.map(({ type, tries }) => `${type} ${tries}`))).toEqual(new Set(['order.paid 1']));
  });

  test('leave no message behind that one adds while the other ends the one before it', async () => {
    const order = await place();
    await attach(order, 'pi_messages');
    await one.recordEvents([event('pi_messages', 'Captured')]);
    const end = { state: 'delivered', nextTryAt: null, sentAt: now, latencyMs: 1, answer: '204' } as const;
    const first = await one.claimMessage(later(1), later(61));
    if (first !== null) await one.endTry(first, end, later(1));
    const last = await one.claimMessage(later(1), later(61));
    if (last === null) throw new Error('There is no second message.');

    // A change that is not committed yet has seen that the last message still waits.
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('BEGIN');
    await client.query(`SELECT id FROM orders WHERE id = ${order.id} FOR UPDATE`);
    await client.query(`INSERT INTO messages (order_id, number, type, data, created_at, state)
      VALUES (${order.id}, 3, 'order.sent', '{}', 1, 'waiting')`);
    let isEnded = false;
    const ending = one.endTry(last, end, later(1)).then(() => {
      isEnded = true;
    });
    const waits = `SELECT 1 FROM pg_locks WHERE NOT granted`;
    await vi.waitUntil(async () => isEnded || ((await client.query(waits)).rowCount ?? 0) > 0, 60_000);
    await client.query('COMMIT');
    await client.end();
    await ending;
    expect(await one.claimMessage(later(2), later(62))).toMatchObject({ number: 3 });
  });

  test('end no try of a message that belongs to the other by now', async () => {
    const order = await place();
    await attach(order, 'pi_stalled');
    await one.recordEvents([event('pi_stalled', 'Captured')]);
    const stalled = await one.claimMessage(later(1), later(61));
    const claimed = await other.claimMessage(later(61), later(121));
    if (stalled === null || claimed === null) throw new Error('There is no message.');
    expect([stalled.number, stalled.tries, claimed.number, claimed.tries]).toEqual([1, 1, 1, 2]);
    const failed = {
      state: 'waiting',
      nextTryAt: later(5),
      sentAt: now,
      latencyMs: 1,
      answer: '500',
    } as const;
    await one.endTry(stalled, failed, later(62));
    expect(await one.claimMessage(later(62), later(122))).toBeNull();
    const end = { state: 'delivered', nextTryAt: null, sentAt: now, latencyMs: 1, answer: '204' } as const;
    await other.endTry(claimed, end, later(63));
    const [first] = await one.listMessages({ orderReference: order.reference, state: null });
    expect(first).toMatchObject({ state: 'delivered', tries: 2 });
    expect(first?.deliveries.map(({ answer }) => answer)).toEqual(['500', '204']);
  });

  test('let only one of them reconcile', async () => {
    const held = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name, index) =>
        (index % 2 === 0 ? one : other).acquireLease('reconcile', name, now, later(60)),
      ),
    );
    expect(held.filter(Boolean)).toHaveLength(1);
    expect(await other.acquireLease('reconcile', 'later', later(61), later(120))).toBe(true);
  });

  test('lose no event when they record the same ones in opposite orders, some of unknown intents', async () => {
    const random = createRandom(7);
    const orders = await Promise.all(Array.from({ length: 30 }, () => place()));
    await Promise.all(orders.map((order) => attach(order, `pi_${order.id}`)));
    for (let round = 0; round < 5; round += 1) {
      const heard = [
        ...orders.map(({ id }) => `pi_${id}`),
        ...Array(10)
          .keys()
          .map((name) => `pi_s${name}`),
      ].map((id) => event(id, random.pick(['Created', 'Authorized', 'Captured'])));
      const [first, second] = await Promise.all([
        one.recordEvents(heard),
        other.recordEvents(heard.toReversed()),
      ]);
      const fresh = (list: readonly { kind: string }[]) => list.filter(({ kind }) => kind !== 'duplicate');
      expect(fresh(first).length + fresh(second).length).toBe(heard.length);
    }
  });
});

describe('a PostgreSQL store', () => {
  test('refuses one event alone when its order breaks a constraint, and keeps nothing of it', async () => {
    const orders = await Promise.all(Array.from({ length: 20 }, () => place()));
    await Promise.all(orders.map((order) => attach(order, `pi_${order.id}`)));
    const heard = orders.map(({ id }) => event(`pi_${id}`, 'Captured'));
    const database = await openPostgres(url);
    const poisoned = 13;
    await database.write((tx) =>
      tx.exec(`ALTER TABLE fulfilments ADD CONSTRAINT poison CHECK (order_id <> ${orders[poisoned]?.id})`),
    );
    const outcomes = await Promise.allSettled(heard.map((each) => one.recordEvents([each])));
    const refused = [...outcomes.entries()].filter(([, { status }]) => status === 'rejected');
    expect(refused.map(([index]) => index)).toEqual([poisoned]);
    expect(refused[0]?.[1]).toMatchObject({ reason: expect.any(StoreError) });

    await database.write((tx) => tx.exec('ALTER TABLE fulfilments DROP CONSTRAINT poison'));
    await database.close();
    const again = await one.recordEvents(heard);
    expect(again.map(({ kind }) => kind)).toEqual(
      heard.map((_, index) => (index === poisoned ? 'applied' : 'duplicate')),
    );
    for (const order of orders) expect((await current(order)).status).toBe('paid');
  });

  test('refuses one event alone when its time is invalid', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const outcomes = await Promise.allSettled([
      one.recordEvents([event('pi_1', 'Captured')]),
      one.recordEvents([{ ...event('pi_1', 'Refunded'), receivedAt: new Date(Number.NaN) }]),
      one.recordEvents([event('pi_unknown', 'Captured')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await current(order)).status).toBe('paid');
  });

  test('uses the clock of the database, so a process whose clock is ahead takes no lease away', async () => {
    const store = await openStore(url);
    const real = Date.now();
    const at = (ms: number) => new Date(real + ms);
    expect(await store.acquireLease('reconcile', 'right', at(0), at(60_000))).toBe(true);
    expect(await store.acquireLease('reconcile', 'an hour ahead', at(3_600_000), at(3_660_000))).toBe(false);
    await store.close();
  });

  test('waits for the disk even when the database is set not to', async () => {
    const before = await openPostgres(url);
    await before.write((tx) =>
      tx.exec(
        `DO 'BEGIN EXECUTE format(''ALTER DATABASE %I SET synchronous_commit = off'', current_database()); END'`,
      ),
    );
    await before.close();
    const after = await openPostgres(url);
    const [row] = await after.read((tx) => tx.all('SHOW synchronous_commit'));
    expect(row).toEqual({ synchronous_commit: 'on' });
    await after.close();
  });

  test('opens for many processes at once, and one of them creates the tables', async () => {
    const fresh = await postgres.createDatabase();
    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore(fresh)));
    await Promise.all(stores.map((store) => store.checkWritable()));
    await Promise.all(stores.map((store) => store.close()));
  });

  test('refuses a database that a newer version of the shop made', async () => {
    const database = await openPostgres(url);
    await database.write((tx) => tx.exec(`INSERT INTO migrations (name) VALUES ('9999-later.sql')`));
    await expect(openStore(url)).rejects.toThrow(/newer version/);
    await database.write((tx) => tx.exec(`DELETE FROM migrations WHERE name = '9999-later.sql'`));
    await database.close();
  });

  test('fails without revealing the password when the server refuses it or cannot be reached', async () => {
    const wrong = url.replace('shop:shop@', 'shop:hunter2@');
    const refusal = await openStore(wrong).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(refusal).toMatchObject({ isUnreachable: false });
    expect(String(refusal)).not.toContain('hunter2');
    const away = await openStore('postgres://shop:shop@127.0.0.1:1/shop').catch((error: unknown) => error);
    expect(away).toBeInstanceOf(StoreError);
    // Its address may be right, so the caller may try again.
    expect(away).toMatchObject({ isUnreachable: true });
  });

  test('refuses a server that takes no writes', async () => {
    const readOnly = await openStore(`${url}?options=-c%20default_transaction_read_only%3Don`).catch(
      (error: unknown) => error,
    );
    expect(readOnly).toBeInstanceOf(StoreError);
  });
});
