import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PaymentIntent } from '../../src/dojo/schemas.ts';
import {
  createOrderId,
  createToken,
  findAttached,
  findMismatch,
  isPayable,
  parseReference,
  parseToken,
  referenceOf,
} from '../../src/shop/order.ts';
import { createAttempt, createIntent, createOrder } from './builders.ts';

const secret = 'AbCdEfGhIjKlMnOpQrStUv_-';
const moment = fc.date({ min: new Date('2026-01-01'), max: new Date('2088-01-01'), noInvalidDate: true });
const random = fc.integer({ min: 0, max: 2 ** 32 - 1 });
/** Every id that the shop can make. */
const orderId = fc.tuple(moment, random).map(([now, bits]) => createOrderId(now, bits));

describe('the id of an order', () => {
  test('is a safe integer until 2088', () => {
    fc.assert(
      fc.property(orderId, (id) => {
        expect(Number.isSafeInteger(id) && id > 0).toBe(true);
      }),
    );
  });

  test('grows with time, whatever the random bits', () => {
    fc.assert(
      fc.property(moment, fc.integer({ min: 1, max: 10_000 }), random, random, (now, laterMs, one, other) => {
        const later = new Date(now.getTime() + laterMs);
        expect(createOrderId(later, other)).toBeGreaterThan(createOrderId(now, one));
      }),
    );
  });

  test('is one of 4,096 in its millisecond', () => {
    const now = new Date('2026-11-22T10:00:00.123Z');
    const ids = Array.from({ length: 4096 }, (_, bits) => createOrderId(now, bits));
    expect(new Set(ids).size).toBe(4096);
    expect(createOrderId(now, 4096)).toBe(createOrderId(now, 0));
    expect(Math.max(...ids)).toBeLessThan(createOrderId(new Date(now.getTime() + 1), 0));
  });
});

describe('the reference of an order', () => {
  test('can be read out and is short enough for Dojo', () => {
    fc.assert(
      fc.property(orderId, (id) => {
        const reference = referenceOf(id);
        expect(reference).toMatch(/^ORD-[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{6}$/);
        expect(reference.length).toBeLessThanOrEqual(60);
      }),
    );
  });

  test('sorts as text in the order of the ids', () => {
    fc.assert(
      fc.property(orderId, orderId, (one, other) => {
        const asText =
          referenceOf(one) < referenceOf(other) ? -1 : referenceOf(one) > referenceOf(other) ? 1 : 0;
        expect(asText).toBe(Math.sign(one - other));
      }),
    );
  });

  test('differs from the next, up to the largest id', () => {
    expect(referenceOf(0)).toBe('ORD-00000-000000');
    expect(referenceOf(31)).toBe('ORD-00000-00000Z');
    expect(referenceOf(32)).toBe('ORD-00000-000010');
    expect(referenceOf(Number.MAX_SAFE_INTEGER)).toBe('ORD-7ZZZZ-ZZZZZZ');
    expect(referenceOf(Number.MAX_SAFE_INTEGER - 1)).toBe('ORD-7ZZZZ-ZZZZZY');
  });
});

describe('a reference that someone types', () => {
  test.each([
    'ORD-0SA1L-M7Q1Z9',
    'ord-0sa1l-m7q1z9',
    'ORD0SA1LM7Q1Z9',
    ' ord 0sa1l m7q1z9 ',
    'ORD–0SA1L–M7Q1Z9',
    '0RD-OSAIL-M7QLZ9',
    'OSA1L-M7QIZ9',
    'osa11m7q1z9',
  ])('as %j is understood', (typed) => {
    expect(parseReference(typed)).toBe('ORD-0SA11-M7Q1Z9');
  });

  test.each(['', 'ORD-', 'ORD-1', 'ORD-0SA11-M7Q1Z', 'ORD-0SA11-M7Q1Z99', 'ORD-0SA11-M7Q1ZU', "' OR 1=1--"])(
    'as %j is none',
    (typed) => {
      expect(parseReference(typed)).toBeNull();
    },
  );

  test('is that of the same order for every order, with the letters that look like digits', () => {
    fc.assert(
      fc.property(orderId, (id) => {
        const reference = referenceOf(id);
        const code = reference.slice(4).replaceAll('-', '').toLowerCase();
        expect(parseReference(code.replaceAll('0', 'o').replaceAll('1', 'l'))).toBe(reference);
        expect(parseReference(`ord${code}`)).toBe(reference);
      }),
    );
  });
});

describe('the token in the address of an order', () => {
  test('contains the id', () => {
    fc.assert(
      fc.property(orderId, (id) => {
        expect(parseToken(createToken(id, secret))).toBe(id);
      }),
    );
  });

  test('needs no encoding in an address', () => {
    fc.assert(
      fc.property(orderId, (id) => {
        const token = createToken(id, secret);
        expect(encodeURIComponent(token)).toBe(token);
      }),
    );
  });

  test.each([
    '',
    '1',
    `${secret}`,
    `-${secret}`,
    `1${secret}`,
    `1-${secret.slice(1)}`,
    `1-${secret}A`,
    `1-${secret.slice(1)}=`,
    `1-${secret.slice(1)}%`,
    `1-${secret.slice(1)}\n`,
    `1-${secret}\n`,
    ` 1-${secret}`,
    `A-${secret}`,
    `-1-${secret}`,
    `1.5-${secret}`,
    `zzzzzzzzzzz-${secret}`,
    `zzzzzzzzzzzz-${secret}`,
    `1-${secret}-${secret}`,
    "' OR 1=1--",
    '\0',
    '__proto__',
    '../../etc/passwd',
  ])('is not %j', (token) => {
    expect(parseToken(token)).toBe(null);
  });

  test('is parsed from any text without an error', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const id = parseToken(text);
        expect(id === null || Number.isSafeInteger(id)).toBe(true);
      }),
    );
  });
});

describe('an intent', () => {
  test('matches its order when reference, amount and currency do', () => {
    expect(findMismatch(createOrder(), createIntent())).toBe(null);
  });

  const others: [string, Partial<PaymentIntent>, RegExp][] = [
    ['another reference', { reference: 'ORD-00000-000000' }, /^another reference/],
    ['no reference', { reference: '' }, /^another reference/],
    ['a reference in lower case', { reference: 'ord-0sa8j-yx0000' }, /^another reference/],
    ['a penny less', { amount: { value: 999, currencyCode: 'GBP' } }, /^amount 999 for 1000$/],
    ['a penny more', { amount: { value: 1001, currencyCode: 'GBP' } }, /^amount 1001/],
    ['the amount below zero', { amount: { value: -1000, currencyCode: 'GBP' } }, /^amount/],
    ['another currency', { amount: { value: 1000, currencyCode: 'EUR' } }, /^currency/],
    ['the currency in lower case', { amount: { value: 1000, currencyCode: 'gbp' } }, /^currency/],
  ];
  test.each(others)('does not match its order with %s', (_name, members, what) => {
    expect(findMismatch(createOrder(), createIntent(members))).toMatch(what);
  });

  test('that does not match its order is described in one line', () => {
    expect(findMismatch(createOrder(), createIntent({ reference: 'a\nb' }))).not.toContain('\n');
  });
});

describe('the attempt that a shopper is sent to', () => {
  test('is the one with a link', () => {
    const refused = createAttempt({ number: 1, state: 'refused', paymentLink: null });
    const attached = createAttempt({ number: 2 });
    expect(findAttached(createOrder({ attempts: [refused, attached] }))).toBe(attached);
  });

  test.each(['sending', 'refused', 'ambiguous', 'mismatched'] as const)('is not one that is %s', (state) => {
    expect(findAttached(createOrder({ attempts: [createAttempt({ state })] }))).toBe(null);
  });

  test('does not exist before the first attempt', () => {
    expect(findAttached(createOrder({ attempts: [] }))).toBe(null);
  });
});

test.each([
  ['placed', true],
  ['awaiting_payment', true],
  ['authorized', false],
  ['paid', false],
  ['partly_refunded', false],
  ['refunded', false],
  ['reversed', false],
  ['canceled', false],
  ['expired', false],
] as const)('an order that is %s can be paid: %s', (status, payable) => {
  expect(isPayable(createOrder({ status }))).toBe(payable);
});
