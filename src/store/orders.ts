import type { Order } from '../shop/order.ts';
import { type AttemptKey, type OrderChange, type OrderFacts, sameFacts } from '../shop/order-events.ts';
import {
  actsOf,
  attemptKeysSchema,
  attemptOf,
  attemptRowsSchema,
  attemptsTable,
  derivedOf,
  derivedTable,
  detailsOf,
  factRowsSchema,
  factsTable,
  fulfilmentsTable,
  orderRowSchema,
  refundRowsSchema,
  selectAttempts,
  selectOrder,
} from './order-rows.ts';
import { isAmong, type SqlTable, type SqlTransaction, valuesOf } from './sql.ts';

/** Load, decide, save: the one way in which an order changes. Resolves to what it became. */
export async function changeOrder(
  tx: SqlTransaction,
  id: number,
  decide: (order: OrderFacts) => OrderFacts,
): Promise<OrderFacts> {
  const [before] = await lockFacts(tx, [id]);
  if (before === undefined) throw new Error(`Order ${id} is not in the store.`);
  const after = decide(before);
  await saveChanges(tx, [{ before, after }]);
  return after;
}

/** The same, with the rest of the order. */
export async function changeWholeOrder(
  tx: SqlTransaction,
  id: number,
  decide: (order: OrderFacts) => OrderFacts,
): Promise<Order> {
  const [order, after] = await Promise.all([getOrder(tx, id), changeOrder(tx, id, decide)]);
  const { status, holds, updatedAt, checks, nextCheckAt, attempts } = after;
  return { ...order, status, holds, updatedAt, checks, nextCheckAt, attempts };
}

/**
 * Loads orders and keeps them as they are until the transaction ends: facts that another process merges meanwhile would
 * be missing from what is derived here. Locked in the order of their ids, so that no two processes wait for each other.
 */
export async function lockFacts(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  if (tx.dialect.forUpdate === '') return loadFacts(tx, ids);
  const [condition, param] = isAmong(tx, ids);
  // Sent together. What is read is what the lock found, since each statement sees what was committed before it.
  const [, orders] = await Promise.all([
    tx.all(`SELECT id FROM orders WHERE id ${condition} ORDER BY id ${tx.dialect.forUpdate}`, [param]),
    loadFacts(tx, ids),
  ]);
  return orders;
}

/** Orders with what they are derived from, in no order; ids that no order has are missing. */
export async function loadFacts(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  if (ids.length === 0) return [];
  const [condition, param] = isAmong(tx, ids);
  const [orders, attempts, refunds] = await Promise.all([
    tx.all(
      `SELECT id, reference, total, status, holds, refunded_amount, updated_at, checks, next_check_at,
         fulfilments.order_id AS due, fulfilments.done_at AS fulfilled
       FROM orders LEFT JOIN fulfilments ON fulfilments.order_id = orders.id WHERE id ${condition}`,
      [param],
    ),
    tx.all(`${selectAttempts} WHERE order_id ${condition} ORDER BY order_id, number`, [param]),
    tx.all(
      `SELECT order_id, kind, state, amount FROM refunds WHERE order_id ${condition} AND state <> 'refused'`,
      [param],
    ),
  ]);
  const attemptsOf = Map.groupBy(attemptRowsSchema.parse(attempts), (row) => row.order_id);
  const refundsOf = Map.groupBy(refundRowsSchema.parse(refunds), (row) => row.order_id);
  return factRowsSchema.parse(orders).map((row) => ({
    id: row.id,
    reference: row.reference,
    total: row.total,
    ...derivedOf(row),
    refundedAmount: row.refunded_amount,
    ...actsOf(refundsOf.get(row.id) ?? [], row.fulfilled !== null),
    isDue: row.due !== null,
    attempts: (attemptsOf.get(row.id) ?? []).map(attemptOf),
  }));
}

/** Stores what became of orders that this transaction has locked: what changed, and nothing else. */
export async function saveChanges(tx: SqlTransaction, changes: readonly OrderChange[]): Promise<void> {
  const pairs = changes.flatMap(({ before, after }) =>
    after.attempts.map((attempt) => {
      const was = before.attempts.find(({ number }) => number === attempt.number);
      return { was, is: { orderId: after.id, ...attempt } };
    }),
  );
  const known = pairs.filter(({ was }) => was !== undefined);
  const save = async (method: 'insertRows' | 'updateRows', table: SqlTable, rows: readonly object[]) => {
    if (rows.length > 0) await tx.withCommit(tx[method](table, rows));
  };
  // Changes first: an attempt that ends makes room for a new one.
  await save(
    'updateRows',
    attemptsTable,
    known.filter(({ was, is }) => !isSame(attemptsTable, { ...is, ...was }, is)).map(({ is }) => is),
  );
  await save(
    'insertRows',
    attemptsTable,
    pairs.filter(({ was }) => was === undefined).map(({ is }) => is),
  );
  await save(
    'updateRows',
    factsTable,
    known
      .filter(({ was, is }) => was !== undefined && !sameFacts(was.facts, is.facts))
      .map(({ is }) => ({ orderId: is.orderId, number: is.number, ...is.facts })),
  );
  await save(
    'updateRows',
    derivedTable,
    changes.filter(({ before, after }) => !isSame(derivedTable, before, after)).map(({ after }) => after),
  );
  await save(
    'insertRows',
    fulfilmentsTable,
    changes
      .filter(({ before, after }) => after.isDue && !before.isDue)
      .map(({ after: { id, updatedAt } }) => ({ orderId: id, dueAt: updatedAt, nextNotifyAt: updatedAt })),
  );
}

function isSame(table: SqlTable, one: object, other: object): boolean {
  const values = valuesOf(table, other);
  return valuesOf(table, one).every((value, index) => value === values[index]);
}

export async function findOrder(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key' | 'reference',
  value: string | number,
): Promise<Order | null> {
  const row = (await tx.all(`${selectOrder} WHERE ${key} = $1`, [value]))[0];
  if (row === undefined) return null;
  const order = orderRowSchema.parse(row);
  const attempts = await tx.all(`${selectAttempts} WHERE order_id = $1 ORDER BY number`, [order.id]);
  return {
    ...detailsOf(order),
    ...derivedOf(order),
    attempts: attemptRowsSchema.parse(attempts).map(attemptOf),
  };
}

/** For an order that must be there, because something refers to it. */
export async function getOrder(tx: SqlTransaction, id: number): Promise<Order> {
  const order = await findOrder(tx, 'id', id);
  if (order === null) throw new Error(`Order ${id} is not in the store.`);
  return order;
}

/**
 * Keeps what is known of an intent as it is: an attempt that gets the intent and an event that names it, at the same
 * moment in two processes, would not see each other. Always before an order is locked, so that no two wait for each other.
 */
export async function lockIntents(tx: SqlTransaction, paymentIntentIds: readonly string[]): Promise<void> {
  if (tx.dialect.forUpdate === '' || paymentIntentIds.length === 0) return;
  await tx.run(
    `INSERT INTO intents (id) SELECT unnest(CAST($1 AS TEXT[])) ON CONFLICT (id) DO UPDATE SET id = excluded.id`,
    [paymentIntentIds],
  );
}

/** The attempts that have these intents, by intent. */
export async function findAttempts(
  tx: SqlTransaction,
  paymentIntentIds: readonly string[],
): Promise<Map<string, AttemptKey>> {
  if (paymentIntentIds.length === 0) return new Map();
  const [condition, param] = isAmong(tx, paymentIntentIds);
  const rows = await tx.all(
    `SELECT payment_intent_id, order_id, number FROM attempts WHERE payment_intent_id ${condition}`,
    [param],
  );
  return new Map(
    attemptKeysSchema
      .parse(rows)
      .map((row) => [row.payment_intent_id, { orderId: row.order_id, number: row.number }]),
  );
}
