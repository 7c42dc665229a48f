import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { compareOrders } from '../../src/checkout/compare-orders.ts';
import { createDojoClient, type DojoClient } from '../../src/dojo/client.ts';
import type { CreatePaymentIntentRequest } from '../../src/dojo/schemas.ts';
import { countCalls } from '../support/count-calls.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { hours, minutes, ordered, runReconcile, start } from '../support/scenario-steps.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const compare = (shop: Scenario) =>
  compareOrders(shop.context, {
    from: new Date(shop.now().getTime() - 24 * hours),
    to: new Date(shop.now().getTime() + minutes),
  });
const money = (received: number, returned = 0) => ({ received, returned, kept: received - returned });

/** Another program on the same Dojo account. */
function openTill(shop: Scenario): DojoClient {
  const till = createDojoClient({ apiUrl: shop.simulator.url, apiKey: 'sk_sandbox_till' });
  onTestFinished(() => till.close());
  return till;
}

async function sell(shop: Scenario, till: DojoClient, request: Partial<CreatePaymentIntentRequest>) {
  const amount = { value: 700, currencyCode: 'GBP' };
  const { id } = await till.createPaymentIntent({ amount, reference: 'till-1', ...request });
  await shop.pay(id);
  return id;
}

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('comparing Dojo with the store on %s', (_database, options) => {
  test('finds every penny that the store has not heard of, and none after reconciling', async () => {
    const shop = await start(await options());
    const paid = await ordered(shop, 'key-1');
    const refunded = await ordered(shop, 'key-2');
    await ordered(shop, 'key-3');
    for (const { intentId } of [paid, refunded]) await shop.pay(intentId);
    await shop.handAll();
    await shop.portalRefund(refunded.intentId, 1);
    // The differences come in the order of the references, which grow with time.
    shop.pass(minutes);
    const unheard = await ordered(shop, 'key-4');
    await shop.pay(unheard.intentId);
    const calls = countCalls(shop.context.dojo);
    const compared = await compare(shop);
    expect(compared).toMatchObject({ payments: 4, foreign: 0 });
    expect(compared.totals.get('GBP')).toEqual({ dojo: money(3 * 1395, 1), store: money(2 * 1395) });
    expect(compared.differences).toEqual(
      [
        { each: refunded, dojo: money(1395, 1), store: money(1395) },
        { each: unheard, dojo: money(1395), store: money(0) },
      ].map(({ each: { order, intentId }, ...sums }) => ({
        reference: order.reference,
        number: 1,
        paymentIntentId: intentId,
        currencyCode: 'GBP',
        ...sums,
      })),
    );
    expect(calls).toEqual({ searchPaymentIntents: 1 });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect((await compare(shop)).differences).toEqual([]);
  });

  test('counts what others sold on the same account, and never as a difference', async () => {
    const shop = await start(await options());
    const { order } = await ordered(shop);
    const till = openTill(shop);
    await sell(shop, till, {});
    await sell(shop, till, { metadata: { shop: 'another' } });
    // Another shop may happen to use the same references.
    await sell(shop, till, { metadata: { shop: 'another' }, reference: order.reference });
    expect(await compare(shop)).toMatchObject({ payments: 1, foreign: 3, differences: [] });
  });

  test('finds money of ours that the store has no payment for', async () => {
    const shop = await start(await options());
    const { order } = await ordered(shop);
    const till = openTill(shop);
    const fromBefore = await sell(shop, till, { reference: order.reference });
    const metadata = { shop: shop.context.shopId };
    const lost = await sell(shop, till, { reference: 'ORD-LOST0-000000', metadata });
    await till.refundPaymentIntent(lost, { amount: 700, idempotencyKey: 'lost' });
    const { differences, foreign } = await compare(shop);
    expect(foreign).toBe(0);
    expect(differences).toMatchObject([
      { paymentIntentId: fromBefore, number: null, dojo: money(700), store: money(0) },
      { paymentIntentId: lost, number: null, dojo: money(700, 700), store: money(0) },
    ]);
  });
});

describe('comparing Dojo with the store', () => {
  test('asks for a payment that no search shows', async () => {
    const shop = await start();
    const { intentId } = await ordered(shop);
    await shop.pay(intentId);
    const search = shop.context.dojo.searchPaymentIntents;
    const empty: typeof search = async (given) => ({ ...(await search(given)), data: [] });
    Object.assign(shop.context.dojo, { searchPaymentIntents: empty });
    expect((await compare(shop)).differences).toMatchObject([{ dojo: money(1395), store: money(0) }]);
  });

  test('counts what was captured of a reservation, and what Dojo does not know', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { intentId } = await ordered(shop, 'key-1');
    await shop.pay(intentId);
    await shop.portalCapture(intentId, 1000);
    expect((await compare(shop)).differences).toMatchObject([{ dojo: money(1000), store: money(0) }]);
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect((await compare(shop)).differences).toEqual([]);
    shop.simulator.reset();
    expect((await compare(shop)).differences).toMatchObject([{ dojo: money(0), store: money(1000) }]);
  });

  test('never offsets one currency with another', async () => {
    const shop = await start();
    const { intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const search = shop.context.dojo.searchPaymentIntents;
    const inEuro: typeof search = async (given) => {
      const page = await search(given);
      return {
        ...page,
        data: page.data.map((row) => ({ ...row, amount: { ...row.amount, currencyCode: 'EUR' } })),
      };
    };
    Object.assign(shop.context.dojo, { searchPaymentIntents: inEuro });
    expect((await compare(shop)).differences).toMatchObject([
      { currencyCode: 'GBP', dojo: money(0), store: money(1395) },
      { currencyCode: 'EUR', dojo: money(1395), store: money(0) },
    ]);
  });

  test('looks at the payments that began in the period, and at no other', async () => {
    const shop = await start();
    for (const key of ['key-1', 'key-2', 'key-3']) {
      await shop.pay((await ordered(shop, key)).intentId);
      shop.pass(hours);
    }
    const noon = new Date(shop.now().getTime() - 2 * hours);
    const period = { from: noon, to: new Date(noon.getTime() + hours) };
    expect(await compareOrders(shop.context, period)).toMatchObject({ payments: 1, differences: [{}] });
  });
});

test('every payment is compared, however many the store has, and though no search shows them', async () => {
  const shop = await start();
  for (let order = 0; order < 201; order += 1) await ordered(shop, `key-${order}`);
  const nothing = async () => ({ data: [] });
  Object.assign(shop.context.dojo, { searchPaymentIntents: nothing });
  expect(await compare(shop)).toMatchObject({ payments: 201, differences: [] });
});
