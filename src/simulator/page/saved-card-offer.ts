import type { Parts } from '../parts.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';
import type { SavedCardOffer } from './payment-form.ts';

/**
 * The saved cards that the page offers: where the intent asks for `SavedCard` and names a customer whose secret is good at
 * this moment, when the page is shown and again when its form comes. What Dojo's page does with a secret that is missing,
 * wrong or over is unknown: here such a customer is nobody, and any card can still be typed.
 */
export function findSavedCardOffer({ customers }: Parts, { request }: PaymentIntent): SavedCardOffer {
  const { id, secret } = request.customer ?? {};
  if (!isAskedForSavedCards(request) || !id || !secret) return null;
  const customer = customers.findBySecret(id, secret);
  if (customer === null) return null;
  return { savedCards: customer.savedCards, preselectedId: request.customer?.savedCardId ?? null };
}

/** What a tester would look for in vain on the page, and why. */
export function paymentMethodNotes(parts: Parts, intent: PaymentIntent): string[] {
  const { paymentMethods, customer } = intent.request;
  const wallets = paymentMethods?.includes('Wallet')
    ? ['The intent asks for SavedCardOffer, which this page does not have.']
    : [];
  const isMissing = isAskedForSavedCards(intent.request) && findSavedCardOffer(parts, intent) === null;
  if (!isMissing) return wallets;
  const why = customer?.id
    ? 'the customer’s secret is missing, wrong or over'
    : 'the intent names no customer';
  return [...wallets, `The intent asks for SavedCard, but none is offered: ${why}.`];
}

function isAskedForSavedCards({ paymentMethods }: PaymentIntent['request']): boolean {
  return paymentMethods?.includes('SavedCard') ?? false;
}
