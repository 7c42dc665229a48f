import type { Money } from '../dojo/schemas.ts';

export type { Money };

/** `£12.50`: integer minor units of GBP or EUR as people in the UK and Ireland write them. */
export function formatMoney(money: Money): string {
  return new Intl.NumberFormat('en-GB', { style: 'currency', currency: money.currencyCode }).format(
    money.value / 100,
  );
}

/** The VAT inside an amount that includes it, rounded half up to whole minor units. */
export function vatIncluded(amount: number, vatRatePercent: number): number {
  return Math.round((amount * vatRatePercent) / (100 + vatRatePercent));
}
