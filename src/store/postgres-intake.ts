import { z } from 'zod';
import { createGroupCommit, type Settled } from './group-commit.ts';
import { type AttemptKey, type AttemptOf, type Heard, hearEvents } from './hear-events.ts';
import { sameColumns, sameFacts } from './order-facts.ts';
import { type OrderStore, type ReceivedEvent, type RecordedEvent, StoreError } from './order-store.ts';
import { bufferOf, sqlStateOf, withoutNul } from './postgres.ts';
import type { SqlDatabase, SqlTransaction } from './sql.ts';
import { factColumns, loadFacts } from './sql-facts.ts';

/**
 * Events into PostgreSQL: everything that arrives while one transaction is under way goes into the next, in a few
 * statements over lists however many there are. Where one call breaks a constraint the group is halved until it stands
 * alone, so that it is refused and its neighbours are kept.
 */
export function createPostgresIntake(
  database: SqlDatabase,
): Pick<OrderStore, 'recordEvents'> & { close(): Promise<void> } {
  const group = createGroupCommit<readonly ReceivedEvent[], RecordedEvent[]>(commit);

  async function commit(
    calls: readonly (readonly ReceivedEvent[])[],
  ): Promise<readonly Settled<RecordedEvent[]>[]> {
    try {
      const recorded = await database.write((tx) => recordEvents(tx, calls.flat()));
      let from = 0;
      return calls.map((events) => {
        const value = recorded.slice(from, from + events.length);
        from += events.length;
        return { status: 'fulfilled', value };
      });
    } catch (reason) {
      if (calls.length === 1 || !isFaultOfOne(reason)) {
        return calls.map(() => ({ status: 'rejected', reason }));
      }
      const half = Math.ceil(calls.length / 2);
      return [...(await commit(calls.slice(0, half))), ...(await commit(calls.slice(half)))];
    }
  }

  return { recordEvents: (events) => group.add(events), close: () => group.close() };
}

/** A value that the database does not take, or a fault of ours; not a server that is away or too busy. */
function isFaultOfOne(error: unknown): boolean {
  return !(error instanceof StoreError) || /^2[23]/.test(sqlStateOf(error) ?? '');
}

/** Over lists, however many events there are: each statement is a way to the server and back. */
async function recordEvents(tx: SqlTransaction, events: readonly ReceivedEvent[]): Promise<RecordedEvent[]> {
  const attemptOf = await findAttempts(tx, events);
  // In the order of the ids, so that no two processes wait for each other.
  const ids = [...new Set(events.flatMap((event) => attemptOf(event)?.orderId ?? []))].sort((a, b) => a - b);
  // Sent together and run in this order: what is loaded is what the lock found.
  const [, isNew, orders] = await Promise.all([
    tx.all(`SELECT id FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE`, [ids]),
    keep(tx, events, attemptOf),
    loadFacts(tx, ids),
  ]);
  const { recorded, heard } = hearEvents(events, { orders, attemptOf, isNew });
  await save(tx, heard);
  return recorded;
}

/** What nobody has yet is locked, and looked for again. */
async function findAttempts(tx: SqlTransaction, events: readonly ReceivedEvent[]): Promise<AttemptOf> {
  const intents = [
    ...new Set(events.flatMap(({ paymentIntentId }) => (paymentIntentId === null ? [] : [paymentIntentId]))),
  ]
    .map(withoutNul)
    .sort();
  const find = async (wanted: readonly string[]): Promise<[string, AttemptKey][]> =>
    attemptKeysSchema
      .parse(
        await tx.all(
          `SELECT payment_intent_id, order_id, number FROM attempts WHERE payment_intent_id = ANY($1)`,
          [wanted],
        ),
      )
      .map((row) => [row.payment_intent_id, { orderId: row.order_id, number: row.number }]);
  const attempts = new Map(await find(intents));
  const unknown = intents.filter((intent) => !attempts.has(intent));
  if (unknown.length > 0) {
    const [, found] = await Promise.all([
      tx.all(
        `INSERT INTO intents (id) SELECT unnest(CAST($1 AS TEXT[])) ON CONFLICT (id) DO UPDATE SET id = excluded.id`,
        [unknown],
      ),
      find(unknown),
    ]);
    for (const [intent, attempt] of found) attempts.set(intent, attempt);
  }
  return ({ paymentIntentId }) =>
    paymentIntentId === null ? undefined : attempts.get(withoutNul(paymentIntentId));
}

const attemptKeysSchema = z.array(
  z.object({ payment_intent_id: z.string(), order_id: z.int(), number: z.int() }),
);

async function keep(
  tx: SqlTransaction,
  events: readonly ReceivedEvent[],
  attemptOf: AttemptOf,
): Promise<boolean[]> {
  const rows = await tx.all(
    `INSERT INTO events (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
     SELECT * FROM unnest(CAST($1 AS BYTEA[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]),
       CAST($5 AS TEXT[]), CAST($6 AS BIGINT[]), CAST($7 AS TEXT[]), CAST($8 AS BIGINT[]), CAST($9 AS BYTEA[]))
     ON CONFLICT DO NOTHING RETURNING digest`,
    [
      column(events, ({ digest }) => bufferOf(digest)),
      column(events, ({ eventId }) => textOf(eventId)),
      column(events, ({ event }) => textOf(event)),
      column(events, ({ paymentIntentId }) => textOf(paymentIntentId)),
      column(events, ({ paymentStatus }) => textOf(paymentStatus)),
      column(events, (event) => attemptOf(event)?.orderId ?? null),
      column(events, ({ secret }) => textOf(secret)),
      column(events, ({ receivedAt }) => receivedAt.getTime()),
      column(events, ({ body }) => bufferOf(body)),
    ],
  );
  const kept = new Set(digestsSchema.parse(rows).map(({ digest }) => digest.toString('latin1')));
  // Of the same bytes twice in one group the first is the new one.
  return events.map(({ digest }) => kept.delete(bufferOf(digest).toString('latin1')));
}

const digestsSchema = z.array(z.object({ digest: z.instanceof(Buffer) }));

async function save(tx: SqlTransaction, heard: readonly Heard[]): Promise<void> {
  const attempts = heard.flatMap(({ before, after }) =>
    after.attempts
      .filter((attempt, index) => !sameFacts(attempt.facts, before.attempts[index]?.facts ?? attempt.facts))
      .map((attempt) => ({ ...attempt, orderId: after.id })),
  );
  const orders = heard
    .filter(({ before, after }) => !sameColumns(before, after) || before.nextLookAt !== after.nextLookAt)
    .map(({ after }) => after);
  const due = heard.filter(({ before, after }) => after.isDue && !before.isDue).map(({ after }) => after);
  const saves: Promise<unknown>[] = [];
  if (attempts.length > 0) {
    saves.push(
      tx.all(saveAttemptsSql, [
        column(attempts, ({ orderId }) => orderId),
        column(attempts, ({ number }) => number),
        ...factColumns.map(([name]) => column(attempts, ({ facts }) => Number(facts[name]))),
      ]),
    );
  }
  if (orders.length > 0) {
    saves.push(
      tx.all(
        `UPDATE orders SET status = heard.status, holds = heard.holds, refunded_amount = heard.refunded_amount,
           updated_at = heard.updated_at, next_look_at = heard.next_look_at
         FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]),
           CAST($6 AS BIGINT[])) AS heard (id, status, holds, refunded_amount, updated_at, next_look_at)
         WHERE orders.id = heard.id`,
        [
          column(orders, ({ id }) => id),
          column(orders, ({ status }) => status),
          column(orders, ({ holds }) => holds.join()),
          column(orders, ({ refundedAmount }) => refundedAmount),
          column(orders, ({ updatedAt }) => updatedAt.getTime()),
          column(orders, ({ nextLookAt }) => nextLookAt?.getTime() ?? null),
        ],
      ),
    );
  }
  if (due.length > 0) {
    saves.push(
      tx.all(
        `INSERT INTO fulfilments (order_id, due_at, next_notify_at)
         SELECT id, due_at, due_at FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS due (id, due_at)
         ON CONFLICT (order_id) DO NOTHING`,
        [column(due, ({ id }) => id), column(due, ({ updatedAt }) => updatedAt.getTime())],
      ),
    );
  }
  await Promise.all(saves);
}

const factNames = factColumns.map(([, name]) => name);
const saveAttemptsSql = `UPDATE attempts SET ${factNames.map((name) => `${name} = heard.${name}`).join(', ')}
  FROM unnest(${['order_id', 'number', ...factNames].map((_, index) => `CAST($${index + 1} AS BIGINT[])`).join(', ')})
    AS heard (order_id, number, ${factNames.join(', ')})
  WHERE attempts.order_id = heard.order_id AND attempts.number = heard.number`;

function textOf(text: string | null): string | null {
  return text === null ? null : withoutNul(text);
}

function column<T>(
  rows: readonly T[],
  read: (row: T) => string | number | Buffer | null,
): readonly (string | number | Buffer | null)[] {
  return rows.map(read);
}
