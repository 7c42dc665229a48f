import { expect, test } from 'vitest';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { standingHolds } from '../../src/shop/holds.ts';
import { findAttached } from '../../src/shop/order.ts';
import { loseNextAnswers } from '../support/pay-twice.ts';
import type { Scenario } from '../support/scenario.ts';
import { minutes, runReconcile, start } from '../support/scenario-steps.ts';
import { createShopper } from '../support/shopper.ts';

/** A shopper of the shop who has an order of £13.95, and what the order's own page tells them. */
async function orderOf(shop: Scenario) {
  const shopper = createShopper(shop.shop);
  await shopper.add('mug');
  await shopper.checkout();
  const [intent] = shop.simulator.paymentIntents();
  const reference = intent?.request.reference ?? '';
  const find = async () => {
    const order = await shop.context.store.findOrderByReference(reference);
    if (order === null) throw new Error('The order is gone.');
    return order;
  };
  const { token } = await find();
  return { intentId: intent?.id ?? '', find, page: async () => (await shopper.get(`/orders/${token}`)).text };
}

test('the page of an order says how much of a reservation was taken, and what was not', async () => {
  const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
  // The shopper is sent to the intent of the second call.
  loseNextAnswers(shop);
  const { find, page } = await orderOf(shop);
  await shop.pay(findAttached(await find())?.paymentIntentId ?? '');
  await shop.handAll();
  expect(await page()).toContain('£13.95 is reserved');
  await captureOrder(shop.context, await find(), 895);
  expect(await page()).toContain('We have received £8.95.');
  expect(await page()).toContain('£5.00 of the £13.95 that was reserved was not taken.');
  const chip = { id: 'chip', payment: null, amount: 100, reason: 'A chip', expectedReturned: 0 };
  await refundOrder(shop.context, await find(), chip);
  expect(await page()).toContain('We refunded £1.00 of £8.95 on');
  await undoOrder(shop.context, await find(), { id: 'undo', payment: null, reason: 'Sold out' });
  expect(await page()).toContain('We refunded £8.95 on');
});

test('the page of an order counts a refund in the portal and the rest that the shop refunded', async () => {
  const shop = await start();
  const { intentId, find, page } = await orderOf(shop);
  await shop.pay(intentId);
  await shop.handAll();
  await shop.portalRefund(intentId, 100);
  shop.pass(minutes);
  await runReconcile(shop);
  expect(await page()).toContain('We refunded £1.00 of £13.95 on 22 November 2026 at 10:01 GMT.');
  expect(await page()).toContain(
    'Placed 22 November 2026 at 10:00 GMT. Last updated 22 November 2026 at 10:01 GMT.',
  );
  await undoOrder(shop.context, await find(), { id: 'undo', payment: null, reason: 'Sold out' });
  const text = await page();
  expect(text).toContain('The payment was refunded in full.');
  expect(text).toContain('We refunded £13.95 on');
});

test('the page of an order that was paid twice says what came and what went back', async () => {
  const shop = await start();
  loseNextAnswers(shop);
  const { find, page } = await orderOf(shop);
  for (const { id } of shop.simulator.paymentIntents()) await shop.pay(id);
  await shop.handAll();
  shop.pass(minutes);
  await runReconcile(shop);
  expect(await page()).toContain('this order was paid for more than once');
  const order = await find();
  await undoOrder(shop.context, order, { id: 'undo', payment: 1, reason: 'Paid twice' });
  await shop.context.store.decide(order.id, {
    action: 'accept',
    settles: standingHolds(order),
    payment: null,
    decidedBy: 'a test',
    reason: 'One payment went back',
    decidedAt: shop.now(),
  });
  expect(await page()).toMatch(/We have received £27\.90, and refunded £13\.95 on [^.]*\./);
  await undoOrder(shop.context, await find(), { id: 'rest', payment: null, reason: 'Sold out' });
  expect(await page()).toContain('£27.90 was released on');
});
