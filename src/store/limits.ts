import { z } from 'zod';
import { createOrderId, type NewOrder } from '../shop/order.ts';
import type { OpenPaymentLimits, OrderStore } from './order-store.ts';
import { inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';

/** What keeps one shopper, or one address, from opening payments without end. */
export function createLimitStore(
  database: SqlDatabase,
): Pick<OrderStore, 'countHit' | 'countCheckouts' | 'forgetCheckouts'> {
  return {
    countHit: (address, now, until) =>
      database.write(async (tx) => {
        if (tx.dialect.name !== 'postgres') return null;
        const common = await inCommonTime(tx, now, until);
        // A clock that was ahead left ends that lie behind any that begins now.
        const [row] = await tx.all(
          `INSERT INTO hits (address, count, until) VALUES ($1, 1, $3) ON CONFLICT (address) DO UPDATE SET
             count = CASE WHEN hits.until <= $2 OR hits.until > $3 THEN 1 ELSE hits.count + 1 END,
             until = CASE WHEN hits.until <= $2 OR hits.until > $3 THEN excluded.until ELSE hits.until END
           RETURNING count, until`,
          [address, common.now, common.until],
        );
        const hits = hitsSchema.parse(row);
        return { count: hits.count, resetMs: hits.until - common.now };
      }),

    countCheckouts: (since, until) =>
      database.read(async (tx) => {
        const [row] = await tx.all(
          `SELECT COUNT(*) AS begun, COALESCE(SUM(CASE WHEN status IN ('placed', 'awaiting_payment', 'canceled', 'expired') THEN 1 ELSE 0 END), 0) AS unpaid
           FROM checkouts JOIN orders ON id = order_id WHERE order_id > $1 AND order_id < $2`,
          [createOrderId(since, 0), createOrderId(until, 0)],
        );
        const counted = countedSchema.parse(row);
        return { begun: Number(counted.begun), unpaid: Number(counted.unpaid) };
      }),

    forgetCheckouts: (before) =>
      database.write(async (tx) => {
        await tx.run('DELETE FROM checkouts WHERE order_id < $1', [createOrderId(before, 0)]);
        if (tx.dialect.name === 'postgres')
          await tx.run('DELETE FROM hits WHERE until < $1', [before.getTime()]);
      }),
  };
}

const hitsSchema = z.object({ count: z.int(), until: z.int() });
const countedSchema = z.object({ begun: z.coerce.number(), unpaid: z.coerce.number() });

/** Notes who began a checkout. False, and nothing is noted, if too many of their payments are open already. */
export async function noteCheckout(
  tx: SqlTransaction,
  { id, shopperId, createdAt }: NewOrder,
  limits: OpenPaymentLimits,
): Promise<boolean> {
  const { address, since } = limits;
  // One checkout after another of the same browser and address: each sees those before it.
  if (tx.dialect.name === 'postgres')
    await tx.run('SELECT pg_advisory_xact_lock(1, hashtext($1)), pg_advisory_xact_lock(2, hashtext($2))', [
      shopperId,
      address,
    ]);
  const isFull = async (column: 'shopper_id' | 'address', value: string, limit: number): Promise<boolean> => {
    const open = await tx.all(
      `SELECT order_id FROM checkouts JOIN orders ON id = order_id
       WHERE checkouts.${column} = $1 AND checkouts.created_at > $2 AND status IN ('placed', 'awaiting_payment')
         AND order_id <> $3 LIMIT $4`,
      [value, since.getTime(), id, limit],
    );
    return open.length >= limit;
  };
  if (await isFull('shopper_id', shopperId, limits.ofShopper)) return false;
  if (limits.ofAddress !== null && (await isFull('address', address, limits.ofAddress))) return false;
  await tx.run(`INSERT INTO checkouts (order_id, shopper_id, address, created_at) VALUES ($1, $2, $3, $4)`, [
    id,
    shopperId,
    address,
    createdAt.getTime(),
  ]);
  return true;
}
