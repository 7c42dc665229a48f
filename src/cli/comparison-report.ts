import type { ComparedMoney, ComparedPayment, Comparison } from '../checkout/compare-orders.ts';
import { formatMoney } from '../shop/money.ts';
import type { PaymentMoney } from '../shop/order-money.ts';

type Period = { readonly from: Date; readonly to: Date };

/** As scripts read it: amounts in minor units, times ISO 8601. */
export function reportComparison(
  { from, to }: Period,
  { payments, totals, differences, foreign }: Comparison,
) {
  return {
    from: from.toISOString(),
    to: to.toISOString(),
    payments,
    totals: [...totals].map(([currencyCode, money]) => ({
      currencyCode,
      ...money,
      difference: money.dojo.kept - money.store.kept,
    })),
    differences,
    foreign,
  };
}

/** The same for a person. */
export function describeComparison({ from, to }: Period, comparison: Comparison): string {
  const { payments, totals, differences, foreign } = comparison;
  const lines = [
    `${payments} payments that began from ${from.toISOString()} to ${to.toISOString()}`,
    ...[...totals].map(([currencyCode, money]) => `  ${describe(money, currencyCode)}`),
    differences.length === 0 ? 'No difference.' : `Different: ${differences.length}`,
    ...differences.map((payment) => `  ${nameOf(payment)}: ${describe(payment, payment.currencyCode)}`),
  ];
  if (foreign > 0) lines.push(`Not ours: ${foreign} payment intents of the same Dojo account.`);
  return `${lines.join('\n')}\n`;
}

function nameOf({ reference, number, paymentIntentId }: ComparedPayment): string {
  const payment = number === null ? 'not in the store' : `payment ${number}`;
  return `${reference}, ${payment}, ${paymentIntentId}`;
}

function describe({ dojo, store }: ComparedMoney, currencyCode: string): string {
  const format = (value: number) => formatMoney({ value, currencyCode });
  const money = ({ received, returned, kept }: PaymentMoney) =>
    `received ${format(received)}, returned ${format(returned)}, kept ${format(kept)}`;
  return `Dojo ${money(dojo)}; store ${money(store)}`;
}

const columns = [
  'reference',
  'payment',
  'paymentIntentId',
  'currencyCode',
  'dojoReceived',
  'dojoReturned',
  'storeReceived',
  'storeReturned',
];

/** A line for each difference (RFC 4180), amounts in minor units, and one for all intents that are not ours. */
export function comparisonCsv({ differences, foreign }: Comparison): string {
  const rows = differences.map(({ reference, number, paymentIntentId, currencyCode, dojo, store }) => [
    reference,
    number ?? '',
    paymentIntentId,
    currencyCode,
    ...[dojo.received, dojo.returned, store.received, store.returned],
  ]);
  if (foreign > 0) rows.push([`not ours: ${foreign}`, '', '', '', '', '', '', '']);
  return [columns, ...rows].map((row) => `${row.map(cellOf).join(',')}\r\n`).join('');
}

/** Spreadsheets run a cell that begins with one of these as a formula; the text may be anyone's. */
function cellOf(value: string | number): string {
  const text = String(value).replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
