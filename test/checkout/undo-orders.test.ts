import { describe, expect, test } from 'vitest';
import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { DojoError } from '../../src/dojo/errors.ts';
import type { Order } from '../../src/shop/order.ts';
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
    expect(
      await shop.context.store.claimFulfilments('me', shop.now(), new Date(shop.now().getTime() + hours), 10),
    ).toEqual([]);
    shop.pass(minutes);
    await runReconcile(shop);
    expect((await current(shop, order)).attempts[0]?.facts.refundedAmount).toBe(1395);
  });
});

describe('a merchant who ships', () => {
  test('gets no order that was partly refunded elsewhere', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    await shop.portalRefund(intentId, 500);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({
      status: 'partly_refunded',
      holds: ['refunded_before_fulfilment'],
    });
    const until = new Date(shop.now().getTime() + hours);
    expect(await shop.context.store.claimFulfilments('me', shop.now(), until, 10)).toEqual([]);
  });

  test('claims a paid order, and no one else gets it before the claim ends', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const until = () => new Date(shop.now().getTime() + hours);
    const claim = async (by: string) =>
      (await shop.context.store.claimFulfilments(by, shop.now(), until(), 10)).map(({ id }) => id);
    expect(await claim('one')).toEqual([order.id]);
    expect(await claim('two')).toEqual([]);
    shop.pass(2 * hours);
    expect(await shop.context.store.completeFulfilment(order.id, 'one', shop.now())).toBe(false);
    expect(await claim('two')).toEqual([order.id]);
    expect(await shop.context.store.completeFulfilment(order.id, 'one', shop.now())).toBe(false);
    expect(await shop.context.store.completeFulfilment(order.id, 'two', shop.now())).toBe(true);
    expect(await shop.context.store.completeFulfilment(order.id, 'two', shop.now())).toBe(false);
    shop.pass(2 * hours);
    expect(await claim('one')).toEqual([]);
  });
});

async function undoAll(shop: Scenario, order: Order, id: string) {
  return undoOrder(shop.context, await current(shop, order), { id, payment: null, reason: 'Sold out' });
}
