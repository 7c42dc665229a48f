import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent, PaymentIntentStatus } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { findMismatch, type Order, type PaymentAttempt } from '../shop/order.ts';
import type { CheckPlan, Observation } from '../shop/order-events.ts';
import { takenOf } from '../shop/order-money.ts';
import { nextCheck, plus, schedule } from '../shop/schedule.ts';

/** Beyond this our clock, or Dojo's, is wrong, and nothing is expired by it. */
const maxClockSkewMs = 120_000;

/**
 * Asks Dojo about an order's payment and makes the store agree. An order whose intent has expired unpaid is closed:
 * the intent is canceled first, so that it cannot be paid afterwards. Throws `DojoError` if Dojo gave no answer.
 */
export async function settleOrder(context: Context, order: Order): Promise<Order> {
  // The attempt that the shopper pays comes last: it decides when to check again.
  const attempts = order.attempts
    .filter(isAsked)
    .sort((one, other) => Number(one.state === 'attached') - Number(other.state === 'attached'));
  let settled = order;
  for (const attempt of attempts) {
    const isLast = attempt === attempts.at(-1);
    settled = await settleAttempt(context, settled, attempt, isLast);
  }
  if (attempts.length === 0) await context.store.planCheck(order.id, { at: null, seen: order.nextCheckAt });
  return settled;
}

/** The payments that Dojo is asked about: the one that the shopper was shown, and those with money. */
function isAsked({ state, facts }: PaymentAttempt): boolean {
  return state === 'attached' || facts.captured || facts.authorized;
}

async function settleAttempt(
  context: Context,
  order: Order,
  attempt: PaymentAttempt,
  isLast: boolean,
): Promise<Order> {
  if (attempt.paymentIntentId === null) return order;
  const askedAt = context.now();
  const intent = await getIntent(context, attempt.paymentIntentId);
  // A 404 says nothing: not even a canceled intent is hidden from this question.
  if (intent === null) {
    await context.store.planCheck(order.id, scheduledCheck(context, order, attempt));
    return order;
  }
  const isOver = attempt.expireAt !== null && attempt.expireAt <= context.now() && isClockRight(context);
  const isGivenUp = attempt.facts.unwanted || order.supersededBy !== null;
  const mayClose = intent.status === 'Created' && (isOver || isGivenUp);
  const settled = mayClose ? await closeIntent(context, attempt.paymentIntentId) : intent;
  const observation = observeIntent(order, attempt, settled ?? intent, askedAt);
  const observed = { ...observation, expired: isOver && settled?.status === 'Canceled' };
  return recordObservation(context, order, observed, isLast);
}

/** After these statuses Dojo changes nothing by itself. A status that is new to us is not among them. */
const isFinal: ReadonlySet<string> = new Set([
  'Captured',
  'Canceled',
  'Refunded',
  'Reversed',
] satisfies PaymentIntentStatus[]);

/**
 * Records what Dojo answered, and plans the next check if something may still change. A check that was planned stays until
 * all of an order's payments were read.
 */
export async function recordObservation(
  context: Context,
  order: Order,
  observation: Observation,
  isLast = order.attempts.filter(isAsked).length <= 1,
): Promise<Order> {
  const attempt = order.attempts.find((entry) => entry.number === observation.attempt);
  const isOver = observation.status !== null && isFinal.has(observation.status);
  const seen = order.nextCheckAt;
  const scheduled = isOver ? { at: null, seen } : scheduledCheck(context, order, attempt);
  const plan = isLast ? scheduled : { at: seen, seen };
  if (observation.mismatched) {
    const paymentIntentId = attempt?.paymentIntentId ?? undefined;
    logEvent(context.log, 'orderMismatched', { orderReference: order.reference, paymentIntentId });
  }
  return context.store.recordObservation(observation, plan);
}

/** The next check by the schedule, unless an earlier one was planned meanwhile. */
export function scheduledCheck(
  context: Context,
  order: Order,
  attempt: PaymentAttempt | undefined,
): CheckPlan {
  const at = nextCheck(order.createdAt, order.checks, attempt?.expireAt ?? null, context.now());
  return { at, seen: order.nextCheckAt };
}

/** The facts in Dojo's answer. An answer about another intent or reference proves only that it does not match. */
export function observeIntent(
  order: Order,
  attempt: PaymentAttempt,
  intent: PaymentIntent,
  observedAt: Date,
): Observation {
  const isOther = intent.id !== attempt.paymentIntentId || intent.reference !== order.reference;
  return {
    orderId: order.id,
    attempt: attempt.number,
    observedAt,
    ...(isOther ? { status: null } : observeMoney(order, attempt, intent)),
    mismatched: isOther || findMismatch(order, intent) !== null,
  };
}

function observeMoney(order: Order, { number, captureMode }: PaymentAttempt, intent: PaymentIntent) {
  const { status, refundedAmount } = intent;
  const isTaken = status === 'Captured' || status === 'Refunded' || status === 'Reversed';
  const isOurCurrency = intent.amount.currencyCode === order.currencyCode;
  const accepted = order.captures.filter(({ attempt, state }) => attempt === number && state === 'done');
  const capturedAmount = isTaken && isOurCurrency ? takenOf(intent, captureMode, accepted) : 0;
  return { status, refundedAmount, capturedAmount, reversalObserved: status === 'Reversed' };
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

function isClockRight(context: Context): boolean {
  const skewMs = context.dojo.clockSkewMs();
  if (skewMs === null || Math.abs(skewMs) <= maxClockSkewMs) return true;
  logEvent(context.log, 'clockSkewed', { skewMs });
  return false;
}
