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
  // In whole thousandths, since a fraction such as 4.8 is not exact and would tip a half either way.
  const rate = Math.round(vatRatePercent * 1000);
  return Math.round((amount * rate) / (100_000 + rate));
}
