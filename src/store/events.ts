import { z } from 'zod';
import type { OrderFacts } from '../shop/order.ts';
import {
  type AttemptKey,
  applyEvents,
  type OrderChange,
  type ReceivedEvent,
  type RecordedEvent,
} from '../shop/order-events.ts';
import type { QuarantinedDelivery } from './order-store.ts';
import { findAttempts, lockFacts, lockIntents, saveChanges } from './orders.ts';
import { defineTable, type SqlTransaction } from './sql.ts';

/**
 * Keeps events and applies them in their order, in three steps however many there are: find their orders, load them and keep
 * what is new, save the changes. Intents are locked before orders, so that no two processes wait for each other.
 */
export async function recordEvents(
  tx: SqlTransaction,
  events: readonly ReceivedEvent[],
  lock?: string,
): Promise<RecordedEvent[]> {
  const intents = new Set(events.flatMap(({ paymentIntentId }) => paymentIntentId ?? []));
  const attempts = await findAndLock(tx, [...intents].sort());
  const attemptOf = ({ paymentIntentId }: ReceivedEvent) =>
    paymentIntentId === null ? undefined : attempts.get(paymentIntentId);
  const ids = [...new Set(attempts.values().map(({ orderId }) => orderId))].sort((a, b) => a - b);
  const [orders, isNew] = await Promise.all([
    lockFacts(tx, ids, lock),
    tx.insertNewRows(
      eventsTable,
      events.map((event) => ({ ...event, orderId: attemptOf(event)?.orderId })),
    ),
  ]);
  if (orders.length < ids.length) {
    const held = new Set(ids.filter((id) => !orders.some((order) => order.id === id)));
    throw new OrdersHeld(intents.values().filter((intent) => held.has(attempts.get(intent)?.orderId ?? 0)));
  }
  const { recorded, changes } = applyEvents(events, { orders, attemptOf, isNew });
  await saveChanges(tx, changes);
  return recorded;
}

/** Another session has orders of these intents locked, and the caller would not wait. Nothing was stored. */
export class OrdersHeld extends Error {
  override readonly name = 'OrdersHeld';
  readonly intents: ReadonlySet<string>;
  constructor(intents: Iterable<string>) {
    super('Another session has these orders locked');
    this.intents = new Set(intents);
  }
}

/** An intent that no attempt has yet is locked and looked up again: its attempt may be getting it at this moment. */
async function findAndLock(
  tx: SqlTransaction,
  intents: readonly string[],
): Promise<ReadonlyMap<string, AttemptKey>> {
  const found = await findAttempts(tx, intents);
  const unknown = intents.filter((intent) => !found.has(intent));
  if (unknown.length === 0 || tx.dialect.forUpdate === '') return found;
  const [, late] = await Promise.all([lockIntents(tx, unknown), findAttempts(tx, unknown)]);
  return new Map([...found, ...late]);
}

/**
 * An order, and what is known of an intent that it may get: whether another attempt has it, and the statuses of events
 * that overtook Dojo's answer to our own call. All of it stays as it is until the transaction ends.
 */
export async function lockWithIntent(
  tx: SqlTransaction,
  orderId: number,
  paymentIntentId: string | null,
): Promise<{ order: OrderFacts; waiting: (string | null)[]; isTaken: boolean }> {
  const intents = paymentIntentId === null ? [] : [paymentIntentId];
  const [, owners, waiting, [order]] = await Promise.all([
    lockIntents(tx, intents),
    findAttempts(tx, intents),
    intents.length === 0
      ? []
      : tx.all(
          `SELECT payment_status FROM events WHERE payment_intent_id = $1 AND order_id IS NULL`,
          intents,
        ),
    lockFacts(tx, [orderId]),
  ]);
  if (order === undefined) throw new Error(`Order ${orderId} is not in the store.`);
  const statuses = statusRowsSchema.parse(waiting).map((row) => row.payment_status);
  return { order, waiting: statuses, isTaken: owners.size > 0 };
}

/** Saves an order that got an intent, together with the events that waited for it. */
export async function saveWithIntent(
  tx: SqlTransaction,
  change: OrderChange,
  paymentIntentId: string | null,
  waiting: readonly (string | null)[],
): Promise<void> {
  await saveChanges(tx, [change]);
  if (paymentIntentId === null || waiting.length === 0) return;
  const adopted = `UPDATE events SET order_id = $1 WHERE payment_intent_id = $2 AND order_id IS NULL`;
  await tx.withCommit(tx.run(adopted, [change.after.id, paymentIntentId]));
}

const statusRowsSchema = z.array(z.object({ payment_status: z.string().nullable() }));

export async function quarantine(tx: SqlTransaction, delivery: QuarantinedDelivery): Promise<void> {
  await tx.insertNewRows(quarantineTable, [delivery]);
}

/** Keeps an event and drops it again. */
export async function probeEvents(tx: SqlTransaction): Promise<void> {
  const none = { paymentIntentId: null, paymentStatus: null, secret: '', receivedAt: new Date(0) };
  const digest = new Uint8Array(32);
  await tx.insertRows(eventsTable, [{ ...none, eventId: '', event: '', digest, body: digest }]);
  await tx.run('DELETE FROM events WHERE digest = $1 AND order_id IS NULL', [digest]);
}

const eventsTable = defineTable('events', 'digest', {
  BIGINT: 'order_id received_at',
  TEXT: 'event_id event payment_intent_id payment_status secret',
  BYTEA: 'digest body',
});

const quarantineTable = defineTable('quarantine', 'digest', {
  BIGINT: 'received_at',
  TEXT: 'reason secret',
  BYTEA: 'digest body',
});
