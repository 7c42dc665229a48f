import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addItem,
  type BasketItem,
  isSamePurchase,
  type PricedBasket,
  priceBasket,
  removeItem,
  setQuantity,
} from '../../src/shop/basket.ts';
import type { Catalogue } from '../../src/shop/catalogue.ts';
import { createBasket, createCatalogue, productMembers } from './builders.ts';

const catalogue = createCatalogue();

describe('a basket is priced', () => {
  test('from the catalogue, line by line, with delivery and VAT', () => {
    expect(
      priced([
        { sku: 'mug', quantity: 1 },
        { sku: 'spoon', quantity: 2 },
      ]),
    ).toMatchObject({
      lines: [
        { sku: 'mug', name: 'The mug', unitPrice: 1650, quantity: 1, lineTotal: 1650 },
        { sku: 'spoon', name: 'The spoon', unitPrice: 850, quantity: 2, lineTotal: 1700 },
      ],
      goods: 3350,
      delivery: { caption: 'By post', amount: 395 },
      vatRatePercent: 20,
      vat: 624,
      total: 3745,
      currencyCode: 'GBP',
    });
  });

  test('without regard to prices, names or amounts that come with the items', () => {
    const items = [{ sku: 'mug', quantity: 1, price: 1, unitPrice: 1, lineTotal: 1, name: 'Free' }];
    expect(priced(items)).toEqual(priced([{ sku: 'mug', quantity: 1 }]));
  });

  test('in the currency of the catalogue', () => {
    expect(priced([{ sku: 'mug', quantity: 1 }], createCatalogue({ currency: 'EUR' })).currencyCode).toBe(
      'EUR',
    );
  });

  test('with its lines as goods, goods and delivery as its total, and whole amounts', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(
          fc.record({
            sku: fc.constantFrom('mug', 'spoon', 'pin'),
            quantity: fc.integer({ min: 1, max: 100 }),
          }),
          { minLength: 1, selector: (item) => item.sku },
        ),
        (items) => {
          const prices: Record<string, number> = { mug: 1650, spoon: 850, pin: 1 };
          const goods = items.reduce((sum, item) => sum + (prices[item.sku] ?? 0) * item.quantity, 0);
          const basket = priced(items);
          expect(basket.goods).toBe(goods);
          expect(basket.total).toBe(goods + (goods < 4000 ? 395 : 0));
          expect(Number.isInteger(basket.vat)).toBe(true);
        },
      ),
    );
  });
});

describe('delivery', () => {
  test.each([
    [3999, 395],
    [4000, 0],
    [4001, 0],
  ])('for goods of %i costs %i when it is free from 4000', (price, amount) => {
    const shop = createCatalogue({ products: [productMembers('thing', price)] });
    const basket = priced([{ sku: 'thing', quantity: 1 }], shop);
    expect(basket.delivery?.amount).toBe(amount);
    expect(basket.total).toBe(price + amount);
  });

  test('is never free when the catalogue does not say from which amount', () => {
    const shop = createCatalogue({ delivery: { caption: 'Post', flat: 395, freeFrom: null } });
    expect(priced([{ sku: 'mug', quantity: 100 }], shop).delivery?.amount).toBe(395);
  });

  test('is always free when it is free from 0', () => {
    const shop = createCatalogue({ delivery: { caption: 'Post', flat: 395, freeFrom: 0 } });
    expect(priced([{ sku: 'pin', quantity: 1 }], shop).delivery?.amount).toBe(0);
  });
});

describe('a basket is refused', () => {
  const fifty = Array.from({ length: 51 }, (_, index) => productMembers(`p${index}`, 1));

  test('when it is empty', () => {
    expect(refusal([])).toEqual({ kind: 'empty' });
  });

  test('with 51 lines but not with 50', () => {
    const shop = createCatalogue({ products: fifty });
    const items = [...shop.products.keys()].map((sku) => ({ sku, quantity: 1 }));
    expect(refusal(items, shop)).toEqual({ kind: 'too-many-lines' });
    expect(priced(items.slice(0, 50), shop).lines).toHaveLength(50);
  });

  test.each(['teapot', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'MUG', 'mug '])(
    'for the unknown product "%s"',
    (sku) => {
      expect(refusal([{ sku, quantity: 1 }])).toEqual({ kind: 'unknown-product', sku });
    },
  );

  test('for the same product on two lines', () => {
    const twice = [
      { sku: 'mug', quantity: 1 },
      { sku: 'mug', quantity: 1 },
    ];
    expect(refusal(twice)).toEqual({ kind: 'repeated-product', sku: 'mug' });
  });

  test.each([0, -1, -0, 1.5, 101, 99_999_999_999, Number.NaN, Number.POSITIVE_INFINITY])(
    'for the quantity %d',
    (quantity) => {
      expect(refusal([{ sku: 'mug', quantity }])).toEqual({ kind: 'bad-quantity', sku: 'mug' });
    },
  );

  test('above £10,000 with delivery but not at £10,000', () => {
    const at = createCatalogue({
      delivery: { caption: 'Post', flat: 1 },
      products: [productMembers('thing', 999_999)],
    });
    expect(priced([{ sku: 'thing', quantity: 1 }], at).total).toBe(1_000_000);
    const above = createCatalogue({
      delivery: { caption: 'Post', flat: 1 },
      products: [productMembers('thing', 1_000_000)],
    });
    expect(refusal([{ sku: 'thing', quantity: 1 }], above)).toEqual({ kind: 'too-expensive' });
  });
});

test('a shopper can buy from one to a hundred of a product', () => {
  expect(priced([{ sku: 'pin', quantity: 1 }]).goods).toBe(1);
  expect(priced([{ sku: 'pin', quantity: 100 }]).goods).toBe(100);
});

describe('two baskets', () => {
  const [line] = createBasket().lines;
  if (line === undefined) throw new Error('The built basket must have a line.');
  const other = { ...line, sku: 'spoon' };

  const same: [string, PricedBasket, PricedBasket][] = [
    ['when they are equal', createBasket(), createBasket()],
    [
      'when their lines are in another order',
      createBasket({ lines: [line, other] }),
      createBasket({ lines: [other, line] }),
    ],
    ['when only a name differs', createBasket(), createBasket({ lines: [{ ...line, name: 'A mug' }] })],
  ];
  test.each(same)('are the same purchase %s', (_name, one, another) => {
    expect(isSamePurchase(one, another)).toBe(true);
    expect(isSamePurchase(another, one)).toBe(true);
  });

  const different: [string, Partial<PricedBasket>][] = [
    ['another product', { lines: [other] }],
    ['one more line', { lines: [line, other] }],
    ['another quantity', { lines: [{ ...line, quantity: 2 }] }],
    ['another price', { lines: [{ ...line, unitPrice: 604 }] }],
    ['another delivery', { delivery: { caption: 'By post', amount: 0 } }],
    ['another total', { total: 1001 }],
    ['another currency', { currencyCode: 'EUR' }],
  ];
  test.each(different)('are different purchases when one has %s', (_name, members) => {
    expect(isSamePurchase(createBasket(), createBasket(members))).toBe(false);
    expect(isSamePurchase(createBasket(members), createBasket())).toBe(false);
  });
});

describe('a shopper', () => {
  const items: readonly BasketItem[] = Object.freeze([
    Object.freeze({ sku: 'mug', quantity: 1 }),
    Object.freeze({ sku: 'spoon', quantity: 2 }),
  ]);

  test('adds a new product at the end of the basket, and more of a product to its line', () => {
    expect(addItem(items, { sku: 'pin', quantity: 3 })).toEqual([...items, { sku: 'pin', quantity: 3 }]);
    expect(addItem(items, { sku: 'mug', quantity: 3 })).toEqual([
      { sku: 'mug', quantity: 4 },
      { sku: 'spoon', quantity: 2 },
    ]);
  });

  test('sets the quantity of a product in the basket, and of no other', () => {
    expect(setQuantity(items, { sku: 'mug', quantity: 9 })[0]).toEqual({ sku: 'mug', quantity: 9 });
    expect(setQuantity(items, { sku: 'pin', quantity: 9 })).toEqual(items);
  });

  test('removes a line, and may do so twice', () => {
    const rest = removeItem(items, 'mug');
    expect(rest).toEqual([{ sku: 'spoon', quantity: 2 }]);
    expect(removeItem(rest, 'mug')).toEqual(rest);
  });
});

function priced(items: readonly BasketItem[], shop: Catalogue = catalogue): PricedBasket {
  const result = priceBasket(shop, items);
  if (result.kind !== 'priced') throw new Error(`Refused: ${result.problem.kind}`);
  return result.basket;
}

function refusal(items: readonly BasketItem[], shop: Catalogue = catalogue) {
  const result = priceBasket(shop, items);
  return result.kind === 'refused' ? result.problem : result;
}
