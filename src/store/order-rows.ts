import { z } from 'zod';
import { type Decision, decisionActions, type Hold, holds, type RaisedHolds } from '../shop/decision.ts';
import { attemptStates, type NewOrder, type OrderFacts, type PaymentAttempt } from '../shop/order.ts';
import { orderStatuses } from '../shop/order-status.ts';
import type { OrderedBasket } from './order-store.ts';
import { defineTable } from './sql.ts';

/** Rows of both databases, from and to the shop's types. */

export const ordersTable = defineTable('orders', 'id', {
  BIGINT: 'id total created_at updated_at',
  TEXT: 'reference token checkout_key shopper_id currency',
});

export const basketsTable = defineTable('baskets', 'order_id', { BIGINT: 'order_id', TEXT: 'basket' });

/** What the shop derives from facts, and when it checks next. */
export const derivedTable = defineTable('orders', 'id', {
  BIGINT:
    'id received returned updated_at next_check_at may_ship paid_at chain_id superseded_by paid_again_with release_warned_at erased_at',
  TEXT: 'status holds',
});

export const attemptsTable = defineTable('attempts', 'order_id number', {
  BIGINT: 'order_id number lease_until expire_at created_at checks next_check_at',
  TEXT: 'state capture_mode payment_intent_id payment_link',
});

const factNames =
  'authorized captured canceled reversed refunded refunded_amount captured_amount reversal_observed expired unwanted mismatched';
export const factsTable = defineTable('attempts', 'order_id number', {
  BIGINT: `order_id number ${factNames}`,
});

export const fulfilmentsTable = defineTable('fulfilments', 'order_id', {
  BIGINT: 'order_id due_at',
});

// Every webhook passes the schemas below: zod reads a row without a transform inside in a fraction of the time.

const timeOf = (ms: number) => new Date(ms);
const timeOrNull = (ms: number | null) => (ms === null ? null : new Date(ms));
const flag = z.literal([0, 1]);

const factRowSchema = z.object({
  id: z.int(),
  reference: z.string(),
  total: z.int(),
  currency: z.string(),
  status: z.enum(orderStatuses),
  holds: z.string(),
  received: z.int(),
  returned: z.int(),
  may_ship: flag,
  paid_at: z.int().nullable(),
  chain_id: z.int().nullable(),
  superseded_by: z.int().nullable(),
  paid_again_with: z.int().nullable(),
  release_warned_at: z.int().nullable(),
  erased_at: z.int().nullable(),
  updated_at: z.int(),
  next_check_at: z.int().nullable(),
  due_at: z.int().nullable(),
  done_at: z.int().nullable(),
  carrier: z.string().nullable(),
  tracking_url: z.string().nullable(),
});
export const factRowsSchema = z.array(factRowSchema);

export const selectFacts = `SELECT ${Object.keys(factRowSchema.shape).join(', ')}
  FROM orders LEFT JOIN fulfilments ON fulfilments.order_id = orders.id`;

export function factsOf(
  row: z.output<typeof factRowSchema>,
  attempts: readonly PaymentAttempt[],
  acts: Pick<OrderFacts, 'refunds' | 'captures' | 'decisions'>,
): OrderFacts {
  return {
    id: row.id,
    reference: row.reference,
    total: row.total,
    currencyCode: row.currency,
    status: row.status,
    holds: parseHolds(row.holds),
    received: row.received,
    returned: row.returned,
    mayShip: row.may_ship === 1,
    isDue: row.due_at !== null,
    paidAt: timeOrNull(row.paid_at),
    sentAt: timeOrNull(row.done_at),
    carrier: row.carrier,
    trackingUrl: row.tracking_url,
    chainId: row.chain_id,
    supersededBy: row.superseded_by,
    paidAgainWith: row.paid_again_with,
    releaseWarnedAt: timeOrNull(row.release_warned_at),
    erasedAt: timeOrNull(row.erased_at),
    updatedAt: timeOf(row.updated_at),
    nextCheckAt: timeOrNull(row.next_check_at),
    attempts,
    ...acts,
  };
}

const holdListSchema = z.array(z.enum(holds));

/** The column holds names with commas between them. */
function parseHolds(text: string): Hold[] {
  return text === '' ? [] : holdListSchema.parse(text.split(','));
}

const actStates = ['asked', 'done'] as const;
const actRowSchema = z.object({
  order_id: z.int(),
  /** Of a decision its number. */
  id: z.string(),
  act: z.enum(['refund', 'reversal', 'capture', 'decision']),
  /** The attempt; null if a decision is about all. */
  attempt: z.int().nullable(),
  state: z.enum([...actStates, ...decisionActions]),
  /** Minor units; 0 of a decision. */
  amount: z.int(),
  settles: z.string().nullable(),
  decided_by: z.string().nullable(),
  reason: z.string().nullable(),
  at: z.int(),
});
export const actRowsSchema = z.array(actRowSchema);
type ActRow = z.output<typeof actRowSchema>;

/** What we did about orders, and what people decided, in one statement: few orders have any of it. */
export function selectActs(condition: string): string {
  const none = 'CAST(NULL AS TEXT)';
  return `SELECT order_id, id, kind AS act, attempt, state, amount, ${none} AS settles, ${none} AS decided_by, ${none} AS reason, asked_at AS at
      FROM refunds WHERE order_id ${condition} AND state <> 'refused'
    UNION ALL SELECT order_id, id, 'capture', attempt, state, amount, ${none}, ${none}, ${none}, asked_at
      FROM captures WHERE order_id ${condition} AND state <> 'refused'
    UNION ALL SELECT order_id, CAST(number AS TEXT), 'decision', payment, action, 0, settles, decided_by, reason, decided_at
      FROM decisions WHERE order_id ${condition}`;
}

export function actsOf(rows: readonly ActRow[]): Pick<OrderFacts, 'refunds' | 'captures' | 'decisions'> {
  if (rows.length === 0) return noActs;
  const moved = rows.flatMap(({ act, attempt, id, amount, ...row }) =>
    act === 'decision' || attempt === null
      ? []
      : [{ act, attempt, id, amount, state: stateSchema.parse(row.state), askedAt: timeOf(row.at) }],
  );
  return {
    refunds: moved.flatMap(({ act, ...row }) => (act === 'capture' ? [] : [{ ...row, kind: act }])),
    captures: moved.flatMap(({ act, ...row }) => (act === 'capture' ? [row] : [])),
    decisions: rows
      .filter(({ act }) => act === 'decision')
      .map(decisionOf)
      .sort((one, other) => one.number - other.number),
  };
}

const noActs = Object.freeze({ refunds: [], captures: [], decisions: [] });
const stateSchema = z.enum(actStates);
const raisedSchema = z.partialRecord(z.enum(holds), z.string());

function decisionOf(row: ActRow): Decision {
  return {
    number: Number(row.id),
    action: z.enum(decisionActions).parse(row.state),
    payment: row.attempt,
    settles: raisedSchema.parse(JSON.parse(row.settles ?? '{}')) as RaisedHolds,
    decidedBy: row.decided_by ?? '',
    reason: row.reason ?? '',
    decidedAt: timeOf(row.at),
  };
}

export const decisionsTable = defineTable('decisions', 'order_id number', {
  BIGINT: 'order_id number payment decided_at',
  TEXT: 'action settles decided_by reason',
});

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
  captured_amount: z.int(),
  reversal_observed: flag,
  expired: flag,
  unwanted: flag,
  mismatched: flag,
};

const attemptRowSchema = z.object({
  order_id: z.int(),
  number: z.int(),
  state: z.enum(attemptStates),
  capture_mode: z.enum(['Auto', 'Manual']),
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
    captureMode: row.capture_mode,
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
      capturedAmount: row.captured_amount,
      reversalObserved: row.reversal_observed === 1,
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
  delivery: z.object({ caption: z.string(), amount: z.int() }).nullable(),
  vatRatePercent: z.number(),
  vat: z.int(),
  total: z.int(),
  currencyCode: z.string(),
});

const detailsRowSchema = z.object({
  id: z.int(),
  reference: z.string(),
  token: z.string(),
  checkout_key: z.string(),
  shopper_id: z.string(),
  basket: z.string(),
  created_at: z.int(),
});

export const selectDetails = `SELECT ${Object.keys(detailsRowSchema.shape).join(', ')} FROM orders JOIN baskets ON baskets.order_id = orders.id`;

const orderedBasketRowSchema = detailsRowSchema
  .pick({ checkout_key: true, basket: true })
  .extend({ status: z.enum(orderStatuses), superseded_by: z.int().nullable() });

export const selectOrderedBaskets = `SELECT ${Object.keys(orderedBasketRowSchema.shape).join(', ')} FROM orders JOIN baskets ON baskets.order_id = orders.id`;

export function orderedBasketOf(row: unknown): OrderedBasket {
  const { checkout_key, basket, status, superseded_by } = orderedBasketRowSchema.parse(row);
  return {
    checkoutKey: checkout_key,
    status,
    supersededBy: superseded_by,
    basket: basketSchema.parse(JSON.parse(basket)),
  };
}

export function detailsOf(row: unknown): NewOrder {
  const details = detailsRowSchema.parse(row);
  return {
    id: details.id,
    reference: details.reference,
    token: details.token,
    checkoutKey: details.checkout_key,
    shopperId: details.shopper_id,
    basket: basketSchema.parse(JSON.parse(details.basket)),
    createdAt: timeOf(details.created_at),
  };
}
