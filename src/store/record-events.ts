import { answerOf, hear, type OrderFacts } from './order-facts.ts';
import type { ReceivedEvent, RecordedEvent } from './order-store.ts';
import type { SqlTransaction } from './sql.ts';
import { loadFacts } from './sql-facts.ts';

export type AttemptKey = { readonly orderId: number; readonly number: number };
export type AttemptOf = (event: ReceivedEvent) => AttemptKey | undefined;
/** What an order was when it was loaded, and what it became by what was heard. */
export type Heard = { readonly before: OrderFacts; readonly after: OrderFacts };

/** The statements of the intake, as a database runs them best: over lists, or each by itself. */
export type IntakeStatements = {
  /** Finds the attempts whose intents the events speak of. */
  findAttempts(tx: SqlTransaction, events: readonly ReceivedEvent[]): Promise<AttemptOf>;
  /** Holds these orders as they are until the transaction ends. */
  lockOrders(tx: SqlTransaction, ids: readonly number[]): Promise<void>;
  /** Keeps the events as they came, in their order; tells of each whether it is new. */
  keep(tx: SqlTransaction, events: readonly ReceivedEvent[], attemptOf: AttemptOf): Promise<boolean[]>;
  /** Stores what has become of the orders, as far as it changed. */
  save(tx: SqlTransaction, heard: readonly Heard[]): Promise<void>;
};

/** Keeps events and applies them, in their order, in one transaction. The answers are in the order of the events. */
export async function recordEvents(
  tx: SqlTransaction,
  events: readonly ReceivedEvent[],
  statements: IntakeStatements,
): Promise<RecordedEvent[]> {
  const attemptOf = await statements.findAttempts(tx, events);
  // In the order of the ids, so that no two processes wait for each other.
  const ids = [...new Set(events.flatMap((event) => attemptOf(event)?.orderId ?? []))].sort((a, b) => a - b);
  // Sent together and run in this order: what is loaded is what the lock found.
  const [, isNew, loaded] = await Promise.all([
    statements.lockOrders(tx, ids),
    statements.keep(tx, events, attemptOf),
    loadFacts(tx, ids),
  ]);

  const orders = new Map(loaded.map((order): [number, Heard] => [order.id, { before: order, after: order }]));
  const recorded = events.map((event, index): RecordedEvent => {
    if (isNew[index] !== true) return { kind: 'duplicate' };
    const attempt = attemptOf(event);
    const order = attempt === undefined ? undefined : orders.get(attempt.orderId);
    if (attempt === undefined || order === undefined) return answerOf(event, null);
    const after = hear(order.after, attempt.number, event);
    orders.set(attempt.orderId, { before: order.before, after });
    return answerOf(event, after);
  });
  await statements.save(tx, [...orders.values()]);
  return recorded;
}

/** Days since 1970, as events are keyed. */
export function dayOf(date: Date | null): number {
  return date === null ? 0 : Math.floor(date.getTime() / 86_400_000);
}
