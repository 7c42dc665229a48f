import type { OrderFacts, PaymentAttempt } from './order.ts';
import { isReserved, orderMoney, type PaidFacts, paymentMoney, returnedByUs } from './order-money.ts';

/** A flag for a person. It stands until a decision settles it; a held order is never fulfilled, and no hold moves money. */
export const holds = [
  'amount_mismatch',
  'captured_after_cancel',
  'late_payment',
  'paid_twice',
  'paid_again_by_shopper',
  'refunded_before_fulfilment',
] as const;
export type Hold = (typeof holds)[number];

/** What raises each hold, as text that changes when a new fact raises it again. */
export type RaisedHolds = Readonly<Partial<Record<Hold, string>>>;

/**
 * - `accept`: the goods go out
 * - `refund`: a payment, or all, goes back; settled only once Dojo shows it gone
 * - `dismiss`: settled, and the goods never go out
 */
export const decisionActions = ['accept', 'refund', 'dismiss'] as const;
export type DecisionAction = (typeof decisionActions)[number];

/** What a person decided about an order's holds. */
export type Decision = {
  readonly number: number;
  readonly action: DecisionAction;
  /** The payment to refund; null for all. */
  readonly payment: number | null;
  /** The holds that the person was shown, with what had raised them. */
  readonly settles: RaisedHolds;
  readonly decidedBy: string;
  readonly reason: string;
  readonly decidedAt: Date;
};

export type HeldFacts = PaidFacts &
  Pick<OrderFacts, 'decisions' | 'supersededBy' | 'paidAgainWith' | 'sentAt'>;

type Cause = (payment: PaymentAttempt, order: HeldFacts) => boolean | string;

/** For which payments the hold is raised; a text says more about it than the payment's number. */
const causes = Object.freeze({
  // A mismatched intent that no one was shown matters only once money is in it.
  amount_mismatch: ({ facts, hasIntent }) => {
    const hasMoney = facts.captured || facts.authorized;
    return facts.mismatched && (hasMoney ? 'paid' : hasIntent);
  },
  // A superseded order is cancelled because the shopper bought otherwise: paid all the same, it is an order like any other.
  captured_after_cancel: ({ facts }, { supersededBy }) =>
    facts.captured && (facts.unwanted || (facts.canceled && supersededBy === null)),
  late_payment: ({ facts }) => facts.captured && facts.expired,
  paid_twice: ({ facts }, { attempts }) =>
    facts.captured && attempts.filter((other) => other.facts.captured).length > 1,
  refunded_before_fulfilment: (payment, order) => returnedElsewhere(payment, order),
} satisfies Partial<Record<Hold, Cause>>);

/** The holds that the facts raise, settled or not. */
function raisedHolds(order: HeldFacts): RaisedHolds {
  const raised: Partial<Record<Hold, string>> = {};
  for (const hold of holds) {
    const cause = hold === 'paid_again_by_shopper' ? paidAgain(order) : causeOf(causes[hold], order);
    if (cause !== '') raised[hold] = cause;
  }
  return raised;
}

function causeOf(cause: Cause, order: HeldFacts): string {
  return order.attempts
    .flatMap((payment) => {
      const found = cause(payment, order);
      if (found === false || found === '') return [];
      return found === true ? String(payment.number) : `${payment.number}:${found}`;
    })
    .join();
}

function paidAgain({ paidAgainWith }: HeldFacts): string {
  return paidAgainWith === null ? '' : String(paidAgainWith);
}

/** How much of a payment went back that we did not ask for, before the goods were sent. */
function returnedElsewhere(payment: PaymentAttempt, order: HeldFacts): string {
  if (order.sentAt !== null) return '';
  const { facts, captureMode } = payment;
  const elsewhere = paymentMoney(payment, order).returned - returnedByUs(payment, order);
  // Dojo allows no reversal of a Manual payment that was captured: until it was asked, no one knows what went back.
  const isUnclear = captureMode === 'Manual' && facts.captured && facts.reversed && !facts.reversalObserved;
  return elsewhere > 0 ? String(elsewhere) : isUnclear ? 'unknown' : '';
}

/** The holds that stand, and what raised each. */
export function standingHolds(order: HeldFacts): RaisedHolds {
  const raised = Object.entries(raisedHolds(order)) as [Hold, string][];
  return Object.fromEntries(raised.filter(([hold, cause]) => !isSettled(order, hold, cause)));
}

function isSettled(order: HeldFacts, hold: Hold, cause: string): boolean {
  return order.decisions.some(
    (decision) =>
      decision.settles[hold] === cause && (decision.action !== 'refund' || isGone(order, decision.payment)),
  );
}

/** Dojo shows that nothing of the payment, or of any, is left. */
function isGone(order: HeldFacts, payment: number | null): boolean {
  return order.attempts
    .filter(({ number }) => payment === null || number === payment)
    .every((attempt) => paymentMoney(attempt, order).kept === 0 && !isReserved(attempt));
}

/** Goods may go out now: money is kept that no hold and no refund under way puts in doubt. */
export function mayShip(order: HeldFacts, standing: readonly Hold[]): boolean {
  const { attempts, refunds, decisions, sentAt } = order;
  if (sentAt !== null || standing.length > 0) return false;
  if (refunds.some(({ state }) => state === 'asked')) return false;
  const isDismissed = decisions.findLast(({ action }) => action !== 'refund')?.action === 'dismiss';
  // Of a reservation any part may have been taken: Dojo says how much.
  const isAmountKnown = attempts.every(
    ({ facts, captureMode }) => captureMode === 'Auto' || !facts.captured || facts.capturedAmount > 0,
  );
  const isPaid = orderMoney(order).kept > 0 || isReturnAccepted(order);
  return !isDismissed && isAmountKnown && isPaid;
}

/** A person accepted that everything went back in Dojo's portal: the goods go out nevertheless. */
function isReturnAccepted(order: HeldFacts): boolean {
  const cause = raisedHolds(order).refunded_before_fulfilment;
  const isAccepted = order.decisions.some(
    ({ action, settles }) => action === 'accept' && settles.refunded_before_fulfilment === cause,
  );
  return cause !== undefined && isAccepted && order.refunds.length === 0;
}
