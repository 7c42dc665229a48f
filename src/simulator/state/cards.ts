export type Card = {
  /** Digits only. */
  readonly number: string;
  readonly expiry: CardExpiry;
  readonly securityCode: string;
  readonly name: string;
};
export type CardExpiry = { readonly month: number; readonly year: number };

export type TestCard = {
  /** Digits only. */
  readonly number: string;
  /** The only valid expiry; null accepts any future one. */
  readonly expiry: CardExpiry | null;
  readonly securityCode: string;
  readonly outcome: 'approved' | 'challenged' | 'declined';
  readonly result: string;
  /** The year of the documentation that lists it. */
  readonly documentedIn: 2022 | 2026;
};

const endOf2029: CardExpiry = Object.freeze({ month: 12, year: 2029 });

/**
 * docs.dojo.tech, checkout page, step-by-step guide, as of 2026, and two that only its text of 2022 lists. Those expired in
 * 12/24, which no form accepts now, so here they take any future expiry. Any name and address will do.
 */
export const testCards: readonly TestCard[] = Object.freeze([
  {
    number: '5200000000001005',
    expiry: endOf2029,
    securityCode: '020',
    outcome: 'approved',
    result: 'Payment succeeds',
    documentedIn: 2026,
  },
  {
    number: '5200000000001096',
    expiry: endOf2029,
    securityCode: '020',
    outcome: 'challenged',
    result: '3-D Secure asks first',
    documentedIn: 2026,
  },
  {
    number: '4456530000001013',
    expiry: endOf2029,
    securityCode: '341',
    outcome: 'declined',
    result: 'Payment is declined',
    documentedIn: 2026,
  },
  {
    number: '5200000000000056',
    expiry: null,
    securityCode: '341',
    outcome: 'approved',
    result: 'Payment succeeds',
    documentedIn: 2022,
  },
  {
    number: '4456530000001096',
    expiry: null,
    securityCode: '020',
    outcome: 'challenged',
    result: '3-D Secure asks first',
    documentedIn: 2022,
  },
]);

export type Verdict =
  | { kind: 'approved' }
  | { kind: 'challenged' }
  | { kind: 'declined'; reason: DeclineReason };
export type DeclineReason = 'refused' | 'wrong-details' | 'not-a-test-card' | 'expired';

/** What the pretend bank says to a typed card. The form has checked that it is not expired. */
export function judgeCard(card: Card): Verdict {
  const known = testCards.find((testCard) => testCard.number === card.number);
  if (known === undefined) return { kind: 'declined', reason: 'not-a-test-card' };
  const hasExpiry =
    known.expiry === null ||
    (known.expiry.month === card.expiry.month && known.expiry.year === card.expiry.year);
  if (!hasExpiry || known.securityCode !== card.securityCode)
    return { kind: 'declined', reason: 'wrong-details' };
  return verdictOf(known);
}

/** What it says to a saved card: the same as to the test card behind the mask, without a security code. */
export function judgeSavedCard(card: { maskedNumber: string; expiryDate: string }, now: Date): Verdict {
  if (isPastDay(card.expiryDate, now)) return { kind: 'declined', reason: 'expired' };
  const known = testCards.find(({ number }) => maskCardNumber(number) === card.maskedNumber);
  return known === undefined ? { kind: 'declined', reason: 'not-a-test-card' } : verdictOf(known);
}

function verdictOf({ outcome }: TestCard): Verdict {
  return outcome === 'declined' ? { kind: 'declined', reason: 'refused' } : { kind: outcome };
}

/** The check digit of ISO/IEC 7812. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const doubled = Number(digit) * (index % 2 === 1 ? 2 : 1);
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}

/** `52000000****1005`, as Dojo masks it. */
export function maskCardNumber(digits: string): string {
  return `${digits.slice(0, 8)}****${digits.slice(-4)}`;
}

/** `5200 0000 0000 1005`. */
export function groupDigits(digits: string): string {
  return digits.replace(/(.{4})(?=.)/g, '$1 ');
}

export function cardScheme(digits: string): string {
  if (digits.startsWith('4')) return 'VISA';
  if (/^3[47]/.test(digits)) return 'AMEX';
  return /^(?:5[1-5]|2[2-7])/.test(digits) ? 'MASTERCARD' : 'UNKNOWN';
}

/** `12/29`. */
export function formatExpiry({ month, year }: CardExpiry): string {
  return `${String(month).padStart(2, '0')}/${String(year % 100).padStart(2, '0')}`;
}

/** `2029-12-31`: Dojo answers with the last day of the month, although its text says MM/YY. */
export function lastDayOf({ month, year }: CardExpiry): string {
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}

/** A card is valid until the end of its expiry month. */
export function isExpired({ month, year }: CardExpiry, now: Date): boolean {
  return Date.UTC(year, month, 1) <= now.getTime();
}

/** Whether `2029-12-31` is over. */
export function isPastDay(day: string, now: Date): boolean {
  return day < now.toISOString().slice(0, 10);
}
