import type { Money } from '../dojo/schemas.ts';

/** `£12.34` or `€12.34`; minor units never pass through a fraction. */
export function formatMoney({ value, currencyCode }: Money): string {
  const digits = String(Math.abs(value)).padStart(3, '0');
  const amount = `${value < 0 ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}` as `${number}`;
  // Lines may name any currency, and Intl throws at what is not three letters.
  if (!/^[A-Z]{3}$/i.test(currencyCode)) return `${amount} ${currencyCode}`;
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency: currencyCode }).format(amount);
}
