import { z } from 'zod';
import { noFacts } from '../shop/intent-facts.ts';
import { createOrderId, type OrderFacts } from '../shop/order.ts';
import {
  applyObservation,
  awaitRefunds,
  type Observation,
  type OrderChange,
  planCheck,
} from '../shop/order-events.ts';
import { settleAttempt } from '../shop/payment-attempt.ts';
import { lockWithIntent, saveWithIntent } from './events.ts';
import type { DueCheck, ObservedAttempt, OrderStore, Orphan } from './order-store.ts';
import {
  changeOrder,
  findAttempts,
  getDetails,
  getOrder,
  loadFacts,
  lockFacts,
  saveChanges,
} from './orders.ts';
import { defineTable, inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';

type CheckStore = Pick<
  OrderStore,
  | 'recordObservation'
  | 'recordObservations'
  | 'planCheck'
  | 'findDueChecks'
  | 'findOrdersOf'
  | 'listOrders'
  | 'claimOrphans'
  | 'endOrphanCheck'
  | 'acquireLease'
  | 'noteTime'
>;

/** What the reconciler asks of the order store. */
export function createCheckStore(database: SqlDatabase): CheckStore {
  return {
    recordObservation: (observation, plan) =>
      database.write(async (tx) => {
        const { orderId } = observation;
        const [details, [after]] = await Promise.all([
          getDetails(tx, orderId),
          recordAll(tx, [{ observation, plan }]),
        ]);
        if (after === undefined) throw new Error(`Order ${orderId} is not in the store.`);
        return { ...details, ...after };
      }),

    recordObservations: (observed) =>
      database.write(async (tx) => {
        await recordAll(tx, observed, tx.dialect.skipLocked);
      }),

    planCheck: (orderId, plan, now) =>
      database.write(async (tx) => {
        await changeOrder(tx, orderId, (order) => planCheck(order, plan, now));
      }),

    findDueChecks: (kind, now, limit) =>
      database.read(async (tx) => {
        const by = (await tx.commonTime(now)).getTime();
        const rows = await tx.all(
          `SELECT id, reference, due_at, payment_intent_id, attempts.created_at
           FROM (SELECT id, reference, next_check_at AS due_at FROM orders
             WHERE next_check_at <= $1 AND status ${kind === 'paid' ? 'IN' : 'NOT IN'} ('paid', 'partly_refunded', 'refunded', 'reversed')
             ORDER BY next_check_at LIMIT $2) AS due
           LEFT JOIN attempts ON order_id = id AND payment_intent_id IS NOT NULL
             AND (state = 'attached' OR captured = 1 OR authorized = 1)
           ORDER BY due_at, id`,
          [by, limit],
        );
        return dueChecksOf(dueRowsSchema.parse(rows));
      }),

    findOrdersOf: ({ intents = [], references = [] }) =>
      database.read(async (tx) => {
        const [attempts, orders] = await Promise.all([
          findAttempts(tx, intents),
          references.length === 0
            ? []
            : tx.all(`SELECT id FROM orders WHERE reference ${tx.dialect.isOneOf('$1')}`, [references]),
        ]);
        const ids = [...attempts.values()].map(({ orderId }) => orderId);
        return loadFacts(tx, [...new Set([...ids, ...idsSchema.parse(orders).map(({ id }) => id)])]);
      }),

    listOrders: (after, until) =>
      database.read(async (tx) => {
        const rows = await tx.all(
          `SELECT id FROM orders WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${listedAtOnce}`,
          [after, createOrderId(until, 0)],
        );
        const orders = await loadFacts(
          tx,
          idsSchema.parse(rows).map(({ id }) => id),
        );
        return orders.sort((one, other) => one.id - other.id);
      }),

    claimOrphans: (now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = attemptKeysSchema.parse(
          await tx.all(
            `SELECT order_id, number FROM attempts WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT $2
             ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: Orphan[] = [];
        for (const { order_id, number } of due) {
          await tx.run(
            `UPDATE attempts SET checks = checks + 1, next_check_at = $3,
               state = CASE WHEN state = 'sending' THEN 'ambiguous' ELSE state END
             WHERE order_id = $1 AND number = $2`,
            [order_id, number, common.until],
          );
          const order = await getOrder(tx, order_id);
          const attempt = order.attempts.find((entry) => entry.number === number);
          if (attempt === undefined) throw new Error(`Order ${order_id} has no attempt ${number}.`);
          claimed.push({ order, attempt });
        }
        return claimed;
      }),

    endOrphanCheck: ({ order: { id }, attempt: { number } }, { observation, ...end }, now) =>
      database.write(async (tx) => {
        const { order, waiting } = await lockWithIntent(tx, id, end.paymentIntentId);
        const { after, isNews } = settleAttempt(order, number, end, { waiting, observation, now });
        await saveWithIntent(tx, { before: order, after }, end.paymentIntentId, waiting);
        if (observation !== null && isNews) await keepObservations(tx, [observation]);
      }),

    noteTime: (now) =>
      database.write(async (tx) => {
        const time = (await tx.commonTime(now)).getTime();
        const [row] = await tx.all(`SELECT until FROM leases WHERE name = 'clock' ${tx.dialect.forUpdate}`);
        const latest = row === undefined ? time : clockSchema.parse(row).until;
        await tx.run(
          `INSERT INTO leases (name, holder, until) VALUES ('clock', '', $1) ON CONFLICT (name) DO UPDATE SET until = $1`,
          [time],
        );
        if (latest <= time + wrongClockMs) return false;
        for (const sql of pullIns) await tx.run(sql, [time]);
        return true;
      }),

    acquireLease: (name, holder, now, until) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const acquired = await tx.run(
          `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $4)
           ON CONFLICT (name) DO UPDATE SET holder = $2, until = $4 WHERE leases.until <= $3 OR leases.holder = $2`,
          [name, holder, common.now, common.until],
        );
        return acquired === 1;
      }),
  };
}

/** Resolves to the changed orders, without those that are not in the store. */
async function recordAll(
  tx: SqlTransaction,
  observed: readonly ObservedAttempt[],
  lock?: string,
): Promise<OrderFacts[]> {
  const ids = new Set(observed.map(({ observation }) => observation.orderId));
  const orders = await lockFacts(
    tx,
    [...ids].sort((one, other) => one - other),
    lock,
  );
  const changes = new Map<number, OrderChange>(
    orders.map((order) => [order.id, { before: order, after: order }]),
  );
  const news: Observation[] = [];
  for (const { observation, plan } of observed) {
    const change = changes.get(observation.orderId);
    if (change === undefined) continue;
    const now = observation.observedAt;
    const { after, isNews } = applyObservation(change.after, observation);
    if (isNews) news.push(observation);
    const planned = plan === null ? after : planCheck(after, plan, now);
    changes.set(observation.orderId, { before: change.before, after: awaitRefunds(planned, now) });
  }
  await saveChanges(tx, [...changes.values()]);
  if (news.length > 0) await keepObservations(tx, news);
  return [...changes.values()].map(({ after }) => after);
}

function dueChecksOf(rows: z.output<typeof dueRowsSchema>): DueCheck[] {
  return [...Map.groupBy(rows, ({ id }) => id)].map(([orderId, ofOrder]) => ({
    orderId,
    reference: ofOrder[0]?.reference ?? '',
    dueAt: new Date(ofOrder[0]?.due_at ?? 0),
    intents: ofOrder.flatMap(({ payment_intent_id: id, created_at }) =>
      id === null || created_at === null ? [] : [{ id, createdAt: new Date(created_at) }],
    ),
  }));
}

/** A correction of seconds is nothing special. */
const wrongClockMs = 2 * 60_000;
const clockSchema = z.object({ until: z.int() });
/** Passes over paid orders are planned from when they began: those of a right clock stay where they are. */
const pullIns = [
  `UPDATE orders SET next_check_at = $1 WHERE next_check_at > $1
     AND (created_at > $1 OR status NOT IN ('paid', 'partly_refunded', 'refunded', 'reversed'))`,
  'UPDATE attempts SET next_check_at = $1 WHERE next_check_at > $1',
  `UPDATE attempts SET lease_until = $1 WHERE state = 'sending' AND lease_until > $1`,
  `UPDATE refunds SET next_try_at = $1 WHERE state = 'asked' AND next_try_at > $1`,
  'UPDATE messages SET next_try_at = $1 WHERE next_try_at > $1',
  'UPDATE leases SET until = $1 WHERE until > $1',
];

const listedAtOnce = 200;
const dueRowsSchema = z.array(
  z.object({
    id: z.int(),
    reference: z.string(),
    due_at: z.int(),
    payment_intent_id: z.string().nullable(),
    created_at: z.int().nullable(),
  }),
);
const idsSchema = z.array(z.object({ id: z.int() }));
const attemptKeysSchema = z.array(z.object({ order_id: z.int(), number: z.int() }));

/** Only what is news is kept: an order is read several times in its life. */
export async function keepObservations(
  tx: SqlTransaction,
  observations: readonly Observation[],
): Promise<void> {
  const rows = observations.map((observation) => ({ ...noFacts, ...observation }));
  await tx.withCommit(tx.insertRows(observationsTable, rows));
}

const observationsTable = defineTable('observations', 'order_id', {
  BIGINT:
    'order_id attempt observed_at refunded_amount captured_amount reversal_observed expired unwanted mismatched',
  TEXT: 'status',
});
