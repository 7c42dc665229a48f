import { z } from 'zod';
import type { Order } from '../shop/order.ts';
import { derive } from '../shop/order-events.ts';
import type { OrderStore } from './order-store.ts';
import { changeOrder, getOrder, lockFacts } from './orders.ts';
import { inCommonTime, type SqlDatabase } from './sql.ts';

/** For the merchant's own system and its people: claim an order for a while, ship it, say that it is done. */
export function createFulfilmentStore(
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
          await tx.run(`UPDATE fulfilments SET claimed_by = $2, claimed_until = $3 WHERE order_id = $1`, [
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
        const common = await tx.commonTime(now);
        await lockFacts(tx, [orderId]);
        const done = await tx.run(
          `UPDATE fulfilments SET done_at = $3
           WHERE order_id = $1 AND claimed_by = $2 AND claimed_until > $4 AND done_at IS NULL AND ${mayShip}`,
          [orderId, by, now.getTime(), common.getTime()],
        );
        if (done === 1) await changeOrder(tx, orderId, (shipped) => derive(shipped, now));
        return done === 1;
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
          await tx.run(`UPDATE fulfilments SET notify_tries = $2, next_notify_at = $3 WHERE order_id = $1`, [
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
        await tx.run(`UPDATE fulfilments SET notified_at = $2, next_notify_at = $3 WHERE order_id = $1`, [
          orderId,
          notifiedAt?.getTime() ?? null,
          nextTryAt?.getTime() ?? null,
        ]);
      }),
  };
}

const orderKeysSchema = z.array(z.object({ order_id: z.int() }));
const notificationsSchema = z.array(z.object({ order_id: z.int(), notify_tries: z.int() }));
