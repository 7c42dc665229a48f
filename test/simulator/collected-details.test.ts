import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { cards, createIntent, getIntent, openPage, startSimulator, submitForm } from './support.ts';

const required = { collectionRequired: true };
const everything = { customerEmail: required, billingAddress: required, shippingDetails: required };

const details = {
  emailAddress: 'ada@example.com',
  shippingName: 'Ada Lovelace',
  shippingAddress1: '12 St James’s Square',
  shippingAddress2: 'Second floor',
  shippingCity: 'London',
  shippingCounty: '',
  shippingCountryCode: 'GB',
  shippingPostcode: 'sw1y 4jh',
  deliveryNotes: 'Ring twice.\r\nMind the engine.',
  billingAddress1: '1 Grafton Street',
  billingCity: 'Dublin',
  billingCounty: 'Leinster',
  billingCountryCode: 'IE',
  billingPostcode: '',
};

const collected = {
  customer: { emailAddress: 'ada@example.com' },
  shippingDetails: {
    name: 'Ada Lovelace',
    deliveryNotes: 'Ring twice.\r\nMind the engine.',
    address: {
      address1: '12 St James’s Square',
      address2: 'Second floor',
      city: 'London',
      countryCode: 'GB',
      postcode: 'sw1y 4jh',
    },
  },
  billingAddress: { address1: '1 Grafton Street', city: 'Dublin', county: 'Leinster', countryCode: 'IE' },
};

async function open(simulator: Simulator, change: object = { config: everything }) {
  const { id } = await createIntent(simulator, change);
  return { id, path: `/checkout/${id}`, ...(await openPage(simulator, `/checkout/${id}`)) };
}

test('the page asks for what config wants, stores it with the payment, and the intent shows it', async () => {
  const simulator = await startSimulator();
  const { id, path, html } = await open(simulator);
  for (const autocomplete of [
    'email',
    'shipping name',
    'shipping address-line1',
    'shipping postal-code',
    'billing address-level2',
    'billing country',
  ])
    expect(html).toContain(`autocomplete="${autocomplete}"`);
  expect((await submitForm(simulator, path, { ...cards.success, ...details })).status).toBe(303);
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Captured', ...collected });
});

test.each([
  [{}, []],
  [{ customerEmail: required }, ['Contact']],
  [{ customerEmail: { collectionRequired: false }, shippingDetails: required }, ['Delivery']],
  [{ billingAddress: required }, ['Billing address']],
  [everything, ['Contact', 'Delivery', 'Billing address']],
])('with config %j the page asks for %j', async (config, headings) => {
  const { html } = await open(await startSimulator(), { config });
  const asked = ['Contact', 'Delivery', 'Billing address'].filter((name) =>
    html.includes(`<h2>${name}</h2>`),
  );
  expect(asked).toEqual(headings);
});

test.each([
  [{}, []],
  [{ customerEmail: required }, ['ada@example.com']],
  [{ shippingDetails: required }, ['12 St James’s Square']],
  [{ billingAddress: required }, ['1 Grafton Street']],
])('with config %j nothing else is stored, even if it is sent', async (config, kept) => {
  const simulator = await startSimulator();
  const { id, path } = await open(simulator, { config });
  const sameAddress = 'billingAddress' in config ? {} : { billingSameAsShipping: 'on' };
  const paid = await submitForm(simulator, path, { ...cards.success, ...details, ...sameAddress });
  expect(paid.status).toBe(303);
  const { customer, shippingDetails, billingAddress } = await getIntent(simulator, id);
  const found = [customer?.emailAddress, shippingDetails?.address.address1, billingAddress?.address1];
  expect(found.filter(Boolean)).toEqual(kept);
});

test('the fields start with what the shop sent', async () => {
  const { html } = await open(await startSimulator(), {
    config: everything,
    customer: { emailAddress: 'shop@example.com' },
    shippingDetails: {
      name: 'Charles',
      deliveryNotes: 'Side door',
      address: {
        address1: 'Line 1',
        address2: 'Line 2',
        address3: 'Line 3',
        address4: 'Line 4',
        locality: 'Soho',
        state: 'Middlesex',
        postcode: 'W1D 1AA',
        countryCode: 'gb',
      },
    },
    billingAddress: { countryCode: 'XX' },
  });
  for (const [id, value] of [
    ['emailAddress', 'shop@example.com'],
    ['shippingName', 'Charles'],
    ['shippingAddress2', 'Line 2, Line 3, Line 4'],
    ['shippingCity', 'Soho'],
    ['shippingCounty', 'Middlesex'],
    ['shippingPostcode', 'W1D 1AA'],
  ])
    expect(html).toMatch(new RegExp(`id="${id}"[^>]*value="${value}"`));
  expect(html).toContain('Side door</textarea>');
  const [shipping = '', billing = ''] = html.split('id="billingCountryCode"');
  expect(shipping).toContain('value="GB" selected');
  expect(billing).not.toContain(' selected');
});

test.each([
  ['emailAddress', '', 'Enter your e-mail address'],
  ['emailAddress', 'ada', 'Enter an e-mail address like name@example.com'],
  ['emailAddress', 'ada@localhost', 'Enter an e-mail address like name@example.com'],
  ['emailAddress', `${'a'.repeat(250)}@b.example`, 'E-mail address must be 254 characters or fewer'],
  ['shippingName', '', 'Enter the name of the recipient'],
  ['shippingAddress1', ' ', 'Enter the first line of the delivery address'],
  [
    'shippingAddress2',
    'x'.repeat(101),
    'Shorten the second line of the delivery address to 100 characters or fewer',
  ],
  ['shippingCity', '', 'Enter the town or city of the delivery address'],
  ['shippingCity', 'Lon\u0000don', 'Remove the characters that cannot be printed'],
  ['shippingCountryCode', '', 'Choose the country of the delivery address'],
  ['shippingCountryCode', 'XX', 'Choose the country of the delivery address'],
  ['shippingPostcode', '', 'Enter the postcode of the delivery address'],
  ['shippingPostcode', '12345', 'Enter a full postcode of the delivery address, like SW1A 1AA'],
  ['deliveryNotes', 'x'.repeat(1025), 'Shorten the delivery notes to 1024 characters or fewer'],
  ['billingAddress1', '', 'Enter the first line of the billing address'],
  ['billingCountryCode', 'zz', 'Choose the country of the billing address'],
  [
    'billingPostcode',
    'x'.repeat(51),
    'Shorten the postcode of the billing address to 50 characters or fewer',
  ],
])(
  'a form with %s %j comes back with the error, and no payment is attempted',
  async (field, value, message) => {
    const simulator = await startSimulator();
    const { id, path } = await open(simulator);
    const page = await submitForm(simulator, path, { ...cards.success, ...details, [field]: value });
    expect(page.status).toBe(400);
    expect(page.html).toContain(`<li><a href="#${field}">${message}</a></li>`);
    expect(page.html).toMatch(
      new RegExp(`id="${field}-error"[\\s\\S]*id="${field}"[^>]*aria-describedby="[^"]*${field}-error`),
    );
    expect(page.html).toContain('value="A Shopper"');
    const intent = await getIntent(simulator, id);
    expect(intent).toMatchObject({ status: 'Created', paymentEvents: [] });
    expect(intent.shippingDetails).toBeUndefined();
  },
);

test('the summary lists all errors in the order of the page', async () => {
  const simulator = await startSimulator();
  const { path } = await open(simulator);
  const { html } = await submitForm(simulator, path, {});
  const links = [...html.matchAll(/<li><a href="#(\w+)">/g)].map(([, field]) => field);
  expect(links).toEqual([
    'emailAddress',
    'shippingName',
    'shippingAddress1',
    'shippingCity',
    'shippingCountryCode',
    'billingAddress1',
    'billingCity',
    'billingCountryCode',
    'cardNumber',
    'expiryDate',
    'securityCode',
    'nameOnCard',
  ]);
  const onPage = links.map((field) => html.indexOf(`id="${field}"`));
  expect(onPage).toEqual(onPage.toSorted((a, b) => a - b));
});

test('the billing address can be the delivery address, and need not be typed then', async () => {
  const simulator = await startSimulator();
  const { id, path } = await open(simulator);
  const same = { ...cards.success, ...details, billingAddress1: '', billingSameAsShipping: 'on' };
  const declined = await submitForm(simulator, path, { ...same, ...cards.decline });
  expect(declined.status).toBe(402);
  expect(declined.html).toMatch(/id="billingSameAsShipping"[^>]* checked/);
  expect((await submitForm(simulator, path, same)).status).toBe(303);
  const intent = await getIntent(simulator, id);
  expect(intent.billingAddress).toEqual(intent.shippingDetails.address);
});

test('a delivery address that the page does not ask for is never copied', async () => {
  const simulator = await startSimulator();
  const { path, html } = await open(simulator, { config: { billingAddress: required } });
  expect(html).not.toContain('billingSameAsShipping');
  const page = await submitForm(simulator, path, { ...cards.success, billingSameAsShipping: 'on' });
  expect(page.html).toContain('Enter the first line of the billing address');
});

test('typed details survive a decline, and are there when the shopper returns', async () => {
  const simulator = await startSimulator();
  const { id, path } = await open(simulator);
  const declined = await submitForm(simulator, path, { ...cards.decline, ...details });
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Created', ...collected });
  for (const { html } of [declined, await openPage(simulator, path)]) expectTyped(html);
});

test('typed details survive 3-D Secure, rejected or approved', async () => {
  const simulator = await startSimulator();
  const { id, path } = await open(simulator);
  const asked = await submitForm(simulator, path, { ...cards.challenge, ...details });
  await submitForm(simulator, asked.location ?? '', { decision: 'reject' });
  expectTyped((await openPage(simulator, path)).html);
  const again = await submitForm(simulator, path, {
    ...cards.challenge,
    ...details,
    emailAddress: 'b@example.com',
  });
  await submitForm(simulator, again.location ?? '', { decision: 'approve' });
  expect(await getIntent(simulator, id)).toMatchObject({
    status: 'Captured',
    ...collected,
    customer: { emailAddress: 'b@example.com' },
  });
});

function expectTyped(html: string): void {
  expect(html).toMatch(/id="emailAddress"[^>]*value="ada@example.com"/);
  expect(html).toMatch(/id="shippingAddress1"[^>]*value="12 St James’s Square"/);
  expect(html).toMatch(/id="billingCity"[^>]*value="Dublin"/);
  expect(html).toContain('Mind the engine.</textarea>');
  expect(html).toContain('value="IE" selected');
}

test('every country can be chosen by name, the common ones first', async () => {
  const { html } = await open(await startSimulator(), { config: { billingAddress: required } });
  const options = [...html.matchAll(/<option value="([A-Z]{2})">([^<]+)</g)].map(([, code, name]) => [
    code,
    name,
  ]);
  expect(options.slice(0, 2)).toEqual([
    ['GB', 'United Kingdom'],
    ['IE', 'Ireland'],
  ]);
  expect(options).toHaveLength(249);
  expect(new Set(options.map(([code]) => code)).size).toBe(249);
  for (const [code, name] of options) expect(name).not.toBe(code);
});

test('typed texts are escaped in every field', async () => {
  const evil = '"><img src=x onerror=alert(1)></textarea>';
  const simulator = await startSimulator();
  const { path } = await open(simulator);
  const page = await submitForm(
    simulator,
    path,
    Object.fromEntries(Object.keys(details).map((field) => [field, evil])),
  );
  expect(page.html).not.toContain('<img');
  expect(page.html.match(/&lt;img/g)?.length).toBeGreaterThan(8);
});
