import { isSamePurchase } from '../shop/basket.ts';
import { isPayable, parseToken } from '../shop/order.ts';
import { nextCheck } from '../shop/schedule.ts';
import type { BegunAttempt, OrderStore } from './order-store.ts';
import { inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';
import {
  applyWaitingEvents,
  derive,
  findAttempt,
  findOrder,
  getOrder,
  lockIntent,
  lockOrder,
} from './sql-facts.ts';
import { createSqlFulfilments, createSqlRefunds } from './sql-money-back.ts';
import { createSqlPrune } from './sql-prune.ts';
import { createSqlReconcile } from './sql-reconcile.ts';

/**
 * The order store in SQL, every statement once, in words that both databases read alike. All but the intake of events,
 * which each does in its own way.
 */
export function createSqlOrderStore(database: SqlDatabase): Omit<OrderStore, 'recordEvents'> {
  return {
    ...createSqlReconcile(database),
    ...createSqlRefunds(database),
    ...createSqlFulfilments(database),
    ...createSqlPrune(database),

    placeOrder: (order, leaseUntil) =>
      database.write(async (tx) => {
        const createdAt = order.createdAt.getTime();
        // Sent together, as all below that need not wait for each other.
        const [{ until }, stored] = await Promise.all([
          inCommonTime(tx, order.createdAt, leaseUntil),
          tx.run(
            `INSERT INTO orders (id, reference, token, checkout_key, shopper_id, total, currency, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) ON CONFLICT DO NOTHING`,
            [
              order.id,
              order.reference,
              order.token,
              order.checkoutKey,
              order.shopperId,
              order.basket.total,
              order.basket.currencyCode,
              createdAt,
            ],
          ),
        ]);
        if (stored === 1) {
          await Promise.all([
            tx.run(`INSERT INTO baskets (order_id, basket) VALUES ($1, $2)`, [
              order.id,
              JSON.stringify(order.basket),
            ]),
            storeAttempt(tx, { orderId: order.id, number: 1, until, createdAt }),
          ]);
          return { kind: 'placed' };
        }
        const found = await findOrder(tx, 'checkout_key', order.checkoutKey);
        if (found === null) return { kind: 'id-taken' };
        if (!isSamePurchase(found.basket, order.basket)) return { kind: 'basket-changed' };
        return beginAttempt(tx, found.id, { now: order.createdAt, leaseUntil });
      }),

    beginAttempt: (orderId, now, leaseUntil) =>
      database.write((tx) => beginAttempt(tx, orderId, { now, leaseUntil })),

    attachIntent: (orderId, attempt, intent, now) =>
      database.write(async (tx) => {
        const [, , attached, waiting] = await Promise.all([
          lockIntent(tx, intent.id),
          lockOrder(tx, orderId),
          tx.run(
            `UPDATE attempts SET state = 'attached', payment_intent_id = $3, payment_link = $4, expire_at = $5, next_check_at = NULL
             WHERE order_id = $1 AND number = $2 AND state = 'sending'
               AND NOT EXISTS (SELECT 1 FROM attempts WHERE payment_intent_id = $3)`,
            [orderId, attempt, intent.id, intent.paymentLink, intent.expireAt?.getTime() ?? null],
          ),
          tx.all(`SELECT 1 AS one FROM events WHERE payment_intent_id = $1 AND order_id IS NULL LIMIT 1`, [
            intent.id,
          ]),
        ]);
        if (attached === 0) return (await findAttempt(tx, intent.id)) === null ? 'lost' : 'taken';

        const nextCheckAt = nextCheck(now, 0, intent.expireAt, now)?.getTime() ?? null;
        if (waiting.length === 0) {
          // Nothing is known of this intent, and of no other so far: all that can follow is this.
          const awaits = await tx.run(
            `UPDATE orders SET status = 'awaiting_payment', updated_at = $2, next_check_at = $3 WHERE id = $1 AND status = 'placed'`,
            [orderId, now.getTime(), nextCheckAt],
          );
          if (awaits === 1) return 'attached';
        }
        await applyWaitingEvents(tx, orderId, attempt, intent.id);
        await derive(tx, orderId, now);
        await tx.run(`UPDATE orders SET next_check_at = $2 WHERE id = $1 AND status = 'awaiting_payment'`, [
          orderId,
          nextCheckAt,
        ]);
        return 'attached';
      }),

    endAttempt: (orderId, attempt, { state, paymentIntentId, nextCheckAt }, now) =>
      database.write(async (tx) => {
        if (paymentIntentId !== null) await lockIntent(tx, paymentIntentId);
        await lockOrder(tx, orderId);
        // The id of another attempt stays with that one.
        const isTaken = paymentIntentId !== null && (await findAttempt(tx, paymentIntentId)) !== null;
        const ended = await tx.all(
          `UPDATE attempts SET state = $3, payment_intent_id = $4, mismatched = $5, next_check_at = $6
           WHERE order_id = $1 AND number = $2 AND state = 'sending' RETURNING number`,
          [
            orderId,
            attempt,
            state,
            isTaken ? null : paymentIntentId,
            Number(state === 'mismatched'),
            isTaken ? null : (nextCheckAt?.getTime() ?? null),
          ],
        );
        if (ended.length === 0 || paymentIntentId === null || isTaken) return;
        await applyWaitingEvents(tx, orderId, attempt, paymentIntentId);
        await derive(tx, orderId, now);
      }),

    quarantine: ({ digest, reason, secret, receivedAt, body }) =>
      database.write(async (tx) => {
        await tx.all(
          `INSERT INTO quarantine (digest, reason, secret, received_at, body) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (digest) DO NOTHING`,
          [digest, reason, secret, receivedAt.getTime(), body],
        );
      }),

    async findOrderByToken(token) {
      const id = parseToken(token);
      if (id === null) return null;
      const order = await database.read((tx) => findOrder(tx, 'id', id));
      return order?.token === token ? order : null;
    },

    findOrderByReference: (reference) => database.read((tx) => findOrder(tx, 'reference', reference)),

    findOrderByCheckoutKey: (checkoutKey) =>
      database.read((tx) => findOrder(tx, 'checkout_key', checkoutKey)),

    // SQLite refuses to begin a transaction that could not write; PostgreSQL refuses to lock rows of one.
    checkWritable: () =>
      database.write(async (tx) => {
        await tx.all(`SELECT name FROM migrations LIMIT 1 ${tx.dialect.forUpdate}`);
      }),

    close: () => database.close(),
  };
}

const maxAttempts = 3;

async function beginAttempt(
  tx: SqlTransaction,
  orderId: number,
  { now, leaseUntil }: { now: Date; leaseUntil: Date },
): Promise<BegunAttempt> {
  const [, { now: commonNow, until }] = await Promise.all([
    lockOrder(tx, orderId),
    inCommonTime(tx, now, leaseUntil),
  ]);
  await tx.run(
    `UPDATE attempts SET state = 'ambiguous', next_check_at = $2
     WHERE order_id = $1 AND state = 'sending' AND lease_until <= $2`,
    [orderId, commonNow],
  );
  const order = await getOrder(tx, orderId);
  if (!isPayable(order)) return { kind: 'settled', order };
  const live = order.attempts.find((attempt) => ['sending', 'attached'].includes(attempt.state));
  if (live !== undefined) return { kind: live.state === 'sending' ? 'under-way' : 'attached', order };
  // A refused attempt created nothing, so its number is free again.
  const number = order.attempts.filter((attempt) => attempt.state !== 'refused').length + 1;
  if (number > maxAttempts) return { kind: 'exhausted', order };
  await storeAttempt(tx, { orderId, number, until, createdAt: now.getTime() });
  return { kind: 'begun', order, number };
}

/** Under way, and due for a look when its lease ends: then whoever made it is gone. */
async function storeAttempt(
  tx: SqlTransaction,
  attempt: { orderId: number; number: number; until: number; createdAt: number },
): Promise<void> {
  await tx.run(
    `INSERT INTO attempts (order_id, number, state, lease_until, next_check_at, created_at)
     VALUES ($1, $2, 'sending', $3, $3, $4)
     ON CONFLICT (order_id, number) DO UPDATE SET state = 'sending', lease_until = $3, next_check_at = $3, created_at = $4, checks = 0`,
    [attempt.orderId, attempt.number, attempt.until, attempt.createdAt],
  );
}
