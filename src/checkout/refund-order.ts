import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { Order, PaymentAttempt } from '../shop/order.ts';
import type { NewRefund, OpenRefund } from '../store/order-store.ts';
import { getIntent, isRefusal, observeIntent, recordObservation } from './settle-order.ts';

/**
 * - `done`: the money is on its way back
 * - `too-much`: more than is left to give back
 * - `stale`: someone refunded since the caller read the order
 * - `not-paid`: there is no money to give back
 * - `refused`: Dojo refused; a person decides
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
  /** What went back so far as the caller saw it, in minor units; null if it does not matter. */
  readonly expectedRefunded: number | null;
};

/** Gives money back, in full or in part. Stored before Dojo is asked; after a `DojoError` the reconciler asks again with the same id. */
export async function refundOrder(
  context: Context,
  order: Order,
  request: RefundRequest,
): Promise<RefundedOrder> {
  const attempt = order.attempts.find((entry) => entry.facts.captured && entry.paymentIntentId !== null);
  if (attempt === undefined) return { kind: 'not-paid', order };
  // Nothing is left once everything went back.
  if (request.amount <= 0) return { kind: 'too-much', order };
  return beginAndFinish(context, order, attempt, { ...request, kind: 'refund' });
}

/**
 * Gives everything back by the quickest way that Dojo allows: a reservation is released; a payment is reversed, which it
 * allows on the same day only, or else refunded. `id` names the undo as a whole. Throws `DojoError`.
 */
export async function undoOrder(
  context: Context,
  order: Order,
  id: string,
  reason: string,
): Promise<RefundedOrder> {
  const attempt = order.attempts.find(
    ({ facts, paymentIntentId }) => (facts.captured || facts.authorized) && paymentIntentId !== null,
  );
  if (attempt === undefined) return { kind: 'not-paid', order };
  const reversal = { id: `${id}${reversalSuffix}`, amount: order.basket.total, reason, expectedRefunded: 0 };
  const undone = await beginAndFinish(context, order, attempt, { ...reversal, kind: 'reversal' });
  // A reversal gives back everything or nothing, so it cannot follow a refund.
  const isPartlyBack = undone.kind === 'stale' || undone.kind === 'too-much';
  return isPartlyBack ? refundRest(context, undone.order, attempt, { id, reason }) : undone;
}

async function beginAndFinish(
  context: Context,
  order: Order,
  attempt: PaymentAttempt,
  refund: RefundRequest & Pick<NewRefund, 'kind'>,
): Promise<RefundedOrder> {
  const kept = { ...refund, orderId: order.id, attempt: attempt.number, askedAt: context.now() };
  const begun = await context.store.beginRefund(kept);
  if (begun !== 'begun') return { kind: begun, order };
  return finishRefund(context, { ...refund, attempt: attempt.number, order });
}

const reversalSuffix = '-reversal';

/** Asks Dojo for a stored refund, as often as it takes: the same id moves the money once. A reversal that it refuses becomes a refund. */
export async function finishRefund(context: Context, refund: OpenRefund): Promise<RefundedOrder> {
  const attempt = refund.order.attempts.find((entry) => entry.number === refund.attempt);
  if (attempt?.paymentIntentId == null) return { kind: 'not-paid', order: refund.order };
  const answer = await askForRefund(context, refund, attempt.paymentIntentId);
  const ended = await context.store.endRefund(refund.id, answer, context.now());
  const askedAt = context.now();
  const intent = await getIntent(context, attempt.paymentIntentId);
  const order =
    intent === null
      ? ended
      : await recordObservation(context, ended, observeIntent(ended, attempt, intent, askedAt));
  if (answer.state === 'done' || refund.kind === 'refund' || !attempt.facts.captured) {
    return { kind: answer.state, order };
  }
  return refundRest(context, order, attempt, {
    id: refund.id.slice(0, -reversalSuffix.length),
    reason: refund.reason,
  });
}

function refundRest(
  context: Context,
  order: Order,
  { number }: PaymentAttempt,
  { id, reason }: { id: string; reason: string },
): Promise<RefundedOrder> {
  const refunded = order.attempts.find((entry) => entry.number === number)?.facts.refundedAmount ?? 0;
  const amount = order.basket.total - refunded;
  return refundOrder(context, order, { id: `${id}-refund`, amount, reason, expectedRefunded: null });
}

async function askForRefund(
  context: Context,
  refund: OpenRefund,
  paymentIntentId: string,
): Promise<{ state: 'done' | 'refused'; refundId: string | null }> {
  const { amount } = refund;
  const { currencyCode } = refund.order.basket;
  const about = { orderReference: refund.order.reference, paymentIntentId, refundId: refund.id };
  try {
    const refundId = await sendRefund(context, refund, paymentIntentId);
    logEvent(context.log, 'refundSent', { ...about, amount, currencyCode });
    return { state: 'done', refundId };
  } catch (error) {
    if (!isRefusal(error)) throw error;
    // A reversal has no idempotency key: a second one is refused because the first was done.
    const isDone =
      refund.kind === 'reversal' && (await getIntent(context, paymentIntentId))?.status === 'Reversed';
    if (!isDone) logEvent(context.log, 'refundRefused', { ...about, amount, currencyCode, err: error });
    return { state: isDone ? 'done' : 'refused', refundId: null };
  }
}

async function sendRefund(
  context: Context,
  refund: OpenRefund,
  paymentIntentId: string,
): Promise<string | null> {
  if (refund.kind === 'reversal')
    return (await context.dojo.reversePaymentIntent(paymentIntentId)).reversalId;
  const { id: idempotencyKey, amount, reason } = refund;
  const { refundId } = await context.dojo.refundPaymentIntent(paymentIntentId, {
    idempotencyKey,
    amount,
    refundReason: reason,
  });
  return refundId;
}
