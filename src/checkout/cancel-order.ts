import type { Context } from '../context.ts';
import { findAttached, isPayable, type Order } from '../shop/order.ts';
import { closeIntent, observeIntent, recordObservation, soon } from './settle-order.ts';

/**
 * - `canceled`: no one can pay it any more
 * - `too-late`: it was paid meanwhile; the order is held for a person
 * - `not-open`: there is nothing to cancel
 * - `unknown`: Dojo still calls it open; the reconciler tries again
 */
export type CanceledOrder = {
  readonly kind: 'canceled' | 'too-late' | 'not-open' | 'unknown';
  readonly order: Order;
};

/** Cancels an unpaid order. Stores first that it is unwanted, so that a payment in between is noticed. Throws `DojoError`. */
export async function cancelOrder(context: Context, order: Order): Promise<CanceledOrder> {
  const attempt = findAttached(order);
  if (!isPayable(order) || attempt?.paymentIntentId == null) return { kind: 'not-open', order };
  const wished = {
    status: null,
    unwanted: true,
    orderId: order.id,
    attempt: attempt.number,
    observedAt: context.now(),
  };
  const noted = await context.store.recordObservation(wished, soon(context, order));

  const intent = await closeIntent(context, attempt.paymentIntentId);
  if (intent === null) return { kind: 'unknown', order: noted };
  const settled = await recordObservation(
    context,
    noted,
    observeIntent(noted, attempt, intent, context.now()),
  );
  if (settled.status === 'canceled' || settled.status === 'expired')
    return { kind: 'canceled', order: settled };
  return { kind: isPayable(settled) ? 'unknown' : 'too-late', order: settled };
}
