import type { Hold } from './decision.ts';
import { deriveStatus } from './derive-status.ts';
import { findShipRefusal, standingHolds } from './holds.ts';
import {
  factsFromStatus,
  type IntentFacts,
  mergeFacts,
  noFacts,
  observedFacts,
  sameFacts,
} from './intent-facts.ts';
import { nextCheck, releaseWarningAt } from './next-check.ts';
import type { OrderFacts } from './order.ts';
import { isReserved, orderMoney, paymentMoney } from './order-money.ts';
import type { OrderStatus } from './order-status.ts';
import { plus, schedule } from './schedule.ts';

/** An order before and after a decision, for the store to save. */
export type OrderChange = { readonly before: OrderFacts; readonly after: OrderFacts };

export type ReceivedEvent = {
  readonly eventId: string;
  readonly event: string;
  /** Null if the event names no intent. */
  readonly paymentIntentId: string | null;
  /** The status whose facts are merged; null if the event says nothing about money. */
  readonly paymentStatus: string | null;
  /** The raw bytes as they came. */
  readonly body: Uint8Array;
  /** SHA-256 of the body. */
  readonly digest: Uint8Array;
  /** The label of the secret that signed it. */
  readonly secret: string;
  readonly receivedAt: Date;
};

/**
 * - `applied`: its facts are in an order's attempt
 * - `kept`: it says nothing about an order we know; it is applied when an order gets that intent
 * - `duplicate`: the same bytes were kept before
 */
export type RecordedEvent =
  | {
      readonly kind: 'applied';
      readonly order: {
        readonly reference: string;
        readonly status: OrderStatus;
        readonly holds: readonly Hold[];
      };
    }
  | { readonly kind: 'kept' | 'duplicate' };

/** What Dojo answered about an attempt, or what we decided about it, as facts. */
export type Observation = {
  readonly orderId: number;
  readonly attempt: number;
  readonly observedAt: Date;
  /** Dojo's status; null if the answer cannot be trusted, or Dojo was not asked. */
  readonly status: string | null;
} & Partial<Omit<IntentFacts, 'authorized' | 'captured' | 'canceled' | 'reversed' | 'refunded'>>;

export type CheckPlan = {
  /** Null plans none; missing follows the schedule. */
  readonly at?: Date | null;
  /** The plan when the order was read. */
  readonly seen: Date | null;
};

export type AttemptKey = { readonly orderId: number; readonly number: number };

/** Applies events one after another. The results are in the order of the events; what was kept before is not applied again. */
export function applyEvents(
  events: readonly ReceivedEvent[],
  known: {
    readonly orders: readonly OrderFacts[];
    readonly attemptOf: (event: ReceivedEvent) => AttemptKey | undefined;
    /** Of each event. */
    readonly isNew: readonly boolean[];
  },
): { readonly recorded: RecordedEvent[]; readonly changes: OrderChange[] } {
  const changes = new Map(
    known.orders.map((order): [number, OrderChange] => [order.id, { before: order, after: order }]),
  );
  const recorded = events.map((event, index): RecordedEvent => {
    if (known.isNew[index] !== true) return { kind: 'duplicate' };
    const attempt = known.attemptOf(event);
    const change = attempt === undefined ? undefined : changes.get(attempt.orderId);
    if (attempt === undefined || change === undefined || event.paymentStatus === null)
      return { kind: 'kept' };
    const after = applyStatuses(change.after, attempt.number, [event.paymentStatus], event.receivedAt);
    changes.set(attempt.orderId, { before: change.before, after });
    return {
      kind: 'applied',
      order: { reference: after.reference, status: after.status, holds: after.holds },
    };
  });
  return { recorded, changes: [...changes.values()] };
}

/** Merges the facts in statuses that events named, and derives once: together they may hold what one alone would not. */
export function applyStatuses(
  order: OrderFacts,
  attempt: number,
  statuses: readonly (string | null)[],
  now: Date,
): OrderFacts {
  const heard = statuses.filter((status) => status !== null);
  const facts = heard.map(factsFromStatus).reduce(mergeFacts, noFacts);
  const applied = derive(mergeInto(order, attempt, facts), now);
  // A second Captured may be a partial refund, and no event names an amount.
  const isMoney = heard.some((status) => status === 'Captured' || status === 'Refunded');
  return isMoney ? verifySoon(applied, now) : applied;
}

/** `isNews` if the observation says something that the order did not know: only then is it kept. */
export function applyObservation(
  order: OrderFacts,
  observation: Observation,
): { readonly after: OrderFacts; readonly isNews: boolean } {
  const { attempt, observedAt } = observation;
  const observed = mergeInto(order, attempt, factsOfObservation(observation));
  const isNews = !sameFacts(factsOf(order, attempt), factsOf(observed, attempt));
  return { after: warnOfRelease(derive(observed, observedAt), observedAt), isNews };
}

/** Once: what is not captured in time is released, and the shop must then ask the shopper to pay again. */
function warnOfRelease(order: OrderFacts, now: Date): OrderFacts {
  const isEnding = order.attempts.some((payment) => isReserved(payment) && releaseWarningAt(payment) <= now);
  return isEnding && order.releaseWarnedAt === null ? { ...order, releaseWarnedAt: now } : order;
}

export function factsOfObservation({ status, ...observation }: Observation): IntentFacts {
  const { orderId: _orderId, attempt: _attempt, observedAt: _observedAt, ...known } = observation;
  return observedFacts(status, known);
}

/** Plans the next check, unless another was planned since the order was read: something was heard meanwhile. */
export function planCheck(order: OrderFacts, { seen, ...plan }: CheckPlan, now: Date): OrderFacts {
  const { nextCheckAt } = order;
  const at = plan.at === undefined ? nextCheck(order, now) : plan.at;
  const isReplaced =
    nextCheckAt === null || nextCheckAt.getTime() === seen?.getTime() || (at !== null && nextCheckAt > at);
  return isReplaced ? { ...order, nextCheckAt: at } : order;
}

/** Dojo's answer may lag behind a refund or reversal that it has accepted: it is asked until they agree. */
export function awaitRefunds(order: OrderFacts, now: Date): OrderFacts {
  const accepted = order.refunds.filter(({ state }) => state === 'done');
  const isBehind = order.attempts.some((payment) => {
    const own = accepted.filter(({ attempt }) => attempt === payment.number);
    const refunded = own.reduce((sum, { kind, amount }) => sum + (kind === 'refund' ? amount : 0), 0);
    const isReversalSeen = payment.facts.reversed || own.every(({ kind }) => kind === 'refund');
    return !isReversalSeen || paymentMoney(payment, order).returned < refunded;
  });
  const next = plus(now, schedule.refundCounted);
  const isRecent = accepted.some(({ askedAt }) => plus(askedAt, schedule.recheck) > now);
  const isSooner = order.nextCheckAt === null || order.nextCheckAt > next;
  return isBehind && isRecent && isSooner ? { ...order, nextCheckAt: next } : order;
}

/** Brings what is derived up to the facts. */
export function derive(order: OrderFacts, now: Date): OrderFacts {
  const derived = deriveColumns(order);
  const isDue = order.isDue || derived.mayShip;
  const paidAt = order.paidAt ?? (derived.received > 0 ? now : null);
  return {
    ...order,
    ...derived,
    isDue,
    paidAt,
    updatedAt: sameColumns(order, derived) ? order.updatedAt : now,
  };
}

/** Has the reconciler ask Dojo about the order soon. */
export function verifySoon(order: OrderFacts, now: Date): OrderFacts {
  const at = plus(now, schedule.verify);
  const planned = order.nextCheckAt;
  // Never the same time as before: a check under way, which may have read Dojo earlier, must not count as this one.
  return { ...order, nextCheckAt: planned !== null && planned <= at ? plus(planned, -1) : at };
}

/** Derives an order from what was kept about it alone, and compares it with what the store says. */
export function isReplayedAlike(
  order: OrderFacts,
  kept: {
    readonly events: readonly { readonly paymentIntentId: string | null; readonly paymentStatus: string }[];
    readonly observations: readonly { readonly attempt: number; readonly facts: IntentFacts }[];
  },
): boolean {
  const attempts = order.attempts.map((attempt) => {
    const facts = [
      ...kept.events
        .filter((event) => event.paymentIntentId === attempt.paymentIntentId)
        .map((event) => factsFromStatus(event.paymentStatus)),
      ...kept.observations.filter(({ attempt: number }) => number === attempt.number).map((row) => row.facts),
      { ...noFacts, mismatched: attempt.state === 'mismatched' },
    ];
    return { ...attempt, facts: facts.reduce(mergeFacts, noFacts) };
  });
  const replayed = deriveColumns({ ...order, attempts });
  return (
    sameColumns(replayed, order) &&
    (order.isDue || !replayed.mayShip) &&
    attempts.every(({ facts }, index) => sameFacts(facts, order.attempts[index]?.facts ?? noFacts))
  );
}

type DerivedColumns = Pick<OrderFacts, 'status' | 'holds' | 'received' | 'returned' | 'mayShip'>;

function deriveColumns(order: OrderFacts): DerivedColumns {
  const { received, returned } = orderMoney(order);
  const holds = Object.keys(standingHolds(order)) as Hold[];
  return {
    status: deriveStatus(order),
    holds,
    received,
    returned,
    mayShip: findShipRefusal(order, holds) === null,
  };
}

function sameColumns(one: DerivedColumns, other: DerivedColumns): boolean {
  return (
    one.status === other.status &&
    one.holds.join() === other.holds.join() &&
    one.received === other.received &&
    one.returned === other.returned &&
    one.mayShip === other.mayShip
  );
}

export function factsOf(order: OrderFacts, number: number): IntentFacts {
  return order.attempts.find((attempt) => attempt.number === number)?.facts ?? noFacts;
}

export function mergeInto(order: OrderFacts, number: number, facts: IntentFacts): OrderFacts {
  const attempts = order.attempts.map((attempt) =>
    attempt.number === number ? { ...attempt, facts: mergeFacts(attempt.facts, facts) } : attempt,
  );
  return { ...order, attempts };
}
