import { z } from 'zod';
import { applyDecision } from '../shop/apply-decision.ts';
import type { Order, OrderFacts } from '../shop/order.ts';
import { derive, verifySoon } from '../shop/order-events.ts';
import { knownReturned, leftToReturn } from '../shop/order-money.ts';
import { nextRefundTry, plus, schedule } from '../shop/schedule.ts';
import type { NewRefund, OrderStore } from './order-store.ts';
import { changeOrder, changeWholeOrder, getDetails, getOrder, lockFacts, saveChanges } from './orders.ts';
import { defineTable, type SqlDatabase, type SqlTransaction } from './sql.ts';

/** Money that is moved by us: each movement is stored before Dojo is asked, and never more is asked for than there is. */
export function createRefundStore(
  database: SqlDatabase,
): Pick<
  OrderStore,
  'beginRefund' | 'endRefund' | 'claimOpenRefund' | 'beginCapture' | 'endCapture' | 'decide'
> {
  return {
    beginRefund: (refund) =>
      database.write(async (tx) => {
        const { orderId, askedAt } = refund;
        const [order] = await lockFacts(tx, [orderId]);
        if (order === undefined) throw new Error(`Order ${orderId} is not in the store.`);
        const known = await tx.all(`SELECT id FROM refunds WHERE id = $1`, [refund.id]);
        if (known.length > 0) return 'begun';
        const refusal = refuseRefund(order, refund);
        if (refusal !== null) return refusal;
        const added = { ...refund, state: 'asked' as const, nextTryAt: nextRefundTry(askedAt, 0) };
        await tx.withCommit(tx.insertRows(refundsTable, [added]));
        const asked = { ...order, refunds: [...order.refunds, added] };
        // Whatever happens to this process now, the reconciler finds the outcome.
        await saveChanges(tx, [{ before: order, after: verifySoon(derive(asked, askedAt), askedAt) }]);
        return 'begun';
      }),

    endRefund: (id, { state, refundId }, now) =>
      database.write(async (tx) => {
        const rows = await tx.all(
          `UPDATE refunds SET state = $2, refund_id = $3, done_at = $4 WHERE id = $1 RETURNING order_id`,
          [id, state, refundId, now.getTime()],
        );
        return deriveAgain(tx, rows, now);
      }),

    beginCapture: (capture) =>
      database.write(async (tx) => {
        const { orderId, attempt, askedAt } = capture;
        await lockFacts(tx, [orderId]);
        // One whose process is gone counts no more: what it did is read from Dojo.
        const underWay = await tx.all(
          `SELECT id FROM captures WHERE order_id = $1 AND attempt = $2 AND state = 'asked' AND asked_at > $3`,
          [orderId, attempt, plus(askedAt, -schedule.claim).getTime()],
        );
        if (underWay.length > 0) return 'under-way';
        await tx.withCommit(tx.insertRows(capturesTable, [{ ...capture, state: 'asked' }]));
        await changeOrder(tx, orderId, (order) => verifySoon(order, askedAt));
        return 'begun';
      }),

    endCapture: (id, { state, captureId }, now) =>
      database.write(async (tx) => {
        const rows = await tx.all(
          `UPDATE captures SET state = $2, capture_id = $3, done_at = $4 WHERE id = $1 RETURNING order_id`,
          [id, state, captureId, now.getTime()],
        );
        return deriveAgain(tx, rows, now);
      }),

    decide: (orderId, decision) =>
      database.write(async (tx) => {
        const details = await getDetails(tx, orderId);
        const [order] = await lockFacts(tx, [orderId]);
        if (order === undefined) throw new Error(`Order ${orderId} is not in the store.`);
        const { after, settled, standing } = applyDecision(order, decision);
        if (after === null) return { kind: 'stale', standing };
        await saveChanges(tx, [{ before: order, after }]);
        return { kind: 'decided', order: { ...details, ...after }, settled };
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

/** Of the order whose row was changed. Dojo is asked soon, since its count may lag behind what it accepted. */
function deriveAgain(tx: SqlTransaction, changed: readonly unknown[], now: Date): Promise<Order> {
  const { order_id } = z.object({ order_id: z.int() }).parse(changed[0]);
  return changeWholeOrder(tx, order_id, (order) => verifySoon(derive(order, now), now));
}

/** Null if the refund may be asked for. */
function refuseRefund(order: OrderFacts, refund: NewRefund): 'too-much' | 'stale' | null {
  const { amount, kind, expectedReturned } = refund;
  const payment = order.attempts.find(({ number }) => number === refund.attempt);
  if (payment === undefined) return 'too-much';
  const returned = knownReturned(payment, order);
  if (expectedReturned !== null && returned !== expectedReturned) return 'stale';
  // The release of a reservation returns no money that was received.
  const left = kind === 'reversal' && !payment.facts.captured ? order.total : leftToReturn(payment, order);
  return amount > left ? 'too-much' : null;
}

const refundsTable = defineTable('refunds', 'id', {
  BIGINT: 'order_id attempt amount asked_at next_try_at',
  TEXT: 'id kind reason state',
});

const capturesTable = defineTable('captures', 'id', {
  BIGINT: 'order_id attempt amount asked_at',
  TEXT: 'id state',
});

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
