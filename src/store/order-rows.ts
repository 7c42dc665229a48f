import { z } from 'zod';
import { attemptStates, type NewOrder, type Order, type PaymentAttempt } from '../shop/order.ts';
import type { OrderFacts } from '../shop/order-events.ts';
import { type Hold, holds, orderStatuses } from '../shop/order-status.ts';
import { defineTable } from './sql.ts';

/** Rows of both databases, from and to the shop's types. */

export const ordersTable = defineTable('orders', 'id', {
  BIGINT: 'id total created_at updated_at',
  TEXT: 'reference token checkout_key shopper_id currency',
});

export const basketsTable = defineTable('baskets', 'order_id', { BIGINT: 'order_id', TEXT: 'basket' });

/** What the shop derives from facts, and when it checks next. */
export const derivedTable = defineTable('orders', 'id', {
  BIGINT: 'id refunded_amount updated_at next_check_at',
  TEXT: 'status holds',
});

export const attemptsTable = defineTable('attempts', 'order_id number', {
  BIGINT: 'order_id number lease_until expire_at created_at checks next_check_at',
  TEXT: 'state payment_intent_id payment_link',
});

const factNames =
  'authorized captured canceled reversed refunded refunded_amount expired unwanted mismatched';
export const factsTable = defineTable('attempts', 'order_id number', {
  BIGINT: `order_id number ${factNames}`,
});

export const fulfilmentsTable = defineTable('fulfilments', 'order_id', {
  BIGINT: 'order_id due_at next_notify_at',
});

// Every webhook passes the schemas below: zod reads a row without a transform inside in a fraction of the time.

const timeOf = (ms: number) => new Date(ms);
const timeOrNull = (ms: number | null) => (ms === null ? null : new Date(ms));
const flag = z.literal([0, 1]);

const derivedShape = {
  id: z.int(),
  reference: z.string(),
  status: z.enum(orderStatuses),
  holds: z.string(),
  updated_at: z.int(),
  checks: z.int(),
  next_check_at: z.int().nullable(),
};

export function derivedOf(
  row: z.output<z.ZodObject<typeof derivedShape>>,
): Pick<Order, 'status' | 'holds' | 'updatedAt' | 'checks' | 'nextCheckAt'> {
  return {
    status: row.status,
    holds: parseHolds(row.holds),
    updatedAt: timeOf(row.updated_at),
    checks: row.checks,
    nextCheckAt: timeOrNull(row.next_check_at),
  };
}

const holdListSchema = z.array(z.enum(holds));

/** The column holds names with commas between them. */
function parseHolds(text: string): Hold[] {
  return text === '' ? [] : holdListSchema.parse(text.split(','));
}

export const factRowsSchema = z.array(
  z.object({
    ...derivedShape,
    total: z.int(),
    currency: z.string(),
    refunded_amount: z.int(),
    due: z.int().nullable(),
    fulfilled: z.int().nullable(),
  }),
);

const refundRowSchema = z.object({
  order_id: z.int(),
  kind: z.enum(['refund', 'reversal']),
  state: z.enum(['asked', 'done']),
  amount: z.int(),
});
export const refundRowsSchema = z.array(refundRowSchema);

export const attemptKeysSchema = z.array(
  z.object({ payment_intent_id: z.string(), order_id: z.int(), number: z.int() }),
);

const factsShape = {
  authorized: flag,
  captured: flag,
  canceled: flag,
  reversed: flag,
  refunded: flag,
  refunded_amount: z.int(),
  expired: flag,
  unwanted: flag,
  mismatched: flag,
};

const attemptRowSchema = z.object({
  order_id: z.int(),
  number: z.int(),
  state: z.enum(attemptStates),
  lease_until: z.int(),
  created_at: z.int(),
  checks: z.int(),
  next_check_at: z.int().nullable(),
  payment_intent_id: z.string().nullable(),
  payment_link: z.string().nullable(),
  expire_at: z.int().nullable(),
  ...factsShape,
});
export const attemptRowsSchema = z.array(attemptRowSchema);

export const selectAttempts = `SELECT ${Object.keys(attemptRowSchema.shape).join(', ')} FROM attempts`;

export function attemptOf(row: z.output<typeof attemptRowSchema>): PaymentAttempt {
  return {
    number: row.number,
    state: row.state,
    leaseUntil: timeOf(row.lease_until),
    createdAt: timeOf(row.created_at),
    checks: row.checks,
    nextCheckAt: timeOrNull(row.next_check_at),
    paymentIntentId: row.payment_intent_id,
    paymentLink: row.payment_link,
    expireAt: timeOrNull(row.expire_at),
    hasIntent: row.state === 'attached',
    facts: {
      authorized: row.authorized === 1,
      captured: row.captured === 1,
      canceled: row.canceled === 1,
      reversed: row.reversed === 1,
      refunded: row.refunded === 1,
      refundedAmount: row.refunded_amount,
      expired: row.expired === 1,
      unwanted: row.unwanted === 1,
      mismatched: row.mismatched === 1,
    },
  };
}

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

export const orderRowSchema = z.object({
  ...derivedShape,
  token: z.string(),
  checkout_key: z.string(),
  shopper_id: z.string(),
  basket: z.string(),
  created_at: z.int(),
});

export const selectOrder = `SELECT ${Object.keys(orderRowSchema.shape).join(', ')} FROM orders JOIN baskets ON baskets.order_id = orders.id`;

export function detailsOf(row: z.output<typeof orderRowSchema>): NewOrder {
  return {
    id: row.id,
    reference: row.reference,
    token: row.token,
    checkoutKey: row.checkout_key,
    shopperId: row.shopper_id,
    basket: basketSchema.parse(JSON.parse(row.basket)),
    createdAt: timeOf(row.created_at),
  };
}

export function actsOf(
  refunds: readonly z.output<typeof refundRowSchema>[],
  isFulfilled: boolean,
): Pick<OrderFacts, 'acts' | 'acceptedRefunds'> {
  const asked = refunds.filter(({ kind }) => kind === 'refund');
  const sum = (rows: typeof refunds) => rows.reduce((total, { amount }) => total + amount, 0);
  return {
    acts: {
      refundedByUs: sum(asked),
      isReversedByUs: refunds.some(({ kind }) => kind === 'reversal'),
      isFulfilled,
    },
    acceptedRefunds: sum(asked.filter(({ state }) => state === 'done')),
  };
}
