import { z } from 'zod';
import { attemptStates } from '../shop/order.ts';
import { type Hold, holds, type IntentFacts, orderStatuses } from '../shop/order-status.ts';

/** Rows as both databases give them, made into the shop's own types. */

const time = z.int().transform((ms) => new Date(ms));
const flag = z.literal([0, 1]);
const holdListSchema = z.array(z.enum(holds));

/** Of the column: names with commas between them. */
export function parseHolds(text: string): Hold[] {
  return text === '' ? [] : holdListSchema.parse(text.split(','));
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

export const orderRowSchema = z
  .object({
    id: z.int(),
    reference: z.string(),
    token: z.string(),
    checkout_key: z.string(),
    shopper_id: z.string(),
    basket: z.string().transform((text) => basketSchema.parse(JSON.parse(text))),
    created_at: time,
    status: z.enum(orderStatuses),
    holds: z.string().transform(parseHolds),
    updated_at: time,
    checks: z.int(),
    next_check_at: time.nullable(),
  })
  .transform(({ checkout_key, shopper_id, created_at, updated_at, next_check_at, ...row }) => ({
    ...row,
    checkoutKey: checkout_key,
    shopperId: shopper_id,
    createdAt: created_at,
    updatedAt: updated_at,
    nextCheckAt: next_check_at,
  }));

/** The facts of an attempt, as columns. */
export const factsShape = {
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

export function factsOfRow({ refunded_amount, ...row }: FactsRow): IntentFacts {
  return {
    authorized: row.authorized === 1,
    captured: row.captured === 1,
    canceled: row.canceled === 1,
    reversed: row.reversed === 1,
    refunded: row.refunded === 1,
    refundedAmount: refunded_amount,
    expired: row.expired === 1,
    unwanted: row.unwanted === 1,
    mismatched: row.mismatched === 1,
  };
}

type FactsRow = z.output<z.ZodObject<typeof factsShape>>;

export const attemptRowSchema = z
  .object({
    number: z.int(),
    state: z.enum(attemptStates),
    lease_until: time,
    created_at: time,
    checks: z.int(),
    payment_intent_id: z.string().nullable(),
    payment_link: z.string().nullable(),
    expire_at: time.nullable(),
    ...factsShape,
  })
  .transform((row) => ({
    number: row.number,
    state: row.state,
    leaseUntil: row.lease_until,
    createdAt: row.created_at,
    checks: row.checks,
    paymentIntentId: row.payment_intent_id,
    paymentLink: row.payment_link,
    expireAt: row.expire_at,
    hasIntent: row.state === 'attached',
    facts: factsOfRow(row),
  }));
