import { type Request, type Response, Router } from 'express';
import type { Parts } from '../parts.ts';
import type { Customer, SavedCard } from '../state/customer-store.ts';
import { readCredential } from './access.ts';
import { supportedPaymentMethods } from './payment-intent-reply.ts';
import { type Problem, sendProblem } from './problem.ts';

type CustomerRequest = Request<{ id: string; cardId: string }>;

/** A customer's own cards, for a browser to ask: authorised with the customer's secret in place of the API key. */
export function createSavedCardRouter({ customers }: Parts): Router {
  const router = Router();

  function findCustomer(request: CustomerRequest, response: Response): Customer | null {
    const customer = customers.findBySecret(request.params.id, readCredential(request) ?? '');
    if (customer === null) sendProblem(response, badSecret);
    return customer;
  }

  router.get('/:id/payment-methods', (request: CustomerRequest, response) => {
    const customer = findCustomer(request, response);
    if (customer === null) return;
    response.json({
      customerId: customer.id,
      merchantId: 'merchant_simulator',
      savedPaymentMethods: customer.savedCards.map(presentCard),
      supportedPaymentMethods,
    });
  });

  router.delete('/:id/payment-methods/:cardId', (request: CustomerRequest, response) => {
    const customer = findCustomer(request, response);
    if (customer === null) return;
    if (customers.removeCard(customer.id, request.params.cardId)) response.status(204).end();
    else sendProblem(response, { status: 404, detail: 'There is no such payment method.' });
  });

  return router;
}

// The same for a customer that does not exist: without a secret nobody learns which customers do.
const badSecret: Problem = {
  status: 401,
  detail: 'Send the header "Authorization: Basic <customer secret>" with a secret that has not expired.',
};

function presentCard({ id, maskedNumber, expiryDate, scheme }: SavedCard) {
  return { id, cardDetails: { pan: maskedNumber, expiryDate, scheme } };
}
