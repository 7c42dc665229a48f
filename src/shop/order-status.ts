import type { PaymentIntentStatus } from '../dojo/schemas.ts';

/** What was learnt about one payment intent. Facts are only ever added, so the order in which they come cannot matter. */
export type IntentFacts = {
  readonly authorized: boolean;
  readonly captured: boolean;
  readonly canceled: boolean;
  readonly reversed: boolean;
  readonly refunded: boolean;
  /** Minor units; the largest amount ever seen. */
  readonly refundedAmount: number;
  /** We gave it up after Dojo confirmed that it was unpaid. */
  readonly expired: boolean;
  /** The shop asked Dojo to cancel it. */
  readonly unwanted: boolean;
  /** Dojo holds another amount, currency or reference than the order. */
  readonly mismatched: boolean;
};

export const noFacts: IntentFacts = Object.freeze({
  authorized: false,
  captured: false,
  canceled: false,
  reversed: false,
  refunded: false,
  refundedAmount: 0,
  expired: false,
  unwanted: false,
  mismatched: false,
});

/** The facts in each of Dojo's statuses. */
const factsOfStatus = Object.freeze({
  Created: {},
  Authorized: { authorized: true },
  Captured: { captured: true },
  Reversed: { reversed: true },
  // Only what was captured can be refunded, and the event of the capture may never have come.
  Refunded: { captured: true, refunded: true },
  Canceled: { canceled: true },
} satisfies Record<PaymentIntentStatus, Partial<IntentFacts>>);

/** Facts in a status from an event or an observation; an unknown status has none. */
export function factsFromStatus(status: string): IntentFacts {
  return Object.hasOwn(factsOfStatus, status)
    ? { ...noFacts, ...factsOfStatus[status as PaymentIntentStatus] }
    : noFacts;
}

export function mergeFacts(one: IntentFacts, other: IntentFacts): IntentFacts {
  return {
    authorized: one.authorized || other.authorized,
    captured: one.captured || other.captured,
    canceled: one.canceled || other.canceled,
    reversed: one.reversed || other.reversed,
    refunded: one.refunded || other.refunded,
    refundedAmount: Math.max(one.refundedAmount, other.refundedAmount),
    expired: one.expired || other.expired,
    unwanted: one.unwanted || other.unwanted,
    mismatched: one.mismatched || other.mismatched,
  };
}

export const orderStatuses = [
  'refunded',
  'reversed',
  'partly_refunded',
  'paid',
  'authorized',
  'expired',
  'canceled',
  'awaiting_payment',
  'placed',
] as const;
export type OrderStatus = (typeof orderStatuses)[number];

/** A flag for a person. A held order is never fulfilled on its own, and no hold moves money. */
export const holds = [
  'amount_mismatch',
  'captured_after_cancel',
  'late_payment',
  'paid_twice',
  'refunded_before_fulfilment',
] as const;
export type Hold = (typeof holds)[number];

/** The part of an attempt that decides the order's status: was an intent attached, and what is known of it. */
export type AttemptFacts = { readonly hasIntent: boolean; readonly facts: IntentFacts };

type Evidence = {
  readonly any: IntentFacts;
  readonly refundedTotal: number;
  readonly total: number;
  readonly last: AttemptFacts | undefined;
  readonly hasIntent: boolean;
};

/** The first row that is true names the status. */
const statusTable: readonly (readonly [OrderStatus, (evidence: Evidence) => boolean])[] = Object.freeze([
  ['refunded', ({ any, refundedTotal, total }) => any.refunded || refundedTotal >= total],
  ['reversed', ({ any }) => any.reversed],
  ['partly_refunded', ({ any, refundedTotal }) => any.captured && refundedTotal > 0],
  ['paid', ({ any }) => any.captured],
  ['authorized', ({ any }) => any.authorized],
  ['expired', ({ last }) => last?.facts.expired === true],
  ['canceled', ({ last }) => last?.facts.canceled === true],
  ['awaiting_payment', ({ hasIntent }) => hasIntent],
  ['placed', () => true],
]);

/** An order's status is a pure function of the facts of its attempts. `total` is the order's, in minor units, above 0. */
export function deriveStatus(attempts: readonly AttemptFacts[], total: number): OrderStatus {
  const evidence: Evidence = {
    any: attempts.reduce((facts, attempt) => mergeFacts(facts, attempt.facts), noFacts),
    refundedTotal: attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0),
    total,
    last: attempts.findLast((attempt) => attempt.hasIntent),
    hasIntent: attempts.some((attempt) => attempt.hasIntent),
  };
  for (const [status, isTrue] of statusTable) if (isTrue(evidence)) return status;
  throw new Error('The last row of the status table is always true.');
}

/** What the shop itself did about an order, as far as holds depend on it. */
export type ShopActs = {
  /** Minor units that we asked Dojo to give back. */
  readonly refundedByUs: number;
  /** We asked Dojo to reverse the payment. */
  readonly isReversedByUs: boolean;
  /** The goods are sent. */
  readonly isFulfilled: boolean;
};

export const noActs: ShopActs = Object.freeze({ refundedByUs: 0, isReversedByUs: false, isFulfilled: false });

/** Money that arrived where none should have, or went where we did not send it: a person decides. */
export function deriveHolds(attempts: readonly AttemptFacts[], total: number, acts: ShopActs): Hold[] {
  const facts = attempts.map((attempt) => attempt.facts);
  const seenRefunded = facts.reduce((sum, fact) => sum + fact.refundedAmount, 0);
  const isRefunded = facts.some((fact) => fact.refunded);
  const wentBack = Math.max(seenRefunded, isRefunded ? total : 0) > acts.refundedByUs;
  const wasReversed = facts.some((fact) => fact.reversed && fact.captured) && !acts.isReversedByUs;
  const isTrue: Readonly<Record<Hold, boolean>> = {
    // A mismatched intent that no one was shown matters only once money is in it.
    amount_mismatch: attempts.some(
      ({ hasIntent, facts: fact }) => fact.mismatched && (hasIntent || fact.captured || fact.authorized),
    ),
    captured_after_cancel: facts.some((fact) => fact.captured && (fact.canceled || fact.unwanted)),
    late_payment: facts.some((fact) => fact.captured && fact.expired),
    paid_twice: facts.filter((fact) => fact.captured).length > 1,
    refunded_before_fulfilment: (wentBack || wasReversed) && !acts.isFulfilled,
  };
  return holds.filter((hold) => isTrue[hold]);
}

/** Goods go out for a paid order without a hold. */
export function isDueForFulfilment(status: OrderStatus, orderHolds: readonly Hold[]): boolean {
  return status === 'paid' && orderHolds.length === 0;
}
