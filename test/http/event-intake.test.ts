import { DatabaseSync } from 'node:sqlite';
import nock from 'nock';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openPostgres } from '../../src/store/postgres/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type OpenShop, openShop } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
afterEach(() => nock.cleanAll());

describe.each(['SQLite', 'PostgreSQL'])(
  'a shop on %s that cannot keep what Dojo says of payments',
  (name) => {
    let shop: OpenShop;
    beforeEach(async () => {
      shop = await openShop(name === 'SQLite' ? {} : { databaseUrl: await postgres.createDatabase() });
    });
    afterEach(() => shop.close());

    async function change(sql: string): Promise<void> {
      if (name === 'SQLite') {
        const file = new DatabaseSync(shop.databasePath);
        file.exec(sql);
        return file.close();
      }
      const database = await openPostgres(shop.databaseUrl);
      await database.write((tx) => tx.exec(sql));
      await database.close();
    }
    const breakEvents = () => change('ALTER TABLE events RENAME TO events_away');
    const mendEvents = () => change('ALTER TABLE events_away RENAME TO events');
    const hear = async () =>
      (await deliver(shop, statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' }))).status;
    async function checkOut(checkoutKey: string): Promise<[status: number, asked: number]> {
      nock.cleanAll();
      const { asked } = dojoCreates(`pi_${checkoutKey}`);
      const { status } = await request(shop.app)
        .post('/checkout')
        .set('Idempotency-Key', checkoutKey)
        .send({ ...jsonDetails, items: [{ sku: 'mug', quantity: 1 }] });
      return [status, asked.length];
    }
    const logged = (event: string) => shop.log.filter((line) => line.event === event);

    test('sends no one to pay, says so once, and sells again by itself', async () => {
      expect(await checkOut('key-of-before-1')).toEqual([201, 1]);
      const shopper = createShopper(shop);
      await shopper.add('mug');
      const form = await shopper.summary();
      await breakEvents();
      expect([await hear(), await hear()]).toEqual([503, 503]);
      expect(await checkOut('key-of-meanwhile-1')).toEqual([503, 0]);
      // Nor by a link from before.
      expect(await checkOut('key-of-before-1')).toEqual([503, 0]);
      const { asked } = dojoCreates('pi_form');
      expect([(await shopper.pay(form)).status, asked.length]).toEqual([503, 0]);
      await shopper.get('/').expect(200);
      await request(shop.app).get('/readyz').expect(503);
      expect(logged('checkoutsStopped')).toEqual([
        expect.objectContaining({ level: 'error', err: expect.anything() }),
      ]);

      await mendEvents();
      expect(await checkOut('key-of-meanwhile-1')).toEqual([201, 1]);
      expect([await hear(), logged('checkoutsStopped').length, logged('checkoutsResumed').length]).toEqual([
        200, 1, 1,
      ]);
    });

    test('is not ready, and begins no checkout once a probe has found it out', async () => {
      await breakEvents();
      await request(shop.app).get('/readyz').expect(503);
      expect(await checkOut('key-of-meanwhile-1')).toEqual([503, 0]);
      await mendEvents();
      expect(await hear()).toBe(200);
      expect(await checkOut('key-of-meanwhile-1')).toEqual([201, 1]);
    });
  },
);

test('a probe leaves no event behind', async () => {
  const shop = await openShop();
  await request(shop.app).get('/readyz').expect(200);
  const file = new DatabaseSync(shop.databasePath);
  expect(file.prepare('SELECT COUNT(*) AS events FROM events').get()).toEqual({ events: 0 });
  file.close();
  await shop.close();
});
