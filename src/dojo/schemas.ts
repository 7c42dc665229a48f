import { z } from 'zod';

/**
 * The shapes of Dojo's payments API, version 2026-02-27, as far as hosted checkout needs them (docs.dojo.tech/api).
 * Replies lose the members that are not listed here, card data among them; those that are listed must be right.
 */

/** Integer minor units (pence, cents) and an ISO 4217 code. */
export const moneySchema = z.object({
  value: z.int(),
  currencyCode: z.string().min(1).max(10),
});
export type Money = z.infer<typeof moneySchema>;

/** The closed list of every published version. There is none for a decline, a failure or an expiry. */
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

/** `pi_…` or `pi_sandbox_…`, then base64url text. The limit is ours: Dojo documents none. */
export const paymentIntentIdSchema = z.string().regex(/^pi_[A-Za-z0-9_-]{1,120}$/);

export const addressSchema = z.object({
  address1: z.string().max(100).nullish(),
  address2: z.string().max(100).nullish(),
  address3: z.string().max(100).nullish(),
  address4: z.string().max(100).nullish(),
  city: z.string().max(100).nullish(),
  state: z.string().max(100).nullish(),
  postcode: z.string().max(50).nullish(),
  /** ISO 3166-1 alpha-2. */
  countryCode: z.string().max(10),
  locality: z.string().max(100).nullish(),
  county: z.string().max(100).nullish(),
});

const itemLineSchema = z.object({
  id: z.string().max(60).optional(),
  quantity: z.int().optional(),
  name: z.string().max(100).optional(),
  /** The total of the line, not the price of one. Only shown to the shopper: Dojo adds nothing up. */
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
  /** Both false unless given: the amount of an intent is fixed. */
  payment: z
    .object({ customAmountAllowed: z.boolean().optional(), tipsAllowed: z.boolean().optional() })
    .nullish(),
});

export const createPaymentIntentRequestSchema = z.object({
  /** Without tips. */
  amount: moneySchema,
  tipsAmount: moneySchema.nullish(),
  /** The id of the shop's order. Dojo does not keep it unique. */
  reference: z.string().min(1).max(60),
  description: z.string().max(4096).nullish(),
  captureMode: z.enum(captureModes).optional(),
  /** `Card` (what Dojo assumes if missing), `Wallet`, `SavedCard`. */
  paymentMethods: z.array(z.string()).nullish(),
  customer: z
    .object({
      /** `id` and `secret`, from `createCustomer` and `createCustomerSecret`, offer the customer's saved cards. */
      id: z.string().nullish(),
      secret: z.string().nullish(),
      /** Dojo mails a receipt to it. */
      emailAddress: z.string().max(254).nullish(),
      phoneNumber: z.string().max(50).nullish(),
    })
    .nullish(),
  billingAddress: addressSchema.nullish(),
  shippingDetails: z
    .object({
      name: z.string().max(100).nullish(),
      deliveryNotes: z.string().max(1024).nullish(),
      address: addressSchema.nullish(),
    })
    .nullish(),
  itemLines: z.array(itemLineSchema).nullish(),
  taxLines: z.array(taxLineSchema).nullish(),
  config: paymentIntentConfigSchema.nullish(),
  /** ISO 8601. Dojo voids an intent that is unpaid by then; 30 days after creation if missing. */
  expireAt: z.iso.datetime({ offset: true }).nullish(),
  /** `dd.hh:MM:ss`, Manual capture only. */
  autoExpireIn: z.string().nullish(),
  autoExpireAction: z.enum(['Release', 'Capture']).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
export type CreatePaymentIntentRequest = z.infer<typeof createPaymentIntentRequestSchema>;

const takenSchema = z.object({ amount: z.int().nonnegative(), status: z.string() });

export const paymentIntentSchema = z.object({
  id: paymentIntentIdSchema,
  /** Any string: a new status must not make a reply unreadable. */
  status: z.string().min(1).max(64),
  captureMode: z.string().nullish(),
  amount: moneySchema,
  tipsAmount: moneySchema.nullish(),
  /** `amount` and `tipsAmount` together. */
  totalAmount: moneySchema.nullish(),
  reference: z.string(),
  /** Minor units, a bare integer; the sum of all refunds. */
  refundedAmount: z
    .int()
    .nonnegative()
    .nullish()
    .transform((amount) => amount ?? 0),
  /** What was taken of a Manual payment, in minor units; only those with the status `Successful` moved money. */
  captures: z.array(takenSchema).nullish(),
  expireAt: z.string().nullish(),
  /** Dojo adds keys, so never compare this as a whole. */
  metadata: z.record(z.string(), z.unknown()).nullish(),
  paymentLink: z.string().nullish(),
  createdAt: z.string().nullish(),
  updatedAt: z.string().nullish(),
});
export type PaymentIntent = z.infer<typeof paymentIntentSchema>;

/** Kept apart from `PaymentIntent`, so that the secret is nowhere but where it is asked for. */
export const clientSessionSchema = z.object({
  clientSessionSecret: z.string().min(1),
  clientSessionSecretExpirationDate: z.string().nullish(),
});
export type ClientSession = z.infer<typeof clientSessionSchema>;

const setAmountRequestSchema = z.object({
  amount: moneySchema,
  itemLines: z.array(itemLineSchema).nullish(),
  taxLines: z.array(taxLineSchema).nullish(),
});
export type SetAmountRequest = z.infer<typeof setAmountRequestSchema>;

export const captureRequestSchema = z.object({ amount: z.int().positive() });
export const captureSchema = z.object({ captureId: z.string(), message: z.string().nullish() });
export type Capture = z.infer<typeof captureSchema>;

export const refundRequestSchema = z.object({
  amount: z.int().positive(),
  refundReason: z.string().max(1024).nullish(),
  notes: z.string().max(4096).nullish(),
  previousTransactionId: z.string().max(100).nullish(),
});
/** `amount` is a bare integer in minor units. */
export type RefundRequest = z.infer<typeof refundRequestSchema>;
/** The specification and Dojo's guide disagree about the other members; both have this one. */
export const refundSchema = z.object({ refundId: z.string() });
export type Refund = z.infer<typeof refundSchema>;
/** It has neither amount nor status. */
export const refundDetailsSchema = refundSchema.extend({
  paymentIntentId: z.string().nullish(),
  refundReason: z.string().nullish(),
  notes: z.string().nullish(),
});
export type RefundDetails = z.infer<typeof refundDetailsSchema>;

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
  // An account may also serve card machines: one intent of a shape that is new to us must not hide the other 99.
  data: z
    .array(z.unknown())
    .nullish()
    .transform((intents) =>
      (intents ?? []).flatMap((intent) => paymentIntentSchema.safeParse(intent).data ?? []),
    ),
  before: z.string().nullish(),
  after: z.string().nullish(),
});
export type PaymentIntentPage = z.infer<typeof paymentIntentPageSchema>;

export const receiptRequestSchema = z.object({ emails: z.array(z.string()).min(1) });

const webhookSecretSchema = z.object({
  id: z.string(),
  /** The key of the signature is the UTF-8 bytes of this text: do not decode it. */
  value: z.string().min(1),
  isActive: z.boolean().nullish(),
  createdAt: z.string().nullish(),
});

/** A live sandbox answered with `id` and `secrets` alone, so nothing else is required. */
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

export type SubscriptionUpdate = Partial<SubscriptionRequest>;

export const webhookSecretsSchema = z.object({ secrets: z.array(webhookSecretSchema) });
export type WebhookSecrets = z.infer<typeof webhookSecretsSchema>;

export const offeredEventsSchema = z.array(
  z.object({ model: z.string().nullish(), events: z.array(z.string()) }),
);
export type OfferedEvents = z.infer<typeof offeredEventsSchema>;
