import { answerOf, hear, type OrderFacts } from './order-facts.ts';
import type { ReceivedEvent, RecordedEvent } from './order-store.ts';

export type AttemptKey = { readonly orderId: number; readonly number: number };
export type AttemptOf = (event: ReceivedEvent) => AttemptKey | undefined;
/** What an order was when it was loaded, and what it became by what was heard. */
export type Heard = { readonly before: OrderFacts; readonly after: OrderFacts };

/**
 * What events make of the orders that they speak of, heard one after another. The answers are in the order of the events;
 * what was kept before is not heard again. Pure, as `hear` is: each database loads and saves as it does best.
 */
export function hearEvents(
  events: readonly ReceivedEvent[],
  known: {
    readonly orders: readonly OrderFacts[];
    readonly attemptOf: AttemptOf;
    /** Of each event. */
    readonly isNew: readonly boolean[];
  },
): { readonly recorded: RecordedEvent[]; readonly heard: Heard[] } {
  const orders = new Map(
    known.orders.map((order): [number, Heard] => [order.id, { before: order, after: order }]),
  );
  const recorded = events.map((event, index): RecordedEvent => {
    if (known.isNew[index] !== true) return { kind: 'duplicate' };
    const attempt = known.attemptOf(event);
    const order = attempt === undefined ? undefined : orders.get(attempt.orderId);
    if (attempt === undefined || order === undefined) return answerOf(event, null);
    const after = hear(order.after, attempt.number, event);
    orders.set(attempt.orderId, { before: order.before, after });
    return answerOf(event, after);
  });
  return { recorded, heard: [...orders.values()] };
}
