import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { refundOrder } from '../../src/checkout/refund-order.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { current, hours, ordered, runReconcile, start } from '../support/scenario-steps.ts';
import type { ShopOptions } from '../support/shop.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

/** The lines about one order, oldest first, without time and message. */
function linesOf({ shop }: Scenario, orderReference: string) {
  return shop.log
    .filter((line) => line.orderReference === orderReference && line.event !== 'request')
    .map(({ time, msg, orderReference: _, ...line }) => line);
}

const databases: readonly [string, () => Promise<ShopOptions>][] = [
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
];

describe.each(databases)('with orders on %s the log has one line', (_name, options) => {
  test('for a payment, however often the shop hears of it, and one for each refund', async () => {
    const shop = await start(await options());
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.posted();
    const [delivery] = shop.post;
    if (delivery === undefined) throw new Error('Dojo sent nothing.');
    await shop.handAll();
    await shop.hand(delivery);
    shop.pass(hours);
    await runReconcile(shop);
    const request = { id: 'r1', amount: 500, reason: 'Broken', payment: null, expectedReturned: 0 };
    await refundOrder(shop.context, await current(shop, order), request);

    const money = { paymentIntentId: intentId, amount: 1395, currencyCode: 'GBP' };
    const back = { ...money, amount: 500 };
    expect(linesOf(shop, order.reference)).toEqual([
      { level: 'info', event: 'paymentIntentCreated', attempt: 1, ...money },
      { level: 'info', event: 'orderPaid', orderStatus: 'paid', holds: [], ...money },
      { level: 'info', event: 'refundSent', refundId: 'r1', ...back },
      { level: 'info', event: 'orderRefunded', orderStatus: 'partly_refunded', holds: [], ...back },
    ]);
  });

  test('for a reservation and one for its capture', async () => {
    const shop = await start({ ...(await options()), env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    await captureOrder(shop.context, await current(shop, order));
    const events = linesOf(shop, order.reference).map(({ event, amount }) => [event, amount]);
    expect(events).toEqual([
      ['paymentIntentCreated', 1395],
      ['orderAuthorised', 1395],
      ['orderPaid', 1395],
      ['paymentCaptured', 1395],
    ]);
  });

  test('for an order that expires, and a warning when a late payment puts it on hold', async () => {
    const shop = await start(await options());
    const { order, intentId } = await ordered(shop);
    shop.pass(2 * hours);
    await runReconcile(shop);
    const body = Buffer.from(
      JSON.stringify({
        id: 'evt_late',
        event: 'payment_intent.status_updated',
        data: { paymentIntentId: intentId, paymentStatus: 'Captured' },
      }),
    );
    await shop.context.store.recordEvents([
      {
        eventId: 'evt_late',
        event: 'payment_intent.status_updated',
        paymentIntentId: intentId,
        paymentStatus: 'Captured',
        body,
        digest: body.subarray(0, 32),
        secret: 'whs_00000000',
        receivedAt: shop.now(),
      },
    ]);
    const lines = linesOf(shop, order.reference).map(({ level, event, holds }) => [level, event, holds]);
    expect(lines.slice(1)).toEqual([
      ['info', 'orderExpired', []],
      ['info', 'orderPaid', ['captured_after_cancel', 'late_payment']],
      ['warn', 'orderHeld', ['captured_after_cancel', 'late_payment']],
    ]);
  });
});
