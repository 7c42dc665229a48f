import { z } from 'zod';
import { createOrderId } from '../shop/order.ts';
import { factsFromStatus, type IntentFacts, mergeFacts, noFacts } from '../shop/order-status.ts';
import type { OrderStore } from './order-store.ts';
import type { SqlDatabase, SqlTransaction } from './sql.ts';
import { lockOrder } from './sql-facts.ts';
import { loadFacts } from './sql-load-facts.ts';

const pageSize = 50;

/** Nothing is left to hear, to do or to decide about it. */
const isFinished = `updated_at < $2 AND next_check_at IS NULL AND holds = ''
  AND status IN ('paid', 'partly_refunded', 'refunded', 'reversed', 'canceled', 'expired')
  AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.order_id = orders.id AND attempts.next_check_at IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = orders.id AND refunds.state = 'asked')
  AND NOT EXISTS (SELECT 1 FROM fulfilments WHERE fulfilments.order_id = orders.id AND done_at IS NULL
    AND orders.status IN ('paid', 'partly_refunded'))`;

/** The retention of raw events. */
export function createSqlPrune(database: SqlDatabase): Pick<OrderStore, 'pruneEvents'> {
  return {
    pruneEvents: (after, before) =>
      database.write(async (tx) => {
        // An order's id begins with its time, so those that are too young are not even looked at.
        const ids = idsSchema.parse(
          await tx.all(`SELECT id FROM orders WHERE id > $1 AND id < $2 ORDER BY id LIMIT ${pageSize}`, [
            after,
            createOrderId(before, 0),
          ]),
        );
        let events = 0;
        for (const { id } of ids) events += await pruneOrder(tx, id, before);
        return { events, last: ids.at(-1)?.id ?? null };
      }),
  };
}

async function pruneOrder(tx: SqlTransaction, id: number, before: Date): Promise<number> {
  await lockOrder(tx, id);
  const finished = await tx.all(`SELECT id FROM orders WHERE id = $1 AND ${isFinished}`, [
    id,
    before.getTime(),
  ]);
  if (finished.length === 0) return 0;
  const gone = await tx.run(`DELETE FROM events WHERE order_id = $1`, [id]);
  if (gone === 0) return 0;
  const [order] = await loadFacts(tx, [id]);
  for (const attempt of order?.attempts ?? []) {
    for (const status of statusesOf(attempt.facts)) {
      await tx.all(
        `INSERT INTO observations (order_id, attempt, observed_at, status) VALUES ($1, $2, $3, $4)`,
        [id, attempt.number, before.getTime(), status],
      );
    }
  }
  return gone;
}

/** The fewest of Dojo's statuses that tell the same as all that was heard: in their place every order derives as before. */
function statusesOf(facts: IntentFacts): string[] {
  const told = ['Refunded', 'Reversed', 'Canceled', 'Captured', 'Authorized'];
  let known = noFacts;
  return told.filter((status) => {
    const fact = factsFromStatus(status);
    const isHeard = JSON.stringify(mergeFacts(facts, fact)) === JSON.stringify(facts);
    const isNews = JSON.stringify(mergeFacts(known, fact)) !== JSON.stringify(known);
    if (isHeard && isNews) known = mergeFacts(known, fact);
    return isHeard && isNews;
  });
}

const idsSchema = z.array(z.object({ id: z.int() }));
