import { z } from 'zod';

/**
 * Dojo's payments API, version 2026-02-27, as far as a web shop uses it (docs.dojo.tech/api).
 * Replies are read leniently (unknown members are dropped) and strictly about the members listed here.
 */

/** Integer minor units (pence, cents) and an ISO 4217 code. */
export const moneySchema = z.object({
  value: z.int(),
  currencyCode: z.string().min(1).max(10),
});
export type Money = z.infer<typeof moneySchema>;

/** The closed list of every published version. A decline, a failure or an expiry has no status of its own. */
export const paymentIntentStatuses = [
  'Created',
  'Authorized',
  'Captured',
  'Reversed',
  'Refunded',
  'Canceled',
] as const;
export type PaymentIntentStatus = (typeof paymentIntentStatuses)[number];

export const captureModes = ['Auto', 'Manual'] as const;
export type CaptureMode = (typeof captureModes)[number];

/** `pi_…` or `pi_sandbox_…`, then base64url text. The limit is ours: Dojo gives none. */
export const paymentIntentIdSchema = z.string().regex(/^pi_[A-Za-z0-9_-]{1,120}$/);

const itemLineSchema = z.object({
  id: z.string().max(60).optional(),
  quantity: z.int().optional(),
  name: z.string().max(100).optional(),
  /** The total of the line, not the price of one. Shown to the shopper only; Dojo adds nothing up. */
  amountTotal: moneySchema,
});

const taxLineSchema = z.object({
  id: z.string().max(60).optional(),
  caption: z.string().max(100).optional(),
  subCaption: z.string().max(100).nullish(),
  amountTotal: moneySchema,
});

const collectionSchema = z.object({ collectionRequired: z.boolean().optional() });

const paymentIntentConfigSchema = z.object({
  title: z.string().max(100).nullish(),
  redirectUrl: z.string().nullish(),
  cancelUrl: z.string().nullish(),
  customerEmail: collectionSchema.nullish(),
  billingAddress: collectionSchema.nullish(),
  shippingDetails: collectionSchema.nullish(),
  details: z.object({ showTotal: z.boolean().optional(), showReference: z.boolean().optional() }).nullish(),
});

export const createPaymentIntentRequestSchema = z.object({
  amount: moneySchema,
  /** Our order's name at Dojo. Dojo does not keep it unique. */
  reference: z.string().min(1).max(60),
  description: z.string().max(4096).nullish(),
  captureMode: z.enum(captureModes).optional(),
  paymentMethods: z.array(z.string()).nullish(),
  itemLines: z.array(itemLineSchema).nullish(),
  taxLines: z.array(taxLineSchema).nullish(),
  config: paymentIntentConfigSchema.nullish(),
  /** ISO 8601. Unpaid at that time, the intent is voided; 30 days after creation where it is missing. */
  expireAt: z.iso.datetime({ offset: true }).nullish(),
  /** `dd.hh:MM:ss`, Manual capture only. */
  autoExpireIn: z.string().nullish(),
  autoExpireAction: z.enum(['Release', 'Capture']).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
export type CreatePaymentIntentRequest = z.infer<typeof createPaymentIntentRequestSchema>;

export const paymentIntentSchema = z.object({
  id: paymentIntentIdSchema,
  /** Any string: a status that is new to us must not make a reply unreadable. */
  status: z.string().min(1).max(64),
  captureMode: z.string().nullish(),
  amount: moneySchema,
  totalAmount: moneySchema.nullish(),
  reference: z.string(),
  /** Minor units, a bare integer, growing with every refund. */
  refundedAmount: z
    .int()
    .nonnegative()
    .nullish()
    .transform((amount) => amount ?? 0),
  expireAt: z.string().nullish(),
  /** Dojo adds keys of its own, so this is never compared as a whole. */
  metadata: z.record(z.string(), z.unknown()).nullish(),
  paymentLink: z.string().nullish(),
  createdAt: z.string().nullish(),
  updatedAt: z.string().nullish(),
});
export type PaymentIntent = z.infer<typeof paymentIntentSchema>;

export const captureRequestSchema = z.object({ amount: z.int().positive() });
export const captureSchema = z.object({ captureId: z.string(), message: z.string().nullish() });
export type Capture = z.infer<typeof captureSchema>;

export const refundRequestSchema = z.object({
  amount: z.int().positive(),
  refundReason: z.string().max(1024).nullish(),
  notes: z.string().max(4096).nullish(),
});
export type RefundRequest = z.infer<typeof refundRequestSchema>;
/** The specification and Dojo's guide disagree about the other members; both have this one. */
export const refundSchema = z.object({ refundId: z.string() });
export type Refund = z.infer<typeof refundSchema>;

/** The specification names `reversalId`, its own example `id`. */
export const reversalSchema = z
  .object({ reversalId: z.string().nullish(), id: z.string().nullish() })
  .transform((reply) => ({ reversalId: reply.reversalId ?? reply.id ?? null }));
export type Reversal = z.infer<typeof reversalSchema>;

export const searchRequestSchema = z.object({
  statuses: z.array(z.enum(paymentIntentStatuses)).nullish(),
  startDate: z.iso.datetime({ offset: true }).nullish(),
  endDate: z.iso.datetime({ offset: true }).nullish(),
  cursor: z
    .object({
      limit: z.int().min(1).max(100).optional(),
      before: z.string().nullish(),
      after: z.string().nullish(),
    })
    .nullish(),
});
export type SearchRequest = z.infer<typeof searchRequestSchema>;

export const paymentIntentPageSchema = z.object({
  data: z
    .array(paymentIntentSchema)
    .nullish()
    .transform((intents) => intents ?? []),
  before: z.string().nullish(),
  after: z.string().nullish(),
});
export type PaymentIntentPage = z.infer<typeof paymentIntentPageSchema>;

export const receiptRequestSchema = z.object({ emails: z.array(z.string()).min(1) });

const webhookSecretSchema = z.object({
  id: z.string(),
  /** Used as it stands: the key of the signature is the UTF-8 bytes of this text. */
  value: z.string().min(1),
  isActive: z.boolean().nullish(),
  createdAt: z.string().nullish(),
});

/** A live sandbox was seen to answer with `id` and `secrets` alone, so nothing else is required. */
export const subscriptionSchema = z.object({
  id: z.string(),
  accountId: z.string().nullish(),
  events: z
    .array(z.string())
    .nullish()
    .transform((events) => events ?? []),
  url: z.string().nullish(),
  description: z.string().nullish(),
  secrets: z
    .array(webhookSecretSchema)
    .nullish()
    .transform((secrets) => secrets ?? []),
});
export type Subscription = z.infer<typeof subscriptionSchema>;

export const subscriptionRequestSchema = z.object({
  events: z.array(z.string()).min(1),
  /** https only, in every published version. */
  url: z.string().regex(/^https:\/\/.+/),
  description: z.string().nullish(),
});
export type SubscriptionRequest = z.infer<typeof subscriptionRequestSchema>;

export const subscriptionUpdateSchema = subscriptionRequestSchema.partial();
export type SubscriptionUpdate = z.infer<typeof subscriptionUpdateSchema>;

export const webhookSecretsSchema = z.object({ secrets: z.array(webhookSecretSchema) });
export type WebhookSecrets = z.infer<typeof webhookSecretsSchema>;

export const offeredEventsSchema = z.array(
  z.object({ model: z.string().nullish(), events: z.array(z.string()) }),
);
export type OfferedEvents = z.infer<typeof offeredEventsSchema>;
