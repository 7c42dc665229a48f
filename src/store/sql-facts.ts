import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import {
  factsFromStatus,
  type IntentFacts,
  isDueForFulfilment,
  mergeFacts,
  noFacts,
} from '../shop/order-status.ts';
import {
  askSoon,
  deriveColumns,
  deriveOrder,
  type OrderFacts,
  sameColumns,
  sameFacts,
} from './order-facts.ts';
import { attemptRowSchema, orderRowSchema } from './order-rows.ts';
import type { SqlTransaction } from './sql.ts';
import { getFacts } from './sql-load-facts.ts';

export async function findOrder(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key' | 'reference',
  value: string | number,
): Promise<Order | null> {
  const row = (await tx.all(`${selectOrder} WHERE ${key} = $1`, [value]))[0];
  if (row === undefined) return null;
  const order = orderRowSchema.parse(row);
  const attempts = await tx.all(`SELECT * FROM attempts WHERE order_id = $1 ORDER BY number`, [order.id]);
  return { ...order, attempts: attemptRowsSchema.parse(attempts) };
}

const selectOrder = `SELECT * FROM orders JOIN baskets ON baskets.order_id = orders.id`;
const attemptRowsSchema = z.array(attemptRowSchema);

/** For an order that must be there, because something refers to it. */
export async function getOrder(tx: SqlTransaction, id: number): Promise<Order> {
  // Sent together: over a network each statement that waits for another costs its way there and back.
  const [orders, attempts] = await Promise.all([
    tx.all(`${selectOrder} WHERE id = $1`, [id]),
    tx.all(`SELECT * FROM attempts WHERE order_id = $1 ORDER BY number`, [id]),
  ]);
  if (orders[0] === undefined) throw new Error(`Order ${id} is not in the store.`);
  return { ...orderRowSchema.parse(orders[0]), attempts: attemptRowsSchema.parse(attempts) };
}

/**
 * Holds an order as it is until the transaction ends. Whoever changes an order or its attempts, or derives it, does this
 * first: facts that another process merges meanwhile would be missing from what is derived here.
 */
export async function lockOrder(tx: SqlTransaction, id: number): Promise<void> {
  if (tx.dialect.forUpdate === '') return;
  await tx.all(`SELECT id FROM orders WHERE id = $1 ${tx.dialect.forUpdate}`, [id]);
}

/**
 * Holds what is known of an intent: an attempt that gets it and an event that speaks of it, at the same moment in two
 * processes, would each not see the other. Always before an order is locked, so that no two wait for each other.
 */
export async function lockIntent(tx: SqlTransaction, paymentIntentId: string): Promise<void> {
  if (tx.dialect.forUpdate === '') return;
  await tx.all(`INSERT INTO intents (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET id = excluded.id`, [
    paymentIntentId,
  ]);
}

export async function findAttempt(
  tx: SqlTransaction,
  paymentIntentId: string,
): Promise<{ order_id: number; number: number } | null> {
  const rows = await tx.all(`SELECT order_id, number FROM attempts WHERE payment_intent_id = $1`, [
    paymentIntentId,
  ]);
  return attemptKeysSchema.parse(rows)[0] ?? null;
}

const attemptKeysSchema = z.array(z.object({ order_id: z.int(), number: z.int() }));

export async function mergeFactsInto(
  tx: SqlTransaction,
  orderId: number,
  attempt: number,
  facts: IntentFacts,
): Promise<void> {
  await tx.run(mergeFactsSql, [orderId, attempt, ...factColumns.map(([name]) => Number(facts[name]))]);
}

export const factColumns = [
  ['authorized', 'authorized'],
  ['captured', 'captured'],
  ['canceled', 'canceled'],
  ['reversed', 'reversed'],
  ['refunded', 'refunded'],
  ['refundedAmount', 'refunded_amount'],
  ['expired', 'expired'],
  ['unwanted', 'unwanted'],
  ['mismatched', 'mismatched'],
] as const satisfies readonly (readonly [keyof IntentFacts, string])[];

// A fact that is there stays there, whatever comes later and in whatever order.
const mergeFactsSql = `UPDATE attempts SET ${factColumns
  .map(
    ([, column], index) =>
      `${column} = CASE WHEN $${index + 3} > ${column} THEN $${index + 3} ELSE ${column} END`,
  )
  .join(', ')} WHERE order_id = $1 AND number = $2`;

/** The webhook may overtake Dojo's answer to our own call: what came before is applied when the attempt gets its intent. */
export async function applyWaitingEvents(
  tx: SqlTransaction,
  orderId: number,
  attempt: number,
  paymentIntentId: string,
): Promise<void> {
  const waiting = await tx.all(
    `UPDATE events SET order_id = $1 WHERE payment_intent_id = $2 AND order_id IS NULL RETURNING payment_status`,
    [orderId, paymentIntentId],
  );
  for (const { payment_status } of statusRowsSchema.parse(waiting)) {
    if (payment_status !== null) await mergeFactsInto(tx, orderId, attempt, factsFromStatus(payment_status));
  }
}

const statusRowsSchema = z.array(z.object({ payment_status: z.string().nullable() }));

/** Brings the derived columns of an order up to its facts, and adds its fulfilment where that makes one due. */
export async function derive(tx: SqlTransaction, orderId: number, now: Date): Promise<void> {
  const order = await getFacts(tx, orderId);
  await saveFacts(tx, order, deriveOrder(order, now));
}

/** The same after something that no event tells the amount of: Dojo is asked soon. */
export async function deriveAndAskSoon(tx: SqlTransaction, orderId: number, now: Date): Promise<void> {
  const order = await getFacts(tx, orderId);
  await saveFacts(tx, order, askSoon(deriveOrder(order, now), now));
}

/** Stores what has become of an order that this transaction has locked. */
export async function saveFacts(tx: SqlTransaction, before: OrderFacts, after: OrderFacts): Promise<void> {
  for (const [index, attempt] of after.attempts.entries()) {
    const known = before.attempts[index]?.facts ?? noFacts;
    if (!sameFacts(known, attempt.facts)) await mergeFactsInto(tx, after.id, attempt.number, attempt.facts);
  }
  const { status, holds, refundedAmount, updatedAt, nextCheckAt } = after;
  if (!sameColumns(before, after) || before.nextCheckAt !== nextCheckAt) {
    await tx.run(
      `UPDATE orders SET status = $2, holds = $3, refunded_amount = $4, updated_at = $5, next_check_at = $6 WHERE id = $1`,
      [after.id, status, holds.join(), refundedAmount, updatedAt.getTime(), nextCheckAt?.getTime() ?? null],
    );
  }
  if (after.isDue && !before.isDue) {
    await tx.run(
      `INSERT INTO fulfilments (order_id, due_at, next_notify_at) VALUES ($1, $2, $2) ON CONFLICT (order_id) DO NOTHING`,
      [after.id, updatedAt.getTime()],
    );
  }
}

/**
 * Derives an order from the kept events and observations alone, and compares with what the database says:
 * the facts of every attempt and the derived columns.
 */
export async function isReplayedAlike(tx: SqlTransaction, orderId: number): Promise<boolean> {
  const order = await getFacts(tx, orderId);
  const events = heardRowsSchema.parse(
    await tx.all(
      `SELECT payment_intent_id, payment_status FROM events WHERE order_id = $1 AND payment_status IS NOT NULL`,
      [orderId],
    ),
  );
  const observations = observationRowsSchema.parse(
    await tx.all(`SELECT * FROM observations WHERE order_id = $1`, [orderId]),
  );
  const states = attemptStatesSchema.parse(
    await tx.all(`SELECT state FROM attempts WHERE order_id = $1 ORDER BY number`, [orderId]),
  );

  const attempts = order.attempts.map((attempt, index) => {
    const heard = [
      ...events
        .filter((event) => event.payment_intent_id === attempt.paymentIntentId)
        .map((event) => factsFromStatus(event.payment_status)),
      ...observations
        .filter((observation) => observation.attempt === attempt.number)
        .map((observation) => observation.facts),
      { ...noFacts, mismatched: states[index]?.state === 'mismatched' },
    ];
    return { ...attempt, facts: heard.reduce(mergeFacts, noFacts) };
  });
  const replayed = deriveColumns({ ...order, attempts });
  const isDueKept = order.isDue || !isDueForFulfilment(replayed.status, replayed.holds);
  const hasSameFacts = attempts.every(({ facts }, index) =>
    sameFacts(facts, order.attempts[index]?.facts ?? noFacts),
  );
  return sameColumns(replayed, order) && isDueKept && hasSameFacts;
}

const heardRowsSchema = z.array(z.object({ payment_intent_id: z.string(), payment_status: z.string() }));
const attemptStatesSchema = z.array(z.object({ state: z.string() }));

const observationRowsSchema = z.array(
  z
    .object({
      attempt: z.int(),
      status: z.string().nullable(),
      refunded_amount: z.int(),
      expired: z.int(),
      unwanted: z.int(),
      mismatched: z.int(),
    })
    .transform(({ attempt, status, ...row }) => ({
      attempt,
      facts: mergeFacts(status === null ? noFacts : factsFromStatus(status), {
        ...noFacts,
        refundedAmount: row.refunded_amount,
        expired: row.expired === 1,
        unwanted: row.unwanted === 1,
        mismatched: row.mismatched === 1,
      }),
    })),
);
