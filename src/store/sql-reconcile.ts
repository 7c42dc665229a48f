import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import { factsFromStatus, type IntentFacts, mergeFacts, noFacts } from '../shop/order-status.ts';
import type { CheckPlan, Observation, OrderStore, Orphan } from './order-store.ts';
import { inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';
import {
  applyWaitingEvents,
  derive,
  getOrder,
  isReplayedAlike,
  lockIntent,
  lockOrder,
  mergeFactsInto,
} from './sql-facts.ts';

type ReconcileStore = Pick<
  OrderStore,
  | 'recordObservation'
  | 'planCheck'
  | 'claimChecks'
  | 'claimOrphans'
  | 'endOrphanCheck'
  | 'acquireLease'
  | 'checkReplay'
>;

/** How long Dojo is given to count a refund that it has confirmed. */
const lagMs = 5 * 60_000;

/** What the sweep asks of the order store. */
export function createSqlReconcile(database: SqlDatabase): ReconcileStore {
  return {
    recordObservation: (observation, plan) =>
      database.write(async (tx) => {
        const { orderId, observedAt } = observation;
        await lockOrder(tx, orderId);
        await keepObservation(tx, observation);
        await derive(tx, orderId, observedAt);
        await applyCheckPlan(tx, orderId, plan);
        // Dojo's amount may lag behind a refund that it has confirmed: it is asked until they agree.
        await tx.all(
          `UPDATE orders SET next_check_at = $2 WHERE id = $1 AND next_check_at IS NULL AND checks < 50 AND refunded_amount <
             (SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE order_id = $1 AND kind = 'refund' AND state = 'done')`,
          [orderId, observedAt.getTime() + lagMs],
        );
        return getOrder(tx, orderId);
      }),

    planCheck: (orderId, plan) => database.write((tx) => applyCheckPlan(tx, orderId, plan)),

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
          await tx.all(`UPDATE orders SET checks = checks + 1, next_check_at = $2 WHERE id = $1`, [
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
          await tx.all(
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

    endOrphanCheck: ({ order, attempt }, { state, paymentIntentId, nextCheckAt, observation }, now) =>
      database.write(async (tx) => {
        if (paymentIntentId !== null) await lockIntent(tx, paymentIntentId);
        await lockOrder(tx, order.id);
        await tx.all(
          `UPDATE attempts SET state = $3, payment_intent_id = $4, next_check_at = $5 WHERE order_id = $1 AND number = $2`,
          [order.id, attempt.number, state, paymentIntentId, nextCheckAt?.getTime() ?? null],
        );
        // Before the events: that we had given it up decides what they mean.
        if (observation !== null) await keepObservation(tx, observation);
        if (paymentIntentId !== null) await applyWaitingEvents(tx, order.id, attempt.number, paymentIntentId);
        await derive(tx, order.id, now);
      }),

    acquireLease: (name, holder, now, until) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const rows = await tx.all(
          `INSERT INTO leases (name, holder, until) VALUES ($1, $2, $4)
           ON CONFLICT (name) DO UPDATE SET holder = $2, until = $4 WHERE leases.until <= $3 OR leases.holder = $2
           RETURNING name`,
          [name, holder, common.now, common.until],
        );
        return rows.length > 0;
      }),

    async checkReplay() {
      const different: string[] = [];
      let orders = 0;
      for (let after = 0; ; ) {
        const page = await database.read(async (tx) => {
          const rows = referencesSchema.parse(
            await tx.all(`SELECT id, reference FROM orders WHERE id > $1 ORDER BY id LIMIT 500`, [after]),
          );
          const replayed: { id: number; reference: string; isAlike: boolean }[] = [];
          for (const row of rows) replayed.push({ ...row, isAlike: await isReplayedAlike(tx, row.id) });
          return replayed;
        });
        different.push(...page.filter(({ isAlike }) => !isAlike).map(({ reference }) => reference));
        const last = page.at(-1);
        if (last === undefined) return { orders, different };
        orders += page.length;
        after = last.id;
      }
    },
  };
}

const idsSchema = z.array(z.object({ id: z.int() }));
const attemptKeysSchema = z.array(z.object({ order_id: z.int(), number: z.int() }));
const referencesSchema = z.array(z.object({ id: z.int(), reference: z.string() }));

/** Only what teaches something is kept: an order is read several times in its life. */
async function keepObservation(tx: SqlTransaction, observation: Observation): Promise<void> {
  const { orderId, attempt } = observation;
  const order = await getOrder(tx, orderId);
  const known = order.attempts.find((entry) => entry.number === attempt)?.facts ?? noFacts;
  const facts = factsOf(observation);
  if (JSON.stringify(mergeFacts(known, facts)) === JSON.stringify(known)) return;
  await tx.all(
    `INSERT INTO observations (order_id, attempt, observed_at, status, refunded_amount, expired, unwanted, mismatched)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      orderId,
      attempt,
      observation.observedAt.getTime(),
      observation.status,
      observation.refundedAmount,
      Number(observation.expired),
      Number(observation.unwanted),
      Number(observation.mismatched),
    ],
  );
  await mergeFactsInto(tx, orderId, attempt, facts);
}

async function applyCheckPlan(tx: SqlTransaction, orderId: number, { at, seen }: CheckPlan): Promise<void> {
  await tx.all(
    `UPDATE orders SET next_check_at = CASE
       WHEN next_check_at IS NULL OR next_check_at = $3 OR next_check_at > $2 THEN $2 ELSE next_check_at END
     WHERE id = $1`,
    [orderId, at?.getTime() ?? null, seen?.getTime() ?? null],
  );
}

function factsOf(observation: Observation): IntentFacts {
  const { status, refundedAmount, expired, unwanted, mismatched } = observation;
  const facts = { ...noFacts, refundedAmount, expired, unwanted, mismatched };
  return status === null ? facts : mergeFacts(facts, factsFromStatus(status));
}
