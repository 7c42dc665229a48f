export type Card = {
  /** Digits only. */
  readonly number: string;
  readonly expiry: CardExpiry;
  readonly securityCode: string;
  readonly name: string;
};
export type CardExpiry = { readonly month: number; readonly year: number };

export type TestCard = Omit<Card, 'name'> & {
  readonly outcome: 'approved' | 'challenged' | 'declined';
  readonly says: string;
};

/** docs.dojo.tech, checkout page, step-by-step guide, as of 2026. Any name is good. */
export const testCards: readonly TestCard[] = Object.freeze([
  {
    number: '5200000000001005',
    expiry: { month: 12, year: 2029 },
    securityCode: '020',
    outcome: 'approved',
    says: 'Payment succeeds',
  },
  {
    number: '5200000000001096',
    expiry: { month: 12, year: 2029 },
    securityCode: '020',
    outcome: 'challenged',
    says: '3-D Secure asks first',
  },
  {
    number: '4456530000001013',
    expiry: { month: 12, year: 2029 },
    securityCode: '341',
    outcome: 'declined',
    says: 'Payment is declined',
  },
]);

export type Verdict =
  | { kind: 'approved' }
  | { kind: 'challenged' }
  | { kind: 'declined'; reason: DeclineReason };
export type DeclineReason = 'refused' | 'wrong-details' | 'not-a-test-card';

/** What the pretend bank says to a card. */
export function judgeCard(card: Card): Verdict {
  const known = testCards.find((testCard) => testCard.number === card.number);
  if (known === undefined) return { kind: 'declined', reason: 'not-a-test-card' };
  const matches =
    known.expiry.month === card.expiry.month &&
    known.expiry.year === card.expiry.year &&
    known.securityCode === card.securityCode;
  if (!matches) return { kind: 'declined', reason: 'wrong-details' };
  return known.outcome === 'declined' ? { kind: 'declined', reason: 'refused' } : { kind: known.outcome };
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

/** `2029-12-31`: Dojo answers with the last day, whatever its text says about MM/YY. */
export function lastDayOf({ month, year }: CardExpiry): string {
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}
