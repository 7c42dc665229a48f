import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import {
  deriveHolds,
  deriveStatus,
  factsFromStatus,
  type Hold,
  type IntentFacts,
  isDueForFulfilment,
  mergeFacts,
  noFacts,
  type ShopActs,
} from '../shop/order-status.ts';
import { attemptRowSchema, orderRowSchema } from './order-rows.ts';
import type { SqlTransaction } from './sql.ts';

/** A webhook tells a status and no amount; a look at Dojo this long after it tells the rest. */
const verifyAfterMs = 30_000;

export async function findOrder(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key' | 'reference',
  value: string | number,
): Promise<Order | null> {
  const row = (await tx.all(`SELECT * FROM orders WHERE ${key} = $1`, [value]))[0];
  if (row === undefined) return null;
  const order = orderRowSchema.parse(row);
  const attempts = await tx.all(`SELECT * FROM attempts WHERE order_id = $1 ORDER BY number`, [order.id]);
  return { ...order, attempts: z.array(attemptRowSchema).parse(attempts) };
}

/** For an order that must be there, because something refers to it. */
export async function getOrder(tx: SqlTransaction, id: number): Promise<Order> {
  const order = await findOrder(tx, 'id', id);
  if (order === null) throw new Error(`Order ${id} is not in the store.`);
  return order;
}

export async function findAttempt(
  tx: SqlTransaction,
  paymentIntentId: string,
): Promise<{ order_id: number; number: number } | null> {
  const rows = await tx.all(`SELECT order_id, number FROM attempts WHERE payment_intent_id = $1`, [
    paymentIntentId,
  ]);
  return z.array(z.object({ order_id: z.int(), number: z.int() })).parse(rows)[0] ?? null;
}

export async function mergeFactsInto(
  tx: SqlTransaction,
  orderId: number,
  attempt: number,
  facts: IntentFacts,
): Promise<void> {
  await tx.all(mergeFactsSql, [orderId, attempt, ...factColumns.map(([name]) => Number(facts[name]))]);
}

const factColumns = [
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
  for (const { payment_status } of z.array(statusRowSchema).parse(waiting)) {
    if (payment_status !== null) await mergeFactsInto(tx, orderId, attempt, factsFromStatus(payment_status));
  }
}

const statusRowSchema = z.object({ payment_status: z.string().nullable() });

export type Derived = { reference: string; status: Order['status']; holds: readonly Hold[] };

/** Brings the derived columns of an order up to its facts, and adds its fulfilment where that makes one due. */
export async function derive(tx: SqlTransaction, orderId: number, now: Date): Promise<Derived> {
  const order = await getOrder(tx, orderId);
  const derived = deriveColumns(order, await findActs(tx, orderId));
  await tx.all(
    `UPDATE orders SET status = $2, holds = $3, refunded_amount = $4, updated_at = $5
     WHERE id = $1 AND (status <> $2 OR holds <> $3 OR refunded_amount <> $4)`,
    [orderId, derived.status, derived.holds.join(','), derived.refundedAmount, now.getTime()],
  );
  if (isDueForFulfilment(derived.status, derived.holds)) {
    await tx.all(
      `INSERT INTO fulfilments (order_id, due_at, next_notify_at) VALUES ($1, $2, $2) ON CONFLICT (order_id) DO NOTHING`,
      [orderId, now.getTime()],
    );
  }
  return { reference: order.reference, status: derived.status, holds: derived.holds };
}

/** Has the sweep ask Dojo about an order soon. */
export async function planVerification(tx: SqlTransaction, orderId: number, now: Date): Promise<void> {
  await tx.all(
    `UPDATE orders SET next_look_at = $2 WHERE id = $1 AND (next_look_at IS NULL OR next_look_at > $2)`,
    [orderId, now.getTime() + verifyAfterMs],
  );
}

function deriveColumns(order: Order, acts: ShopActs) {
  const { attempts, basket } = order;
  return {
    status: deriveStatus(attempts, basket.total),
    holds: deriveHolds(attempts, basket.total, acts),
    refundedAmount: attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0),
  };
}

async function findActs(tx: SqlTransaction, orderId: number): Promise<ShopActs> {
  const [row] = await tx.all(
    `SELECT
       (SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE order_id = $1 AND kind = 'refund' AND state <> 'refused') AS refunded,
       (SELECT COUNT(*) FROM refunds WHERE order_id = $1 AND kind = 'reversal' AND state <> 'refused') AS reversals,
       (SELECT COUNT(*) FROM fulfilments WHERE order_id = $1 AND done_at IS NOT NULL) AS fulfilled`,
    [orderId],
  );
  const { refunded, reversals, fulfilled } = actsRowSchema.parse(row);
  return { refundedByUs: refunded, isReversedByUs: reversals > 0, isFulfilled: fulfilled > 0 };
}

const actsRowSchema = z.object({ refunded: z.int(), reversals: z.int(), fulfilled: z.int() });

/**
 * Derives an order from the kept events and readings alone, and compares with what the database says:
 * the facts of every attempt and the derived columns.
 */
export async function isReplayedAlike(tx: SqlTransaction, orderId: number): Promise<boolean> {
  const order = await getOrder(tx, orderId);
  const events = z
    .array(z.object({ payment_intent_id: z.string(), payment_status: z.string() }))
    .parse(
      await tx.all(
        `SELECT payment_intent_id, payment_status FROM events WHERE order_id = $1 AND payment_status IS NOT NULL`,
        [orderId],
      ),
    );
  const readings = z
    .array(readingRowSchema)
    .parse(await tx.all(`SELECT * FROM readings WHERE order_id = $1`, [orderId]));

  const attempts = order.attempts.map((attempt) => {
    const heard = [
      ...events
        .filter((event) => event.payment_intent_id === attempt.paymentIntentId)
        .map((event) => factsFromStatus(event.payment_status)),
      ...readings.filter((reading) => reading.attempt === attempt.number).map((reading) => reading.facts),
      { ...noFacts, mismatched: attempt.state === 'mismatched' },
    ];
    return { ...attempt, facts: heard.reduce(mergeFacts, noFacts) };
  });
  const replayed = deriveColumns({ ...order, attempts }, await findActs(tx, orderId));
  const stored = await tx.all(`SELECT refunded_amount FROM orders WHERE id = $1`, [orderId]);
  const kept = {
    status: order.status,
    holds: order.holds,
    refundedAmount: z.object({ refunded_amount: z.int() }).parse(stored[0]).refunded_amount,
  };
  const due = await tx.all(`SELECT order_id FROM fulfilments WHERE order_id = $1`, [orderId]);
  const isDueKept = due.length > 0 || !isDueForFulfilment(replayed.status, replayed.holds);
  const text = (facts: readonly { facts: IntentFacts }[]) =>
    JSON.stringify(facts.map((entry) => entry.facts));
  const isSame = JSON.stringify(replayed) === JSON.stringify(kept);
  return isSame && isDueKept && text(attempts) === text(order.attempts);
}

const readingRowSchema = z
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
  }));
