import { z } from 'zod';
import { type AttemptKey, type AttemptOf, type Heard, hearEvents } from './apply-events.ts';
import { createGroupCommit, type Settled } from './group-commit.ts';
import { type AttemptFacts, type OrderFacts, sameColumns, sameFacts } from './order-facts.ts';
import { type OrderStore, type ReceivedEvent, type RecordedEvent, StoreError } from './order-store.ts';
import {
  bufferOf,
  type LastStatement,
  type PostgresDatabase,
  type Steps,
  sqlStateOf,
  withoutNul,
} from './postgres.ts';
import { listOfBytes, listOfIntegers, listOfTexts } from './postgres-lists.ts';
import type { SqlTransaction } from './sql.ts';
import { factColumns } from './sql-facts.ts';
import { attemptFactsOf, orderFactsOf, orderShape, selectAttempts, withAttempts } from './sql-load-facts.ts';

/**
 * Events into PostgreSQL: everything that arrives while one transaction is under way goes into the next, in a few
 * statements over lists however many there are. Where one call breaks a constraint the group is halved until it stands
 * alone, so that it is refused and its neighbours are kept.
 */
export function createPostgresIntake(
  database: PostgresDatabase,
): Pick<OrderStore, 'recordEvents'> & { close(): Promise<void> } {
  const group = createGroupCommit<readonly ReceivedEvent[], RecordedEvent[]>(commit);

  async function commit(
    calls: readonly (readonly ReceivedEvent[])[],
  ): Promise<readonly Settled<RecordedEvent[]>[]> {
    try {
      const recorded = await database.writeInSteps(recordEvents(calls.flat()));
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

/**
 * Over lists, however many events there are, in three ways to the server and back: which orders they are about; what
 * these are, and which events are new; what becomes of them. Intents are locked before orders, and orders in the order of
 * their ids, so that no two processes wait for each other.
 */
function recordEvents(events: readonly ReceivedEvent[]): Steps<AttemptKeys, RecordedEvent[]> {
  const intents = [
    ...new Set(events.flatMap(({ paymentIntentId }) => paymentIntentId ?? []).map(withoutNul)),
  ].sort();
  return {
    find: (tx) => findAttempts(tx, intents),
    async decide(tx, found) {
      const attempts = await withLatecomers(tx, intents, found);
      const attemptOf: AttemptOf = ({ paymentIntentId }) =>
        paymentIntentId === null ? undefined : attempts.get(withoutNul(paymentIntentId));
      const ids = [...new Set(attempts.values().map(({ orderId }) => orderId))].sort((a, b) => a - b);
      const [orders, isNew] = await Promise.all([lockOrders(tx, ids), keep(tx, events, attemptOf)]);
      const { recorded, heard } = hearEvents(events, { orders, attemptOf, isNew });
      return { result: recorded, last: saves(heard) };
    },
  };
}

type AttemptKeys = ReadonlyMap<string, AttemptKey>;

async function findAttempts(tx: SqlTransaction, intents: readonly string[]): Promise<AttemptKeys> {
  const rows = await tx.all(
    `SELECT payment_intent_id, order_id, number FROM attempts WHERE payment_intent_id = ANY($1)`,
    [listOfTexts(intents)],
  );
  return new Map(
    attemptKeysSchema
      .parse(rows)
      .map((row) => [row.payment_intent_id, { orderId: row.order_id, number: row.number }]),
  );
}

const attemptKeysSchema = z.array(
  z.object({ payment_intent_id: z.string(), order_id: z.int(), number: z.int() }),
);

/** What nobody has yet is locked, and looked for again. */
async function withLatecomers(
  tx: SqlTransaction,
  intents: readonly string[],
  found: AttemptKeys,
): Promise<AttemptKeys> {
  const unknown = intents.filter((intent) => !found.has(intent));
  if (unknown.length === 0) return found;
  const [, late] = await Promise.all([
    tx.run(
      `INSERT INTO intents (id) SELECT unnest(CAST($1 AS TEXT[])) ON CONFLICT (id) DO UPDATE SET id = excluded.id`,
      [listOfTexts(unknown)],
    ),
    findAttempts(tx, unknown),
  ]);
  return new Map([...found, ...late]);
}

/** Sent together and run in this order: what is read of an order is what the lock found. */
async function lockOrders(tx: SqlTransaction, ids: readonly number[]): Promise<OrderFacts[]> {
  if (ids.length === 0) return [];
  const wanted = [listOfIntegers(ids)];
  const [orders, attempts, refunds, fulfilments] = await Promise.all([
    tx.all(
      `SELECT id, reference, total, status, holds, refunded_amount, updated_at, next_check_at
       FROM orders WHERE id = ANY($1) ORDER BY id FOR UPDATE`,
      wanted,
    ),
    tx.all(`${selectAttempts} WHERE order_id = ANY($1) ORDER BY order_id, number`, wanted),
    tx.all(
      `SELECT order_id, CAST(SUM(CASE WHEN kind = 'refund' THEN amount ELSE 0 END) AS BIGINT) AS refunded_by_us,
         COUNT(CASE WHEN kind = 'reversal' THEN 1 END) AS reversals
       FROM refunds WHERE order_id = ANY($1) AND state <> 'refused' GROUP BY order_id`,
      wanted,
    ),
    tx.all(
      `SELECT order_id, order_id AS due, done_at AS fulfilled FROM fulfilments WHERE order_id = ANY($1)`,
      wanted,
    ),
  ]);
  const refundsOf = new Map(refundsSchema.parse(refunds).map((row) => [row.order_id, row]));
  const fulfilmentOf = new Map(fulfilmentsSchema.parse(fulfilments).map((row) => [row.order_id, row]));
  const locked = ordersSchema
    .parse(orders)
    .map((row) => orderFactsOf({ ...noActs, ...row, ...refundsOf.get(row.id), ...fulfilmentOf.get(row.id) }));
  return withAttempts(locked, attemptFactsOf(attempts));
}

const noActs = { refunded_by_us: 0, reversals: 0, due: null, fulfilled: null };
const ordersSchema = z.array(z.object(orderShape));
const refundsSchema = z.array(z.object({ order_id: z.int(), refunded_by_us: z.int(), reversals: z.int() }));
const fulfilmentsSchema = z.array(
  z.object({ order_id: z.int(), due: z.int(), fulfilled: z.int().nullable() }),
);

/** Tells of each whether it is new. */
async function keep(
  tx: SqlTransaction,
  events: readonly ReceivedEvent[],
  attemptOf: AttemptOf,
): Promise<boolean[]> {
  const rows = await tx.all(
    `INSERT INTO events (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
     SELECT digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body
     FROM unnest(CAST($1 AS BYTEA[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS TEXT[]),
       CAST($6 AS BIGINT[]), CAST($7 AS TEXT[]), CAST($8 AS BIGINT[]), CAST($9 AS BYTEA[]))
       AS heard (digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
     ON CONFLICT DO NOTHING RETURNING digest`,
    [
      listOfBytes(events.map(({ digest }) => digest)),
      listOfTexts(events.map(({ eventId }) => eventId)),
      listOfTexts(events.map(({ event }) => event)),
      listOfTexts(events.map(({ paymentIntentId }) => paymentIntentId)),
      listOfTexts(events.map(({ paymentStatus }) => paymentStatus)),
      listOfIntegers(events.map((event) => attemptOf(event)?.orderId ?? null)),
      listOfTexts(events.map(({ secret }) => secret)),
      listOfIntegers(events.map(({ receivedAt }) => receivedAt.getTime())),
      listOfBytes(events.map(({ body }) => body)),
    ],
  );
  const kept = new Set(digestsSchema.parse(rows).map(({ digest }) => digest.toString('latin1')));
  // Of the same bytes twice in one group the first is the new one.
  return events.map(({ digest }) => kept.delete(bufferOf(digest).toString('latin1')));
}

const digestsSchema = z.array(z.object({ digest: z.instanceof(Buffer) }));

/** What has become of the orders, as far as it changed. */
function saves(heard: readonly Heard[]): LastStatement[] {
  const attempts = heard.flatMap(({ before, after }) =>
    after.attempts
      .filter((attempt, index) => !sameFacts(attempt.facts, before.attempts[index]?.facts ?? attempt.facts))
      .map((attempt) => ({ ...attempt, orderId: after.id })),
  );
  const orders = heard
    .filter(({ before, after }) => !sameColumns(before, after) || before.nextCheckAt !== after.nextCheckAt)
    .map(({ after }) => after);
  const due = heard.filter(({ before, after }) => after.isDue && !before.isDue).map(({ after }) => after);
  return [
    ...(attempts.length > 0 ? [saveAttempts(attempts)] : []),
    ...(orders.length > 0 ? [saveOrders(orders)] : []),
    ...(due.length > 0 ? [saveFulfilments(due)] : []),
  ];
}

const factNames = factColumns.map(([, name]) => name);
const saveAttemptsSql = `UPDATE attempts SET ${factNames.map((name) => `${name} = heard.${name}`).join(', ')}
  FROM unnest(${['order_id', 'number', ...factNames].map((_, index) => `CAST($${index + 1} AS BIGINT[])`).join(', ')})
    AS heard (order_id, number, ${factNames.join(', ')})
  WHERE attempts.order_id = heard.order_id AND attempts.number = heard.number`;

function saveAttempts(attempts: readonly (AttemptFacts & { readonly orderId: number })[]): LastStatement {
  return {
    sql: saveAttemptsSql,
    params: [
      listOfIntegers(attempts.map(({ orderId }) => orderId)),
      listOfIntegers(attempts.map(({ number }) => number)),
      ...factColumns.map(([name]) => listOfIntegers(attempts.map(({ facts }) => Number(facts[name])))),
    ],
  };
}

function saveOrders(orders: readonly OrderFacts[]): LastStatement {
  return {
    sql: `UPDATE orders SET status = heard.status, holds = heard.holds, refunded_amount = heard.refunded_amount,
        updated_at = heard.updated_at, next_check_at = heard.next_check_at
      FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), CAST($3 AS TEXT[]), CAST($4 AS BIGINT[]), CAST($5 AS BIGINT[]),
        CAST($6 AS BIGINT[])) AS heard (id, status, holds, refunded_amount, updated_at, next_check_at)
      WHERE orders.id = heard.id`,
    params: [
      listOfIntegers(orders.map(({ id }) => id)),
      listOfTexts(orders.map(({ status }) => status)),
      listOfTexts(orders.map(({ holds }) => holds.join())),
      listOfIntegers(orders.map(({ refundedAmount }) => refundedAmount)),
      listOfIntegers(orders.map(({ updatedAt }) => updatedAt.getTime())),
      listOfIntegers(orders.map(({ nextCheckAt }) => nextCheckAt?.getTime() ?? null)),
    ],
  };
}

function saveFulfilments(due: readonly OrderFacts[]): LastStatement {
  return {
    sql: `INSERT INTO fulfilments (order_id, due_at, next_notify_at)
      SELECT id, due_at, due_at FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS BIGINT[])) AS due (id, due_at)
      ON CONFLICT (order_id) DO NOTHING`,
    params: [
      listOfIntegers(due.map(({ id }) => id)),
      listOfIntegers(due.map(({ updatedAt }) => updatedAt.getTime())),
    ],
  };
}
