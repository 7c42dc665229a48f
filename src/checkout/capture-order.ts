import { randomUUID } from 'node:crypto';
import type { Context } from '../context.ts';
import type { PaymentIntent } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { findAttached, type Order, type PaymentAttempt } from '../shop/order.ts';
import { isReserved, takenOf } from '../shop/order-money.ts';
import { schedule } from '../shop/schedule.ts';
import { getIntent, isRefusal, observeIntent, recordObservation } from './settle-order.ts';

/**
 * - `captured`: the money is taken
 * - `not-reserved`: there is no reservation to take it from
 * - `too-much`: less than that is reserved
 * - `under-way`: another process takes money of this order now
 * - `refused`: Dojo refused; the order says what is true now
 */
export type CapturedOrder =
  /** `amount` is what this capture took, in minor units. */
  | { readonly kind: 'captured'; readonly order: Order; readonly amount: number }
  | { readonly kind: 'not-reserved' | 'too-much' | 'under-way' | 'refused'; readonly order: Order };

/**
 * Takes what a Manual payment has reserved: `amount` in minor units, or all that is left. Stored before Dojo is asked, and
 * Dojo is read before and after: it has no idempotency key here, so a capture whose answer was lost is found by its amount.
 * Throws `DojoError`.
 */
export async function captureOrder(
  context: Context,
  before: Order,
  amount: number | null = null,
): Promise<CapturedOrder> {
  const { order, payment, intent } = await readPayment(context, before);
  if (payment === null || intent === null) return { kind: 'not-reserved', order };
  const captured = takenOf(intent, 'Manual', []);
  const lost = await finishLost(context, order, payment, captured);
  if (lost !== null) return lost;
  // Several may be taken of one reservation. Whether anything is left of it after the first, only Dojo knows.
  const mayTakeMore = payment.captureMode === 'Manual' && captured > 0 && amount !== null;
  const isMismatched = payment.facts.mismatched;
  const left = order.total - captured;
  if (isMismatched || left <= 0 || !(isReserved(payment) || mayTakeMore))
    return { kind: 'not-reserved', order };
  return (amount ?? left) > left
    ? { kind: 'too-much', order }
    : take(context, order, payment, amount ?? left);
}

/** The order as Dojo answers now, and the payment that the shopper made. */
async function readPayment(
  context: Context,
  before: Order,
): Promise<{ order: Order; payment: PaymentAttempt | null; intent: PaymentIntent | null }> {
  const attached = findAttached(before);
  const intent =
    attached?.paymentIntentId == null ? null : await getIntent(context, attached.paymentIntentId);
  if (attached === null || intent === null) return { order: before, payment: attached, intent };
  const order = await recordObservation(
    context,
    before,
    observeIntent(before, attached, intent, context.now()),
  );
  return { order, payment: findAttached(order), intent };
}

/** An earlier capture whose answer was lost: Dojo's amounts say whether it took the money. Null if there is none. */
async function finishLost(
  context: Context,
  order: Order,
  { number }: PaymentAttempt,
  captured: number,
): Promise<CapturedOrder | null> {
  const captures = order.captures.filter(({ attempt }) => attempt === number);
  const lost = captures.find(({ state }) => state === 'asked');
  if (lost === undefined) return null;
  const done = captures.filter(({ state }) => state === 'done');
  const isTaken = captured >= done.reduce((sum, { amount }) => sum + amount, lost.amount);
  const ageMs = context.now().getTime() - lost.askedAt.getTime();
  // One that was asked for tomorrow is from a clock that was wrong.
  if (!isTaken && Math.abs(ageMs) < schedule.claim) return { kind: 'under-way', order };
  const end = { state: isTaken ? 'done' : 'refused', captureId: null } as const;
  const ended = await context.store.endCapture(lost.id, end, context.now());
  return isTaken ? { kind: 'captured', order: ended, amount: lost.amount } : null;
}

async function take(
  context: Context,
  order: Order,
  { number, paymentIntentId }: PaymentAttempt,
  amount: number,
): Promise<CapturedOrder> {
  if (paymentIntentId === null) return { kind: 'not-reserved', order };
  const id = randomUUID();
  const capture = { id, orderId: order.id, attempt: number, amount, askedAt: context.now() };
  if ((await context.store.beginCapture(capture)) === 'under-way') return { kind: 'under-way', order };
  const captureId = await askForCapture(context, paymentIntentId, amount);
  const state = captureId === null ? 'refused' : 'done';
  const ended = await context.store.endCapture(id, { state, captureId }, context.now());
  const { order: settled } = await readPayment(context, ended);
  if (captureId === null) return { kind: 'refused', order: settled };
  const { reference: orderReference, currencyCode } = order;
  logEvent(context.log, 'paymentCaptured', { orderReference, paymentIntentId, amount, currencyCode });
  return { kind: 'captured', order: settled, amount };
}

/** Null if Dojo refused. */
async function askForCapture(
  context: Context,
  paymentIntentId: string,
  amount: number,
): Promise<string | null> {
  try {
    return (await context.dojo.capturePaymentIntent(paymentIntentId, amount)).captureId;
  } catch (error) {
    if (!isRefusal(error)) throw error;
    return null;
  }
}
