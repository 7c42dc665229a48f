import { z } from 'zod';
import {
  factsFromStatus,
  type IntentFacts,
  mergeFacts,
  noFacts,
  observedFacts,
  sameFacts,
} from '../shop/intent-facts.ts';
import { createOrderId, type OrderFacts } from '../shop/order.ts';
import { isReplayedAlike } from '../shop/order-events.ts';
import { keepObservations } from './checks.ts';
import type { OrderStore } from './order-store.ts';
import { loadFacts, lockFacts } from './orders.ts';
import type { SqlDatabase, SqlTransaction } from './sql.ts';

/** What was kept about orders: deriving them again from it, and dropping what is no longer needed for that. */
export function createReplayStore(database: SqlDatabase): Pick<OrderStore, 'checkReplay' | 'pruneEvents'> {
  return {
    async checkReplay() {
      const different: string[] = [];
      let orders = 0;
      for (let after = 0; ; ) {
        const page = await database.read((tx) => replayPage(tx, after));
        different.push(...page.filter(({ isAlike }) => !isAlike).map(({ reference }) => reference));
        orders += page.length;
        const last = page.at(-1);
        if (last === undefined) return { orders, different };
        after = last.id;
      }
    },

    pruneEvents: (after, before) =>
      database.write(async (tx) => {
        // An order's id begins with its time, so those that are too young are not even read.
        const rows = await tx.all(
          `SELECT id FROM orders WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${prunedAtOnce}`,
          [after, createOrderId(before, 0)],
        );
        const ids = idsSchema.parse(rows).map(({ id }) => id);
        let quarantined = 0;
        if (after === 0) {
          const old = [before.getTime()];
          await tx.run(`DELETE FROM api_requests WHERE received_at < $1`, old);
          quarantined = await tx.run(`DELETE FROM quarantine WHERE received_at < $1`, old);
        }
        let events = 0;
        for (const id of ids) events += await pruneOrder(tx, id, before);
        return { events, quarantined, last: ids.at(-1) ?? null };
      }),
  };
}

const replayedAtOnce = 500;
const prunedAtOnce = 50;

async function replayPage(tx: SqlTransaction, after: number) {
  const rows = await tx.all(`SELECT id FROM orders WHERE id > $1 ORDER BY id LIMIT ${replayedAtOnce}`, [
    after,
  ]);
  const ids = idsSchema.parse(rows).map(({ id }) => id);
  if (ids.length === 0) return [];
  const isOneOf = tx.dialect.isOneOf('$1');
  const [orders, events, observations] = await Promise.all([
    loadFacts(tx, ids),
    tx.all(
      `SELECT order_id, payment_intent_id, payment_status FROM events
       WHERE order_id ${isOneOf} AND payment_status IS NOT NULL`,
      [ids],
    ),
    tx.all(
      `SELECT order_id, attempt, status, refunded_amount, captured_amount, reversal_observed, expired, unwanted, mismatched
       FROM observations
       WHERE order_id ${isOneOf}`,
      [ids],
    ),
  ]);
  const eventsOf = Map.groupBy(eventRowsSchema.parse(events), ({ orderId }) => orderId);
  const observationsOf = Map.groupBy(observationRowsSchema.parse(observations), ({ orderId }) => orderId);
  const replay = (order: OrderFacts) => ({
    id: order.id,
    reference: order.reference,
    isAlike: isReplayedAlike(order, {
      events: eventsOf.get(order.id) ?? [],
      observations: observationsOf.get(order.id) ?? [],
    }),
  });
  return orders.map(replay).sort((one, other) => one.id - other.id);
}

const eventRowsSchema = z.array(
  z
    .object({ order_id: z.int(), payment_intent_id: z.string().nullable(), payment_status: z.string() })
    .transform((row) => ({
      orderId: row.order_id,
      paymentIntentId: row.payment_intent_id,
      paymentStatus: row.payment_status,
    })),
);

const observationRowsSchema = z.array(
  z
    .object({
      order_id: z.int(),
      attempt: z.int(),
      status: z.string().nullable(),
      refunded_amount: z.int(),
      captured_amount: z.int(),
      reversal_observed: z.int(),
      expired: z.int(),
      unwanted: z.int(),
      mismatched: z.int(),
    })
    .transform((row) => ({
      orderId: row.order_id,
      attempt: row.attempt,
      facts: observedFacts(row.status, {
        refundedAmount: row.refunded_amount,
        capturedAmount: row.captured_amount,
        reversalObserved: row.reversal_observed === 1,
        expired: row.expired === 1,
        unwanted: row.unwanted === 1,
        mismatched: row.mismatched === 1,
      }),
    })),
);

/** Nothing is left to do or to decide about it, and no check is overdue. A check of long ago money may still be to come. */
const isFinished = `updated_at < $2 AND (next_check_at IS NULL OR next_check_at > $2) AND holds = ''
  AND status IN ('paid', 'partly_refunded', 'refunded', 'reversed', 'canceled', 'expired')
  AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.order_id = orders.id AND attempts.next_check_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = orders.id AND refunds.state = 'asked')
  AND NOT EXISTS (SELECT 1 FROM fulfilments WHERE fulfilments.order_id = orders.id AND done_at IS NULL
    AND orders.status IN ('paid', 'partly_refunded'))`;

async function pruneOrder(tx: SqlTransaction, orderId: number, before: Date): Promise<number> {
  const [order] = await lockFacts(tx, [orderId]);
  const finished = await tx.all(`SELECT id FROM orders WHERE id = $1 AND ${isFinished}`, [
    orderId,
    before.getTime(),
  ]);
  if (order === undefined || finished.length === 0) return 0;
  await dropMessages(tx, orderId);
  const dropped = await tx.run(`DELETE FROM events WHERE order_id = $1`, [orderId]);
  if (dropped === 0) return 0;
  for (const { number: attempt, facts } of order.attempts) {
    const known = statusesOf(facts).map((status) => ({ orderId, attempt, observedAt: before, status }));
    if (known.length > 0) await keepObservations(tx, known);
  }
  return dropped;
}

/** All of them, unless one is still to be sent: its order needs to know the others. */
async function dropMessages(tx: SqlTransaction, orderId: number): Promise<void> {
  const isOver = `NOT EXISTS (SELECT 1 FROM messages AS waiting WHERE waiting.order_id = $1 AND waiting.state = 'waiting')`;
  await tx.run(`DELETE FROM deliveries WHERE order_id = $1 AND ${isOver}`, [orderId]);
  await tx.run(`DELETE FROM messages WHERE order_id = $1 AND ${isOver}`, [orderId]);
}

/** The fewest of Dojo's statuses that have the same facts as everything heard, so that every order derives as before. */
function statusesOf(facts: IntentFacts): string[] {
  let known = noFacts;
  return ['Refunded', 'Reversed', 'Canceled', 'Captured', 'Authorized'].filter((status) => {
    const fact = factsFromStatus(status);
    const isHeard = sameFacts(mergeFacts(facts, fact), facts);
    const isNews = !sameFacts(mergeFacts(known, fact), known);
    if (isHeard && isNews) known = mergeFacts(known, fact);
    return isHeard && isNews;
  });
}

const idsSchema = z.array(z.object({ id: z.int() }));
