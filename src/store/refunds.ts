import { z } from 'zod';
import { derive, verifySoon } from '../shop/order-events.ts';
import { nextRefundTry } from '../shop/schedule.ts';
import type { OrderStore } from './order-store.ts';
import { changeOrder, changeWholeOrder, getOrder } from './orders.ts';
import type { SqlDatabase } from './sql.ts';

/** Refunds and reversals: each is stored before Dojo is asked, and never more is asked for than there is. */
export function createRefundStore(
  database: SqlDatabase,
): Pick<OrderStore, 'beginRefund' | 'endRefund' | 'claimOpenRefund'> {
  return {
    beginRefund: (refund) =>
      database.write(async (tx) => {
        const { orderId, attempt, expectedRefunded, askedAt } = refund;
        // On its own, since the statement below must see what the lock waited for.
        if (tx.dialect.forUpdate !== '')
          await tx.all(`SELECT id FROM orders WHERE id = $1 ${tx.dialect.forUpdate}`, [orderId]);
        const known = await tx.all(`SELECT id FROM refunds WHERE id = $1`, [refund.id]);
        if (known.length > 0) return 'begun';
        const begun = await tx.run(
          `INSERT INTO refunds (id, order_id, attempt, kind, amount, reason, state, asked_at, next_try_at)
           SELECT $1, $2, $3, $4, $5, $6, 'asked', $7, $9
           WHERE $5 <= (SELECT total FROM orders WHERE id = $2) - ${returnedOf('$2', '$3')}
             AND COALESCE(CAST($8 AS BIGINT), ${returnedOf('$2', '$3')}) = ${returnedOf('$2', '$3')}`,
          [
            refund.id,
            orderId,
            attempt,
            refund.kind,
            refund.amount,
            refund.reason,
            askedAt.getTime(),
            expectedRefunded,
            nextRefundTry(askedAt, 0).getTime(),
          ],
        );
        if (begun === 1) {
          // Whatever happens to this process now, the reconciler finds the outcome.
          await changeOrder(tx, orderId, (order) => verifySoon(derive(order, askedAt), askedAt));
          return 'begun';
        }
        const [row] = await tx.all(`SELECT ${returnedOf('$1', '$2')} AS returned`, [orderId, attempt]);
        const isStale =
          expectedRefunded !== null &&
          z.object({ returned: z.int() }).parse(row).returned !== expectedRefunded;
        return isStale ? 'stale' : 'too-much';
      }),

    endRefund: (id, { state, refundId }, now) =>
      database.write(async (tx) => {
        const rows = await tx.all(
          `UPDATE refunds SET state = $2, refund_id = $3, done_at = $4 WHERE id = $1 RETURNING order_id`,
          [id, state, refundId, now.getTime()],
        );
        const { order_id } = z.object({ order_id: z.int() }).parse(rows[0]);
        return changeWholeOrder(tx, order_id, (order) => verifySoon(derive(order, now), now));
      }),

    claimOpenRefund: (now) =>
      database.write(async (tx) => {
        const common = await tx.commonTime(now);
        const rows = await tx.all(
          `SELECT id, kind, attempt, amount, reason, order_id, tries FROM refunds
           WHERE state = 'asked' AND next_try_at <= $1 ORDER BY next_try_at LIMIT 1 ${tx.dialect.skipLocked}`,
          [common.getTime()],
        );
        const [due] = openRefundsSchema.parse(rows);
        if (due === undefined) return null;
        const { order_id, tries, ...refund } = due;
        await tx.run(`UPDATE refunds SET tries = $2, next_try_at = $3 WHERE id = $1`, [
          refund.id,
          tries + 1,
          nextRefundTry(common, tries + 1).getTime(),
        ]);
        return { ...refund, order: await getOrder(tx, order_id) };
      }),
  };
}

/** What went back already: what Dojo counted, or what we asked for, whichever is more. Dojo's count may lag. */
function returnedOf(order: string, attempt: string): string {
  const counted = `(SELECT refunded_amount FROM attempts WHERE order_id = ${order} AND number = ${attempt})`;
  const asked = `(SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds
    WHERE order_id = ${order} AND attempt = ${attempt} AND state <> 'refused')`;
  return `(CASE WHEN ${counted} > ${asked} THEN ${counted} ELSE ${asked} END)`;
}

const openRefundsSchema = z.array(
  z.object({
    id: z.string(),
    kind: z.enum(['refund', 'reversal']),
    attempt: z.int(),
    amount: z.int(),
    reason: z.string(),
    order_id: z.int(),
    tries: z.int(),
  }),
);
