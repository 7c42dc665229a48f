import { Router } from 'express';
import { z } from 'zod';
import type { Parts } from '../parts.ts';
import { addressSchema } from '../state/create-request.ts';
import type { Customer, CustomerDetails } from '../state/customer-store.ts';
import { formatInstant } from '../state/instant.ts';
import { withoutNulls } from './payment-intent-reply.ts';
import { type Problem, sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { findCursorFault, unknownCursor } from './search.ts';

const createSchema = z.object({
  name: z.string().max(100).nullish(),
  emailAddress: z.string().max(254).nullish(),
  phoneNumber: z.string().min(5).max(50).nullish(),
  vatNumber: z.string().max(50).nullish(),
  billingAddress: addressSchema.nullish(),
  shippingAddress: addressSchema.nullish(),
});

/** The specification puts no limits to these. */
const updateSchema = createSchema.extend({
  name: z.string().nullish(),
  emailAddress: z.string().nullish(),
  phoneNumber: z.string().nullish(),
  vatNumber: z.string().nullish(),
});

/** Flat here, where the search for intents wraps it in `cursor`. */
const searchSchema = z.object({
  limit: z.int().min(1).max(100).optional(),
  before: z.string().max(200).nullish(),
  after: z.string().max(200).nullish(),
});

const unknownCustomer: Problem = { status: 404, detail: 'There is no such customer.' };

export function createCustomerRouter({ customers }: Parts): Router {
  const router = Router();

  router.post('/', (request, response) => {
    const body = parseBody(createSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    response.json(presentCustomer(customers.create({ ...noDetails, ...givenDetails(body.data) })));
  });

  router.post('/search', (request, response) => {
    const body = parseBody(searchSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const fault = findCursorFault(body.data);
    if (fault !== null) return sendProblem(response, fault);
    const page = customers.page(body.data);
    if (page === null) return sendProblem(response, unknownCursor);
    response.json({ ...page, data: page.data.map(presentCustomer) });
  });

  // Several ids are separated by commas; those that nobody has are left out, and no customer at all is an empty list.
  router.get('/:ids', (request, response) => {
    const asked = [...new Set(request.params.ids.split(','))];
    response.json(asked.flatMap((id) => customers.find(id.trim()) ?? []).map(presentCustomer));
  });

  router.patch('/:id', (request, response) => {
    const body = parseBody(updateSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    // What is missing or null stays as it is.
    const customer = customers.update(request.params.id, givenDetails(body.data));
    if (customer === null) sendProblem(response, unknownCustomer);
    else response.json(presentCustomer(customer));
  });

  router.delete('/:id', (request, response) => {
    if (customers.remove(request.params.id)) response.status(204).end();
    else sendProblem(response, unknownCustomer);
  });

  router.post('/:id/create-secret', (request, response) => {
    const made = customers.createSecret(request.params.id);
    if (made === null) return sendProblem(response, unknownCustomer);
    const { value, createdAt, expireAt } = made;
    response.json({
      secret: value,
      createdAt: formatInstant(createdAt),
      expireAt: formatInstant(expireAt),
    });
  });

  return router;
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
