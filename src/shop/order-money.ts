import type { CaptureMode, PaymentIntent } from '../dojo/schemas.ts';
import type { OrderFacts, PaymentAttempt } from './order.ts';

/** Minor units of the order's currency. `kept` is what was received and has not gone back. */
export type PaymentMoney = { readonly received: number; readonly returned: number; readonly kept: number };

/** What one page, message or command says about an order's money, it takes from here. */
export type OrderMoney = PaymentMoney & {
  /** By payment, in the order of their numbers. */
  readonly payments: readonly (PaymentMoney & { readonly payment: PaymentAttempt })[];
};

type Acts = Pick<OrderFacts, 'refunds' | 'captures'>;
/** The part of an order that its money follows from. */
export type PaidFacts = Acts & Pick<OrderFacts, 'attempts' | 'total'>;

/** The money of an order: the sum over its payments. */
export function orderMoney(order: PaidFacts): OrderMoney {
  const payments = order.attempts.map((payment) => ({ payment, ...paymentMoney(payment, order) }));
  const sum = (name: keyof PaymentMoney) => payments.reduce((total, money) => total + money[name], 0);
  return { received: sum('received'), returned: sum('returned'), kept: sum('kept'), payments };
}

/** The money of one payment of an order. */
export function paymentMoney(
  payment: Pick<PaymentAttempt, 'number' | 'captureMode' | 'facts'>,
  order: Pick<PaidFacts, 'captures' | 'total'>,
): PaymentMoney {
  const received = receivedOf(payment, order);
  const returned = returnedOf(payment, received);
  return { received, returned, kept: received - returned };
}

/** Until Dojo was asked how much it took: what it accepted to take, or the whole. */
function receivedOf(
  { facts, number }: Pick<PaymentAttempt, 'number' | 'facts'>,
  { captures, total }: Pick<PaidFacts, 'captures' | 'total'>,
): number {
  if (!facts.captured) return 0;
  const accepted = sumOf(captures.filter(({ attempt, state }) => attempt === number && state === 'done'));
  return Math.max(facts.capturedAmount, accepted) || total;
}

/**
 * A refund or reversal returns everything, whatever the amounts say. But Dojo allows no reversal of a Manual payment that
 * was captured, so there only the amount that it answered counts.
 */
function returnedOf(
  { facts, captureMode }: Pick<PaymentAttempt, 'facts' | 'captureMode'>,
  received: number,
): number {
  const isReversed = facts.reversed && captureMode === 'Auto';
  return facts.refunded || isReversed ? received : Math.min(facts.refundedAmount, received);
}

/** What we asked Dojo to return of a payment and it did not refuse. A reversal asks for everything. */
export function returnedByUs({ number }: PaymentAttempt, { refunds }: Pick<Acts, 'refunds'>): number {
  return sumOf(refunds.filter(({ attempt }) => attempt === number));
}

/**
 * What can still be asked back of a payment: what was received less what Dojo counted as returned, or less what we asked
 * for, whichever is more, since Dojo's count may lag.
 */
export function leftToReturn(payment: PaymentAttempt, order: PaidFacts): number {
  const { received } = paymentMoney(payment, order);
  return Math.max(0, received - knownReturned(payment, order));
}

/** What went back of a payment as far as anyone knows: what Dojo counted or what we asked for, whichever is more. */
export function knownReturned(payment: PaymentAttempt, order: PaidFacts): number {
  return Math.max(paymentMoney(payment, order).returned, returnedByUs(payment, order));
}

/** Taken, and it is known how much: of a reservation any part may have been, until Dojo says. */
export function isTaken({ facts, captureMode }: PaymentAttempt): boolean {
  return facts.captured && (captureMode === 'Auto' || facts.capturedAmount > 0);
}

/** Authorised, and neither taken nor given up. */
export function isReserved({ facts }: Pick<PaymentAttempt, 'facts'>): boolean {
  return facts.authorized && !facts.captured && !facts.reversed && !facts.canceled;
}

/**
 * What Dojo took of a captured payment, in minor units. An Auto payment is taken as a whole, a Manual one by captures. An
 * older version of the API does not list them, which leaves those that Dojo accepted.
 */
export function takenOf(
  { amount, captures }: PaymentIntent,
  captureMode: CaptureMode,
  accepted: readonly { readonly amount: number }[],
): number {
  if (captureMode === 'Auto') return amount.value;
  return sumOf(captures?.filter(({ status }) => status === 'Successful') ?? accepted);
}

/** What of a reservation was not taken; null for a payment that was not reserved, or of which nothing was taken. */
export function notTaken(payment: PaymentAttempt, order: PaidFacts): number | null {
  if (payment.captureMode !== 'Manual' || !payment.facts.captured) return null;
  return Math.max(0, order.total - paymentMoney(payment, order).received);
}

function sumOf(rows: readonly { readonly amount: number }[]): number {
  return rows.reduce((total, { amount }) => total + amount, 0);
}
