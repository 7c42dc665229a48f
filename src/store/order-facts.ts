import type { Order, PaymentAttempt } from '../shop/order.ts';
import {
  deriveHolds,
  deriveStatus,
  factsFromStatus,
  type IntentFacts,
  isDueForFulfilment,
  mergeFacts,
  type ShopActs,
} from '../shop/order-status.ts';
import type { ReceivedEvent, RecordedEvent } from './order-store.ts';

/** The part of an order that events, observations and acts change, and what its derived columns are made of. */
export type OrderFacts = Pick<
  Order,
  'id' | 'reference' | 'status' | 'holds' | 'updatedAt' | 'nextCheckAt'
> & {
  readonly total: number;
  readonly refundedAmount: number;
  readonly acts: ShopActs;
  /** It has become due for fulfilment, now or before. */
  readonly isDue: boolean;
  readonly attempts: readonly AttemptFacts[];
};

export type AttemptFacts = Pick<PaymentAttempt, 'number' | 'paymentIntentId' | 'hasIntent' | 'facts'>;

/** A webhook tells a status and no amount; a look at Dojo this long after it tells the rest. */
const verifyAfterMs = 30_000;

/** What an order becomes when this is heard about one of its attempts. Pure, so that it is decided in one place for every database. */
export function hear(
  order: OrderFacts,
  attempt: number,
  { paymentStatus, receivedAt }: Pick<ReceivedEvent, 'paymentStatus' | 'receivedAt'>,
): OrderFacts {
  if (paymentStatus === null) return order;
  const heard = deriveOrder(mergeInto(order, attempt, factsFromStatus(paymentStatus)), receivedAt);
  // A second Captured may be a partial refund, and no event tells an amount: Dojo is asked soon.
  return paymentStatus === 'Captured' || paymentStatus === 'Refunded' ? askSoon(heard, receivedAt) : heard;
}

export function answerOf(event: ReceivedEvent, order: OrderFacts | null): RecordedEvent {
  if (order === null || event.paymentStatus === null) return { kind: 'kept' };
  const { reference, status, holds } = order;
  return { kind: 'applied', order: { reference, status, holds } };
}

/** Brings the derived columns up to the facts. */
export function deriveOrder(order: OrderFacts, now: Date): OrderFacts {
  const columns = deriveColumns(order);
  const isSame = sameColumns(order, columns);
  const isDue = order.isDue || isDueForFulfilment(columns.status, columns.holds);
  return { ...order, ...columns, isDue, updatedAt: isSame ? order.updatedAt : now };
}

export function deriveColumns({
  attempts,
  total,
  acts,
}: Pick<OrderFacts, 'attempts' | 'total' | 'acts'>): Pick<OrderFacts, 'status' | 'holds' | 'refundedAmount'> {
  return {
    status: deriveStatus(attempts, total),
    holds: deriveHolds(attempts, total, acts),
    refundedAmount: attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0),
  };
}

export function sameColumns(
  one: Pick<OrderFacts, 'status' | 'holds' | 'refundedAmount'>,
  other: Pick<OrderFacts, 'status' | 'holds' | 'refundedAmount'>,
): boolean {
  return (
    one.status === other.status &&
    one.holds.join() === other.holds.join() &&
    one.refundedAmount === other.refundedAmount
  );
}

export function sameFacts(one: IntentFacts, other: IntentFacts): boolean {
  return (Object.keys(one) as (keyof IntentFacts)[]).every((name) => one[name] === other[name]);
}

function mergeInto(order: OrderFacts, number: number, facts: IntentFacts): OrderFacts {
  const attempts = order.attempts.map((attempt) =>
    attempt.number === number ? { ...attempt, facts: mergeFacts(attempt.facts, facts) } : attempt,
  );
  return { ...order, attempts };
}

/** Has the sweep ask Dojo about it soon. */
export function askSoon(order: OrderFacts, now: Date): OrderFacts {
  const at = new Date(now.getTime() + verifyAfterMs);
  return order.nextCheckAt !== null && order.nextCheckAt <= at ? order : { ...order, nextCheckAt: at };
}
