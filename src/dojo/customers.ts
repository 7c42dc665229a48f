import { z } from 'zod';
import { addressSchema } from './schemas.ts';
import type { Send } from './send.ts';

const customerDetailsSchema = z.object({
  name: z.string().max(100).nullish(),
  emailAddress: z.string().max(254).nullish(),
  phoneNumber: z.string().min(5).max(50).nullish(),
  vatNumber: z.string().max(50).nullish(),
  billingAddress: addressSchema.nullish(),
  shippingAddress: addressSchema.nullish(),
});
export type CustomerDetails = z.infer<typeof customerDetailsSchema>;

const replyAddressSchema = addressSchema.extend({ countryCode: z.string().nullish() });

const customerSchema = z.object({
  /** `cust_…` or `cust_sandbox_…`; some examples of the specification show `cs_…`. */
  id: z.string().min(1),
  name: z.string().nullish(),
  emailAddress: z.string().nullish(),
  phoneNumber: z.string().nullish(),
  vatNumber: z.string().nullish(),
  billingAddress: replyAddressSchema.nullish(),
  shippingAddress: replyAddressSchema.nullish(),
  /** 0 at first, and one more with every change. */
  documentVersion: z.int().nullish(),
  createdAt: z.string().nullish(),
  updatedAt: z.string().nullish(),
});
export type Customer = z.infer<typeof customerSchema>;

const customerPageSchema = z.object({
  data: z
    .array(customerSchema)
    .nullish()
    .transform((customers) => customers ?? []),
  before: z.string().nullish(),
  after: z.string().nullish(),
});
export type CustomerPage = z.infer<typeof customerPageSchema>;

/** `limit` is 1 to 100, 50 if missing; give `before` or `after`, not both. */
export type CustomerSearch = {
  readonly limit?: number;
  readonly before?: string | null;
  readonly after?: string | null;
};

const customerSecretSchema = z.object({
  secret: z.string().min(1),
  createdAt: z.string().nullish(),
  /** About 15 minutes after `createdAt` in Dojo's example. */
  expireAt: z.string().nullish(),
});
export type CustomerSecret = z.infer<typeof customerSecretSchema>;

const savedPaymentMethodSchema = z.object({
  /** `pm_…` */
  id: z.string().min(1),
  cardDetails: z
    .object({
      /** Masked: `52000000****1005`. */
      pan: z.string().nullish(),
      expiryDate: z.string().nullish(),
      scheme: z.string().nullish(),
    })
    .nullish(),
});
export type SavedPaymentMethod = z.infer<typeof savedPaymentMethodSchema>;

const savedPaymentMethodsSchema = z.object({
  savedPaymentMethods: z
    .array(savedPaymentMethodSchema)
    .nullish()
    .transform((methods) => methods ?? []),
});

/** Customers and their saved cards (docs.dojo.tech/payments/manage-payments/save-card): one customer per shop account, reused. */
export type CustomerCalls = {
  /** Dojo has no idempotency key here: after an ambiguous error a customer may exist whose id no one knows. */
  createCustomer(details: CustomerDetails): Promise<Customer>;
  /** Leaves out unknown and deleted customers, so the list may be empty; never `not-found`. */
  getCustomers(ids: readonly string[]): Promise<Customer[]>;
  /** Lists customers page by page: Dojo filters by nothing. */
  searchCustomers(search?: CustomerSearch): Promise<CustomerPage>;
  /** Changes the details that it is given. */
  updateCustomer(id: string, change: CustomerDetails): Promise<Customer>;
  deleteCustomer(id: string): Promise<void>;
  /** A short-lived secret for one checkout: for `customer.secret` of an intent, and for the two calls below. */
  createCustomerSecret(id: string): Promise<CustomerSecret>;
  /** Sends the customer's secret in place of the API key; a secret that has expired is `unauthorized`. */
  listSavedPaymentMethods(id: string, secret: string): Promise<SavedPaymentMethod[]>;
  /** Sends the customer's secret in place of the API key; a secret that has expired is `unauthorized`. */
  deleteSavedPaymentMethod(id: string, paymentMethodId: string, secret: string): Promise<void>;
};

export function createCustomerCalls(send: Send): CustomerCalls {
  const at = (id: string, rest = '') => `/customers/${encodeURIComponent(id)}${rest}`;
  const methodsOf = (id: string, rest = '') =>
    `/customers/public/${encodeURIComponent(id)}/payment-methods${rest}`;
  return {
    createCustomer: (body) => send({ method: 'POST', path: '/customers', body, reply: customerSchema }),
    async getCustomers(ids) {
      if (ids.length === 0) return [];
      const path = `/customers/${ids.map(encodeURIComponent).join(',')}`;
      return send({ method: 'GET', path, reply: z.array(customerSchema), repeatable: true });
    },
    searchCustomers: (body = {}) =>
      send({ method: 'POST', path: '/customers/search', body, reply: customerPageSchema, repeatable: true }),
    updateCustomer: (id, body) => send({ method: 'PATCH', path: at(id), body, reply: customerSchema }),
    deleteCustomer: (id) => send({ method: 'DELETE', path: at(id), reply: null }),
    createCustomerSecret: (id) =>
      send({ method: 'POST', path: at(id, '/create-secret'), reply: customerSecretSchema }),
    async listSavedPaymentMethods(id, secret) {
      const { savedPaymentMethods } = await send({
        method: 'GET',
        path: methodsOf(id),
        credential: secret,
        reply: savedPaymentMethodsSchema,
        repeatable: true,
      });
      return savedPaymentMethods;
    },
    deleteSavedPaymentMethod: (id, paymentMethodId, secret) =>
      send({
        method: 'DELETE',
        path: methodsOf(id, `/${encodeURIComponent(paymentMethodId)}`),
        credential: secret,
        reply: null,
      }),
  };
}
