import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { priceBasket } from '../../src/shop/basket.ts';
import { createOrderId, createToken, referenceOf } from '../../src/shop/order.ts';
import type { OrderNews } from '../../src/shop/order-news.ts';
import { openStore } from '../../src/store/open-store.ts';
import { testCatalogue } from '../support/catalogue.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const now = new Date('2026-11-22T10:00:00Z');
const folder = mkdtempSync(join(tmpdir(), 'news-'));
let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
if (priced.kind !== 'priced') throw new Error('The basket of the tests has a price.');
const { basket } = priced;

/** Refuses to make this one order due. */
const sqlite = {
  url: async () => `sqlite:${join(folder, 'orders.db')}`,
  async poison(url: string, orderId: number) {
    const database = new DatabaseSync(url.slice('sqlite:'.length));
    database.exec(`CREATE TRIGGER poison BEFORE INSERT ON fulfilments WHEN NEW.order_id = ${orderId}
      BEGIN SELECT RAISE(ABORT, 'poisoned'); END`);
    database.close();
  },
};
const server = {
  url: () => postgres.createDatabase(),
  async poison(url: string, orderId: number) {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(`ALTER TABLE fulfilments ADD CONSTRAINT poison CHECK (order_id <> ${orderId})`);
    await client.end();
  },
};

test.each([
  ['SQLite', sqlite],
  ['PostgreSQL', server],
])(
  'on %s the store reports a change once it is durable, and none that was undone',
  async (_name, database) => {
    const news: OrderNews[] = [];
    const url = await database.url();
    const store = await openStore(url, { clock: 'caller', onNews: (latest) => news.push(...latest) });
    const orders = [1, 2, 3].map((number) => {
      const id = createOrderId(now, number);
      const token = createToken(id, 'S'.repeat(24));
      const checkoutKey = `key-${number}`;
      return {
        id,
        reference: referenceOf(id),
        token,
        checkoutKey,
        shopperId: 'shopper',
        basket,
        createdAt: now,
      };
    });
    for (const order of orders) {
      await store.placeOrder(order, {
        createdAt: now,
        leaseUntil: new Date(now.getTime() + 15_000),
        captureMode: 'Auto',
      });
      const intent = { id: `pi_${order.id}`, paymentLink: 'https://pay.dojo.test/x', expireAt: null };
      await store.attachIntent(order.id, 1, intent, now);
    }
    const poisoned = orders[1];
    if (poisoned === undefined) throw new Error('There is no second order.');
    await database.poison(url, poisoned.id);

    const capture = ({ id }: { id: number }) => {
      const body = Buffer.from(`captured ${id}`);
      const event = {
        eventId: `evt_${id}`,
        event: 'payment_intent.status_updated',
        paymentIntentId: `pi_${id}`,
        paymentStatus: 'Captured',
        body,
        digest: createHash('sha256').update(body).digest(),
        secret: 'whs_00000000',
        receivedAt: now,
      };
      return store.recordEvents([event]);
    };
    const outcomes = await Promise.allSettled(orders.map(capture));
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    // Alone, so that its whole transaction fails.
    await expect(capture(poisoned)).rejects.toThrow();
    const paid = orders.filter((order) => order !== poisoned).map(({ reference }) => ['paid', reference]);
    expect(news.map(({ kind, orderReference }) => [kind, orderReference])).toEqual(paid);
    await store.close();
  },
);
