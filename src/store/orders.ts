import type { Order } from '../shop/order.ts';
import type { AttemptKey, OrderChange, OrderFacts } from '../shop/order-events.ts';
import { newsOf } from '../shop/order-news.ts';
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
import { changedColumns, isAmong, type SqlTable, type SqlTransaction } from './sql.ts';

/** Load, decide, save: the one way in which an order changes. Resolves to the changed order. */
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

/** Orders with what they are derived from, in no particular order; ids that no order has are missing. */
export async function loadFacts(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  if (ids.length === 0) return [];
  const [condition, param] = isAmong(tx, ids);
  const [orders, attempts, refunds] = await Promise.all([
    tx.all(
      `SELECT id, reference, total, currency, status, holds, refunded_amount, updated_at, checks, next_check_at,
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
    currencyCode: row.currency,
    ...derivedOf(row),
    refundedAmount: row.refunded_amount,
    ...actsOf(refundsOf.get(row.id) ?? [], row.fulfilled !== null),
    isDue: row.due !== null,
    attempts: (attemptsOf.get(row.id) ?? []).map(attemptOf),
  }));
}

/** Saves orders that this transaction has locked: the columns that changed, and nothing else. */
export async function saveChanges(tx: SqlTransaction, changes: readonly OrderChange[]): Promise<void> {
  const updates = new Map<SqlTable, object[]>();
  const update = (table: SqlTable, before: object, after: object, key: object) => {
    const changed = changedColumns(table, before, after);
    if (changed === null) return;
    const rows = updates.get(changed);
    if (rows === undefined) updates.set(changed, [{ ...after, ...key }]);
    else rows.push({ ...after, ...key });
  };
  const newAttempts: object[] = [];
  const due: object[] = [];
  for (const change of changes) {
    const { before, after } = change;
    const orderId = after.id;
    tx.news.push(...newsOf(change));
    for (const attempt of after.attempts) {
      const key = { orderId, number: attempt.number };
      const known = before.attempts.find(({ number }) => number === attempt.number);
      if (known === undefined) newAttempts.push({ ...attempt, ...key });
      else {
        update(attemptsTable, known, attempt, key);
        update(factsTable, known.facts, attempt.facts, key);
      }
    }
    update(derivedTable, before, after, {});
    if (after.isDue && !before.isDue)
      due.push({ orderId, dueAt: after.updatedAt, nextNotifyAt: after.updatedAt });
  }
  // Changes first: an attempt that ends makes room for a new one.
  for (const [table, rows] of updates) await tx.withCommit(tx.updateRows(table, rows));
  if (newAttempts.length > 0) await tx.withCommit(tx.insertRows(attemptsTable, newAttempts));
  if (due.length > 0) await tx.withCommit(tx.insertRows(fulfilmentsTable, due));
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
