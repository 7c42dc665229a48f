import { type Attempt, findAttached, type Order } from '../shop/order.ts';
import type { NewRefund, OpenRefund } from '../store/order-store.ts';
import type { CheckoutDeps } from './deps.ts';
import { getIntent, isRefusal, readIntent, recordReading } from './settle-order.ts';

/**
 * - `done`: the money is on its way back
 * - `too-much`: more than is left to give back
 * - `stale`: somebody refunded since the caller looked
 * - `not-paid`: there is no money to give back
 * - `refused`: Dojo would not; a person has to look
 */
export type RefundedOrder = {
  readonly kind: 'done' | 'too-much' | 'stale' | 'not-paid' | 'refused';
  readonly order: Order;
};

export type RefundRequest = {
  /** The idempotency key: the same refund asked for twice has the same. At most 100 characters. */
  readonly id: string;
  /** Minor units. */
  readonly amount: number;
  readonly reason: string;
  /** What the person who asks believes to have gone back so far, in minor units; null where it does not matter. */
  readonly expectedRefunded: number | null;
};

/** Gives money back, in full or in part. Stored before Dojo is asked; after a `DojoError` the sweep asks again with the same id. */
export async function refundOrder(
  deps: CheckoutDeps,
  order: Order,
  request: RefundRequest,
): Promise<RefundedOrder> {
  const attempt = findCaptured(order);
  if (attempt === null) return { kind: 'not-paid', order };
  // What is left after everything went back.
  if (request.amount <= 0) return { kind: 'too-much', order };
  const begun = await begin(deps, order, attempt, { ...request, kind: 'refund' });
  if (begun !== 'begun') return { kind: begun, order };
  return finishRefund(deps, { ...request, kind: 'refund', order });
}

/**
 * Gives everything back by the quickest way that Dojo allows: a reservation is released; a payment is reversed, which it
 * allows on the same day only, or else refunded. `id` names the whole undertaking. Throws `DojoError`.
 */
export async function undoOrder(
  deps: CheckoutDeps,
  order: Order,
  id: string,
  reason: string,
): Promise<RefundedOrder> {
  const attempt = findAttached(order);
  if (attempt === null || !(attempt.facts.captured || attempt.facts.authorized))
    return { kind: 'not-paid', order };
  const amount = order.basket.total;
  const reversal = { id: `${id}-reversal`, amount, reason, expectedRefunded: 0, kind: 'reversal' as const };
  const begun = await begin(deps, order, attempt, reversal);
  if (begun === 'begun') {
    const reversed = await finishRefund(deps, { ...reversal, order });
    if (reversed.kind === 'done' || !attempt.facts.captured) return reversed;
  }
  if (!attempt.facts.captured) return { kind: begun === 'begun' ? 'refused' : begun, order };
  const left = amount - attempt.facts.refundedAmount;
  return refundOrder(deps, order, { id: `${id}-refund`, amount: left, reason, expectedRefunded: null });
}

/** Asks Dojo for a stored refund, as often as it takes: the same id moves the money once. */
export async function finishRefund(deps: CheckoutDeps, refund: OpenRefund): Promise<RefundedOrder> {
  const { order } = refund;
  const attempt = findAttached(order);
  if (attempt?.paymentIntentId == null) return { kind: 'not-paid', order };
  let answer: { state: 'done' | 'refused'; refundId: string | null };
  try {
    answer = { state: 'done', refundId: await sendRefund(deps, refund, attempt.paymentIntentId) };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // A reversal has no idempotency key: a second one is refused because the first was done.
    const isDone =
      refund.kind === 'reversal' && (await getIntent(deps, attempt.paymentIntentId))?.status === 'Reversed';
    answer = { state: isDone ? 'done' : 'refused', refundId: null };
    if (!isDone)
      deps.log.warn(
        { err: error, orderReference: order.reference, refund: refund.id },
        'Dojo refused to give money back',
      );
  }
  const ended = await deps.store.endRefund(refund.id, answer, deps.now());
  const intent = await getIntent(deps, attempt.paymentIntentId);
  const read = intent && (await recordReading(deps, ended, readIntent(ended, attempt, intent, deps.now())));
  return { kind: answer.state, order: read ?? ended };
}

async function sendRefund(
  deps: CheckoutDeps,
  refund: OpenRefund,
  paymentIntentId: string,
): Promise<string | null> {
  if (refund.kind === 'reversal') return (await deps.dojo.reversePaymentIntent(paymentIntentId)).reversalId;
  const { id: idempotencyKey, amount, reason } = refund;
  const { refundId } = await deps.dojo.refundPaymentIntent(paymentIntentId, {
    idempotencyKey,
    amount,
    refundReason: reason,
  });
  return refundId;
}

function begin(
  deps: CheckoutDeps,
  order: Order,
  attempt: Attempt,
  refund: RefundRequest & Pick<NewRefund, 'kind'>,
): Promise<'begun' | 'too-much' | 'stale'> {
  return deps.store.beginRefund({
    ...refund,
    orderId: order.id,
    attempt: attempt.number,
    askedAt: deps.now(),
  });
}

function findCaptured(order: Order): Attempt | null {
  const attempt = findAttached(order);
  return attempt?.facts.captured === true ? attempt : null;
}
