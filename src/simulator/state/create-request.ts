import { z } from 'zod';
import { createPaymentIntentRequestSchema, moneySchema } from '../../dojo/schemas.ts';
import { parseTimespan } from './instant.ts';

// The whole request of the specification, with its limits; our client uses a part of it.

const text = (max: number) => z.string().max(max).nullish();

export const addressSchema = z.object({
  address1: text(100),
  address2: text(100),
  address3: text(100),
  address4: text(100),
  city: text(100),
  state: text(100),
  postcode: text(50),
  countryCode: z.string().max(10),
  locality: text(100),
  county: text(100),
});

export const itemLineSchema = z.object({
  id: z.string().max(60).optional(),
  quantity: z.int().optional(),
  name: z.string().max(100).optional(),
  category: z.string().optional(),
  modifiers: z
    .array(z.object({ id: z.string(), name: z.string(), quantity: z.int(), amountPerModifier: moneySchema }))
    .optional(),
  // The specification requires this member, but lets it be null.
  amountTotal: moneySchema.nullable(),
  plu: z.string().max(200).optional(),
});

export const taxLineSchema = z.object({
  id: z.string().max(60).optional(),
  caption: z.string().max(100).optional(),
  subCaption: text(100),
  amountTotal: moneySchema,
  affectedPlu: z.string().max(200).optional(),
});

// A semicolon is legal in a host name, but would end a directive of the page's policy.
const hostPattern = /^(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])$/;

// The characters of a URI (RFC 3986, section 2). Browsers accept more, the specification does not.
const uriPattern = /^[\w.~:/?#[\]@!$&'()*+,;=%-]+$/;

/** A link on the page; a `javascript:` address would run where the shopper types the card. */
const webAddressSchema = z.string().refine(
  (value) => {
    const url = URL.parse(value);
    return (
      url !== null &&
      uriPattern.test(value) &&
      /^https?:$/.test(url.protocol) &&
      hostPattern.test(url.hostname)
    );
  },
  { error: 'The value must be an absolute http or https URL.' },
);
const pageAddressSchema = webAddressSchema.nullish();

const collectionSchema = z.object({ collectionRequired: z.boolean().optional() }).nullish();

const configSchema = z.object({
  title: text(100),
  redirectUrl: pageAddressSchema,
  cancelUrl: pageAddressSchema,
  customerEmail: collectionSchema,
  billingAddress: collectionSchema,
  shippingDetails: collectionSchema,
  details: z.object({ showTotal: z.boolean().optional(), showReference: z.boolean().optional() }).nullish(),
  payment: z
    .object({ customAmountAllowed: z.boolean().optional(), tipsAllowed: z.boolean().optional() })
    .nullish(),
});

/** The limit for each of amount, tip, cashback and service charge, so that the sum is exact. Dojo's limit is unknown. */
export const mostMinorUnits = Math.floor(Number.MAX_SAFE_INTEGER / 4);

const extraSchema = moneySchema.extend({ value: z.int().nonnegative().max(mostMinorUnits) }).nullish();

const sevenDaysInSeconds = 7 * 24 * 3600;

/** ISO 8601 writes other years differently, and no date schema takes them. Another check reports invalid dates. */
function hasFourDigitYear(value: string): boolean {
  const year = new Date(value).getUTCFullYear();
  return !(year < 0 || year > 9999);
}

export const createRequestSchema = createPaymentIntentRequestSchema.extend({
  // Dojo's limits are unknown. A page that asks for nothing cannot be paid.
  amount: moneySchema.extend({
    value: z.int().positive().max(mostMinorUnits),
    currencyCode: z.enum(['GBP', 'EUR']),
  }),
  tipsAmount: extraSchema,
  cashbackAmount: extraSchema,
  serviceChargeAmount: extraSchema,
  itemLines: z.array(itemLineSchema).nullish(),
  taxLines: z.array(taxLineSchema).nullish(),
  config: configSchema.nullish(),
  expireAt: z.iso
    .datetime({ offset: true })
    .refine(hasFourDigitYear, { error: 'The value must be a time from the year 0 to the year 9999 in UTC.' })
    .nullish(),
  autoExpireIn: z
    .string()
    .refine(
      (value) => {
        const seconds = parseTimespan(value);
        return seconds !== null && seconds > 30 && seconds < sevenDaysInSeconds;
      },
      { error: 'The value must be dd.hh:MM:ss, more than 30 seconds and less than 7 days.' },
    )
    .nullish(),
  customer: z
    .object({
      id: z.string().nullish(),
      emailAddress: text(254),
      phoneNumber: text(50),
      secret: z.string().nullish(),
      savedCardId: z.string().nullish(),
    })
    .nullish(),
  billingAddress: addressSchema.nullish(),
  shippingDetails: z
    .object({ name: text(100), deliveryNotes: text(1024), address: addressSchema.nullish() })
    .nullish(),
  cardHolderNotPresent: z.boolean().nullish(),
  requestSecurity: z.object({ userAgent: text(300), ipAddress: text(70), device: text(120) }).nullish(),
  actionLink: z
    .object({
      url: webAddressSchema,
      action: z.enum(['OpenLink', 'DownloadFile']).nullish(),
      label: z.string().min(1).max(60),
      fileName: text(256),
    })
    .nullish(),
  setupIntentId: z.string().nullish(),
  orderDetails: z
    .object({
      availabilityDate: z.iso.datetime({ offset: true }).nullish(),
      isUpdate: z.boolean().nullish(),
      id: z.string().nullish(),
      externalId: z.string().nullish(),
    })
    .nullish(),
});
export type CreateRequest = z.infer<typeof createRequestSchema>;
