import { z } from 'zod';
import { type Message, type MessageState, type MessageType, messageStates } from '../shop/order-messages.ts';
import type { OrderStore } from './order-store.ts';
import { getOrder, lockFacts } from './orders.ts';
import { defineTable, inCommonTime, type SqlDatabase, type SqlTransaction } from './sql.ts';

type DeliveryStore = Pick<
  OrderStore,
  'claimMessage' | 'confirmDue' | 'endTry' | 'listMessages' | 'resendMessage'
>;

/** Sends messages to the merchant's system. Their order is locked before they change: a new one may be added at any time. */
export function createDeliveryStore(database: SqlDatabase): DeliveryStore {
  return {
    claimMessage: (now, until) =>
      database.write(async (tx) => {
        const common = await inCommonTime(tx, now, until);
        const [due] = messagesSchema.parse(
          await tx.all(
            `SELECT ${columns} FROM messages WHERE next_try_at <= $1 ORDER BY next_try_at LIMIT 1 ${tx.dialect.skipLocked}`,
            [common.now],
          ),
        );
        if (due === undefined) return null;
        const tries = due.tries + 1;
        await tx.run(`UPDATE messages SET tries = $3, next_try_at = $4 WHERE order_id = $1 AND number = $2`, [
          due.order_id,
          due.number,
          tries,
          common.until,
        ]);
        const order = await getOrder(tx, due.order_id);
        return { ...messageOf(due, order.reference), tries, order };
      }),

    confirmDue: ({ orderId, number }, now) =>
      database.write(async (tx) => {
        const [order] = await lockFacts(tx, [orderId]);
        const later = await tx.all(
          `SELECT number FROM messages WHERE order_id = $1 AND number > $2 AND type = 'order.due'`,
          [orderId, number],
        );
        if (order?.mayShip === true && order.erasedAt === null && later.length === 0) return true;
        await endMessage(tx, { orderId, number, state: 'dropped', now });
        return false;
      }),

    endTry: ({ orderId, number, tries }, { state, nextTryAt, sentAt, latencyMs, answer }, now) =>
      database.write(async (tx) => {
        await lockOrder(tx, orderId);
        await tx.insertRows(deliveriesTable, [{ orderId, number, try: tries, sentAt, latencyMs, answer }]);
        // Once the claim was lost, another process sends the message, and says how it ended.
        const [own] = await tx.all(
          `SELECT number FROM messages WHERE order_id = $1 AND number = $2 AND tries = $3 AND state = 'waiting'`,
          [orderId, number, tries],
        );
        if (own === undefined) return;
        if (state !== 'waiting') await endMessage(tx, { orderId, number, state, now });
        else await sendFirst(tx, orderId, nextTryAt);
      }),

    listMessages: ({ orderReference, state }) =>
      database.read(async (tx) => {
        const wanted = [
          ['reference', orderReference],
          ['state', state],
        ].filter(([, value]) => value !== null);
        const conditions = wanted.map(([column], index) => `${column} = $${index + 1}`);
        const rows = listedSchema.parse(
          await tx.all(
            `SELECT reference, ${columns} FROM messages JOIN orders ON orders.id = order_id
             ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
             ORDER BY order_id DESC, number DESC LIMIT ${listedAtOnce}`,
            wanted.map(([, value]) => value ?? null),
          ),
        );
        const ids = [...new Set(rows.map(({ order_id }) => order_id))];
        const tries = await tx.all(
          `SELECT order_id, number, try, sent_at, latency_ms, answer FROM deliveries
           WHERE order_id ${tx.dialect.isOneOf('$1')} ORDER BY order_id, number, try`,
          [ids],
        );
        const triesOf = Map.groupBy(deliveriesSchema.parse(tries), (row) => `${row.order_id} ${row.number}`);
        return rows.toReversed().map((row) => ({
          ...messageOf(row, row.reference),
          state: row.state,
          tries: row.tries,
          nextTryAt: row.next_try_at === null ? null : new Date(row.next_try_at),
          endedAt: row.ended_at === null ? null : new Date(row.ended_at),
          deliveries: (triesOf.get(`${row.order_id} ${row.number}`) ?? []).map((delivery) => ({
            sentAt: new Date(delivery.sent_at),
            latencyMs: delivery.latency_ms,
            answer: delivery.answer,
          })),
        }));
      }),

    resendMessage: ({ orderReference, number }, now) =>
      database.write(async (tx) => {
        const found = await tx.all(`SELECT id FROM orders WHERE reference = $1 ${tx.dialect.forUpdate}`, [
          orderReference,
        ]);
        const [order] = idsSchema.parse(found);
        if (order === undefined) return false;
        const changed = await tx.run(
          `UPDATE messages SET state = 'waiting', ended_at = NULL WHERE order_id = $1 AND number = $2`,
          [order.id, number],
        );
        if (changed === 1) await sendFirst(tx, order.id, now);
        return changed === 1;
      }),
  };
}

const listedAtOnce = 500;

async function lockOrder(tx: SqlTransaction, orderId: number): Promise<void> {
  if (tx.dialect.forUpdate !== '')
    await tx.all(`SELECT id FROM orders WHERE id = $1 ${tx.dialect.forUpdate}`, [orderId]);
}

async function endMessage(
  tx: SqlTransaction,
  { orderId, number, state, now }: Pick<Message, 'orderId' | 'number'> & { state: MessageState; now: Date },
): Promise<void> {
  await tx.run(
    `UPDATE messages SET state = $3, next_try_at = NULL, ended_at = $4 WHERE order_id = $1 AND number = $2`,
    [orderId, number, state, now.getTime()],
  );
  await sendFirst(tx, orderId, now);
}

/** The first message of an order that waits is sent at this time, and those behind it not before it has ended. */
async function sendFirst(tx: SqlTransaction, orderId: number, at: Date | null): Promise<void> {
  await tx.run(
    `UPDATE messages SET next_try_at = CASE WHEN number = (SELECT MIN(number) FROM messages AS waiting
       WHERE waiting.order_id = $1 AND waiting.state = 'waiting') THEN CAST($2 AS BIGINT) END
     WHERE order_id = $1 AND state = 'waiting'`,
    [orderId, at?.getTime() ?? null],
  );
}

const deliveriesTable = defineTable('deliveries', 'order_id number try', {
  BIGINT: 'order_id number try sent_at latency_ms',
  TEXT: 'answer',
});

const idsSchema = z.array(z.object({ id: z.int() }));

const messageSchema = z.object({
  order_id: z.int(),
  number: z.int(),
  type: z.string(),
  data: z.string(),
  written_at: z.int(),
  state: z.enum(messageStates),
  tries: z.int(),
  next_try_at: z.int().nullable(),
  ended_at: z.int().nullable(),
});
const messagesSchema = z.array(messageSchema);
const listedSchema = z.array(messageSchema.extend({ reference: z.string() }));
const columns = Object.keys(messageSchema.shape)
  .map((name) => (name === 'written_at' ? 'messages.created_at AS written_at' : name))
  .join(', ');
const deliveriesSchema = z.array(
  z.object({
    order_id: z.int(),
    number: z.int(),
    try: z.int(),
    sent_at: z.int(),
    latency_ms: z.int(),
    answer: z.string(),
  }),
);

function messageOf(row: z.output<typeof messageSchema>, orderReference: string): Message {
  return {
    orderId: row.order_id,
    orderReference,
    number: row.number,
    type: row.type as MessageType,
    data: JSON.parse(row.data),
    createdAt: new Date(row.written_at),
  };
}
