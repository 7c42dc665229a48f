import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { Order, PaymentAttempt } from '../shop/order.ts';
import { isReserved, leftToReturn, paymentMoney } from '../shop/order-money.ts';
import type { NewRefund, OpenRefund } from '../store/order-store.ts';
import { getIntent, isRefusal, observeIntent, recordObservation } from './settle-order.ts';

/**
 * - `done`: the money is on its way back
 * - `too-much`: more than is left to give back
 * - `stale`: someone refunded since the caller read the order
 * - `not-paid`: there is no money to give back
 * - `ambiguous`: several payments have money; the caller must say which
 * - `refused`: Dojo refused; a person decides
 */
export type RefundedOrder = {
  readonly kind: 'done' | 'too-much' | 'stale' | 'not-paid' | 'ambiguous' | 'refused';
  readonly order: Order;
};

/** What was done about one payment. Its amount is in minor units; `released` money was never taken. */
export type UndonePayment = {
  readonly number: number;
  readonly amount: number;
  readonly how: 'released' | 'reversed' | 'refunded';
  readonly kind: RefundedOrder['kind'];
};

export type RefundRequest = {
  /** The idempotency key: the same refund asked for twice has the same. At most 100 characters. */
  readonly id: string;
  /** The number of the payment; null for the only one that has money. */
  readonly payment: number | null;
  /** Minor units. */
  readonly amount: number;
  readonly reason: string;
  /** What went back of that payment so far as the caller saw it, in minor units; null if it does not matter. */
  readonly expectedReturned: number | null;
};

/** Gives money back, in full or in part. Stored before Dojo is asked; after a `DojoError` the reconciler asks again with the same id. */
export async function refundOrder(
  context: Context,
  order: Order,
  request: RefundRequest,
): Promise<RefundedOrder> {
  const { payment: number, ...refund } = request;
  const isAsked = (payment: PaymentAttempt) => number === null || payment.number === number;
  const captured = order.attempts.filter(
    (payment) => payment.facts.captured && payment.paymentIntentId !== null && isAsked(payment),
  );
  const withMoney = captured.filter((payment) => paymentMoney(payment, order).kept > 0);
  if (withMoney.length > 1) return { kind: 'ambiguous', order };
  const payment = withMoney[0] ?? captured[0];
  if (payment === undefined) return { kind: 'not-paid', order };
  // Nothing is left once everything went back.
  if (refund.amount <= 0) return { kind: 'too-much', order };
  return beginAndFinish(context, order, payment, { ...refund, kind: 'refund' });
}

/** The payments of an order that have money to give back or to release: all, or the one with this number. */
export function findUndoable(order: Order, number: number | null): PaymentAttempt[] {
  return order.attempts.filter(
    (payment) =>
      payment.paymentIntentId !== null &&
      (number === null || payment.number === number) &&
      (isReserved(payment) || paymentMoney(payment, order).kept > 0),
  );
}

/**
 * Gives back everything that is left, wherever it lies, each payment by the quickest way that Dojo allows: a reservation is
 * released; a payment is reversed, which it allows on the same day only, or else refunded. `id` names the undo as a whole.
 * Throws `DojoError`; what was begun is finished by the reconciler.
 */
export async function undoOrder(
  context: Context,
  order: Order,
  { id, payment: number, reason }: Pick<RefundRequest, 'id' | 'payment' | 'reason'>,
): Promise<{ readonly order: Order; readonly payments: readonly UndonePayment[] }> {
  let current = order;
  const payments: UndonePayment[] = [];
  for (const payment of findUndoable(order, number)) {
    const undone = await undoPayment(context, current, payment, { id: `${id}-${payment.number}`, reason });
    current = undone.order;
    payments.push(undone.done);
  }
  return { order: current, payments };
}

type Named = { readonly id: string; readonly reason: string };

async function undoPayment(
  context: Context,
  order: Order,
  payment: PaymentAttempt,
  { id, reason }: Named,
): Promise<{ readonly order: Order; readonly done: UndonePayment }> {
  const { number, facts } = payment;
  const { received } = paymentMoney(payment, order);
  const amount = facts.captured ? received : order.total;
  // Dojo reverses no payment that was captured by hand.
  if (!facts.captured || payment.captureMode === 'Auto') {
    const kind = 'reversal' as const;
    const reversal = { id: `${id}${reversalSuffix}`, amount, reason, expectedReturned: 0, kind };
    // A reversal gives back everything or nothing, so it cannot follow a refund.
    if ((await begin(context, order, payment, reversal)) === 'begun') {
      const ended = await finishRefund(context, { ...reversal, attempt: number, order });
      const how = facts.captured ? 'reversed' : 'released';
      const done =
        ended.rest === undefined
          ? ({ amount, how } as const)
          : ({ amount: ended.rest, how: 'refunded' } as const);
      return { order: ended.order, done: { number, kind: ended.kind, ...done } };
    }
  }
  const rest = await refundRest(context, order, payment, { id, reason });
  return { order: rest.order, done: { number, amount: rest.amount, how: 'refunded', kind: rest.kind } };
}

type BegunRefund = Omit<RefundRequest, 'payment'> & Pick<NewRefund, 'kind'>;

async function beginAndFinish(
  context: Context,
  order: Order,
  payment: PaymentAttempt,
  refund: BegunRefund,
): Promise<RefundedOrder> {
  const begun = await begin(context, order, payment, refund);
  if (begun !== 'begun') return { kind: begun, order };
  return finishRefund(context, { ...refund, attempt: payment.number, order });
}

function begin(context: Context, order: Order, { number }: PaymentAttempt, refund: BegunRefund) {
  return context.store.beginRefund({
    ...refund,
    orderId: order.id,
    attempt: number,
    askedAt: context.now(),
  });
}

const reversalSuffix = '-reversal';

/**
 * Asks Dojo for a stored refund, as often as it takes: the same id moves the money once. A reversal that it refuses becomes a
 * refund of what is left, whose amount is `rest`.
 */
export async function finishRefund(
  context: Context,
  refund: OpenRefund,
): Promise<RefundedOrder & { readonly rest?: number }> {
  const payment = findPayment(refund.order, refund.attempt);
  if (payment?.paymentIntentId == null) return { kind: 'not-paid', order: refund.order };
  const answer = await askForRefund(context, refund, payment.paymentIntentId);
  const ended = await context.store.endRefund(refund.id, answer, context.now());
  const askedAt = context.now();
  const intent = await getIntent(context, payment.paymentIntentId);
  const order =
    intent === null
      ? ended
      : await recordObservation(context, ended, observeIntent(ended, payment, intent, askedAt));
  const now = findPayment(order, refund.attempt) ?? payment;
  if (answer.state === 'done' || refund.kind === 'refund' || !now.facts.captured) {
    return { kind: answer.state, order };
  }
  const id = refund.id.slice(0, -reversalSuffix.length);
  const { amount: rest, ...refunded } = await refundRest(context, order, now, { id, reason: refund.reason });
  return { ...refunded, rest };
}

async function refundRest(
  context: Context,
  order: Order,
  payment: PaymentAttempt,
  { id, reason }: Named,
): Promise<RefundedOrder & { readonly amount: number }> {
  const amount = leftToReturn(payment, order);
  const refund = { id: `${id}-refund`, amount, reason, expectedReturned: null, kind: 'refund' as const };
  if (amount === 0) return { kind: 'too-much', order, amount };
  return { ...(await beginAndFinish(context, order, payment, refund)), amount };
}

function findPayment(order: Order, number: number): PaymentAttempt | undefined {
  return order.attempts.find((payment) => payment.number === number);
}

async function askForRefund(
  context: Context,
  refund: OpenRefund,
  paymentIntentId: string,
): Promise<{ state: 'done' | 'refused'; refundId: string | null }> {
  const { amount } = refund;
  const { currencyCode } = refund.order;
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
