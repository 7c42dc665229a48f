import type { OrderFacts, PaymentAttempt } from './order.ts';
import { paymentMoney } from './order-money.ts';
import { plus, schedule } from './schedule.ts';

const minute = 60_000;
const hour = 60 * minute;

/**
 * When the reconciler asks Dojo about an order again, always later than now; null if Dojo changes nothing of it by itself any
 * more. It follows from the facts and the time alone: checks that were missed are not made up for.
 */
export function nextCheck(order: OrderFacts, now: Date): Date | null {
  const times = order.attempts.filter(isAsked).flatMap((payment) => nextCheckOf(payment, order, now) ?? []);
  return times.toSorted((one, other) => one.getTime() - other.getTime())[0] ?? null;
}

/** Each payment has its own: one may be over while another can still be paid. */
function nextCheckOf(payment: PaymentAttempt, order: OrderFacts, now: Date): Date | null {
  const { facts, createdAt, expireAt } = payment;
  if (paymentMoney(payment, order).kept > 0) return nextPass(createdAt, now);
  if (facts.captured || facts.reversed || facts.canceled) return null;
  // One that we had given up may be reserved all the same, and then taken.
  if (!facts.authorized) return facts.expired ? null : nextOpenCheck(createdAt, expireAt, now);
  const [next, warning] = [nextOpenCheck(createdAt, null, now), releaseWarningAt(payment)];
  return warning > now && warning < next ? warning : next;
}

/** When to warn that a reservation ends. Whether Dojo counts from its creation or from its payment is not documented. */
export function releaseWarningAt({ createdAt }: PaymentAttempt): Date {
  return plus(createdAt, schedule.reservation - schedule.reservationEnding);
}

/** Payments that the reconciler asks Dojo about: the one that the shopper was shown, and all with money. */
export function isAsked({ paymentIntentId, state, facts }: PaymentAttempt): boolean {
  return paymentIntentId !== null && (state === 'attached' || facts.captured || facts.authorized);
}

/** For an order with money: the next of a few passes, on the hour, so that one search covers the orders of an hour. */
function nextPass(since: Date, now: Date): Date | null {
  const onTheHour = schedule.passes.map((after) => Math.ceil((since.getTime() + after) / hour) * hour);
  const next = onTheHour.find((at) => at > now.getTime());
  return next === undefined ? null : new Date(next);
}

/**
 * For an open order: often at first, and at every five-minute mark while its intent can be paid, when one search covers all
 * that are open. A check near the expiry of the intent, or across it, moves right behind it, where it settles the order.
 */
function nextOpenCheck(since: Date, expireAt: Date | null, now: Date): Date {
  // A check that follows within a minute has been made.
  const age = now.getTime() - since.getTime() + minute;
  const last = schedule.checks.at(-1) ?? 0;
  const rounds = Math.floor((age - last) / schedule.recheck) + 1;
  const at = plus(since, schedule.checks.find((after) => after > age) ?? last + rounds * schedule.recheck);
  const afterExpiry = expireAt === null ? null : plus(expireAt, minute);
  if (afterExpiry === null || afterExpiry <= now) return at;
  const mark = schedule.payable * Math.ceil(now.getTime() / schedule.payable + 0.5);
  const next = new Date(Math.min(at.getTime(), mark));
  return next > plus(afterExpiry, -2 * minute) ? afterExpiry : next;
}

/** After a check that got no usable answer: as scheduled, and for an order with money sooner, but later each time. */
export function nextTry(order: OrderFacts, now: Date): Date | null {
  const next = nextCheck(order, now);
  if (order.received === 0) return next;
  const since = now.getTime() - order.updatedAt.getTime();
  const soon = plus(now, Math.min(Math.max(since, minute), schedule.recheck));
  return next === null || soon < next ? soon : next;
}

/** No money was taken yet, and it may still be. */
export function isOpen({ status }: Pick<OrderFacts, 'status'>): boolean {
  return status === 'placed' || status === 'awaiting_payment' || status === 'authorized';
}
