import type { Money } from '../../dojo/schemas.ts';
import { formatMoney } from '../pages.ts';
import { type Card, type CardExpiry, cardScheme, isExpired, passesLuhn } from '../state/cards.ts';
import type { SavedCard } from '../state/customer-store.ts';
import type { Collected, PaymentIntent } from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import {
  type FormError,
  type FormField,
  hasControlCharacters,
  parseDetailsForm,
  readField,
  type Typed,
  type WantedDetails,
} from './details-form.ts';

/** The radio buttons that choose between saved cards and the card form. */
export const methodField = 'paymentMethod';
export const otherCard = 'other';
export const saveCardField = 'saveCard';
/** The total that the page showed, so that no one agrees to one total and pays another. */
export const totalField = 'shownTotal';

export const cardFields = Object.freeze([
  { id: 'cardNumber', label: 'Card number', autocomplete: 'cc-number', inputmode: 'numeric' },
  {
    id: 'expiryDate',
    label: 'Expiry date',
    hint: 'Month and year, like 12/29',
    autocomplete: 'cc-exp',
    inputmode: 'numeric',
  },
  {
    id: 'securityCode',
    label: 'Security code',
    hint: '3 digits on the back, or 4 on the front of American Express',
    autocomplete: 'cc-csc',
    inputmode: 'numeric',
  },
  { id: 'nameOnCard', label: 'Name on card', autocomplete: 'cc-name' },
] as const satisfies FormField[]);
type CardField = (typeof cardFields)[number]['id'];

/** The customer's saved cards; null if the page offers none. */
export type SavedCardOffer = {
  readonly savedCards: readonly SavedCard[];
  /** The card that the shop chose; null if it chose none. It may be removed. */
  readonly preselectedId: string | null;
} | null;

/**
 * The page offers saved cards if the intent asks for `SavedCard` and names a customer whose secret is valid, both when the page
 * is shown and when its form comes. Dojo does not say what its page does without a valid secret; here the customer is then
 * unknown, and any card can be typed.
 */
export function findSavedCardOffer(
  { customers }: SimulatorState,
  { request }: PaymentIntent,
): SavedCardOffer {
  const { id, secret } = request.customer ?? {};
  if (!request.paymentMethods?.includes('SavedCard') || !id || !secret) return null;
  const customer = customers.findBySecret(id, secret);
  if (customer === null) return null;
  return { savedCards: customer.savedCards, preselectedId: request.customer?.savedCardId ?? null };
}

export type PaymentMethod =
  | { readonly kind: 'card'; readonly card: Card; readonly isToBeSaved: boolean }
  | { readonly kind: 'saved-card'; readonly card: SavedCard };
export type ValidPaymentForm = {
  readonly kind: 'valid';
  readonly method: PaymentMethod;
  readonly collected: Collected;
  readonly typed: Typed;
};
export type PaymentForm =
  | ValidPaymentForm
  | { readonly kind: 'invalid'; readonly errors: readonly FormError[]; readonly typed: Typed };

/** Parses the whole page: the details that it collects, and how the shopper wants to pay. */
export function parsePaymentForm(
  form: unknown,
  asked: { offer: SavedCardOffer; wanted: WantedDetails; total: Money; now: Date },
): PaymentForm {
  const details = parseDetailsForm(form, asked.wanted);
  const payment = readSavedCard(form, asked.offer) ?? readCard(form, asked);
  const typed = { ...details.typed, ...payment.typed };
  const errors = [...checkTotal(form, asked.total), ...details.errors, ...payment.errors];
  if (payment.method === null || errors.length > 0) return { kind: 'invalid', errors, typed };
  return { kind: 'valid', method: payment.method, collected: details.collected, typed };
}

type ReadMethod = { method: PaymentMethod | null; errors: readonly FormError[]; typed: Typed };

/** Null if the shopper chose the card form, or there was nothing to choose. */
function readSavedCard(form: unknown, offer: SavedCardOffer): ReadMethod | null {
  const chosen = readField(form, methodField);
  if (chosen === '' || chosen === otherCard) return null;
  const card = offer?.savedCards.find(({ id }) => id === chosen);
  if (card === undefined) return { method: null, errors: [goneCard], typed: { [methodField]: otherCard } };
  return { method: { kind: 'saved-card', card }, errors: [], typed: { [methodField]: card.id } };
}

/** The card was removed, or the customer's secret expired. */
const goneCard: FormError = Object.freeze({
  field: 'cardNumber',
  message: 'That saved card can no longer be used: enter a card',
});

function readCard(form: unknown, { offer, now }: { offer: SavedCardOffer; now: Date }): ReadMethod {
  const { card, errors, typed } = parseCardForm(form, now);
  const isToBeSaved = offer !== null && readField(form, saveCardField) === 'on';
  return {
    method: card && { kind: 'card', card, isToBeSaved },
    errors,
    typed: { ...typed, [methodField]: otherCard, [saveCardField]: isToBeSaved ? 'on' : '' },
  };
}

/** The shop may change the amount while the page is open. A form without a total is accepted. */
function checkTotal(form: unknown, total: Money): FormError[] {
  const shown = readField(form, totalField);
  if (shown === '' || shown === formatMoney(total)) return [];
  const message = `The total is now ${formatMoney(total)}: check it, then pay`;
  return [{ field: 'order-heading', message }];
}

/** Accepts what people type: spaces and dashes in the number, `12/29`, `12 / 2029` or `1229`. Any error makes `card` null. */
function parseCardForm(
  form: unknown,
  now: Date,
): { readonly card: Card | null; readonly errors: readonly FormError[]; readonly typed: Typed } {
  const typed = {
    cardNumber: readField(form, 'cardNumber').slice(0, 200),
    expiryDate: readField(form, 'expiryDate').slice(0, 200),
    nameOnCard: readField(form, 'nameOnCard').slice(0, 200),
  };
  const number = typed.cardNumber.replace(/[\s-]/g, '');
  const expiry = parseExpiry(typed.expiryDate);
  const securityCode = readField(form, 'securityCode');
  const messages: Record<CardField, string | null> = {
    cardNumber: checkCardNumber(number),
    expiryDate: checkExpiry(typed.expiryDate, expiry, now),
    securityCode: checkSecurityCode(securityCode, number),
    nameOnCard: checkName(typed.nameOnCard),
  };
  const errors = cardFields.flatMap(({ id }) => {
    const message = messages[id];
    return message === null ? [] : [{ field: id, message }];
  });
  if (expiry === null || errors.length > 0) return { card: null, errors, typed };
  return { card: { number, expiry, securityCode, name: typed.nameOnCard }, errors, typed };
}

function checkCardNumber(number: string): string | null {
  if (number === '') return 'Enter your card number';
  if (!/^\d+$/.test(number)) return 'Card number must contain only digits';
  if (number.length < 12 || number.length > 19) return 'Card number must have between 12 and 19 digits';
  return passesLuhn(number) ? null : 'Check the card number: it has a mistake in it';
}

function parseExpiry(typed: string): CardExpiry | null {
  const match = /^(\d{1,2})\s*[/.-]\s*(?:20)?(\d{2})$|^(\d{2})(?:20)?(\d{2})$/.exec(typed);
  if (match === null) return null;
  const month = Number(match[1] ?? match[3]);
  return month >= 1 && month <= 12 ? { month, year: 2000 + Number(match[2] ?? match[4]) } : null;
}

function checkExpiry(typed: string, expiry: CardExpiry | null, now: Date): string | null {
  if (typed === '') return 'Enter the expiry date';
  if (expiry === null) return 'Expiry date must be a month and a year, like 12/29';
  return isExpired(expiry, now) ? 'Expiry date must be in the future' : null;
}

/** Only American Express has four digits. */
function checkSecurityCode(code: string, cardNumber: string): string | null {
  if (code === '') return 'Enter the security code';
  const length = cardScheme(cardNumber) === 'AMEX' ? 4 : 3;
  return /^\d+$/.test(code) && code.length === length ? null : `Security code must be ${length} digits`;
}

function checkName(name: string): string | null {
  if (name === '') return 'Enter the name on the card';
  if (hasControlCharacters(name) || /[\r\n]/.test(name))
    return 'Name on card must not contain control characters';
  return name.length <= 100 ? null : 'Name on card must be 100 characters or fewer';
}
