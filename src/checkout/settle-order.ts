import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent, PaymentIntentStatus } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { isAsked } from '../shop/next-check.ts';
import { findMismatch, type Order, type OrderFacts, type PaymentAttempt } from '../shop/order.ts';
import type { CheckPlan, Observation } from '../shop/order-events.ts';
import { takenOf } from '../shop/order-money.ts';
import { plus, schedule } from '../shop/schedule.ts';

/** Beyond this our clock, or Dojo's, is wrong, and nothing is expired by it. */
const maxClockSkewMs = 120_000;

/**
 * Asks Dojo about an order's payments, one after another, and makes the store agree. An order whose intent has expired unpaid is
 * closed: the intent is canceled first, so that it cannot be paid afterwards. Throws `DojoError` if Dojo gave no answer.
 */
export async function settleOrder(context: Context, order: Order): Promise<Order> {
  const seen = order.nextCheckAt;
  const attempts = order.attempts.filter(isAsked);
  let settled = order;
  for (const attempt of attempts) {
    // The order was checked once all its payments were.
    const plan = attempt === attempts.at(-1) ? { seen } : { at: seen, seen };
    settled = await settleAttempt(context, settled, attempt, plan);
  }
  if (attempts.length === 0) await context.store.planCheck(order.id, { at: null, seen }, context.now());
  return settled;
}

async function settleAttempt(
  context: Context,
  order: Order,
  attempt: PaymentAttempt,
  plan: CheckPlan,
): Promise<Order> {
  if (attempt.paymentIntentId === null) return order;
  const askedAt = context.now();
  const intent = await getIntent(context, attempt.paymentIntentId);
  // A 404 says nothing: not even a canceled intent is hidden from this question.
  if (intent === null) {
    await context.store.planCheck(order.id, plan, context.now());
    return order;
  }
  const isOver = isPastExpiry(attempt, context.now()) && isClockRight(context);
  const closed = mustClose(order, attempt, intent, isOver)
    ? await closeIntent(context, attempt.paymentIntentId)
    : null;
  return record(context, observeAttempt(order, attempt, closed ?? intent, { askedAt, isOver }), {
    order,
    plan,
  });
}

/** Records what Dojo answered, and plans the next check if something may still change. */
export async function recordObservation(
  context: Context,
  order: Order,
  observation: Observation,
): Promise<Order> {
  // A check that was planned stays until all of an order's payments were read.
  const seen = order.nextCheckAt;
  const isOnly = order.attempts.filter(isAsked).length <= 1;
  return record(context, observation, { order, plan: isOnly ? { seen } : { at: seen, seen } });
}

async function record(
  context: Context,
  observation: Observation,
  { order, plan }: { readonly order: Order; readonly plan: CheckPlan },
): Promise<Order> {
  logMismatch(context, order, observation);
  return context.store.recordObservation(observation, plan);
}

export function logMismatch(context: Context, order: OrderFacts, observation: Observation): void {
  if (observation.mismatched !== true) return;
  const attempt = order.attempts.find((entry) => entry.number === observation.attempt);
  const paymentIntentId = attempt?.paymentIntentId ?? undefined;
  logEvent(context.log, 'orderMismatched', { orderReference: order.reference, paymentIntentId });
}

/** The same as `observeIntent`, and that we give the intent up if its time is over and Dojo calls it canceled. */
export function observeAttempt(
  order: OrderFacts,
  attempt: PaymentAttempt,
  intent: PaymentIntent,
  { askedAt, isOver }: { readonly askedAt: Date; readonly isOver: boolean },
): Observation {
  const observation = observeIntent(order, attempt, intent, askedAt);
  return { ...observation, expired: isOver && observation.status === 'Canceled' };
}

export function isPastExpiry({ expireAt }: PaymentAttempt, now: Date): boolean {
  return expireAt !== null && expireAt <= now;
}

/** Nobody is to pay it any more, and Dojo still lets them. */
export function mustClose(
  order: Pick<OrderFacts, 'supersededBy'>,
  { facts }: PaymentAttempt,
  { status }: PaymentIntent,
  isOver: boolean,
): boolean {
  return status === 'Created' && (isOver || facts.unwanted || order.supersededBy !== null);
}

/** The facts in Dojo's answer. An answer about another intent or reference proves only that it does not match. */
export function observeIntent(
  order: OrderFacts,
  attempt: PaymentAttempt,
  intent: PaymentIntent,
  observedAt: Date,
): Observation {
  const { reference, total, currencyCode } = order;
  const isOther = intent.id !== attempt.paymentIntentId || intent.reference !== reference;
  return {
    orderId: order.id,
    attempt: attempt.number,
    observedAt,
    ...(isOther ? { status: null } : observeMoney(order, attempt, intent)),
    mismatched: isOther || findMismatch({ reference, basket: { total, currencyCode } }, intent) !== null,
  };
}

function observeMoney(order: OrderFacts, { number, captureMode }: PaymentAttempt, intent: PaymentIntent) {
  const { status, refundedAmount } = intent;
  const isOurCurrency = intent.amount.currencyCode === order.currencyCode;
  const accepted = order.captures.filter(({ attempt, state }) => attempt === number && state === 'done');
  const capturedAmount = isTaken(intent) && isOurCurrency ? takenOf(intent, captureMode, accepted) : 0;
  return { status, refundedAmount, capturedAmount, reversalObserved: status === 'Reversed' };
}

const taken: ReadonlySet<string> = new Set([
  'Captured',
  'Refunded',
  'Reversed',
] satisfies PaymentIntentStatus[]);

/** Money was taken, whatever became of it. */
export function isTaken({ status }: PaymentIntent): boolean {
  return taken.has(status);
}

/** A check soon, since this process may die before it gets the answer to its call. */
export function soon(context: Context, order: Order): CheckPlan {
  return { at: plus(context.now(), schedule.verify), seen: order.nextCheckAt };
}

/** Cancels an intent that must not be paid, and returns it as Dojo then has it; null if Dojo does not know it. */
export async function closeIntent(context: Context, paymentIntentId: string): Promise<PaymentIntent | null> {
  try {
    await context.dojo.cancelPaymentIntent(paymentIntentId);
  } catch (error) {
    // It may have been paid a moment ago, or be closed already: the next read shows which.
    if (!isRefusal(error)) throw error;
  }
  return getIntent(context, paymentIntentId);
}

export async function getIntent(context: Context, paymentIntentId: string): Promise<PaymentIntent | null> {
  try {
    return await context.dojo.getPaymentIntent(paymentIntentId);
  } catch (error) {
    if (error instanceof DojoError && error.kind === 'not-found') return null;
    throw error;
  }
}

/** Dojo uses 400, 404 and 409 for what a state does not allow, and documents no rule for which. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DojoError && ['invalid', 'not-found', 'conflict'].includes(error.kind);
}

export function isClockRight(context: Context): boolean {
  const skewMs = context.dojo.clockSkewMs();
  if (skewMs === null || Math.abs(skewMs) <= maxClockSkewMs) return true;
  logEvent(context.log, 'clockSkewed', { skewMs });
  return false;
}
