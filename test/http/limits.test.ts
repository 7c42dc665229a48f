import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { watchCheckouts } from '../../src/checkout/watch-checkouts.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { type OpenShop, openShop, type ShopOptions } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

let shops: OpenShop[] = [];
afterEach(async () => {
  nock.cleanAll();
  await Promise.all(shops.map((shop) => shop.close()));
  shops = [];
});
async function open(options: ShopOptions): Promise<OpenShop> {
  const shop = await openShop(options);
  shops.push(shop);
  return shop;
}

const items = [{ sku: 'mug', quantity: 1 }];
type Shopper = ReturnType<typeof createShopper>;
/** A checkout of a program with the shopper's cookie; the status of the answer. */
function order({ agent }: Shopper, intent: string) {
  const { asked } = dojoCreates(intent);
  return { asked, answer: agent.post('/checkout').send({ ...jsonDetails, items }) };
}
const hear = (shop: OpenShop, intent: string, paymentStatus: string) =>
  deliver(shop, statusUpdate({ paymentIntentId: intent, paymentStatus }, { id: `evt_${intent}` }));

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s', (_name, options) => {
  test('one browser has ten payments open at most, and goes on once one of them is paid or over', async () => {
    const shop = await open(await options());
    const shopper = createShopper(shop);
    await shopper.get('/');
    for (let number = 0; number < 10; number += 1) await order(shopper, `pi_${number}`).answer.expect(201);
    const { asked, answer } = order(shopper, 'pi_10');
    const refused = await answer.expect(429).expect('Retry-After', '300');
    expect(refused.body).toMatchObject({ type: 'urn:shop:too-many-open', status: 429 });
    expect(asked).toEqual([]);
    await shopper.add('mug');
    const page = await shopper.checkout();
    expect([page.status, page.headers['retry-after']]).toEqual([429, '300']);
    expect(page.text).toContain('You have several payments open already.');
    // Another browser at the same address is not concerned.
    const { answer: others } = order(createShopper(shop), 'pi_other');
    await others.expect(201);

    await hear(shop, 'pi_3', 'Captured').expect(200);
    await answered(shopper, 201);
    await answered(shopper, 429);
    await hear(shop, 'pi_4', 'Canceled').expect(200);
    await answered(shopper, 201);
  });

  let later = 100;
  async function answered(shopper: Shopper, status: number): Promise<void> {
    later += 1;
    await order(shopper, `pi_${later}`).answer.expect(status);
  }

  test('thirty checkouts of one browser at once open ten payments', async () => {
    const shop = await open(await options());
    const shopper = createShopper(shop);
    await shopper.get('/');
    const all = Array.from({ length: 30 }, (_, number) => order(shopper, `pi_${number}`).answer);
    const statuses = (await Promise.all(all)).map(({ status }) => status).toSorted();
    expect(statuses).toEqual([...Array(10).fill(201), ...Array(20).fill(429)]);
  });

  test('an address has as many payments open as it may begin in ten minutes', async () => {
    const shop = await open({ ...(await options()), env: { CHECKOUT_RATE: '1' } });
    const place = async (number: number, address = 'somewhere') => {
      dojoCreates(`pi_${number}`);
      const purchase = { items, checkoutKey: `key-${number}`, shopperId: `shopper-${number}`, address };
      return (await placeOrder(shop.context, purchase)).kind;
    };
    for (let number = 0; number < 10; number += 1) expect(await place(number)).toBe('ready');
    expect(await place(10)).toBe('too-many-open');
    expect(await place(11, 'elsewhere')).toBe('ready');
    // The same purchase again opens nothing.
    expect(await place(3)).toBe('ready');
  });

  test('a shop warns when nearly no one pays, once an hour, and not of a few', async () => {
    let time = new Date('2026-11-25T12:00:00Z');
    const shop = await open({ ...(await options()), context: { now: () => time } });
    const pass = (minutes: number) => {
      time = new Date(time.getTime() + minutes * 60_000);
    };
    const begin = async (from: number, to: number) => {
      for (let number = from; number < to; number += 1) {
        dojoCreates(`pi_${number}`);
        const address = `address-${number}`;
        const purchase = { items, checkoutKey: `key-${number}`, shopperId: `shopper-${number}`, address };
        await placeOrder(shop.context, purchase);
      }
    };
    const warnings = () => shop.log.filter(({ event }) => event === 'checkoutsUnpaid');
    await begin(0, 49);
    pass(11);
    await watchCheckouts(shop.context);
    expect(warnings()).toEqual([]);
    await begin(49, 60);
    pass(5);
    // The eleven may still pay.
    await watchCheckouts(shop.context);
    expect(warnings()).toEqual([]);
    pass(6);
    await watchCheckouts(shop.context);
    pass(1);
    await watchCheckouts(shop.context);
    expect(warnings()).toMatchObject([{ level: 'warn', orders: 60, unpaid: 60 }]);
    pass(61);
    await begin(60, 120);
    for (let number = 60; number < 67; number += 1) await hear(shop, `pi_${number}`, 'Captured').expect(200);
    pass(11);
    await watchCheckouts(shop.context);
    expect(warnings()).toHaveLength(1);
  });
});

test('two processes on one PostgreSQL count the checkouts of an address together', async () => {
  const env = { CHECKOUT_RATE: '3' };
  const databaseUrl = await postgres.createDatabase();
  const [one, other] = [await open({ databaseUrl, env }), await open({ databaseUrl, env })];
  const ask = async (shop: OpenShop) =>
    (
      await createShopper(shop)
        .agent.post('/checkout')
        .send({ ...jsonDetails, items: [] })
    ).status;
  expect([await ask(one), await ask(other), await ask(one)]).toEqual([400, 400, 400]);
  expect([await ask(other), await ask(one)]).toEqual([429, 429]);
});
