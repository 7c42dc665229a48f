import { z } from 'zod';
import { orderStatuses } from '../shop/order-status.ts';
import type { AttemptFacts, OrderFacts } from './order-facts.ts';
import { factsOfRow, factsShape, parseHolds } from './order-rows.ts';
import type { SqlTransaction } from './sql.ts';

/** Orders with what they are derived from, in no order; ids that no order has are missing. */
export async function loadFacts(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  const [orders, attempts] = await Promise.all([
    loadOrders(tx, ids),
    ids.length === 1
      ? tx.all(`${selectAttempts} WHERE order_id = $1 ORDER BY number`, [ids[0] ?? 0])
      : tx.all(`${selectAttempts} WHERE order_id ${tx.dialect.isOneOf('$1')} ORDER BY order_id, number`, [
          ids,
        ]),
  ]);
  return withAttempts(orders, attemptFactsOf(attempts));
}

/** The orders whose attempts have these intents, in no order. */
export async function loadFactsOfIntents(
  tx: SqlTransaction,
  intents: readonly string[],
): Promise<OrderFacts[]> {
  const attempts = attemptFactsOf(
    await tx.all(
      `${selectAttempts} WHERE order_id IN (SELECT order_id FROM attempts WHERE payment_intent_id ${tx.dialect.isOneOf('$1')})
       ORDER BY order_id, number`,
      [intents],
    ),
  );
  const ids = [...new Set(attempts.map(({ orderId }) => orderId))];
  return withAttempts(await loadOrders(tx, ids), attempts);
}

export const selectAttempts = `SELECT order_id, number, state, payment_intent_id, authorized, captured, canceled, reversed, refunded,
    refunded_amount, expired, unwanted, mismatched
  FROM attempts`;
const selectOrders = `SELECT id, reference, total, status, holds, refunded_amount, updated_at, next_check_at,
    (SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds
     WHERE refunds.order_id = orders.id AND kind = 'refund' AND state <> 'refused') AS refunded_by_us,
    (SELECT COUNT(*) FROM refunds
     WHERE refunds.order_id = orders.id AND kind = 'reversal' AND state <> 'refused') AS reversals,
    fulfilments.order_id AS due, done_at AS fulfilled
  FROM orders LEFT JOIN fulfilments ON fulfilments.order_id = orders.id`;

async function loadOrders(
  tx: SqlTransaction,
  ids: readonly number[],
): Promise<Omit<OrderFacts, 'attempts'>[]> {
  const rows =
    ids.length === 1
      ? await tx.all(`${selectOrders} WHERE id = $1`, [ids[0] ?? 0])
      : await tx.all(`${selectOrders} WHERE id ${tx.dialect.isOneOf('$1')}`, [ids]);
  return orderFactsSchema.parse(rows).map(orderFactsOf);
}

export function orderFactsOf(row: z.output<typeof orderFactsSchema>[number]): Omit<OrderFacts, 'attempts'> {
  return {
    id: row.id,
    reference: row.reference,
    total: row.total,
    status: row.status,
    holds: parseHolds(row.holds),
    refundedAmount: row.refunded_amount,
    updatedAt: new Date(row.updated_at),
    nextCheckAt: row.next_check_at === null ? null : new Date(row.next_check_at),
    acts: {
      refundedByUs: row.refunded_by_us,
      isReversedByUs: row.reversals > 0,
      isFulfilled: row.fulfilled !== null,
    },
    isDue: row.due !== null,
  };
}

export function withAttempts(
  orders: readonly Omit<OrderFacts, 'attempts'>[],
  attempts: readonly (AttemptFacts & { readonly orderId: number })[],
): OrderFacts[] {
  const ofOrder = Map.groupBy(attempts, (attempt) => attempt.orderId);
  return orders.map((order) => ({ ...order, attempts: ofOrder.get(order.id) ?? [] }));
}

export async function getFacts(tx: SqlTransaction, id: number): Promise<OrderFacts> {
  const [order] = await loadFacts(tx, [id]);
  if (order === undefined) throw new Error(`Order ${id} is not in the store.`);
  return order;
}

// Every webhook passes these: without a transform inside, zod reads a row in a fraction of the time.
export const orderShape = {
  id: z.int(),
  reference: z.string(),
  total: z.int(),
  status: z.enum(orderStatuses),
  holds: z.string(),
  refunded_amount: z.int(),
  updated_at: z.int(),
  next_check_at: z.int().nullable(),
};

const orderFactsSchema = z.array(
  z.object({
    ...orderShape,
    refunded_by_us: z.int(),
    reversals: z.int(),
    due: z.int().nullable(),
    fulfilled: z.int().nullable(),
  }),
);

export function attemptFactsOf(rows: readonly unknown[]): (AttemptFacts & { readonly orderId: number })[] {
  return attemptFactsSchema.parse(rows).map((row) => ({
    orderId: row.order_id,
    number: row.number,
    paymentIntentId: row.payment_intent_id,
    hasIntent: row.state === 'attached',
    facts: factsOfRow(row),
  }));
}

const attemptFactsSchema = z.array(
  z.object({
    order_id: z.int(),
    number: z.int(),
    state: z.string(),
    payment_intent_id: z.string().nullable(),
    ...factsShape,
  }),
);
