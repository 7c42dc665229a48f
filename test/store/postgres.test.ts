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

// Two stores on one database are to each other what two processes are: they share nothing but the server.

const now = new Date('2026-11-22T10:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1000);
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
if (priced.kind !== 'priced') throw new Error('The basket of the tests has a price.');
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
  expect(await one.placeOrder(order, later(15))).toEqual({ kind: 'placed' });
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
  test('try again what a deadlock with somebody else has undone, and it is done', async () => {
    const somebody = new pg.Client({ connectionString: url });
    await somebody.connect();
    // The server undoes whoever finds the deadlock, and that is to be the shop.
    await somebody.query(`ALTER DATABASE ${new URL(url).pathname.slice(1)} SET deadlock_timeout = '500ms'`);
    await somebody.query(`SET deadlock_timeout = '20s'`);
    const shop = await openStore(url, { clock: 'caller' });
    const lock = (order: Pick<Order, 'id'>) =>
      somebody.query('SELECT 1 FROM orders WHERE id = $1 FOR UPDATE', [order.id]);
    const isWaitedFor = async () => {
      const { rows } = await somebody.query('SELECT 1 FROM pg_locks WHERE NOT granted');
      expect(rows).toHaveLength(1);
    };
    for (let round = 0; round < 5; round += 1) {
      const orders = [await place(), await place()] as const;
      for (const order of orders) await attach(order, `pi_${order.id}`);
      await somebody.query('BEGIN');
      await lock(orders[1]);
      const recorded = shop.recordEvents(orders.map(({ id }) => event(`pi_${id}`, 'Captured')));
      await vi.waitFor(isWaitedFor, { interval: 1 });
      await lock(orders[0]);
      await somebody.query('COMMIT');
      expect((await recorded).map(({ kind }) => kind)).toEqual(['applied', 'applied']);
      for (const order of orders) expect((await current(order)).status).toBe('paid');
    }
    await shop.close();
    await somebody.end();
  });

  test('hear of an intent and attach it at the same moment, and the money is seen', async () => {
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

  test('hear of two attempts of one order at the same moment, and it is held as paid twice', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const order = await place();
      const end = { state: 'mismatched', paymentIntentId: `pi_a_${round}`, nextCheckAt: null } as const;
      await one.endAttempt(order.id, 1, end, now);
      expect(await one.beginAttempt(order.id, now, later(15))).toMatchObject({ kind: 'begun', number: 2 });
      await attach(order, `pi_b_${round}`, 2);
      await Promise.all([
        one.recordEvents([event(`pi_a_${round}`, 'Captured')]),
        other.recordEvents([event(`pi_b_${round}`, 'Captured')]),
      ]);
      expect((await current(order)).holds).toContain('paid_twice');
    }
  });

  test('hear and read about the same order at the same moment, and derive it from both', async () => {
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

  test('take one order a checkout key and begin one attempt of it', async () => {
    for (let round = 0; round < rounds; round += 1) {
      const placed = await Promise.all(
        [one, other, one, other].map((store) => store.placeOrder(newOrder(`the same ${round}`), later(15))),
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
        [one, other, one, other].map((store) => store.beginAttempt(first?.id ?? 0, now, later(15))),
      );
      expect(begun.map(({ kind }) => kind).sort()).toEqual(['begun', 'under-way', 'under-way', 'under-way']);
    }
  });

  test('never ask for more than was captured to go back', async () => {
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
        expectedRefunded: null,
        askedAt: now,
      });
      const begun = await Promise.all(
        [one, other, one, other, one, other].map((store, name) => store.beginRefund(refund(name))),
      );
      expect(begun.filter((outcome) => outcome === 'begun')).toHaveLength(3);
      // A person in each of two windows: the second has not seen the refund of the first.
      const seen = await Promise.all(
        [one, other].map((store, name) =>
          store.beginRefund({ ...refund(10 + name), amount: 1, expectedRefunded: 3 * amount }),
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
          // Another may hold what is left at this moment, and that is all there is to it.
          if (claimed.length === 0) return;
        }
      };
      await Promise.all([worker(one), worker(other), worker(one), worker(other)]);
      return taken;
    }
    const ids = (list: readonly { readonly id: number }[]) => list.map(({ id }) => id).sort();
    const every = ids(orders);
    expect(ids(await drain((store) => store.claimFulfilments('packer', at, until, 3)))).toEqual(every);
    expect(ids(await drain((store) => store.claimChecks(at, until, 3)))).toEqual(every);
    const told = await drain((store) => store.claimNotifications(at, until, 3));
    expect(ids(told.map(({ order }) => order))).toEqual(every);
    expect(new Set(told.map(({ tries }) => tries))).toEqual(new Set([1]));
  });

  test('let one of them sweep', async () => {
    const held = await Promise.all(
      ['a', 'b', 'c', 'd'].map((name, index) =>
        (index % 2 === 0 ? one : other).acquireLease('reconcile', name, now, later(60)),
      ),
    );
    expect(held.filter(Boolean)).toHaveLength(1);
    expect(await other.acquireLease('reconcile', 'later', later(61), later(120))).toBe(true);
  });

  test('record the same events in opposite orders, with strangers among them, and none is lost', async () => {
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
  test('refuses one event alone where the database refuses what becomes of its order, and keeps nothing of it', async () => {
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

  test('refuses one event alone that cannot be told to the database', async () => {
    const order = await place();
    await attach(order, 'pi_1');
    const outcomes = await Promise.allSettled([
      one.recordEvents([event('pi_1', 'Captured')]),
      one.recordEvents([{ ...event('pi_1', 'Refunded'), receivedAt: new Date(Number.NaN) }]),
      one.recordEvents([event('pi_stranger', 'Captured')]),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await current(order)).status).toBe('paid');
  });

  test('goes by the clock of the database, so that a process whose clock is ahead takes no lease away', async () => {
    const store = await openStore(url);
    const real = Date.now();
    const at = (ms: number) => new Date(real + ms);
    expect(await store.acquireLease('reconcile', 'right', at(0), at(60_000))).toBe(true);
    expect(await store.acquireLease('reconcile', 'an hour ahead', at(3_600_000), at(3_660_000))).toBe(false);
    await store.close();
  });

  test('waits for the disk, whatever the database is set to', async () => {
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

  test('is opened by many processes at once, and one of them makes the tables', async () => {
    const fresh = await postgres.createDatabase();
    const stores = await Promise.all(Array.from({ length: 6 }, () => openStore(fresh)));
    await Promise.all(stores.map((store) => store.checkWritable()));
    await Promise.all(stores.map((store) => store.close()));
  });

  test('that a newer shop has made is refused', async () => {
    const database = await openPostgres(url);
    await database.write((tx) => tx.exec(`INSERT INTO migrations (name) VALUES ('9999-later.sql')`));
    await expect(openStore(url)).rejects.toThrow(/newer version/);
    await database.write((tx) => tx.exec(`DELETE FROM migrations WHERE name = '9999-later.sql'`));
    await database.close();
  });

  test('that cannot be reached, or refuses the password, is refused without telling it', async () => {
    const wrong = url.replace('shop:shop@', 'shop:hunter2@');
    const refusal = await openStore(wrong).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(refusal).toMatchObject({ isUnreachable: false });
    expect(String(refusal)).not.toContain('hunter2');
    const away = await openStore('postgres://shop:shop@127.0.0.1:1/shop').catch((error: unknown) => error);
    expect(away).toBeInstanceOf(StoreError);
    // Its address may be right: whoever starts the shop may try again.
    expect(away).toMatchObject({ isUnreachable: true });
  });

  test('can be written only where the server takes writes', async () => {
    const readOnly = await openStore(`${url}?options=-c%20default_transaction_read_only%3Don`).catch(
      (error: unknown) => error,
    );
    expect(readOnly).toBeInstanceOf(StoreError);
  });
});
