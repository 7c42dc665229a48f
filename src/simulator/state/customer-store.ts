import { z } from 'zod';
import type { Ids } from '../ids.ts';
import type { Clock } from './clock.ts';
import { addressSchema } from './create-request.ts';
import { instantSchema } from './instant.ts';
import { type Cursor, createSequence, type Page } from './sequence.ts';
import type { StateFile } from './state-file.ts';

const savedCardSchema = z
  .object({
    /** `pm_…` */
    id: z.string(),
    maskedNumber: z.string(),
    /** `2029-12-31`. */
    expiryDate: z.string(),
    scheme: z.string(),
    name: z.string(),
  })
  .readonly();
export type SavedCard = z.output<typeof savedCardSchema>;

const detailsSchema = z.object({
  name: z.string().nullable(),
  emailAddress: z.string().nullable(),
  phoneNumber: z.string().nullable(),
  vatNumber: z.string().nullable(),
  billingAddress: addressSchema.nullable(),
  shippingAddress: addressSchema.nullable(),
});
export type CustomerDetails = z.output<typeof detailsSchema>;

const customerSchema = detailsSchema
  .extend({
    /** `cust_sandbox_…` */
    id: z.string(),
    documentVersion: z.int(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
    secrets: z
      .array(z.object({ value: z.string(), createdAt: instantSchema, expireAt: instantSchema }).readonly())
      .readonly(),
    /** Oldest first. */
    savedCards: z.array(savedCardSchema).readonly(),
  })
  .readonly();
export type Customer = z.output<typeof customerSchema>;
export type CustomerSecret = Customer['secrets'][number];

/** As in the specification's example. */
const secretLastsMs = 15 * 60_000;

export type CustomerStore = {
  /** One page, newest first; null for an unknown cursor. */
  page(cursor: Cursor): Page<Customer> | null;
  find(id: string): Customer | null;
  create(details: CustomerDetails): Customer;
  /** Null if there is no such customer. */
  update(id: string, change: Partial<CustomerDetails>): Customer | null;
  remove(id: string): boolean;
  createSecret(id: string): CustomerSecret | null;
  /** The customer with this secret, until it expires. */
  findBySecret(id: string, secret: string): Customer | null;
  /** A card that is saved already is not saved twice. Null if there is no such customer. */
  saveCard(id: string, card: Omit<SavedCard, 'id'>): SavedCard | null;
  removeCard(id: string, cardId: string): boolean;
  clear(): void;
};

export function createCustomerStore({
  file,
  clock,
  ids,
}: {
  file: StateFile;
  clock: Clock;
  ids: Ids;
}): CustomerStore {
  const customers = createSequence<Customer>();
  for (const customer of z.array(customerSchema).parse(file.load('customer'))) customers.put(customer);
  const { find } = customers;

  function put(customer: Customer): Customer {
    file.keep('customer', customer.id, () => z.encode(customerSchema, customer));
    customers.put(customer);
    return customer;
  }

  return {
    page: (cursor) => customers.page(cursor, () => true),
    find,
    create: (details) =>
      put({
        ...details,
        id: ids.next('cust_sandbox_'),
        documentVersion: 0,
        createdAt: clock.now(),
        updatedAt: clock.now(),
        secrets: [],
        savedCards: [],
      }),
    update(id, change) {
      const customer = find(id);
      if (customer === null) return null;
      const documentVersion = customer.documentVersion + 1;
      return put({ ...customer, ...change, documentVersion, updatedAt: clock.now() });
    },
    remove(id) {
      file.drop('customer', id);
      return customers.remove(id);
    },
    createSecret(id) {
      const customer = find(id);
      if (customer === null) return null;
      const createdAt = clock.now();
      const secret = {
        value: ids.next('cs_sandbox_'),
        createdAt,
        expireAt: new Date(createdAt.getTime() + secretLastsMs),
      };
      const good = customer.secrets.filter(({ expireAt }) => expireAt > createdAt);
      put({ ...customer, secrets: [...good, secret] });
      return secret;
    },
    findBySecret(id, secret) {
      const customer = find(id);
      const now = clock.now();
      const isGood = customer?.secrets.some(({ value, expireAt }) => value === secret && expireAt > now);
      return isGood ? customer : null;
    },
    saveCard(id, card) {
      const customer = find(id);
      if (customer === null) return null;
      const known = customer.savedCards.find(
        ({ maskedNumber, expiryDate }) =>
          maskedNumber === card.maskedNumber && expiryDate === card.expiryDate,
      );
      if (known !== undefined) return known;
      const saved = { ...card, id: ids.next('pm_') };
      put({ ...customer, savedCards: [...customer.savedCards, saved] });
      return saved;
    },
    removeCard(id, cardId) {
      const customer = find(id);
      const left = customer?.savedCards.filter((card) => card.id !== cardId);
      if (!customer || !left || left.length === customer.savedCards.length) return false;
      put({ ...customer, savedCards: left });
      return true;
    },
    clear: () => customers.clear(),
  };
}
