import { type Request, Router } from 'express';
import { z } from 'zod';
import { addressSchema } from '../state/create-request.ts';
import type { Customer, CustomerDetails, SavedCard } from '../state/customer-store.ts';
import { formatInstant } from '../state/instant.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { readCredential } from './access.ts';
import { findPage, parseBody } from './parse-request.ts';
import { supportedPaymentMethods, withoutNulls } from './payment-intent-reply.ts';
import { Problem } from './problem.ts';

const createSchema = z.object({
  name: z.string().max(100).nullish(),
  emailAddress: z.string().max(254).nullish(),
  phoneNumber: z.string().min(5).max(50).nullish(),
  vatNumber: z.string().max(50).nullish(),
  billingAddress: addressSchema.nullish(),
  shippingAddress: addressSchema.nullish(),
});

/** The specification sets no limits for an update. */
const updateSchema = createSchema.extend({
  name: z.string().nullish(),
  emailAddress: z.string().nullish(),
  phoneNumber: z.string().nullish(),
  vatNumber: z.string().nullish(),
});

/** Flat, while the search for intents wraps it in `cursor`. */
const searchSchema = z.object({
  limit: z.int().min(1).max(100).optional(),
  before: z.string().max(200).nullish(),
  after: z.string().max(200).nullish(),
});

export function createCustomerRouter({ customers }: SimulatorState): Router {
  const router = Router();

  router.post('/', (req, res) => {
    const details = parseBody(createSchema, req.body);
    res.json(presentCustomer(customers.create({ ...noDetails, ...givenDetails(details) })));
  });

  router.post('/search', (req, res) => {
    const page = findPage(parseBody(searchSchema, req.body), customers.page);
    res.json({ ...page, data: page.data.map(presentCustomer) });
  });

  // Ids are separated by commas. Unknown ids are left out, so the list may be empty.
  router.get('/:ids', (req, res) => {
    const ids = [...new Set(req.params.ids.split(','))];
    res.json(ids.flatMap((id) => customers.find(id.trim()) ?? []).map(presentCustomer));
  });

  router.patch('/:id', (req, res) => {
    // Missing and null members keep their values.
    const change = givenDetails(parseBody(updateSchema, req.body));
    res.json(presentCustomer(known(customers.update(req.params.id, change))));
  });

  router.delete('/:id', (req, res) => {
    known(customers.find(req.params.id));
    customers.remove(req.params.id);
    res.status(204).end();
  });

  router.post('/:id/create-secret', (req, res) => {
    const { value, createdAt, expireAt } = known(customers.createSecret(req.params.id));
    res.json({ secret: value, createdAt: formatInstant(createdAt), expireAt: formatInstant(expireAt) });
  });

  return router;
}

function known<Found>(found: Found | null): Found {
  if (found === null) throw new Problem(404, 'There is no such customer.');
  return found;
}

const noDetails: CustomerDetails = {
  name: null,
  emailAddress: null,
  phoneNumber: null,
  vatNumber: null,
  billingAddress: null,
  shippingAddress: null,
};

function givenDetails(details: z.output<typeof updateSchema>): Partial<CustomerDetails> {
  return withoutNulls(details) as Partial<CustomerDetails>;
}

function presentCustomer({ secrets: _secrets, savedCards: _savedCards, ...customer }: Customer) {
  return withoutNulls({
    ...customer,
    createdAt: formatInstant(customer.createdAt),
    updatedAt: formatInstant(customer.updatedAt),
  });
}

type SavedCardRequest = Request<{ id: string; cardId: string }>;

/** A customer's saved cards, for browsers: the customer's secret replaces the API key. */
export function createSavedCardRouter({ customers }: SimulatorState): Router {
  const router = Router();

  function findCustomer(req: SavedCardRequest): Customer {
    const customer = customers.findBySecret(req.params.id, readCredential(req) ?? '');
    if (customer !== null) return customer;
    // The same for an unknown customer, so that only a secret shows which customers exist.
    throw new Problem(
      401,
      'Send the header "Authorization: Basic <customer secret>" with a secret that has not expired.',
    );
  }

  router.get('/:id/payment-methods', (req: SavedCardRequest, res) => {
    const customer = findCustomer(req);
    res.json({
      customerId: customer.id,
      merchantId: 'merchant_simulator',
      savedPaymentMethods: customer.savedCards.map(presentCard),
      supportedPaymentMethods,
    });
  });

  router.delete('/:id/payment-methods/:cardId', (req: SavedCardRequest, res) => {
    const { id } = findCustomer(req);
    if (!customers.removeCard(id, req.params.cardId))
      throw new Problem(404, 'There is no such payment method.');
    res.status(204).end();
  });

  return router;
}

function presentCard({ id, maskedNumber, expiryDate, scheme }: SavedCard) {
  return { id, cardDetails: { pan: maskedNumber, expiryDate, scheme } };
}
