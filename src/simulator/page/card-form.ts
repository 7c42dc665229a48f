import { type Card, type CardExpiry, passesLuhn } from '../state/cards.ts';

export const cardFields = ['cardNumber', 'expiryDate', 'securityCode', 'nameOnCard'] as const;
export type CardField = (typeof cardFields)[number];

export type CardFault = { readonly field: CardField; readonly message: string };
/** What goes back into the form: everything but the security code. */
export type TypedCard = {
  readonly cardNumber: string;
  readonly expiryDate: string;
  readonly nameOnCard: string;
};

export type ParsedCardForm =
  | { kind: 'valid'; card: Card; typed: TypedCard }
  | { kind: 'invalid'; faults: readonly CardFault[]; typed: TypedCard };

export const nothingTyped: TypedCard = { cardNumber: '', expiryDate: '', nameOnCard: '' };

/** Reads the card form the way a person fills it in: spaces and dashes in the number, `12/29`, `12 / 2029` or `1229`. */
export function parseCardForm(form: unknown, now: Date): ParsedCardForm {
  const typed = {
    cardNumber: readField(form, 'cardNumber'),
    expiryDate: readField(form, 'expiryDate'),
    nameOnCard: readField(form, 'nameOnCard'),
  };
  const number = typed.cardNumber.replace(/[\s-]/g, '');
  const expiry = parseExpiry(typed.expiryDate);
  const securityCode = readField(form, 'securityCode');
  const messages: Record<CardField, string | null> = {
    cardNumber: cardNumberFault(number),
    expiryDate: expiryFault(typed.expiryDate, expiry, now),
    securityCode: securityCodeFault(securityCode),
    nameOnCard: nameFault(typed.nameOnCard),
  };
  const faults = cardFields.flatMap((field) => {
    const message = messages[field];
    return message === null ? [] : [{ field, message }];
  });
  if (expiry === null || faults.length > 0) return { kind: 'invalid', faults, typed };
  return { kind: 'valid', card: { number, expiry, securityCode, name: typed.nameOnCard }, typed };
}

function readField(form: unknown, field: CardField): string {
  const value = typeof form === 'object' && form !== null ? Reflect.get(form, field) : undefined;
  // Longer than any card needs; keeps a page that repeats it short.
  return typeof value === 'string' ? value.trim().slice(0, 200) : '';
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
  // A card is good to the end of its month.
  const isPast = Date.UTC(expiry.year, expiry.month, 1) <= now.getTime();
  return isPast ? 'Expiry date must be in the future' : null;
}

function securityCodeFault(code: string): string | null {
  if (code === '') return 'Enter the security code';
  return /^\d{3,4}$/.test(code) ? null : 'Security code must be 3 or 4 digits';
}

function nameFault(name: string): string | null {
  if (name === '') return 'Enter the name on the card';
  return name.length <= 100 ? null : 'Name on card must be 100 characters or fewer';
}
