import { type AttemptOf, hearEvents } from './apply-events.ts';
import type { ReceivedEvent, RecordedEvent } from './order-store.ts';
import type { SqlTransaction } from './sql.ts';
import { saveFacts } from './sql-facts.ts';
import { loadFactsOfIntents } from './sql-load-facts.ts';

/**
 * Keeps events and applies them, in their order, in a transaction of SQLite's one writer. What they are about is read in
 * lists; what is written is a statement each, since without a network between them nothing is gained by more.
 */
export async function recordEvents(
  tx: SqlTransaction,
  events: readonly ReceivedEvent[],
): Promise<RecordedEvent[]> {
  const intents = new Set(events.flatMap(({ paymentIntentId }) => paymentIntentId ?? []));
  const orders = await loadFactsOfIntents(tx, [...intents]);
  const attempts = new Map(
    orders.flatMap(({ id, attempts: all }) =>
      all.map(({ paymentIntentId, number }) => [paymentIntentId, { orderId: id, number }] as const),
    ),
  );
  const attemptOf: AttemptOf = ({ paymentIntentId }) =>
    paymentIntentId === null ? undefined : attempts.get(paymentIntentId);

  const isNew: boolean[] = [];
  for (const event of events) isNew.push(await keepEvent(tx, event, attemptOf(event)?.orderId ?? null));

  const { recorded, heard } = hearEvents(events, { orders, attemptOf, isNew });
  for (const { before, after } of heard) await saveFacts(tx, before, after);
  return recorded;
}

/** As it came. Gives whether it is new. */
async function keepEvent(tx: SqlTransaction, event: ReceivedEvent, orderId: number | null): Promise<boolean> {
  const kept = await tx.run(
    `INSERT INTO events (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
    [
      event.digest,
      event.eventId,
      event.event,
      event.paymentIntentId,
      event.paymentStatus,
      orderId,
      event.secret,
      event.receivedAt.getTime(),
      event.body,
    ],
  );
  return kept === 1;
}
