import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { parseCustomer, type TypedCustomer, typedOf } from '../../src/shop/customer.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { typedDetails } from '../support/details.ts';

const shop = (delivery: object = {}) =>
  parseCatalogue(JSON.stringify({ ...catalogueFile, delivery: { ...catalogueFile.delivery, ...delivery } }));
const home = shop();
const parse = (change: TypedCustomer, catalogue = home) =>
  parseCustomer(catalogue, { ...typedDetails, ...change });
const deliveryOf = (change: TypedCustomer, catalogue = home) => {
  const parsed = parse(change, catalogue);
  return parsed.kind === 'customer' ? parsed.customer?.delivery : parsed.fields;
};

test('a customer is what was typed, without the spaces around it', () => {
  expect(parse({ email: ' ada@example.com ', name: ' Ada Lovelace', phone: ' +44 20 7946 0000 ' })).toEqual({
    kind: 'customer',
    customer: {
      emailAddress: 'ada@example.com',
      name: 'Ada Lovelace',
      phoneNumber: '+44 20 7946 0000',
      delivery: {
        name: 'Ada Lovelace',
        line1: '12 St James’s Square',
        line2: null,
        town: 'London',
        postcode: 'SW1Y 4JH',
        countryCode: 'GB',
        note: null,
      },
    },
  });
});

test('everything that is missing is reported at once, in the order of the page', () => {
  expect(parseCustomer(home, {})).toEqual({
    kind: 'wrong',
    fields: ['email', 'name', 'line1', 'town', 'postcode', 'country'],
  });
});

test.each([
  [
    'email',
    ['', 'ada', 'ada@', 'ada@example', 'a b@example.com', `${'a'.repeat(250)}@x.uk`, 'a@b.uk\r\nBcc: x', 7],
  ],
  ['name', ['', '  ', 'A\nB', 'x'.repeat(101), '\ud800', null]],
  ['phone', ['1234', 'call me', '1'.repeat(51), '+', '12-34']],
  ['line1', ['', 'a\tb', 'x'.repeat(101)]],
  ['line2', ['a\u0000b', 'x'.repeat(101)]],
  ['town', ['', 'x'.repeat(101), []]],
  ['postcode', ['', 'SW1Y', 'SW1Y 4J', '12345', 'SW1Y 4JHX', 'S\u0000W1Y 4JH', 'ＳW1Y 4JH']],
  ['country', ['', 'US', 'gb', 'GBR', '__proto__', {}]],
  ['note', ['x'.repeat(1025), 'a\u0000b', 'a\tb', '\udc00']],
] as const)('a wrong %s is reported, and nothing else', (field, values) => {
  for (const value of values)
    expect(parse({ [field]: value }), JSON.stringify(value)).toMatchObject({ fields: [field] });
});

test.each([
  ['sw1y4jh', 'SW1Y 4JH'],
  [' sw1y  4jh ', 'SW1Y 4JH'],
  ['m1 1ae', 'M1 1AE'],
  ['B338TH', 'B33 8TH'],
  ['cr2-6xh', 'CR2 6XH'],
  ['ec1a 1bb', 'EC1A 1BB'],
  ['gir 0aa', 'GIR 0AA'],
])('a postcode typed %s is %s', (typed, postcode) => {
  expect(deliveryOf({ postcode: typed })).toMatchObject({ postcode });
});

test('a postcode is checked as its country writes it', () => {
  const abroad = shop({ countries: ['GB', 'IE', 'FR'] });
  expect(deliveryOf({ country: 'IE', postcode: 'd02x285' }, abroad)).toMatchObject({ postcode: 'D02 X285' });
  expect(deliveryOf({ country: 'FR', postcode: '75007' }, abroad)).toMatchObject({ postcode: '75007' });
  expect(deliveryOf({ country: 'IE', postcode: 'SW1Y 4JH' }, abroad)).toEqual(['postcode']);
});

test('a note keeps its lines, whatever ends them', () => {
  expect(deliveryOf({ note: 'Ring twice.\r\nThen leave it.\rThanks' })).toMatchObject({
    note: 'Ring twice.\nThen leave it.\nThanks',
  });
});

test('a program may name another recipient', () => {
  expect(deliveryOf({ recipient: 'Mary Somerville' })).toMatchObject({ name: 'Mary Somerville' });
});

describe('a shop that asks for less', () => {
  const digital = parseCatalogue(JSON.stringify({ ...catalogueFile, delivery: undefined }));
  const silent = parseCatalogue(JSON.stringify({ ...catalogueFile, details: 'none' }));

  test('without delivery needs an e-mail address only, and keeps no address', () => {
    expect(parseCustomer(digital, { email: 'ada@example.com', line1: 'x' })).toEqual({
      kind: 'customer',
      customer: { emailAddress: 'ada@example.com', name: null, phoneNumber: null, delivery: null },
    });
    expect(parseCustomer(digital, {})).toEqual({ kind: 'wrong', fields: ['email'] });
  });

  test('that asks for nothing keeps nothing', () => {
    expect(parseCustomer(silent, typedDetails)).toEqual({ kind: 'customer', customer: null });
  });
});

test('what is shown again is read as the same customer', () => {
  const line = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
    .filter((text) => /^[^\p{C}]*\S[^\p{C}]*$/u.test(text));
  fc.assert(
    fc.property(line, line, line, fc.option(line), (name, line1, town, note) => {
      const parsed = parse({ name, line1, town, note: note ?? '' });
      if (parsed.kind !== 'customer' || parsed.customer === null) return;
      expect(parseCustomer(home, typedOf(parsed.customer))).toEqual(parsed);
    }),
  );
});

test('nothing that is sent is more than a customer or a list of fields', () => {
  fc.assert(
    fc.property(fc.object({ key: fc.constantFrom(...Object.keys(typedDetails)) }), (sent) => {
      expect(['customer', 'wrong']).toContain(parseCustomer(home, sent).kind);
    }),
  );
});
