import pg from 'pg';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type OpenShop, openShop } from '../support/shop.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

// PostgreSQL as it is deployed: a role with few connections, and other sessions beside the shop.

let postgres: PostgresServer;
let url: string;
let admin: pg.Client;
let open: OpenShop[];
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  url = await postgres.createDatabase();
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
  open = [];
});
afterEach(async () => {
  await Promise.all(open.map((shop) => shop.close()));
  await admin.end();
});

async function openOn(databaseUrl: string): Promise<OpenShop> {
  const shop = await openShop({ databaseUrl });
  open.push(shop);
  return shop;
}

const hear = async (shop: OpenShop, intent: string, id = `evt_${intent}`) => {
  const body = statusUpdate({ paymentIntentId: intent, paymentStatus: 'Captured' }, { id });
  return (await deliver(shop, body)).status;
};
async function buy(shop: OpenShop, intent: string): Promise<string> {
  dojoCreates(intent);
  const items = [{ sku: 'mug', quantity: 1 }];
  const { body } = await request(shop.app)
    .post('/checkout')
    .send({ ...jsonDetails, items })
    .expect(201);
  return body.reference;
}

/** The same database for a role that may open so many connections. */
async function limitedTo(connections: number): Promise<string> {
  const role = `limited_${connections}`;
  await admin.query(`DROP ROLE IF EXISTS ${role}`);
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'shop' CONNECTION LIMIT ${connections}`);
  await admin.query(`GRANT ALL ON SCHEMA public TO ${role}`);
  return url.replace('shop:shop', `${role}:shop`);
}

test('a shop whose role has three connections for its ten refuses no one', async () => {
  const limited = await limitedTo(3);
  const shop = await openOn(limited);
  const intents = Array.from({ length: 200 }, (_, index) => `pi_${index}`);
  expect(new Set(await Promise.all(intents.map((intent) => hear(shop, intent))))).toEqual(new Set([200]));
  const stored = intents.map((_, index) => shop.context.store.findSetting(`name-${index}`));
  expect(new Set(await Promise.all(stored))).toEqual(new Set([null]));
  const sessions = await admin.query(
    `SELECT count(*)::int AS n FROM pg_stat_activity WHERE usename = 'limited_3'`,
  );
  expect(sessions.rows[0].n).toBeLessThanOrEqual(3);
  const writes = intents.map((_, index) => shop.context.store.keepSetting(`name-${index}`, 'x'));
  expect(new Set(await Promise.all(writes))).toEqual(new Set(['x']));
  await buy(shop, 'pi_bought');
  expect(await hear(shop, 'pi_bought')).toBe(200);
});

test('a shop starts with as many connections as it is given, and says so when there is none', async () => {
  const limited = await limitedTo(1);
  const shop = await openOn(limited);
  expect(await hear(shop, 'pi_1')).toBe(200);
  await expect(openShop({ databaseUrl: limited })).rejects.toMatchObject({
    name: 'StoreError',
    isUnreachable: true,
    message: expect.stringContaining('too many connections'),
  });
});

test('an order that another session has locked waits alone: its neighbours are paid, whichever way they are heard of', async () => {
  const shop = await openOn(url);
  const references = [];
  for (let index = 0; index < 8; index += 1) references.push(await buy(shop, `pi_${index}`));
  const [locked = '', ...free] = references;
  await admin.query('BEGIN');
  await admin.query('SELECT id FROM orders WHERE reference = $1 FOR UPDATE', [locked]);

  // Ten deliveries for the locked order must not keep the others from the database.
  const held = Array.from({ length: 10 }, (_, index) => hear(shop, 'pi_0', `evt_held_${index}`));
  const heard = await Promise.all(free.slice(0, 4).map((_, index) => hear(shop, `pi_${index + 1}`)));
  expect(heard).toEqual([200, 200, 200, 200]);
  const { store, now } = shop.context;
  const all = await Promise.all(references.map((reference) => store.findOrderByReference(reference)));
  const noFacts = { refundedAmount: 0, capturedAmount: 0, isReversalObserved: false };
  const observed = all.flatMap((order) =>
    order === null
      ? []
      : [
          {
            observation: {
              ...noFacts,
              orderId: order.id,
              attempt: 1,
              observedAt: now(),
              status: 'Captured' as const,
            },
            plan: null,
          },
        ],
  );
  await store.recordObservations(observed);
  const statuses = await admin.query('SELECT reference, status FROM orders');
  const statusOf = new Map(statuses.rows.map(({ reference, status }) => [reference, status]));
  expect(free.map((reference) => statusOf.get(reference))).toEqual(free.map(() => 'paid'));
  expect(statusOf.get(locked)).toBe('awaiting_payment');

  await admin.query('ROLLBACK');
  for (const status of await Promise.all(held)) expect([200, 503]).toContain(status);
  expect(await hear(shop, 'pi_0', 'evt_held_0')).toBe(200);
  expect(await store.findOrderByReference(locked)).toMatchObject({ status: 'paid', received: 1395 });
});
