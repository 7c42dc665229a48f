import { z } from 'zod';
import { type AttemptState, attemptStates, isPayable, type Order, parseToken } from '../shop/order.ts';
import {
  deriveHolds,
  deriveStatus,
  factsFromStatus,
  type Hold,
  holds,
  type IntentFacts,
  isDueForFulfilment,
  orderStatuses,
} from '../shop/order-status.ts';
import type { OrderStore, ReceivedEvent, RecordedEvent } from './order-store.ts';

export type SqlValue = string | number | Uint8Array | null;

/** Parameters are written `$1`, `$2`, …; rows come back as objects. */
export type SqlTransaction = {
  all(sql: string, params?: readonly SqlValue[]): Promise<unknown[]>;
  exec(sql: string): Promise<void>;
};

/** What the order store needs of a database. A write is durable when its promise resolves, or changed nothing. */
export type SqlDatabase = {
  write<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  read<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** Every SQL statement of the order store, once, in words that both databases read alike. */
export function createSqlOrderStore(database: SqlDatabase): OrderStore {
  return {
    placeOrder: (order) =>
      database.write(async (tx) => {
        const placed = await tx.all(
          `INSERT INTO orders (id, reference, token, checkout_key, shopper_id, basket, total, currency, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
           ON CONFLICT DO NOTHING RETURNING id`,
          [
            order.id,
            order.reference,
            order.token,
            order.checkoutKey,
            order.shopperId,
            JSON.stringify(order.basket),
            order.basket.total,
            order.basket.currencyCode,
            order.createdAt.getTime(),
          ],
        );
        const stored = await findOrder(tx, 'checkout_key', order.checkoutKey);
        if (stored === null) return { kind: 'id-taken' };
        return { kind: placed.length > 0 ? 'placed' : 'exists', order: stored };
      }),

    beginAttempt: (orderId, now, leaseUntil) =>
      database.write(async (tx) => {
        await tx.all(
          `UPDATE attempts SET state = 'ambiguous' WHERE order_id = $1 AND state = 'sending' AND lease_until <= $2`,
          [orderId, now.getTime()],
        );
        const order = found(await findOrder(tx, 'id', orderId), orderId);
        if (!isPayable(order)) return { kind: 'settled', order };
        const live = order.attempts.find((attempt) => ['sending', 'attached'].includes(attempt.state));
        if (live !== undefined) return { kind: live.state === 'sending' ? 'under-way' : 'attached', order };
        // A refused attempt created nothing, so its number is free again.
        const number = order.attempts.filter((attempt) => attempt.state !== 'refused').length + 1;
        if (number > maxAttempts) return { kind: 'exhausted', order };
        await tx.all(
          `INSERT INTO attempts (order_id, number, state, lease_until, created_at) VALUES ($1, $2, 'sending', $3, $4)
           ON CONFLICT (order_id, number) DO UPDATE SET state = 'sending', lease_until = $3`,
          [orderId, number, leaseUntil.getTime(), now.getTime()],
        );
        return { kind: 'begun', number };
      }),

    attachIntent: (orderId, attempt, intent, now) =>
      database.write(async (tx) => {
        if ((await findAttempt(tx, intent.id)) !== null) return { kind: 'taken' };
        const attached = await tx.all(
          `UPDATE attempts SET state = 'attached', payment_intent_id = $3, payment_link = $4, expire_at = $5
           WHERE order_id = $1 AND number = $2 AND state = 'sending' RETURNING number`,
          [orderId, attempt, intent.id, intent.paymentLink, intent.expireAt?.getTime() ?? null],
        );
        if (attached.length === 0) return { kind: 'lost' };
        await applyWaitingEvents(tx, orderId, attempt, intent.id);
        await derive(tx, orderId, now);
        return { kind: 'attached', order: found(await findOrder(tx, 'id', orderId), orderId) };
      }),

    endAttempt: (orderId, attempt, { state, paymentIntentId }) =>
      database.write(async (tx) => {
        await tx.all(
          `UPDATE attempts SET state = $3, payment_intent_id = $4, mismatched = $5
           WHERE order_id = $1 AND number = $2 AND state = 'sending'`,
          [orderId, attempt, state, paymentIntentId, Number(state === 'mismatched')],
        );
      }),

    recordEvents: (events) =>
      database.write(async (tx) => {
        const recorded: RecordedEvent[] = [];
        for (const event of events) recorded.push(await recordEvent(tx, event));
        return recorded;
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

    findOrderByCheckoutKey: (checkoutKey) =>
      database.read((tx) => findOrder(tx, 'checkout_key', checkoutKey)),

    // Taking the write lock is what a webhook would do first.
    checkWritable: () => database.write(async () => undefined),

    close: () => database.close(),
  };
}

const maxAttempts = 3;

async function recordEvent(tx: SqlTransaction, event: ReceivedEvent): Promise<RecordedEvent> {
  const { paymentIntentId, paymentStatus } = event;
  const attempt = paymentIntentId === null ? null : await findAttempt(tx, paymentIntentId);
  const kept = await tx.all(
    `INSERT INTO events (day, digest, event_id, event, payment_intent_id, payment_status, order_id, secret, received_at, body)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (day, digest) DO NOTHING RETURNING day`,
    [
      dayOf(event.createdAt),
      event.digest,
      event.eventId,
      event.event,
      paymentIntentId,
      paymentStatus,
      attempt?.order_id ?? null,
      event.secret,
      event.receivedAt.getTime(),
      event.body,
    ],
  );
  if (kept.length === 0) return { kind: 'duplicate' };
  if (attempt === null || paymentStatus === null) return { kind: 'kept' };
  await mergeFactsInto(tx, attempt.order_id, attempt.number, factsFromStatus(paymentStatus));
  return { kind: 'applied', order: await derive(tx, attempt.order_id, event.receivedAt) };
}

/** The webhook may overtake Dojo's answer to our own call: what came before is applied when the intent is attached. */
async function applyWaitingEvents(
  tx: SqlTransaction,
  orderId: number,
  attempt: number,
  paymentIntentId: string,
): Promise<void> {
  const waiting = await tx.all(
    `UPDATE events SET order_id = $1 WHERE payment_intent_id = $2 AND order_id IS NULL RETURNING payment_status`,
    [orderId, paymentIntentId],
  );
  for (const { payment_status } of z.array(waitingRowSchema).parse(waiting)) {
    if (payment_status !== null) await mergeFactsInto(tx, orderId, attempt, factsFromStatus(payment_status));
  }
}

async function mergeFactsInto(
  tx: SqlTransaction,
  orderId: number,
  attempt: number,
  facts: IntentFacts,
): Promise<void> {
  await tx.all(mergeFactsSql, [orderId, attempt, ...factColumns.map(([name]) => Number(facts[name]))]);
}

const factColumns = [
  ['authorized', 'authorized'],
  ['captured', 'captured'],
  ['canceled', 'canceled'],
  ['reversed', 'reversed'],
  ['refunded', 'refunded'],
  ['refundedAmount', 'refunded_amount'],
  ['expired', 'expired'],
  ['mismatched', 'mismatched'],
] as const satisfies readonly (readonly [keyof IntentFacts, string])[];

// A fact that is there stays there, whatever comes later and in whatever order.
const mergeFactsSql = `UPDATE attempts SET ${factColumns
  .map(
    ([, column], index) =>
      `${column} = CASE WHEN $${index + 3} > ${column} THEN $${index + 3} ELSE ${column} END`,
  )
  .join(', ')} WHERE order_id = $1 AND number = $2`;

/** Brings the derived columns of an order up to its facts, and adds its fulfilment where that makes one due. */
async function derive(
  tx: SqlTransaction,
  orderId: number,
  now: Date,
): Promise<{ reference: string; status: Order['status']; holds: readonly Hold[] }> {
  const { attempts, basket, reference } = found(await findOrder(tx, 'id', orderId), orderId);
  const status = deriveStatus(attempts, basket.total);
  const orderHolds = deriveHolds(attempts);
  const refundedAmount = attempts.reduce((sum, attempt) => sum + attempt.facts.refundedAmount, 0);
  await tx.all(
    `UPDATE orders SET status = $2, holds = $3, refunded_amount = $4, updated_at = $5
     WHERE id = $1 AND (status <> $2 OR holds <> $3 OR refunded_amount <> $4)`,
    [orderId, status, orderHolds.join(','), refundedAmount, now.getTime()],
  );
  if (isDueForFulfilment(status, orderHolds)) {
    await tx.all(
      `INSERT INTO fulfilments (order_id, due_at) VALUES ($1, $2) ON CONFLICT (order_id) DO NOTHING`,
      [orderId, now.getTime()],
    );
  }
  return { reference, status, holds: orderHolds };
}

async function findAttempt(
  tx: SqlTransaction,
  paymentIntentId: string,
): Promise<{ order_id: number; number: number } | null> {
  const rows = await tx.all(`SELECT order_id, number FROM attempts WHERE payment_intent_id = $1`, [
    paymentIntentId,
  ]);
  return z.array(z.object({ order_id: z.int(), number: z.int() })).parse(rows)[0] ?? null;
}

async function findOrder(
  tx: SqlTransaction,
  key: 'id' | 'checkout_key',
  value: string | number,
): Promise<Order | null> {
  const row = (await tx.all(`SELECT * FROM orders WHERE ${key} = $1`, [value]))[0];
  if (row === undefined) return null;
  const order = orderRowSchema.parse(row);
  const attempts = await tx.all(`SELECT * FROM attempts WHERE order_id = $1 ORDER BY number`, [order.id]);
  return { ...order, attempts: z.array(attemptRowSchema).parse(attempts) };
}

function found(order: Order | null, id: number): Order {
  if (order === null) throw new Error(`Order ${id} is not in the store.`);
  return order;
}

function dayOf(date: Date | null): number {
  return date === null ? 0 : Math.floor(date.getTime() / 86_400_000);
}

const time = z.int().transform((ms) => new Date(ms));
const flag = z.literal([0, 1]).transform((value) => value === 1);
const waitingRowSchema = z.object({ payment_status: z.string().nullable() });

const basketSchema = z.object({
  lines: z.array(
    z.object({
      sku: z.string(),
      name: z.string(),
      picture: z.string(),
      pictureAlt: z.string(),
      unitPrice: z.int(),
      quantity: z.int(),
      lineTotal: z.int(),
    }),
  ),
  goods: z.int(),
  delivery: z.object({ caption: z.string(), amount: z.int() }),
  vatRatePercent: z.number(),
  vat: z.int(),
  total: z.int(),
  currencyCode: z.string(),
});

const orderRowSchema = z
  .object({
    id: z.int(),
    reference: z.string(),
    token: z.string(),
    checkout_key: z.string(),
    shopper_id: z.string(),
    basket: z.string().transform((text) => basketSchema.parse(JSON.parse(text))),
    created_at: time,
    status: z.enum(orderStatuses),
    holds: z.string().transform((text) => z.array(z.enum(holds)).parse(text.split(',').filter(Boolean))),
    updated_at: time,
  })
  .transform(({ checkout_key, shopper_id, created_at, updated_at, ...row }) => ({
    ...row,
    checkoutKey: checkout_key,
    shopperId: shopper_id,
    createdAt: created_at,
    updatedAt: updated_at,
  }));

const attemptRowSchema = z
  .object({
    number: z.int(),
    state: z.enum(attemptStates as readonly [AttemptState, ...AttemptState[]]),
    lease_until: time,
    payment_intent_id: z.string().nullable(),
    payment_link: z.string().nullable(),
    expire_at: time.nullable(),
    authorized: flag,
    captured: flag,
    canceled: flag,
    reversed: flag,
    refunded: flag,
    refunded_amount: z.int(),
    expired: flag,
    mismatched: flag,
  })
  .transform((row) => ({
    number: row.number,
    state: row.state,
    leaseUntil: row.lease_until,
    paymentIntentId: row.payment_intent_id,
    paymentLink: row.payment_link,
    expireAt: row.expire_at,
    hasIntent: row.state === 'attached',
    facts: {
      authorized: row.authorized,
      captured: row.captured,
      canceled: row.canceled,
      reversed: row.reversed,
      refunded: row.refunded,
      refundedAmount: row.refunded_amount,
      expired: row.expired,
      mismatched: row.mismatched,
    },
  }));
