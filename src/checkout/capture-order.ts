import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import { findAttached, type Order } from '../shop/order.ts';
import { getIntent, isRefusal, observeIntent, recordObservation, soon } from './settle-order.ts';

/**
 * - `captured`: the money is taken
 * - `not-reserved`: there is no reservation to take it from
 * - `refused`: Dojo refused; the order says what is true now
 */
export type CapturedOrder = {
  readonly kind: 'captured' | 'not-reserved' | 'refused';
  readonly order: Order;
};

/**
 * Takes the whole amount that a Manual payment has reserved. Dojo has no idempotency key here, so the shop gets the intent
 * before and after: the second time finds a capture whose answer was lost. Throws `DojoError`.
 */
export async function captureOrder(context: Context, order: Order): Promise<CapturedOrder> {
  const attempt = findAttached(order);
  if (attempt?.paymentIntentId == null) return { kind: 'not-reserved', order };
  const before = await getIntent(context, attempt.paymentIntentId);
  if (before === null) return { kind: 'not-reserved', order };
  const known = observeIntent(order, attempt, before, context.now());
  if (known.status !== 'Authorized' || known.mismatched) {
    return { kind: 'not-reserved', order: await recordObservation(context, order, known) };
  }
  await context.store.planCheck(order.id, soon(context, order));
  try {
    await context.dojo.capturePaymentIntent(attempt.paymentIntentId, order.basket.total);
  } catch (error) {
    if (!isRefusal(error)) throw error;
  }
  const after = await getIntent(context, attempt.paymentIntentId);
  if (after === null) return { kind: 'refused', order };
  const settled = await recordObservation(
    context,
    order,
    observeIntent(order, attempt, after, context.now()),
  );
  if (after.status !== 'Captured') return { kind: 'refused', order: settled };
  const { total: amount, currencyCode } = order.basket;
  const { paymentIntentId } = attempt;
  logEvent(context.log, 'paymentCaptured', {
    orderReference: order.reference,
    paymentIntentId,
    amount,
    currencyCode,
  });
  return { kind: 'captured', order: settled };
}
