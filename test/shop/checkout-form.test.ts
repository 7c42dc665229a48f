import { describe, expect, test } from 'vitest';
import {
  checkoutBodySchema,
  checkoutFormSchema,
  typedItemFormSchema,
  typedQuantityFormSchema,
  typedQuantitySchema,
} from '../../src/shop/checkout-form.ts';

const typedWrongly = [
  '',
  '0',
  '00',
  '-1',
  '-0',
  '+1',
  '1.0',
  '1.5',
  '1,5',
  '1e3',
  '1e0',
  '0x10',
  '0b1',
  '01',
  '001',
  ' 1',
  '1 ',
  '1\n',
  '１',
  '１２',
  '٣',
  '1\0',
  '101',
  '999',
  '1000',
  '99999999999',
  'NaN',
  'Infinity',
  'one',
  'null',
];
const wrongTypes = [1, 1.5, true, null, undefined, ['1'], ['1', '2'], { 0: '1' }];

const wrongSkus = [
  '',
  '__proto__',
  'Mug',
  'mug ',
  ' mug',
  'mug\r\n',
  'mug\n',
  'mug\0',
  '../mug',
  'mug%00',
  'ｍug',
  "' OR 1=1--",
  'x'.repeat(41),
  '-mug',
  'mug-',
  '-',
  null,
  undefined,
  7,
  ['mug'],
  { sku: 'mug' },
];

describe('the form beside a product', () => {
  test('returns the sku, and the quantity exactly as it was typed', () => {
    expect(typedItemFormSchema.parse({ sku: 'mug', quantity: '1e3' })).toEqual({
      sku: 'mug',
      quantity: '1e3',
    });
    expect(typedQuantityFormSchema.parse({ quantity: ' 1' })).toEqual({ quantity: ' 1' });
  });

  test.each(['1', '9', '10', '99', '100'])('accepts the quantity %s', (quantity) => {
    expect(typedQuantitySchema.parse(quantity)).toBe(Number(quantity));
  });

  test.each([...typedWrongly, ...wrongTypes])('does not accept %j as a quantity', (quantity) => {
    expect(typedQuantitySchema.safeParse(quantity).success).toBe(false);
  });

  test.each(wrongTypes)('refuses %j in place of typed text', (quantity) => {
    expect(typedItemFormSchema.safeParse({ sku: 'mug', quantity }).success).toBe(false);
    expect(typedQuantityFormSchema.safeParse({ quantity }).success).toBe(false);
  });

  test.each(wrongSkus)('refuses the sku %j', (sku) => {
    expect(typedItemFormSchema.safeParse({ sku, quantity: '1' }).success).toBe(false);
  });

  test('ignores a price or a currency', () => {
    const form = { sku: 'mug', quantity: '1', price: '1', amount: '1', currency: 'USD' };
    expect(typedItemFormSchema.parse(form)).toEqual({ sku: 'mug', quantity: '1' });
  });
});

describe('the Checkout button', () => {
  test.each(['a', '!', '~', 'x'.repeat(128), '3f0c6f7e-8a4c-4f4e-9c55-0f3e1d0a9f11'])(
    'accepts the checkout key %s',
    (checkoutKey) => {
      expect(checkoutFormSchema.parse({ checkoutKey })).toEqual({ checkoutKey });
    },
  );

  test.each([
    '',
    ' ',
    'a b',
    'x'.repeat(129),
    'a\r\nb',
    'a\n',
    'a\0',
    'é',
    '\u007f',
    null,
    undefined,
    1,
    ['a'],
  ])('refuses the checkout key %j', (checkoutKey) => {
    expect(checkoutFormSchema.safeParse({ checkoutKey }).success).toBe(false);
  });

  test('ignores amounts and addresses', () => {
    const form = {
      checkoutKey: 'k',
      price: '1',
      amount: '1',
      currency: 'USD',
      next: 'https://evil.example',
      redirectUrl: 'https://evil.example',
    };
    expect(checkoutFormSchema.parse(form)).toEqual({ checkoutKey: 'k' });
  });
});

describe('a checkout in JSON', () => {
  const items = (members: object) => ({ items: [{ sku: 'mug', quantity: 1, ...members }] });

  test('yields skus and quantities and nothing else', () => {
    const body = {
      ...items({ price: 1, unitPrice: 1 }),
      amount: 1,
      currency: 'USD',
      redirectUrl: 'http://x',
    };
    expect(checkoutBodySchema.parse(body)).toEqual({ items: [{ sku: 'mug', quantity: 1 }] });
  });

  test.each([1, 2, 100])('accepts the quantity %i', (quantity) => {
    expect(checkoutBodySchema.safeParse(items({ quantity })).success).toBe(true);
  });

  test.each([0, -1, 1.5, 101, 99_999_999_999, 1e300, '1', '1e3', null, true, [1], {}])(
    'refuses the quantity %j',
    (quantity) => {
      expect(checkoutBodySchema.safeParse(items({ quantity })).success).toBe(false);
    },
  );

  test.each(wrongSkus)('refuses the sku %j', (sku) => {
    expect(checkoutBodySchema.safeParse(items({ sku })).success).toBe(false);
  });

  test.each([
    null,
    [],
    'text',
    1,
    {},
    { items: null },
    { items: {} },
    { items: [] },
    { items: [null] },
    { items: 'mug' },
  ])('refuses the body %j', (body) => {
    expect(checkoutBodySchema.safeParse(body).success).toBe(false);
  });

  test('may have 50 items but not 51', () => {
    const many = (length: number) => ({
      items: Array.from({ length }, (_, index) => ({ sku: `p${index}`, quantity: 1 })),
    });
    expect(checkoutBodySchema.safeParse(many(50)).success).toBe(true);
    expect(checkoutBodySchema.safeParse(many(51)).success).toBe(false);
  });

  test('changes no prototype', () => {
    const body = JSON.parse(
      '{"items":[{"sku":"mug","quantity":1,"__proto__":{"polluted":1}}],"__proto__":{"polluted":1}}',
    );
    expect(checkoutBodySchema.parse(body)).toEqual({ items: [{ sku: 'mug', quantity: 1 }] });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
