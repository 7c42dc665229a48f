import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import type { OrderStore } from './order-store.ts';
import { inCommonTime, type SqlDatabase } from './sql.ts';
import { derive, deriveAndAskSoon, getOrder, lockOrder } from './sql-facts.ts';

/** Refunds and reversals: each is stored before Dojo is asked, and never more is asked for than there is. */
export function createSqlRefunds(
  database: SqlDatabase,
): Pick<OrderStore, 'beginRefund' | 'endRefund' | 'claimOpenRefund'> {
  return {
    beginRefund: (refund) =>
      database.write(async (tx) => {
        await lockOrder(tx, refund.orderId);
        const known = await tx.all(`SELECT id FROM refunds WHERE id = $1`, [refund.id]);
        if (known.length > 0) return 'begun';
        const begun = await tx.all(
          `INSERT INTO refunds (id, order_id, attempt, kind, amount, reason, state, asked_at, next_try_at)
           SELECT $1, $2, $3, $4, $5, $6, 'asked', $7, $9
           WHERE $5 <= (SELECT total FROM orders WHERE id = $2) - ${goneOf('$2', '$3')}
             AND COALESCE(CAST($8 AS BIGINT), ${goneOf('$2', '$3')}) = ${goneOf('$2', '$3')}
           RETURNING id`,
          [
            refund.id,
            refund.orderId,
            refund.attempt,
            refund.kind,
            refund.amount,
            refund.reason,
            refund.askedAt.getTime(),
            refund.expectedRefunded,
            refund.askedAt.getTime() + firstRetryMs,
          ],
        );
        if (begun.length > 0) {
          // Whatever happens to this process now, the sweep reads what became of it.
          await deriveAndAskSoon(tx, refund.orderId, refund.askedAt);
          return 'begun';
        }
        const [row] = await tx.all(`SELECT ${goneOf('$1', '$2')} AS gone`, [refund.orderId, refund.attempt]);
        const isStale =
          refund.expectedRefunded !== null &&
          z.object({ gone: z.int() }).parse(row).gone !== refund.expectedRefunded;
        return isStale ? 'stale' : 'too-much';
      }),

    endRefund: (id, { state, refundId }, now) =>
      database.write(async (tx) => {
        const rows = await tx.all(
          `UPDATE refunds SET state = $2, refund_id = $3, done_at = $4 WHERE id = $1 RETURNING order_id`,
          [id, state, refundId, now.getTime()],
        );
        const { order_id } = z.object({ order_id: z.int() }).parse(rows[0]);
        await lockOrder(tx, order_id);
        await deriveAndAskSoon(tx, order_id, now);
        return getOrder(tx, order_id);
      }),

    claimOpenRefund: (now) =>
      database.write(async (tx) => {
        const common = (await tx.commonTime(now)).getTime();
        const [due] = refundKeysSchema.parse(
          await tx.all(
            `SELECT id FROM refunds WHERE state = 'asked' AND next_try_at <= $1 ORDER BY next_try_at LIMIT 1
             ${tx.dialect.skipLocked}`,
            [common],
          ),
        );
        if (due === undefined) return null;
        const rows = await tx.all(
          `UPDATE refunds SET tries = tries + 1, next_try_at = $2 + $3 * (tries + 1) * (tries + 1) WHERE id = $1
           RETURNING id, kind, attempt, amount, reason, order_id`,
          [due.id, common, firstRetryMs],
        );
        const { order_id, ...refund } = openRefundSchema.parse(rows[0]);
        return { ...refund, order: await getOrder(tx, order_id) };
      }),
  };
}

/** What went back already: what Dojo counted, or what we asked for, whichever is more. Dojo's count may lag. */
function goneOf(order: string, attempt: string): string {
  const counted = `(SELECT refunded_amount FROM attempts WHERE order_id = ${order} AND number = ${attempt})`;
  const asked = `(SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds
    WHERE order_id = ${order} AND attempt = ${attempt} AND state <> 'refused')`;
  return `(CASE WHEN ${counted} > ${asked} THEN ${counted} ELSE ${asked} END)`;
}

/** An answer that took longer than this will not come any more. */
const firstRetryMs = 60_000;

const refundKeysSchema = z.array(z.object({ id: z.string() }));
const openRefundSchema = z.object({
  id: z.string(),
  kind: z.enum(['refund', 'reversal']),
  attempt: z.int(),
  amount: z.int(),
  reason: z.string(),
  order_id: z.int(),
});

/** The contract with whoever ships: claim for a while, then say that it is done. */
export function createSqlFulfilments(
  database: SqlDatabase,
): Pick<OrderStore, 'claimFulfilments' | 'completeFulfilment' | 'claimNotifications' | 'endNotification'> {
  // A hold, a refund or a reversal that came after the order was due stops it here, also while its outcome is unknown.
  const mayShip = `EXISTS (SELECT 1 FROM orders WHERE orders.id = fulfilments.order_id
    AND orders.status IN ('paid', 'partly_refunded') AND orders.holds = '' AND orders.total >
      (SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE refunds.order_id = orders.id AND state <> 'refused'))
    AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = fulfilments.order_id AND state = 'asked')`;
  return {
    claimFulfilments: (by, now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = orderKeysSchema.parse(
          await tx.all(
            `SELECT order_id FROM fulfilments WHERE done_at IS NULL AND claimed_until <= $1 AND ${mayShip}
             ORDER BY due_at LIMIT $2 ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: Order[] = [];
        for (const { order_id } of due) {
          await tx.all(`UPDATE fulfilments SET claimed_by = $2, claimed_until = $3 WHERE order_id = $1`, [
            order_id,
            by,
            common.until,
          ]);
          claimed.push(await getOrder(tx, order_id));
        }
        return claimed;
      }),

    completeFulfilment: (orderId, by, now) =>
      database.write(async (tx) => {
        await lockOrder(tx, orderId);
        const common = await tx.commonTime(now);
        const done = await tx.all(
          `UPDATE fulfilments SET done_at = $3
           WHERE order_id = $1 AND claimed_by = $2 AND claimed_until > $4 AND done_at IS NULL AND ${mayShip}
           RETURNING order_id`,
          [orderId, by, now.getTime(), common.getTime()],
        );
        if (done.length > 0) await derive(tx, orderId, now);
        return done.length > 0;
      }),

    claimNotifications: (now, until, limit) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const due = notificationsSchema.parse(
          await tx.all(
            `SELECT order_id, notify_tries FROM fulfilments
             WHERE next_notify_at <= $1 AND done_at IS NULL AND ${mayShip}
             ORDER BY next_notify_at LIMIT $2 ${tx.dialect.skipLocked}`,
            [common.now, limit],
          ),
        );
        const claimed: { order: Order; tries: number }[] = [];
        for (const { order_id, notify_tries } of due) {
          const tries = notify_tries + 1;
          await tx.all(`UPDATE fulfilments SET notify_tries = $2, next_notify_at = $3 WHERE order_id = $1`, [
            order_id,
            tries,
            common.until,
          ]);
          claimed.push({ order: await getOrder(tx, order_id), tries });
        }
        return claimed;
      }),

    endNotification: (orderId, { notifiedAt, nextTryAt }) =>
      database.write(async (tx) => {
        await tx.all(`UPDATE fulfilments SET notified_at = $2, next_notify_at = $3 WHERE order_id = $1`, [
          orderId,
          notifiedAt?.getTime() ?? null,
          nextTryAt?.getTime() ?? null,
        ]);
      }),
  };
}

const orderKeysSchema = z.array(z.object({ order_id: z.int() }));
const notificationsSchema = z.array(z.object({ order_id: z.int(), notify_tries: z.int() }));
