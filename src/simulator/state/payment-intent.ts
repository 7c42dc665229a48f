import { z } from 'zod';
import { captureModes, type Money, moneySchema, paymentIntentStatuses } from '../../dojo/schemas.ts';
import { addressSchema, type CreateRequest, createRequestSchema, itemLineSchema } from './create-request.ts';
import { instantSchema } from './instant.ts';

const attemptSchema = z
  .object({
    transactionId: z.string(),
    at: instantSchema,
    /** Empty if the bank declined. */
    authCode: z.string(),
    /** Identifies the form, so that a second click makes no second attempt; null if the form had no key. */
    formKey: z.string().nullable(),
    /** The saved card that paid; null for a typed card. */
    paymentMethodId: z.string().nullable(),
    /** Whether to save the card for the customer once it has paid. */
    savesCard: z.boolean().optional(),
    card: z
      .object({
        /** `52000000****1005`: neither whole card numbers nor security codes are stored. */
        maskedNumber: z.string(),
        /** `2029-12-31`. */
        expiryDate: z.string(),
        scheme: z.string(),
        name: z.string(),
      })
      .readonly(),
  })
  .readonly();
/** One attempt to pay, as the bank saw it. */
export type PaymentAttempt = z.output<typeof attemptSchema>;

const paymentEventTypes = [
  'AuthChallenged',
  'Declined',
  'Authorized',
  'Captured',
  'Reversed',
  'Refunded',
] as const;
const paymentEventSchema = z
  .object({ type: z.enum(paymentEventTypes), at: instantSchema, attempt: attemptSchema })
  .readonly();
export type PaymentEvent = z.output<typeof paymentEventSchema>;

const movementKinds = ['reserved', 'released', 'captured', 'charged', 'refunded', 'reversed'] as const;
const movementSchema = z
  .object({
    kind: z.enum(movementKinds),
    at: instantSchema,
    /** Minor units. */
    amount: z.int(),
    maskedNumber: z.string(),
    scheme: z.string(),
  })
  .readonly();
/**
 * What happened to a card. `reserved` and `charged` come first; `captured` takes from the reservation, `released` ends it;
 * `refunded` and `reversed` give back what was taken.
 */
export type Movement = z.output<typeof movementSchema>;

const captureSchema = z
  .object({ id: z.string(), amount: z.int(), tipsAmount: z.int().nullable(), at: instantSchema })
  .readonly();
export type Capture = z.output<typeof captureSchema>;

const refundSchema = z
  .object({
    id: z.string(),
    amount: z.int(),
    idempotencyKey: z.string(),
    reason: z.string().nullable(),
    notes: z.string().nullable(),
  })
  .readonly();
export type Refund = z.output<typeof refundSchema>;

const shippingSchema = z
  .object({ name: z.string(), deliveryNotes: z.string(), address: addressSchema })
  .readonly();
const collectedSchema = z
  .object({
    emailAddress: z.string().nullable(),
    billingAddress: addressSchema.nullable(),
    shippingDetails: shippingSchema.nullable(),
  })
  .readonly();
/** What the shopper typed on the payment page because `config` asked for it; null for what it did not ask. */
export type Collected = z.output<typeof collectedSchema>;

export const paymentIntentSchema = z
  .object({
    id: z.string(),
    status: z.enum(paymentIntentStatuses),
    captureMode: z.enum(captureModes),
    // A caption of the first release becomes a name, and has no limit.
    request: createRequestSchema.extend({
      itemLines: z.array(itemLineSchema.extend({ name: z.string().optional() })).nullish(),
    }),
    /** The amount before the first change; null without one. */
    requestedAmount: moneySchema.nullable(),
    /** Amount, tips, cashback and service charge: what the card is charged. */
    total: moneySchema,
    createdAt: instantSchema,
    updatedAt: instantSchema,
    /** When an unpaid intent becomes void. */
    expireAt: instantSchema,
    isExpired: z.boolean(),
    /** For embedded components only; null until the shop asks for one. */
    clientSession: z.object({ secret: z.string(), expireAt: instantSchema }).readonly().nullable(),
    collected: collectedSchema,
    /** Oldest first. */
    events: z.array(paymentEventSchema).readonly(),
    /** The attempt that took or reserved the money; null before it. */
    payment: attemptSchema.nullable(),
    /** Attempts that wait for 3-D Secure, by challenge id. */
    challenges: z.record(z.string(), attemptSchema).readonly(),
    captures: z.array(captureSchema).readonly(),
    refunds: z.array(refundSchema).readonly(),
    /** Oldest first. */
    movements: z.array(movementSchema).readonly(),
  })
  .readonly();
export type PaymentIntent = z.output<typeof paymentIntentSchema>;

export const dayMs = 24 * 3600 * 1000;

export function createPaymentIntent(request: CreateRequest, id: string, now: Date): PaymentIntent {
  return {
    id,
    status: 'Created',
    captureMode: request.captureMode ?? 'Auto',
    request,
    requestedAmount: null,
    total: totalOf(request),
    createdAt: now,
    updatedAt: now,
    expireAt: request.expireAt ? new Date(request.expireAt) : new Date(now.getTime() + 30 * dayMs),
    isExpired: false,
    clientSession: null,
    collected: { emailAddress: null, billingAddress: null, shippingDetails: null },
    events: [],
    payment: null,
    challenges: {},
    captures: [],
    refunds: [],
    movements: [],
  };
}

export function totalOf(request: CreateRequest): Money {
  const extras = [request.tipsAmount, request.cashbackAmount, request.serviceChargeAmount];
  const value = extras.reduce((sum, extra) => sum + (extra?.value ?? 0), request.amount.value);
  return { value, currencyCode: request.amount.currencyCode };
}

export function refundedAmount(intent: PaymentIntent): number {
  return sum(intent.refunds);
}

/** What was taken from cards, refunds and reversals aside. */
export function capturedAmount(intent: PaymentIntent): number {
  return moved(intent, 'charged') + moved(intent, 'captured');
}

/** What is still reserved on the card. */
export function reservedAmount(intent: PaymentIntent): number {
  return moved(intent, 'reserved') - moved(intent, 'captured') - moved(intent, 'released');
}

/** Null if unknown or answered. The id comes from a URL, so it may be the name of an inherited member. */
export function findChallenge({ challenges }: PaymentIntent, challengeId: string): PaymentAttempt | null {
  return Object.hasOwn(challenges, challengeId) ? (challenges[challengeId] ?? null) : null;
}

export function isPayable(intent: PaymentIntent): boolean {
  return intent.status === 'Created' && !intent.isExpired;
}

function moved(intent: PaymentIntent, kind: Movement['kind']): number {
  return sum(intent.movements.filter((entry) => entry.kind === kind));
}

function sum(entries: readonly { amount: number }[]): number {
  return entries.reduce((total, { amount }) => total + amount, 0);
}
