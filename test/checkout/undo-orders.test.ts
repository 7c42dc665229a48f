import { describe, expect, test } from 'vitest';
import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { DojoError } from '../../src/dojo/errors.ts';
import type { Order } from '../../src/shop/order.ts';
import { loseFirstIntent, payTwice } from '../support/pay-twice.ts';
import type { Scenario } from '../support/scenario.ts';
import {
  current,
  due,
  hours,
  minutes,
  ordered,
  runReconcile,
  start,
  statusAtDojo,
} from '../support/scenario-steps.ts';

describe('a merchant', () => {
  test('cancels an unpaid order, and no one can pay it any more', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    expect(await cancelOrder(shop.context, order)).toMatchObject({
      kind: 'canceled',
      order: { status: 'canceled' },
    });
    expect(statusAtDojo(shop, intentId)).toBe('Canceled');
  });

  test('who cancels while the shopper pays gets a paid order on hold', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    expect(await cancelOrder(shop.context, order)).toMatchObject({
      kind: 'too-late',
      order: { status: 'paid', holds: ['captured_after_cancel'] },
    });
    expect(due(shop)).toHaveLength(0);
  });

  test('whose cancellation is interrupted has it finished by the reconciler', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    const cancel = shop.context.dojo.cancelPaymentIntent;
    Object.assign(shop.context.dojo, {
      cancelPaymentIntent: () => Promise.reject(new DojoError('timeout', 'Lost.')),
    });
    await expect(cancelOrder(shop.context, order)).rejects.toThrow(DojoError);
    Object.assign(shop.context.dojo, { cancelPaymentIntent: cancel });
    shop.pass(minutes);
    await runReconcile(shop);
    expect(statusAtDojo(shop, intentId)).toBe('Canceled');
    expect((await current(shop, order)).status).toBe('canceled');
  });

  test('captures a reservation once', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    expect((await current(shop, order)).status).toBe('authorized');
    expect(due(shop)).toHaveLength(0);
    const captured = await captureOrder(shop.context, order);
    expect(captured).toMatchObject({ kind: 'captured', order: { status: 'paid', holds: [] } });
    expect(due(shop)).toHaveLength(1);
    expect(await captureOrder(shop.context, captured.order)).toMatchObject({ kind: 'not-reserved' });
  });

  test('captures a part again whose answer was lost, and no part twice', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const capture = async () => captureOrder(shop.context, await current(shop, order), 500);
    const taken = () => shop.simulator.ledger().map(({ charged }) => charged);
    expect(await capture()).toMatchObject({ kind: 'captured', amount: 500, order: { received: 500 } });
    const send = shop.context.dojo.capturePaymentIntent;
    Object.assign(shop.context.dojo, {
      capturePaymentIntent: () => Promise.reject(new DojoError('timeout', 'Nothing came.')),
    });
    await expect(capture()).rejects.toThrow(DojoError);
    Object.assign(shop.context.dojo, { capturePaymentIntent: send });
    // The call may be on its way for a minute.
    expect((await capture()).kind).toBe('under-way');
    expect(taken()).toEqual([500]);
    shop.pass(minutes);
    expect(await capture()).toMatchObject({ kind: 'captured', amount: 500, order: { received: 1000 } });
    expect(taken()).toEqual([1000]);
    expect((await capture()).kind).toBe('too-much');
  });

  test('captures once when three requests for the same money come at once', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const paid = await current(shop, order);
    const captures = await Promise.all([1, 2, 3].map(() => captureOrder(shop.context, paid, 500)));
    expect(captures.filter(({ kind }) => kind === 'captured')).toHaveLength(1);
    expect(shop.simulator.ledger().map(({ charged }) => charged)).toEqual([500]);
  });

  test('captures nothing from an intent with another amount', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const real = await shop.context.dojo.getPaymentIntent(intentId);
    Object.assign(shop.context.dojo, {
      getPaymentIntent: async () => ({ ...real, amount: { value: 1, currencyCode: 'GBP' } }),
    });
    expect(await captureOrder(shop.context, order)).toMatchObject({
      kind: 'not-reserved',
      order: { holds: ['amount_mismatch'] },
    });
    expect(statusAtDojo(shop, intentId)).toBe('Authorized');
  });

  test('releases a reservation', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const released = await undoAll(shop, order, 'undo-1');
    expect(released.payments).toEqual([{ number: 1, amount: 1395, how: 'released', kind: 'done' }]);
    expect(released).toMatchObject({ order: { status: 'reversed', holds: [] } });
    expect(statusAtDojo(shop, intentId)).toBe('Reversed');
  });

  test('gives everything back by reversal on the same day, and by refund later', async () => {
    const shop = await start();
    for (const [key, wait, status] of [
      ['key-1', 0, 'reversed'],
      ['key-2', 48 * hours, 'refunded'],
    ] as const) {
      const { order, intentId } = await ordered(shop, key);
      await shop.pay(intentId);
      await shop.handAll();
      shop.pass(wait);
      const undone = await undoAll(shop, order, `undo-${key}`);
      expect(undone.payments).toEqual([{ number: 1, amount: 1395, how: status, kind: 'done' }]);
      expect(undone).toMatchObject({ order: { status, holds: [] } });
    }
  });

  test('who undoes an order twice is refused the second time', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    shop.pass(48 * hours);
    expect((await undoAll(shop, order, 'undo-1')).payments).toMatchObject([{ amount: 1395, kind: 'done' }]);
    expect((await undoAll(shop, order, 'undo-2')).payments).toEqual([]);
  });

  test('refunds in parts, never more than was paid, and never from a form that is out of date', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const refund = async (id: string, amount: number, expectedReturned: number | null) => {
      const { kind } = await refundOrder(shop.context, await current(shop, order), {
        id,
        amount,
        reason: 'Broken',
        payment: null,
        expectedReturned,
      });
      return kind;
    };
    expect(await refund('r1', 500, 0)).toBe('done');
    expect((await current(shop, order)).status).toBe('partly_refunded');
    expect(await refund('r2', 500, 0)).toBe('stale');
    expect(await refund('r3', 896, 500)).toBe('too-much');
    expect(await refund('r4', 895, 500)).toBe('done');
    expect(await current(shop, order)).toMatchObject({ status: 'refunded', holds: [] });
    expect(await refund('r5', 1, null)).toBe('too-much');
    expect(await refund('r6', 0, null)).toBe('too-much');
    const atDojo = shop.simulator.paymentIntents().find((intent) => intent.id === intentId);
    expect(atDojo?.refunds.map((entry) => entry.amount)).toEqual([500, 895]);
  });

  test('refunds once when three requests for the same money come at once', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const paid = await current(shop, order);
    const refunds = await Promise.all(
      ['r1', 'r2', 'r3'].map((id) =>
        refundOrder(shop.context, paid, { id, amount: 1395, reason: '', payment: null, expectedReturned: 0 }),
      ),
    );
    expect(refunds.map((refund) => refund.kind).sort()).toEqual(['done', 'stale', 'stale']);
  });

  test('whose refund is interrupted has it finished by the reconciler, and the money moves once', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const send = shop.context.dojo.refundPaymentIntent;
    Object.assign(shop.context.dojo, {
      refundPaymentIntent: async (...args: Parameters<typeof send>) => {
        await send(...args);
        throw new DojoError('timeout', 'The answer was lost.');
      },
    });
    const request = { id: 'r1', amount: 500, reason: 'Broken', payment: null, expectedReturned: 0 };
    await expect(refundOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
    Object.assign(shop.context.dojo, { refundPaymentIntent: send });
    shop.pass(2 * minutes);
    expect((await runReconcile(shop)).refunds).toBe(1);
    expect(await current(shop, order)).toMatchObject({ status: 'partly_refunded', holds: [] });
    const atDojo = shop.simulator.paymentIntents().find((intent) => intent.id === intentId);
    expect(atDojo?.refunds.map((entry) => entry.amount)).toEqual([500]);
  });

  test.each([
    ['reversal', hours],
    ['refund', 25 * hours],
  ])(
    'whose %s Dojo accepts but does not show yet sends no goods, and has Dojo asked until it does',
    async (_how, age) => {
      const shop = await start();
      const { order, intentId } = await ordered(shop);
      await shop.pay(intentId);
      await shop.handAll();
      shop.pass(age);
      await runReconcile(shop);
      const stale = shop.simulator.faults.add({
        kind: 'stale',
        operation: 'get-payment-intent',
        delayMs: 10 * minutes,
      });
      await undoAll(shop, order, 'undo');
      await shop.posted();
      // No webhook comes.
      shop.post.length = 0;
      expect(await current(shop, order)).toMatchObject({ status: 'paid', returned: 0 });
      const shipment = { carrier: null, trackingUrl: null, sentAt: shop.now() };
      expect(await shop.context.store.shipOrder(order.id, shipment)).toMatchObject({ kind: 'not-paid' });

      shop.pass(minutes);
      await runReconcile(shop);
      shop.simulator.faults.remove(stale.id);
      shop.pass(10 * minutes);
      await runReconcile(shop);
      expect(await current(shop, order)).toMatchObject({ received: 1395, returned: 1395 });
    },
  );

  test('who releases one payment of an order still learns that the shopper made another', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    shop.simulator.changeSettings({ authorizedEvent: 'none' });
    const { order, lost, shown } = await loseFirstIntent(shop);
    await shop.pay(lost);
    shop.pass(minutes);
    await runReconcile(shop);
    await undoAll(shop, order, 'undo');
    expect(statusAtDojo(shop, lost)).toBe('Reversed');
    await shop.pay(shown);
    shop.pass(20 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'authorized' });
  });

  test('who refunds one payment still learns what was refunded of another in Dojo’s portal', async () => {
    const shop = await start();
    const { order, intents, second } = await payTwice(shop);
    await shop.portalRefund(intents[0] ?? '', 100);
    await shop.handAll();
    const request = { payment: second, amount: 50, reason: 'A chip', expectedReturned: null };
    await refundOrder(shop.context, await current(shop, order), { ...request, id: 'refund' });
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ received: 2790, returned: 150 });
  });

  test('who refunds in Dojo’s portal before shipping stops the goods, and the reconciler learns the amount', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    await shop.portalRefund(intentId, 1395);
    await shop.handAll();
    expect(await current(shop, order)).toMatchObject({
      status: 'refunded',
      holds: ['refunded_before_fulfilment'],
    });
    expect((await current(shop, order)).mayShip).toBe(false);
    shop.pass(minutes);
    await runReconcile(shop);
    expect((await current(shop, order)).attempts[0]?.facts.refundedAmount).toBe(1395);
  });
});

async function undoAll(shop: Scenario, order: Order, id: string) {
  return undoOrder(shop.context, await current(shop, order), { id, payment: null, reason: 'Sold out' });
}
