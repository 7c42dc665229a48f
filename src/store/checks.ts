import { z } from 'zod';
import { noFacts } from '../shop/intent-facts.ts';
import type { Order } from '../shop/order.ts';
import { applyObservation, awaitRefunds, type Observation, planCheck } from '../shop/order-events.ts';
import { settleAttempt } from '../shop/payment-attempt.ts';
import { lockWithIntent, saveWithIntent } from './events.ts';
import type { OrderStore, Orphan } from './order-store.ts';
import { changeOrder, changeWholeOrder, getOrder } from './orders.ts';
import { defineTable, inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';

type CheckStore = Pick<
  OrderStore,
  'recordObservation' | 'planCheck' | 'claimChecks' | 'claimOrphans' | 'endOrphanCheck' | 'acquireLease'
>;

/** What the reconciler asks of the order store. */
export function createCheckStore(database: SqlDatabase): CheckStore {
  return {
    recordObservation: (observation, plan) =>
      database.write(async (tx) => {
        let isNews = false;
        const order = await changeWholeOrder(tx, observation.orderId, (before) => {
          const observed = applyObservation(before, observation);
          isNews = observed.isNews;
          return awaitRefunds(planCheck(observed.after, plan), observation.observedAt);
        });
        if (isNews) await keepObservation(tx, observation);
        return order;
      }),

    planCheck: (orderId, plan) =>
      database.write(async (tx) => {
        await changeOrder(tx, orderId, (order) => planCheck(order, plan));
      }),

    claimChecks: (now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = idsSchema.parse(
          await tx.all(
            `SELECT id FROM orders WHERE next_check_at <= $1 ORDER BY next_check_at LIMIT $2 ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: Order[] = [];
        for (const { id } of due) {
          await tx.run(`UPDATE orders SET checks = checks + 1, next_check_at = $2 WHERE id = $1`, [
            id,
            common.until,
          ]);
          claimed.push(await getOrder(tx, id));
        }
        return claimed;
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
        if (observation !== null && isNews) await keepObservation(tx, observation);
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

const idsSchema = z.array(z.object({ id: z.int() }));
const attemptKeysSchema = z.array(z.object({ order_id: z.int(), number: z.int() }));

/** Only what is news is kept: an order is read several times in its life. */
export async function keepObservation(tx: SqlTransaction, observation: Observation): Promise<void> {
  await tx.withCommit(tx.insertRows(observationsTable, [{ ...noFacts, ...observation }]));
}

const observationsTable = defineTable('observations', 'order_id', {
  BIGINT:
    'order_id attempt observed_at refunded_amount captured_amount reversal_observed expired unwanted mismatched',
  TEXT: 'status',
});
