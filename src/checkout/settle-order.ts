import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent, PaymentIntentStatus } from '../dojo/schemas.ts';
import { type Attempt, findMismatch, type Order } from '../shop/order.ts';
import { nextLook } from '../shop/sweep-schedule.ts';
import type { LookPlan, Reading } from '../store/order-store.ts';
import type { CheckoutDeps } from './deps.ts';

/** Beyond this our clock, or Dojo's, is wrong, and nothing is expired by it. */
const maxClockSkewMs = 120_000;

/**
 * Asks Dojo about an order's payment and makes the store agree. An order whose intent has expired unpaid is closed:
 * the intent is canceled first, so that it cannot be paid afterwards. Throws `DojoError` where Dojo gave no answer.
 */
export async function settleOrder(deps: CheckoutDeps, order: Order): Promise<Order> {
  const hasMoney = ({ facts }: Attempt) => facts.captured || facts.authorized;
  // The attempt that the shopper pays comes last: it decides when to look again.
  const attempts = order.attempts
    .filter((attempt) => attempt.state === 'attached' || hasMoney(attempt))
    .sort((one, other) => Number(one.state === 'attached') - Number(other.state === 'attached'));
  let settled = order;
  for (const attempt of attempts) settled = await settleAttempt(deps, settled, attempt);
  if (attempts.length === 0) await deps.store.planLook(order.id, { at: null, seen: order.nextLookAt });
  return settled;
}

async function settleAttempt(deps: CheckoutDeps, order: Order, attempt: Attempt): Promise<Order> {
  if (attempt.paymentIntentId === null) return order;
  const askedAt = deps.now();
  const intent = await getIntent(deps, attempt.paymentIntentId);
  // A 404 says nothing: not even a canceled intent is hidden from this question.
  if (intent === null) {
    await deps.store.planLook(order.id, scheduledLook(deps, order, attempt));
    return order;
  }
  const isOver = attempt.expireAt !== null && attempt.expireAt <= deps.now() && isClockRight(deps);
  const mayClose = intent.status === 'Created' && (isOver || attempt.facts.unwanted);
  const settled = mayClose ? await closeIntent(deps, attempt.paymentIntentId) : intent;
  const reading = readIntent(order, attempt, settled ?? intent, askedAt);
  return recordReading(deps, order, { ...reading, expired: isOver && settled?.status === 'Canceled' });
}

/** After these Dojo has nothing more to tell by itself. A status that is new to us is not among them. */
const isFinal: ReadonlySet<string> = new Set([
  'Captured',
  'Canceled',
  'Refunded',
  'Reversed',
] satisfies PaymentIntentStatus[]);

/** Records what Dojo answered, and plans the next look where there is something left to hear. */
export async function recordReading(deps: CheckoutDeps, order: Order, reading: Reading): Promise<Order> {
  const attempt = order.attempts.find((entry) => entry.number === reading.attempt);
  const isOver = reading.status !== null && isFinal.has(reading.status);
  const plan = isOver ? { at: null, seen: order.nextLookAt } : scheduledLook(deps, order, attempt);
  if (reading.mismatched) {
    deps.log.error(
      { orderReference: order.reference, paymentIntentId: attempt?.paymentIntentId },
      'Dojo holds another payment than the order says',
    );
  }
  return deps.store.recordReading(reading, plan);
}

/** The next look by the schedule, unless something heard meanwhile asks for an earlier one. */
export function scheduledLook(deps: CheckoutDeps, order: Order, attempt: Attempt | undefined): LookPlan {
  const at = nextLook(order.createdAt, order.looks, attempt?.expireAt ?? null, deps.now());
  return { at, seen: order.nextLookAt };
}

/** The facts in Dojo's answer. An answer about another intent or reference proves nothing but that it does not fit. */
export function readIntent(order: Order, attempt: Attempt, intent: PaymentIntent, readAt: Date): Reading {
  const isOther = intent.id !== attempt.paymentIntentId || intent.reference !== order.reference;
  return {
    orderId: order.id,
    attempt: attempt.number,
    readAt,
    status: isOther ? null : intent.status,
    refundedAmount: isOther ? 0 : intent.refundedAmount,
    expired: false,
    unwanted: false,
    mismatched: isOther || findMismatch(order, intent) !== null,
  };
}

/** When the sweep is to ask what became of a call that this process may not live to hear the answer of. */
export function soon(deps: CheckoutDeps, order: Order): LookPlan {
  return { at: new Date(deps.now().getTime() + 30_000), seen: order.nextLookAt };
}

/** Cancels an intent that must not be paid, and reads what became of it; null where Dojo does not know it. */
export async function closeIntent(
  deps: CheckoutDeps,
  paymentIntentId: string,
): Promise<PaymentIntent | null> {
  try {
    await deps.dojo.cancelPaymentIntent(paymentIntentId);
  } catch (error) {
    // It may have been paid a moment ago, or be closed already: the answer to the next question tells.
    if (!isRefusal(error)) throw error;
  }
  return getIntent(deps, paymentIntentId);
}

export async function getIntent(deps: CheckoutDeps, paymentIntentId: string): Promise<PaymentIntent | null> {
  try {
    return await deps.dojo.getPaymentIntent(paymentIntentId);
  } catch (error) {
    if (error instanceof DojoError && error.kind === 'not-found') return null;
    throw error;
  }
}

/** Dojo uses 400, 404 and 409 for what a state does not allow, and documents no rule for which. */
export function isRefusal(error: unknown): boolean {
  return error instanceof DojoError && ['invalid', 'not-found', 'conflict'].includes(error.kind);
}

function isClockRight(deps: CheckoutDeps): boolean {
  const skewMs = deps.dojo.clockSkewMs();
  if (skewMs === null || Math.abs(skewMs) <= maxClockSkewMs) return true;
  deps.log.error({ skewMs }, "Our clock and Dojo's differ by minutes; no order expires until they agree");
  return false;
}
