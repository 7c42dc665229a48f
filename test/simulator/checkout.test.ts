import { expect, test } from 'vitest';
import {
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  openPage,
  startSimulator,
  submitForm,
} from './support.ts';

const config = {
  title: 'Mugs & more',
  redirectUrl: 'https://shop.example/return/TOKEN?lang=en%20GB',
  cancelUrl: 'https://shop.example/cancel/TOKEN',
};

test('the page shows the order and its total, and asks for a card', async () => {
  const simulator = await startSimulator();
  const intent = await createIntent(simulator, {
    config,
    itemLines: [{ name: 'Mug', quantity: 2, amountTotal: { value: 1000, currencyCode: 'GBP' } }],
    taxLines: [{ caption: 'Delivery', amountTotal: { value: 234, currencyCode: 'GBP' } }],
  });
  expect(intent.paymentLink).toBe(`${simulator.url}/checkout/${intent.id}`);
  const { status, html, csp } = await openPage(simulator, `/checkout/${intent.id}`);
  expect(status).toBe(200);
  for (const text of ['Mugs &amp; more', 'Mug', '× 2', '£10.00', 'Delivery', '£2.34', 'Pay £12.34</button>'])
    expect(html).toContain(text);
  for (const label of ['Card number', 'Expiry date', 'Security code', 'Name on card'])
    expect(html).toContain(`>${label}</label>`);
  for (const autocomplete of ['cc-number', 'cc-exp', 'cc-csc', 'cc-name'])
    expect(html).toContain(`autocomplete="${autocomplete}"`);
  expect(html).toMatch(/<a [^>]*href="https:\/\/shop\.example\/cancel\/TOKEN"[^>]*>Cancel<\/a>/);
  expect(html).toContain('This is a simulator. No money moves.');
  expect(csp).toContain("default-src 'none'");
  expect(csp).toMatch(/form-action 'self' https:\/\/shop\.example$/);
});

test('an amount in euro is shown in euro', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { amount: { value: 5, currencyCode: 'EUR' } });
  expect((await openPage(simulator, `/checkout/${id}`)).html).toContain('Pay €0.05</button>');
});

test('an approved card is charged, and the shopper returns to the shop with the intent’s id', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const paid = await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(paid.status).toBe(303);
  expect(paid.location).toBe(`https://shop.example/return/TOKEN?lang=en%20GB&id=${id}`);
  const intent = await getIntent(simulator, id);
  expect(intent).toMatchObject({
    status: 'Captured',
    paymentDetails: {
      message: 'DEPOSITED',
      card: { cardNumber: '52000000****1005', cardName: 'A Shopper', expiryDate: '2029-12-31' },
    },
  });
  expect(eventTypes(intent)).toEqual(['Captured']);
});

test('in Manual mode the amount is reserved, not taken', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  const paid = await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(paid.location).toBe(`/checkout/${id}`);
  expect((await openPage(simulator, `/checkout/${id}`)).html).toContain('Payment authorised');
  expect(eventTypes(await getIntent(simulator, id))).toEqual(['Authorized']);
});

test('without a return address, the shopper sees the simulator’s success page', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const paid = await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(paid).toMatchObject({ status: 303, location: `/checkout/${id}` });
  const page = await openPage(simulator, `/checkout/${id}`);
  expect(page.status).toBe(200);
  expect(page.html).toContain('Payment complete');
});

test('a shopper who approves 3-D Secure has paid', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const asked = await submitForm(simulator, `/checkout/${id}`, cards.challenge);
  expect(asked.status).toBe(303);
  const page = await openPage(simulator, asked.location ?? '');
  expect(page.html).toContain('<h1>Confirm it is you</h1>');
  expect(page.html).toMatch(/>Approve<\/button>[\s\S]*>Reject<\/button>/);
  expect(page.csp).toContain('https://shop.example');
  expect((await getIntent(simulator, id)).status).toBe('Created');
  const approved = await submitForm(simulator, asked.location ?? '', { decision: 'approve' });
  expect(approved.location).toContain(`https://shop.example/return/TOKEN?lang=en%20GB&id=${id}`);
  const intent = await getIntent(simulator, id);
  expect(eventTypes(intent)).toEqual(['AuthChallenged', 'Captured']);
  expect(new Set(intent.paymentEvents.map(transactionId)).size).toBe(1);
});

test('a shopper who rejects the challenge is not charged and may try again', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const asked = await submitForm(simulator, `/checkout/${id}`, cards.challenge);
  const rejected = await submitForm(simulator, asked.location ?? '', { decision: 'reject' });
  expect(rejected).toMatchObject({ status: 303, location: `/checkout/${id}` });
  const page = await openPage(simulator, `/checkout/${id}`);
  expect(page.html).toMatch(/role="alert"[\s\S]*Your last attempt was declined/);
  expect(eventTypes(await getIntent(simulator, id))).toEqual(['AuthChallenged', 'Declined']);
  const late = await submitForm(simulator, asked.location ?? '', { decision: 'approve' });
  expect(late.location).toBe(`/checkout/${id}`);
  expect((await getIntent(simulator, id)).status).toBe('Created');
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).status).toBe(303);
});

test('a declined shopper tries another card and pays the same intent', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const declined = await submitForm(simulator, `/checkout/${id}`, cards.decline);
  expect(declined.status).toBe(402);
  expect(declined.html).toMatch(/role="alert"[\s\S]*Your card was declined/);
  expect(declined.html).toContain('value="A Shopper"');
  expect(declined.html).not.toContain('341"');
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Created' });
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).status).toBe(303);
  const intent = await getIntent(simulator, id);
  expect(intent.status).toBe('Captured');
  expect(eventTypes(intent)).toEqual(['Declined', 'Captured']);
});

test.each([
  ['a wrong expiry date', { ...cards.success, expiryDate: '11/29' }, 'does not match this test card'],
  ['a wrong security code', { ...cards.success, securityCode: '021' }, 'does not match this test card'],
  [
    'a card that is not a test card',
    { ...cards.success, cardNumber: '4111111111111111' },
    'accepts test cards only',
  ],
])('%s is declined, with a hint', async (_name, card, hint) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const declined = await submitForm(simulator, `/checkout/${id}`, card);
  expect(declined.status).toBe(402);
  expect(declined.html).toContain(hint);
  expect(eventTypes(await getIntent(simulator, id))).toEqual(['Declined']);
});

test.each([
  ['cardNumber', '', 'Enter your card number'],
  ['cardNumber', '5200 0000 0000 1006', 'Check the card number: it has a mistake in it'],
  ['cardNumber', '5200-abcd', 'Card number must contain only digits'],
  ['cardNumber', '4242', 'Card number must have between 12 and 19 digits'],
  ['expiryDate', '', 'Enter the expiry date'],
  ['expiryDate', '13/29', 'Expiry date must be a month and a year, like 12/29'],
  ['expiryDate', '10/26', 'Expiry date must be in the future'],
  ['securityCode', '', 'Enter the security code'],
  ['securityCode', '12', 'Security code must be 3 digits'],
  ['securityCode', '0200', 'Security code must be 3 digits'],
  ['securityCode', '٠٢٠', 'Security code must be 3 digits'],
  ['nameOnCard', '   ', 'Enter the name on the card'],
  ['nameOnCard', 'A\u0000B', 'Name on card must not contain control characters'],
  ['nameOnCard', 'x'.repeat(101), 'Name on card must be 100 characters or fewer'],
])('a form with %s %j comes back with the error', async (field, value, message) => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { id } = await createIntent(simulator);
  const page = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, [field]: value });
  expect(page.status).toBe(400);
  expect(page.html).toContain(`<a href="#${field}">${message}</a>`);
  expect(page.html).toMatch(new RegExp(`id="${field}-error"[\\s\\S]*aria-describedby="${field}-error`));
  expect(page.html).toMatch(/<title>Error: /);
  expect(page.html).not.toContain('value="020"');
  if (field !== 'nameOnCard') expect(page.html).toContain('value="A Shopper"');
  expect(eventTypes(await getIntent(simulator, id))).toEqual([]);
});

test.each(['12/29', '12 / 29', '12/2029', '12-29', '1229', '122029'])(
  'an expiry date may be written %s',
  async (expiryDate) => {
    const simulator = await startSimulator();
    const { id } = await createIntent(simulator);
    expect((await submitForm(simulator, `/checkout/${id}`, { ...cards.success, expiryDate })).status).toBe(
      303,
    );
  },
);

test('two tabs pay once', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const answers = await Promise.all(
    ['form_first', 'form_second', 'form_third'].map((formKey) =>
      submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey }),
    ),
  );
  expect(answers.map(({ status }) => status).toSorted()).toEqual([303, 409, 409]);
  const second = answers.find(({ status }) => status === 409);
  expect(second?.html).toContain('Nothing more was taken');
  expect(second?.html).toContain(`id=${id}"`);
  expect(eventTypes(await getIntent(simulator, id))).toEqual(['Captured']);
});

test('two challenges in two tabs are paid once', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const asked = [
    await submitForm(simulator, `/checkout/${id}`, cards.challenge),
    await submitForm(simulator, `/checkout/${id}`, cards.challenge),
  ];
  const answers = [];
  for (const { location } of asked)
    answers.push(await submitForm(simulator, location ?? '', { decision: 'approve' }));
  expect(answers.map(({ status }) => status)).toEqual([303, 409]);
  expect(eventTypes(await getIntent(simulator, id)).filter((type) => type === 'Captured')).toHaveLength(1);
});

test('a second click on the same button leads to the same page', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config });
  const page = await openPage(simulator, `/checkout/${id}`);
  const formKey = /name="formKey" value="([^"]+)"/.exec(page.html)?.[1] ?? '';
  const first = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey });
  const second = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey });
  expect(second).toMatchObject({ status: 303, location: first.location });
  expect(eventTypes(await getIntent(simulator, id))).toEqual(['Captured']);
});

test('a paid, canceled, expired or unknown intent cannot be paid', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { id: canceled } = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${canceled}` });
  const { id: expired } = await createIntent(simulator, { expireAt: '2026-11-22T10:00:01Z' });
  clock.advance(1000);
  for (const [id, status, text] of [
    [canceled, 410, 'This payment was cancelled'],
    [expired, 410, 'This payment link has expired'],
    ['pi_sandbox_unknown', 404, 'There is no such payment'],
  ] as const) {
    for (const page of [
      await openPage(simulator, `/checkout/${id}`),
      await submitForm(simulator, `/checkout/${id}`, cards.success),
    ]) {
      expect(page.status).toBe(status);
      expect(page.html).toContain(text);
    }
  }
  expect(await getIntent(simulator, expired)).toMatchObject({ status: 'Canceled', paymentEvents: [] });
});

test('texts of the shop and of the shopper are escaped on every page', async () => {
  const evil = '"><img src=x onerror=alert(1)>';
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, {
    reference: evil,
    description: evil,
    config: { title: evil, details: { showReference: true } },
    itemLines: [{ name: evil, amountTotal: { value: 1, currencyCode: '<img>' } }],
    taxLines: [{ caption: evil, subCaption: evil, amountTotal: { value: 1, currencyCode: 'GBP' } }],
  });
  const pages = [
    await openPage(simulator, `/checkout/${id}`),
    await submitForm(simulator, `/checkout/${id}`, { cardNumber: evil, expiryDate: evil, nameOnCard: evil }),
    await submitForm(simulator, `/checkout/${id}`, { ...cards.decline, nameOnCard: evil }),
  ];
  for (const { html } of pages) {
    expect(html).not.toContain('<img');
    expect(html).toContain('&lt;img');
  }
});

test('the query of a page does not reach the options of its template', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const plain = await openPage(simulator, `/checkout/${id}`);
  const tried = await openPage(simulator, `/checkout/${id}?settings[view options][escapeFunction]=1`);
  const withoutKey = (html: string) => html.replace(/form_[\w-]+/, '');
  expect(withoutKey(tried.html)).toBe(withoutKey(plain.html));
});

test('the page lists the three current test cards, and the two of 2022 apart', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const [now = '', then = ''] =
    (await openPage(simulator, `/checkout/${id}`)).html
      .split('Documented now')[1]
      ?.split('Documented in 2022') ?? [];
  for (const number of ['5200 0000 0000 1005', '5200 0000 0000 1096', '4456 5300 0000 1013'])
    expect(now).toContain(`${number}</code>`);
  for (const number of ['5200 0000 0000 0056', '4456 5300 0000 1096'])
    expect(then).toContain(`${number}</code>`);
  expect(then).toContain('Here they take any future expiry');
});

test.each([
  ['5200 0000 0000 0056', '341', /^\/checkout\/pi_sandbox_[\w-]+$/],
  ['4456 5300 0000 1096', '020', /\/challenge\/ch_/],
])('the card %s of 2022 takes any future expiry', async (cardNumber, securityCode, place) => {
  const simulator = await startSimulator({ clock: createStoppedClock() });
  const { id } = await createIntent(simulator);
  const card = { ...cards.success, cardNumber, securityCode };
  const past = await submitForm(simulator, `/checkout/${id}`, { ...card, expiryDate: '12/24' });
  expect(past.html).toContain('Expiry date must be in the future');
  const wrongCode = await submitForm(simulator, `/checkout/${id}`, { ...card, securityCode: '999' });
  expect(wrongCode.status).toBe(402);
  const paid = await submitForm(simulator, `/checkout/${id}`, { ...card, expiryDate: '11/26' });
  expect(paid.status).toBe(303);
  expect(paid.location).toMatch(place);
});

test.each([
  ['123', 400, 'Security code must be 4 digits'],
  ['1234', 402, 'The simulator accepts test cards only'],
])('American Express has a security code of four digits: %s', async (securityCode, status, text) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const card = { ...cards.success, cardNumber: '3782 822463 10005', securityCode };
  const page = await submitForm(simulator, `/checkout/${id}`, card);
  expect(page.status).toBe(status);
  expect(page.html).toContain(text);
});

test('a shopper who returns after a decline finds the name on the card, and no other card detail', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, { ...cards.decline, nameOnCard: 'Ada Lovelace' });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html).toMatch(/name="nameOnCard"[^>]*value="Ada Lovelace"/);
  expect(html).toMatch(/name="cardNumber"[^>]*value=""/);
});

function eventTypes(intent: { paymentEvents: { eventType: string }[] }): string[] {
  return intent.paymentEvents.map(({ eventType }) => eventType);
}

function transactionId(event: { transactionId: string }): string {
  return event.transactionId;
}
