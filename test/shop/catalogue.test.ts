import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CatalogueError, parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueText, createCatalogue, type FileMembers, productMembers } from './builders.ts';

describe('the sample catalogue', () => {
  const text = readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8');
  const sample = parseCatalogue(text);

  test('has eight products, in pounds, with British VAT', () => {
    expect(sample.products.size).toBe(8);
    expect(sample).toMatchObject({ currency: 'GBP', vatRatePercent: 20 });
  });

  test('charges for delivery below an amount', () => {
    expect(sample.delivery?.flat).toBeGreaterThan(0);
    expect(sample.delivery?.freeFrom).toBeGreaterThan(0);
  });

  test('has a separate picture for each product', () => {
    const pictures = [...sample.products.values()].map((product) => product.picture);
    expect(new Set(pictures).size).toBe(8);
    for (const picture of pictures)
      expect(existsSync(new URL(`../../public/${picture}`, import.meta.url)), picture).toBe(true);
  });
});

test('products keep the order of the file', () => {
  expect([...createCatalogue().products.keys()]).toEqual(['mug', 'spoon', 'pin']);
});

test('a catalogue without free delivery says null or nothing', () => {
  expect(createCatalogue({ delivery: { caption: 'Post', flat: 1, freeFrom: null } }).delivery?.freeFrom).toBe(
    null,
  );
  expect(createCatalogue({ delivery: { caption: 'Post', flat: 1 } }).delivery?.freeFrom).toBe(null);
});

test.each(['constructor', 'tostring', 'has-own'])(
  'a product named %s is not found when the file has none',
  (sku) => {
    expect(createCatalogue().products.get(sku)).toBeUndefined();
  },
);

const badMembers: [string, FileMembers, RegExp][] = [
  ['no name', { shopName: undefined }, /^shopName: /],
  ['a name of spaces', { shopName: '   ' }, /^shopName: /],
  ['a name of 61 characters', { shopName: 'x'.repeat(61) }, /^shopName: /],
  ['a name of two lines', { shopName: 'a\nb' }, /^shopName: must be one line/],
  ['half an emoji in its name', { shopName: 'a\ud83d' }, /^shopName: must be one line/],
  ['a strapline of 121 characters', { strapline: 'x'.repeat(121) }, /^strapline: /],
  ['dollars', { currency: 'USD' }, /^currency: /],
  ['a currency in lower case', { currency: 'gbp' }, /^currency: /],
  ['VAT below zero', { vatRatePercent: -1 }, /^vatRatePercent: /],
  ['VAT of 51 %', { vatRatePercent: 51 }, /^vatRatePercent: /],
  ['VAT as text', { vatRatePercent: '20' }, /^vatRatePercent: /],

  ['delivery without a caption', { delivery: { flat: 1 } }, /^delivery\.caption: /],
  [
    'a delivery caption longer than Dojo takes',
    { delivery: { caption: 'x'.repeat(101), flat: 1 } },
    /^delivery\.caption: /,
  ],
  ['delivery below zero', { delivery: { caption: 'Post', flat: -1 } }, /^delivery\.flat: /],
  ['delivery with half a penny', { delivery: { caption: 'Post', flat: 0.5 } }, /^delivery\.flat: /],
  [
    'free delivery from below zero',
    { delivery: { caption: 'Post', flat: 1, freeFrom: -1 } },
    /^delivery\.freeFrom: /,
  ],
  ['no products', { products: [] }, /^products: /],
  ['products that are not a list', { products: {} }, /^products: /],
  ['a sku twice', { products: [productMembers('mug', 1), productMembers('mug', 2)] }, /^products: every sku/],
];

test.each(badMembers)(
  'a file with %s is refused, and the error names the member',
  (_name, members, problem) => {
    expect(problemsOf(catalogueText(members))).toEqual([expect.stringMatching(problem)]);
  },
);

const badProducts: [string, FileMembers, string][] = [
  ['without a sku', { sku: undefined }, 'sku'],
  ['with an empty sku', { sku: '' }, 'sku'],
  ['with a sku in capitals', { sku: 'Mug' }, 'sku'],
  ['with the sku __proto__', { sku: '__proto__' }, 'sku'],
  ['with a space in its sku', { sku: 'a mug' }, 'sku'],
  ['with a slash in its sku', { sku: 'a/b' }, 'sku'],
  ['with a sku of 41 characters', { sku: 'x'.repeat(41) }, 'sku'],
  ['with a dash at the end of its sku', { sku: 'mug-' }, 'sku'],
  ['with a line break after its sku', { sku: 'mug\n' }, 'sku'],
  ['without a name', { name: '' }, 'name'],
  ['with a name of 61 characters', { name: 'x'.repeat(61) }, 'name'],
  ['with NUL in its name', { name: 'a\0b' }, 'name'],
  ['with a description of 301 characters', { description: 'x'.repeat(301) }, 'description'],
  ['that costs nothing', { price: 0 }, 'price'],
  ['that costs less than nothing', { price: -1 }, 'price'],
  ['that costs half a penny', { price: 0.5 }, 'price'],
  ['priced in pounds as text', { price: '16.50' }, 'price'],
  ['that costs more than a basket may', { price: 1_000_001 }, 'price'],
  ['with a picture elsewhere', { picture: 'https://evil.example/x.svg' }, 'picture'],
  ['with a picture above the public folder', { picture: '../secret.svg' }, 'picture'],
  ['with a picture from the root', { picture: '/x.svg' }, 'picture'],
  ['with a page for a picture', { picture: 'x.html' }, 'picture'],
  ['without a text for its picture', { pictureAlt: '' }, 'pictureAlt'],
];

test.each(badProducts)('a product %s is refused, and the error names its place', (_name, members, member) => {
  expect(problemsOf(catalogueText({}, members))).toEqual([
    expect.stringMatching(new RegExp(`^products\\.0\\.${member}: `)),
  ]);
});

test('a sku may have from one to forty characters', () => {
  for (const sku of ['x', 'x'.repeat(40), '4-you', 'constructor'])
    expect(parseCatalogue(catalogueText({}, { sku })).products.has(sku)).toBe(true);
});

test('all problems of a file are reported together, one a line', () => {
  const text = catalogueText({ currency: 'USD', strapline: '' }, { price: 0, sku: 'A' });
  expect(problemsOf(text).map((problem) => problem.split(':')[0])).toEqual([
    'strapline',
    'currency',
    'products.0.sku',
    'products.0.price',
  ]);
});

test.each([
  ['nothing', ''],
  ['one comma too many', '{"a":1,}'],
  ['a word over two lines', '{"a":\n x}'],
  ['an HTML page', '<!doctype html>\n<p>404</p>'],
])('a file that holds %s is refused in one line', (_name, text) => {
  expect(problemsOf(text)).toEqual([expect.stringMatching(/^file: is not JSON/)]);
});

test.each(['null', '[]', '"text"', '1'])('a file that holds %s is refused', (text) => {
  expect(problemsOf(text)).toEqual([expect.stringMatching(/^file: /)]);
});

function problemsOf(text: string): string[] {
  try {
    parseCatalogue(text);
  } catch (error) {
    expect(error).toBeInstanceOf(CatalogueError);
    return (error as CatalogueError).message.split('\n');
  }
  throw new Error('The file was accepted.');
}

test('a key that the catalogue does not have is refused by name, at every level', () => {
  const file = JSON.parse(catalogueText({ vat: 20, delivery: { caption: 'Post', flat: 1, free: 2 } }));
  Object.assign(file.products[0], { vatRatePercent: 0, stock: 3 });
  expect(() => parseCatalogue(JSON.stringify(file))).toThrow(
    new CatalogueError(
      ['delivery.free', 'products.0.vatRatePercent', 'products.0.stock', 'vat']
        .map((key) => `${key}: is not a key that the catalogue has`)
        .join('\n'),
    ),
  );
});

test('a shop that sends nothing has no delivery, and pages show times in its own zone', () => {
  expect(createCatalogue({ delivery: undefined }).delivery).toBeUndefined();
  expect(createCatalogue().timeZone).toBe('Europe/London');
  expect(createCatalogue({ timeZone: 'Europe/Dublin' }).timeZone).toBe('Europe/Dublin');
  expect(() => createCatalogue({ timeZone: 'Europe/Nowhere' })).toThrow(/^timeZone: must be the name/);
});
