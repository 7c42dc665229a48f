import { afterAll, beforeAll, expect, test } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { openStore } from '../../src/store/open-store.ts';
import { countCalls } from '../support/count-calls.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { current, minutes, ordered, start } from '../support/scenario-steps.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

test('one of four processes reconciles, with the same searches for all that is due', async () => {
  const databaseUrl = await postgres.createDatabase();
  const scenario = await start({ databaseUrl });
  const orders = [];
  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    const { order, intentId } = await ordered(scenario, key);
    await scenario.pay(intentId);
    orders.push(order);
  }
  scenario.pass(3 * minutes);
  const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(databaseUrl, { clock: 'caller' })));
  const dojo = { ...scenario.context.dojo };
  const calls = countCalls(dojo);
  const runs = await Promise.all(
    stores.map((store, index) => reconcile({ ...scenario.context, dojo, store }, `process ${index}`)),
  );
  expect(runs.filter(({ ran }) => ran)).toHaveLength(1);
  expect(runs.reduce((sum, run) => sum + run.orders, 0)).toBe(5);
  // For what is unpaid still, for what is not, and for money that went back.
  expect(calls).toEqual({ searchPaymentIntents: 3 });
  for (const order of orders) expect((await current(scenario, order)).status).toBe('paid');
  const messages = await scenario.context.store.listMessages({ orderReference: null, state: null });
  expect(messages.filter(({ type }) => type === 'order.due')).toHaveLength(5);
  await Promise.all(stores.map((store) => store.close()));
});
