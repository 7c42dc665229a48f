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
  /** Minor units that were taken, as Dojo answered; 0 until it was asked. The largest ever seen, since captures add up. */
  readonly capturedAmount: number;
  /** Dojo answered that the intent is reversed, so the amounts of that answer are what went back. */
  readonly reversalObserved: boolean;
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
  capturedAmount: 0,
  reversalObserved: false,
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

/** Facts in an answer of Dojo's, or in what we decided about it (a null status). Money that it took was captured. */
export function observedFacts(status: string | null, known: Partial<IntentFacts>): IntentFacts {
  const facts = { ...noFacts, ...known, captured: (known.capturedAmount ?? 0) > 0 };
  return status === null ? facts : mergeFacts(facts, factsFromStatus(status));
}

export function mergeFacts(one: IntentFacts, other: IntentFacts): IntentFacts {
  return {
    authorized: one.authorized || other.authorized,
    captured: one.captured || other.captured,
    canceled: one.canceled || other.canceled,
    reversed: one.reversed || other.reversed,
    refunded: one.refunded || other.refunded,
    refundedAmount: Math.max(one.refundedAmount, other.refundedAmount),
    capturedAmount: Math.max(one.capturedAmount, other.capturedAmount),
    reversalObserved: one.reversalObserved || other.reversalObserved,
    expired: one.expired || other.expired,
    unwanted: one.unwanted || other.unwanted,
    mismatched: one.mismatched || other.mismatched,
  };
}

export function sameFacts(one: IntentFacts, other: IntentFacts): boolean {
  return (Object.keys(one) as (keyof IntentFacts)[]).every((name) => one[name] === other[name]);
}
