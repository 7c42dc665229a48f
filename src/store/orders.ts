import { z } from 'zod';
import type { NewOrder, Order, OrderFacts } from '../shop/order.ts';
import { findPaidBeside, isFirstMoney } from '../shop/order-chain.ts';
import { type AttemptKey, derive, type OrderChange } from '../shop/order-events.ts';
import { newsOf } from '../shop/order-news.ts';
import { type NewMessage, writeMessages } from './messages.ts';
import {
  actRowsSchema,
  actsOf,
  attemptKeysSchema,
  attemptOf,
  attemptRowsSchema,
  attemptsTable,
  decisionsTable,
  derivedTable,
  detailsOf,
  factRowsSchema,
  factsOf,
  factsTable,
  fulfilmentsTable,
  orderedBasketOf,
  selectActs,
  selectAttempts,
  selectDetails,
  selectFacts,
  selectOrderedBaskets,
} from './order-rows.ts';
import type { OrderedBasket } from './order-store.ts';
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
  const [details, after] = await Promise.all([getDetails(tx, id), changeOrder(tx, id, decide)]);
  return { ...details, ...after };
}

/**
 * Loads orders and keeps them as they are until the transaction ends: facts that another process merges meanwhile would
 * be missing from what is derived here. Locked in the order of their ids, so that no two processes wait for each other.
 */
export async function lockFacts(
  tx: SqlTransaction,
  ids: readonly number[],
  lock = tx.dialect.forUpdate,
): Promise<OrderFacts[]> {
  if (lock === '') return loadFacts(tx, ids);
  const [condition, param] = isAmong(tx, ids);
  // Sent together. What is read is what the lock found, since each statement sees what was committed before it.
  const [locked, orders] = await Promise.all([
    tx.all(`SELECT id FROM orders WHERE id ${condition} ORDER BY id ${lock}`, [param]),
    loadFacts(tx, ids),
  ]);
  if (locked.length === orders.length) return orders;
  const isLocked = new Set(idsSchema.parse(locked).map(({ id }) => id));
  return orders.filter(({ id }) => isLocked.has(id));
}

/** Orders with what they are derived from, in no particular order; ids that no order has are missing. */
export async function loadFacts(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  if (ids.length === 0) return [];
  const [condition, param] = isAmong(tx, ids);
  const [orders, attempts, acts] = await Promise.all([
    tx.all(`${selectFacts} WHERE id ${condition}`, [param]),
    tx.all(`${selectAttempts} WHERE order_id ${condition} ORDER BY order_id, number`, [param]),
    tx.all(selectActs(condition), [param]),
  ]);
  const attemptsOf = Map.groupBy(attemptRowsSchema.parse(attempts), (row) => row.order_id);
  const actRowsOf = Map.groupBy(actRowsSchema.parse(acts), (row) => row.order_id);
  return factRowsSchema
    .parse(orders)
    .map((row) =>
      factsOf(row, (attemptsOf.get(row.id) ?? []).map(attemptOf), actsOf(actRowsOf.get(row.id) ?? [])),
    );
}

/** Saves orders that this transaction has locked: the columns that changed, and nothing else. */
export async function saveChanges(tx: SqlTransaction, decided: readonly OrderChange[]): Promise<void> {
  const changes = await comparedWithChains(tx, decided);
  const updates = new Map<SqlTable, object[]>();
  const update = (table: SqlTable, before: object, after: object, key: object) => {
    const changed = changedColumns(table, before, after);
    if (changed === null) return;
    const rows = updates.get(changed);
    if (rows === undefined) updates.set(changed, [{ ...after, ...key }]);
    else rows.push({ ...after, ...key });
  };
  const newAttempts: object[] = [];
  const newDecisions: object[] = [];
  const due: object[] = [];
  const messages: NewMessage[] = [];
  for (const change of changes) {
    const { before, after } = change;
    const orderId = after.id;
    const news = newsOf(change);
    tx.news.push(...news);
    messages.push(...news.map(({ kind }) => ({ kind, order: after })));
    for (const attempt of after.attempts) {
      const key = { orderId, number: attempt.number };
      const known = before.attempts.find(({ number }) => number === attempt.number);
      if (known === undefined) newAttempts.push({ ...attempt, ...key });
      else {
        update(attemptsTable, known, attempt, key);
        update(factsTable, known.facts, attempt.facts, key);
      }
    }
    for (const decision of after.decisions.slice(before.decisions.length))
      newDecisions.push({ ...decision, orderId, settles: JSON.stringify(decision.settles) });
    update(derivedTable, before, after, {});
    // What comes together counts together: an order that was due between two changes of a transaction was never due.
    if (after.mayShip && !before.isDue) due.push({ orderId, dueAt: after.updatedAt });
  }
  // Changes first: an attempt that ends makes room for a new one.
  for (const [table, rows] of updates) await tx.withCommit(tx.updateRows(table, rows));
  if (newAttempts.length > 0) await tx.withCommit(tx.insertRows(attemptsTable, newAttempts));
  if (newDecisions.length > 0) await tx.withCommit(tx.insertRows(decisionsTable, newDecisions));
  if (due.length > 0) await tx.withCommit(tx.insertRows(fulfilmentsTable, due));
  if (messages.length > 0) await writeMessages(tx, messages);
}

/**
 * An order that is paid beside another of its chain is held. Whoever brings money to an order of a chain has the chain to
 * itself until its transaction ends, so of two that are paid at the same moment the second sees the first.
 */
async function comparedWithChains(
  tx: SqlTransaction,
  changes: readonly OrderChange[],
): Promise<readonly OrderChange[]> {
  const chains = new Set(changes.filter(isFirstMoney).flatMap(({ after }) => after.chainId ?? []));
  if (chains.size === 0) return changes;
  const sorted = [...chains].sort((one, other) => one - other);
  await lockIntents(
    tx,
    sorted.map((chain) => `chain ${chain}`),
  );
  const [condition, param] = isAmong(tx, sorted);
  const rows = await tx.all(`SELECT id FROM orders WHERE chain_id ${condition} ORDER BY id`, [param]);
  const members = await loadFacts(
    tx,
    idsSchema.parse(rows).map(({ id }) => id),
  );
  const compared: OrderChange[] = [];
  for (const change of changes) {
    const { before, after } = change;
    const others = members
      .filter(({ chainId }) => chainId === after.chainId)
      .map((member) => compared.find((done) => done.after.id === member.id)?.after ?? member);
    const beside = isFirstMoney(change) ? findPaidBeside(after, others) : null;
    compared.push(
      beside === null
        ? change
        : {
            before,
            after: derive({ ...after, paidAgainWith: beside.id, isDue: before.isDue }, after.updatedAt),
          },
    );
  }
  return compared;
}

const idsSchema = z.array(z.object({ id: z.int() }));

export async function findOrder(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key' | 'reference',
  value: string | number,
): Promise<Order | null> {
  const details = await findDetails(tx, key, value);
  if (details === null) return null;
  const [facts] = await loadFacts(tx, [details.id]);
  return facts === undefined ? null : { ...details, ...facts };
}

export async function findBaskets(
  tx: SqlTransaction,
  checkoutKeys: readonly string[],
): Promise<OrderedBasket[]> {
  const rows = await tx.all(`${selectOrderedBaskets} WHERE checkout_key ${tx.dialect.isOneOf('$1')}`, [
    checkoutKeys,
  ]);
  return rows.map(orderedBasketOf);
}

async function findDetails(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key' | 'reference',
  value: string | number,
): Promise<NewOrder | null> {
  const [row] = await tx.all(`${selectDetails} WHERE ${key} = $1`, [value]);
  return row === undefined ? null : detailsOf(row);
}

export async function getDetails(tx: SqlTransaction, id: number): Promise<NewOrder> {
  const details = await findDetails(tx, 'id', id);
  if (details === null) throw new Error(`Order ${id} is not in the store.`);
  return details;
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
