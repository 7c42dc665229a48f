import type { Money } from '../../dojo/schemas.ts';
import { formatMoney } from '../money.ts';
import type { Card } from '../state/cards.ts';
import type { SavedCard } from '../state/customer-store.ts';
import type { Collected } from '../state/payment-intent.ts';
import { parseCardForm } from './card-form.ts';
import { parseDetailsForm, type WantedDetails } from './details-form.ts';
import { type FormFault, readField, type Typed } from './form-field.ts';

/** The radio buttons that choose between saved cards and the card form. */
export const methodField = 'paymentMethod';
export const otherCard = 'other';
export const saveCardField = 'saveCard';
/** What the page has shown, so that nobody agrees to one total and pays another. */
export const totalField = 'shownTotal';

/** The cards of the customer whom the intent names; null where it names none whose secret is good. */
export type SavedCardOffer = {
  readonly savedCards: readonly SavedCard[];
  /** The one that the shop has named; null where it named none. It may be gone. */
  readonly preselectedId: string | null;
} | null;

type Method =
  | { readonly kind: 'card'; readonly card: Card; readonly isToBeSaved: boolean }
  | { readonly kind: 'saved-card'; readonly card: SavedCard };
export type ValidPaymentForm = {
  readonly kind: 'valid';
  readonly method: Method;
  readonly collected: Collected;
  readonly typed: Typed;
};
export type PaymentForm =
  | ValidPaymentForm
  | { readonly kind: 'invalid'; readonly faults: readonly FormFault[]; readonly typed: Typed };

/** Reads the whole page: the details that it collects, then how the shopper wants to pay. */
export function parsePaymentForm(
  form: unknown,
  asked: { offer: SavedCardOffer; wanted: WantedDetails; total: Money; now: Date },
): PaymentForm {
  const details = parseDetailsForm(form, asked.wanted);
  const payment = readSavedCard(form, asked.offer) ?? readCard(form, asked);
  const typed = { ...details.typed, ...payment.typed };
  const faults = [...findTotalFault(form, asked.total), ...details.faults, ...payment.faults];
  if (payment.method === null || faults.length > 0) return { kind: 'invalid', faults, typed };
  return { kind: 'valid', method: payment.method, collected: details.collected, typed };
}

type ReadMethod = { method: Method | null; faults: readonly FormFault[]; typed: Typed };

/** Null where the card form is chosen, or nothing, as where no saved card was offered. */
function readSavedCard(form: unknown, offer: SavedCardOffer): ReadMethod | null {
  const chosen = readField(form, methodField);
  if (chosen === '' || chosen === otherCard) return null;
  const card = offer?.savedCards.find(({ id }) => id === chosen);
  if (card === undefined) return { method: null, faults: [goneCard], typed: { [methodField]: otherCard } };
  return { method: { kind: 'saved-card', card }, faults: [], typed: { [methodField]: card.id } };
}

/** Removed since, or its customer's secret has ended since. */
const goneCard: FormFault = Object.freeze({
  field: 'cardNumber',
  message: 'That saved card can not be used any more: enter a card',
});

function readCard(form: unknown, { offer, now }: { offer: SavedCardOffer; now: Date }): ReadMethod {
  const { card, faults, typed } = parseCardForm(form, now);
  const isToBeSaved = offer !== null && readField(form, saveCardField) === 'on';
  return {
    method: card && { kind: 'card', card, isToBeSaved },
    faults,
    typed: { ...typed, [methodField]: otherCard, [saveCardField]: isToBeSaved ? 'on' : '' },
  };
}

/** The shop may change the amount while the page is open. A form that does not say what it has shown is taken as it is. */
function findTotalFault(form: unknown, total: Money): FormFault[] {
  const shown = readField(form, totalField);
  if (shown === '' || shown === formatMoney(total)) return [];
  const message = `The total is ${formatMoney(total)} now: check it, then pay`;
  return [{ field: 'order-heading', message }];
}
