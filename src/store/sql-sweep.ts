import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import { factsFromStatus, type IntentFacts, mergeFacts, noFacts } from '../shop/order-status.ts';
import type { LookPlan, OrderStore, Reading, Stray } from './order-store.ts';
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

type SweepStore = Pick<
  OrderStore,
  | 'recordReading'
  | 'planLook'
  | 'claimLooks'
  | 'claimStrays'
  | 'endStrayLook'
  | 'acquireLease'
  | 'checkReplay'
>;

/** How long Dojo is given to count a refund that it has confirmed. */
const lagMs = 5 * 60_000;

/** What the sweep asks of the order store. */
export function createSqlSweep(database: SqlDatabase): SweepStore {
  return {
    recordReading: (reading, plan) =>
      database.write(async (tx) => {
        const { orderId, readAt } = reading;
        await lockOrder(tx, orderId);
        await keepReading(tx, reading);
        await derive(tx, orderId, readAt);
        await plannedLook(tx, orderId, plan);
        // Dojo's amount may lag behind a refund that it has confirmed: it is asked until they agree.
        await tx.all(
          `UPDATE orders SET next_look_at = $2 WHERE id = $1 AND next_look_at IS NULL AND looks < 50 AND refunded_amount <
             (SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE order_id = $1 AND kind = 'refund' AND state = 'done')`,
          [orderId, readAt.getTime() + lagMs],
        );
        return getOrder(tx, orderId);
      }),

    planLook: (orderId, plan) => database.write((tx) => plannedLook(tx, orderId, plan)),

    claimLooks: (now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = idsSchema.parse(
          await tx.all(
            `SELECT id FROM orders WHERE next_look_at <= $1 ORDER BY next_look_at LIMIT $2 ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: Order[] = [];
        for (const { id } of due) {
          await tx.all(`UPDATE orders SET looks = looks + 1, next_look_at = $2 WHERE id = $1`, [
            id,
            common.until,
          ]);
          claimed.push(await getOrder(tx, id));
        }
        return claimed;
      }),

    claimStrays: (now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = attemptKeysSchema.parse(
          await tx.all(
            `SELECT order_id, number FROM attempts WHERE next_look_at <= $1 ORDER BY next_look_at LIMIT $2
             ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: Stray[] = [];
        for (const { order_id, number } of due) {
          await tx.all(
            `UPDATE attempts SET looks = looks + 1, next_look_at = $3,
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

    endStrayLook: ({ order, attempt }, { state, paymentIntentId, nextLookAt, reading }, now) =>
      database.write(async (tx) => {
        if (paymentIntentId !== null) await lockIntent(tx, paymentIntentId);
        await lockOrder(tx, order.id);
        await tx.all(
          `UPDATE attempts SET state = $3, payment_intent_id = $4, next_look_at = $5 WHERE order_id = $1 AND number = $2`,
          [order.id, attempt.number, state, paymentIntentId, nextLookAt?.getTime() ?? null],
        );
        // Before the events: that we had given it up decides what they mean.
        if (reading !== null) await keepReading(tx, reading);
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
async function keepReading(tx: SqlTransaction, reading: Reading): Promise<void> {
  const { orderId, attempt } = reading;
  const order = await getOrder(tx, orderId);
  const known = order.attempts.find((entry) => entry.number === attempt)?.facts ?? noFacts;
  const facts = factsOf(reading);
  if (JSON.stringify(mergeFacts(known, facts)) === JSON.stringify(known)) return;
  await tx.all(
    `INSERT INTO readings (order_id, attempt, read_at, status, refunded_amount, expired, unwanted, mismatched)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      orderId,
      attempt,
      reading.readAt.getTime(),
      reading.status,
      reading.refundedAmount,
      Number(reading.expired),
      Number(reading.unwanted),
      Number(reading.mismatched),
    ],
  );
  await mergeFactsInto(tx, orderId, attempt, facts);
}

async function plannedLook(tx: SqlTransaction, orderId: number, { at, seen }: LookPlan): Promise<void> {
  await tx.all(
    `UPDATE orders SET next_look_at = CASE
       WHEN next_look_at IS NULL OR next_look_at = $3 OR next_look_at > $2 THEN $2 ELSE next_look_at END
     WHERE id = $1`,
    [orderId, at?.getTime() ?? null, seen?.getTime() ?? null],
  );
}

function factsOf(reading: Reading): IntentFacts {
  const { status, refundedAmount, expired, unwanted, mismatched } = reading;
  const facts = { ...noFacts, refundedAmount, expired, unwanted, mismatched };
  return status === null ? facts : mergeFacts(facts, factsFromStatus(status));
}
