import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatMoney, vatIncluded } from '../../src/shop/money.ts';

test.each([
  [0, 'GBP', '£0.00'],
  [1, 'GBP', '£0.01'],
  [99, 'GBP', '£0.99'],
  [100, 'GBP', '£1.00'],
  [1005, 'GBP', '£10.05'],
  [1250, 'GBP', '£12.50'],
  [123_456, 'GBP', '£1,234.56'],
  [1_000_000, 'GBP', '£10,000.00'],
  [1250, 'EUR', '€12.50'],
])('%i minor units of %s are written %s', (value, currencyCode, written) => {
  expect(formatMoney({ value, currencyCode })).toBe(written);
});

test('every price of a basket is written to the penny', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000_000 }), (value) => {
      expect(formatMoney({ value, currencyCode: 'GBP' }).replace(/[£,.]/g, '')).toBe(
        String(value).padStart(3, '0'),
      );
    }),
  );
});

test.each([
  [0, 20, 0],
  [1200, 20, 200],
  [1000, 20, 167],
  [999, 20, 167],
  [1, 20, 0],
  [2, 20, 0],
  // Halves are rounded up: 0.5, 1.5 and 2.5 pence.
  [3, 20, 1],
  [9, 20, 2],
  [15, 20, 3],
  [123, 23, 23],
  [1135, 13.5, 135],
  // Exactly 83478.5, which floating-point arithmetic misses.
  [254_541, 48.8, 83_479],
  [1000, 0, 0],
  [1_000_000, 20, 166_667],
])('an amount of %i with VAT at %d per cent contains VAT of %i', (amount, rate, vat) => {
  expect(vatIncluded(amount, rate)).toBe(vat);
});

test('VAT is rounded to the nearest minor unit without floating-point error', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1_000_000 }),
      fc.integer({ min: 0, max: 500 }),
      (amount, tenthsOfPercent) => {
        const over = BigInt(1000 + tenthsOfPercent);
        const halfUp = (2n * BigInt(amount) * BigInt(tenthsOfPercent) + over) / (2n * over);
        expect(vatIncluded(amount, tenthsOfPercent / 10)).toBe(Number(halfUp));
      },
    ),
    { numRuns: 1000 },
  );
});
