import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliverMessages } from '../../src/checkout/deliver-messages.ts';
import { openMerchant } from '../support/merchant.ts';
import { loseNextAnswers } from '../support/pay-twice.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { current, hours, minutes, ordered, runReconcile, start } from '../support/scenario-steps.ts';

const days = 24 * hours;

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

/** Sets the shop's clock, and not Dojo's. */
function setClock(shop: Scenario, aheadMs: number): void {
  Object.assign(shop.context, { now: () => new Date(shop.now().getTime() + aheadMs) });
}

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])('on %s a clock that was a day ahead and is set back', (_name, options) => {
  test('puts off no check: an order that was paid meanwhile is paid within minutes, without a webhook', async () => {
    const shop = await start(await options());
    setClock(shop, days);
    const { order, intentId } = await ordered(shop);
    await runReconcile(shop);
    await shop.pay(intentId);
    setClock(shop, 0);
    shop.pass(5 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', received: 1395 });
    expect(shop.shop.log.filter(({ event }) => event === 'clockSetBack')).toHaveLength(1);
  });

  test('keeps no one from paying whose first attempt was under way', async () => {
    const shop = await start(await options());
    setClock(shop, days);
    // The process dies between storing the order and asking Dojo.
    const { createPaymentIntent } = shop.context.dojo;
    Object.assign(shop.context.dojo, { createPaymentIntent: () => Promise.reject(new Error('died')) });
    await expect(shop.place()).rejects.toThrow('died');
    Object.assign(shop.context.dojo, { createPaymentIntent });
    await runReconcile(shop);
    setClock(shop, 0);
    shop.pass(minutes);
    await runReconcile(shop);
    expect((await shop.place()).kind).toBe('ready');
  });

  test('delays neither a message that was to be tried again nor the search for a lost answer', async () => {
    const shop = await start(await options());
    const merchant = await openMerchant();
    merchant.answer = () => 500;
    setClock(shop, days);
    const { intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    await deliverMessages(shop.context, merchant);
    loseNextAnswers(shop, 2);
    await shop.place('key-lost');
    await runReconcile(shop);
    merchant.answer = () => 204;
    setClock(shop, 0);
    shop.pass(minutes);
    await runReconcile(shop);
    await deliverMessages(shop.context, merchant);
    expect(merchant.types()).toEqual(['order.paid', 'order.paid', 'order.due']);
    const orphans = shop.simulator.paymentIntents().filter(({ id }) => id !== intentId);
    expect(orphans.map(({ status }) => status)).toEqual(['Canceled', 'Canceled']);
    await merchant.close();
  });

  test('does not let a process that died meanwhile hold the reconciler', async () => {
    const shop = await start(await options());
    setClock(shop, days);
    await runReconcile(shop);
    const until = new Date(shop.context.now().getTime() + minutes);
    await shop.context.store.acquireLease('reconcile', 'one that died', shop.context.now(), until);
    setClock(shop, 0);
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    shop.pass(3 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid' });
  });
});
