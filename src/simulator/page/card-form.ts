import { type Card, type CardExpiry, cardScheme, isExpired, passesLuhn } from '../state/cards.ts';
import { type FormFault, type FormField, hasControlCharacters, readField, type Typed } from './form-field.ts';

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

/** `card` is null where there is any fault. */
export type ParsedCardForm = {
  readonly card: Card | null;
  readonly faults: readonly FormFault[];
  readonly typed: Typed;
};

/** Reads the card form the way a person fills it in: spaces and dashes in the number, `12/29`, `12 / 2029` or `1229`. */
export function parseCardForm(form: unknown, now: Date): ParsedCardForm {
  const typed = {
    cardNumber: readField(form, 'cardNumber').slice(0, 200),
    expiryDate: readField(form, 'expiryDate').slice(0, 200),
    nameOnCard: readField(form, 'nameOnCard').slice(0, 200),
  };
  const number = typed.cardNumber.replace(/[\s-]/g, '');
  const expiry = parseExpiry(typed.expiryDate);
  const securityCode = readField(form, 'securityCode');
  const messages: Record<CardField, string | null> = {
    cardNumber: cardNumberFault(number),
    expiryDate: expiryFault(typed.expiryDate, expiry, now),
    securityCode: securityCodeFault(securityCode, number),
    nameOnCard: nameFault(typed.nameOnCard),
  };
  const faults = cardFields.flatMap(({ id }) => {
    const message = messages[id];
    return message === null ? [] : [{ field: id, message }];
  });
  if (expiry === null || faults.length > 0) return { card: null, faults, typed };
  return { card: { number, expiry, securityCode, name: typed.nameOnCard }, faults, typed };
}

function cardNumberFault(number: string): string | null {
  if (number === '') return 'Enter your card number';
  if (!/^\d+$/.test(number)) return 'Card number must only have digits in it';
  if (number.length < 12 || number.length > 19) return 'Card number must have between 12 and 19 digits';
  return passesLuhn(number) ? null : 'Check the card number: it has a mistake in it';
}

function parseExpiry(typed: string): CardExpiry | null {
  const parts = /^(\d{1,2})\s*[/.-]\s*(?:20)?(\d{2})$|^(\d{2})(?:20)?(\d{2})$/.exec(typed);
  if (parts === null) return null;
  const month = Number(parts[1] ?? parts[3]);
  return month >= 1 && month <= 12 ? { month, year: 2000 + Number(parts[2] ?? parts[4]) } : null;
}

function expiryFault(typed: string, expiry: CardExpiry | null, now: Date): string | null {
  if (typed === '') return 'Enter the expiry date';
  if (expiry === null) return 'Expiry date must be a month and a year, like 12/29';
  return isExpired(expiry, now) ? 'Expiry date must be in the future' : null;
}

/** American Express has a code of its own length. */
function securityCodeFault(code: string, cardNumber: string): string | null {
  if (code === '') return 'Enter the security code';
  const length = cardScheme(cardNumber) === 'AMEX' ? 4 : 3;
  return /^\d+$/.test(code) && code.length === length ? null : `Security code must be ${length} digits`;
}

function nameFault(name: string): string | null {
  if (name === '') return 'Enter the name on the card';
  if (hasControlCharacters(name) || /[\r\n]/.test(name)) return 'Name on card must be letters and signs only';
  return name.length <= 100 ? null : 'Name on card must be 100 characters or fewer';
}
