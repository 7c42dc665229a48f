import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import type { Clock } from '../../src/simulator/state/clock.ts';
import { findBarriers, openBrowser } from '../support/browser.ts';
import { apiHeaders, callApi, cards, createIntent, createStoppedClock, startSimulator } from './support.ts';

let browser: Browser;
let simulator: Simulator;
let clock: Clock;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  clock = createStoppedClock();
  simulator = await startSimulator({ clock });
});

const gbp = (value: number) => ({ value, currencyCode: 'GBP' });

/** An order with everything that the page can show and ask for. */
const richOrder = {
  description: 'Two of our best mugs, wrapped in paper.\nThank you for your order.',
  itemLines: [
    {
      name: 'Hearth mug, speckled',
      quantity: 2,
      amountTotal: gbp(5_000),
      modifiers: [{ id: 'm', name: 'Gift wrap', quantity: 1, amountPerModifier: gbp(100) }],
    },
    {
      name: 'A_product_whose_name_is_one_long_word_that_no_screen_of_a_telephone_can_hold',
      amountTotal: gbp(1_234_567_890),
    },
  ],
  taxLines: [{ caption: 'Delivery', subCaption: 'By post', amountTotal: gbp(395) }],
  tipsAmount: gbp(200),
  actionLink: { url: 'https://shop.example/invoice.pdf', label: 'See the invoice', action: 'OpenLink' },
  config: {
    title: 'Mugs & more',
    redirectUrl: 'https://shop.example/return/TOKEN',
    cancelUrl: 'https://shop.example/cancel/TOKEN',
    details: { showReference: true, showTotal: true },
    customerEmail: { collectionRequired: true },
    shippingDetails: { collectionRequired: true },
    billingAddress: { collectionRequired: true },
  },
};

async function createCustomer(): Promise<{ id: string; secret: string }> {
  const { body } = await callApi(simulator, { method: 'POST', path: '/customers', body: { name: 'Ada' } });
  const path = `/customers/${body.id}/create-secret`;
  const made = await callApi(simulator, { method: 'POST', path });
  return { id: body.id, secret: made.body.secret };
}

async function fill(page: Page, card: Record<string, string>): Promise<void> {
  for (const [id, value] of Object.entries(card)) await page.locator(`#${id}`).fill(value);
}

const submit = (page: Page) => page.getByRole('button', { name: /^Pay/ }).click();

async function pay(page: Page, card: Record<string, string>): Promise<void> {
  await fill(page, card);
  await submit(page);
}

async function payToTheEnd(page: Page): Promise<void> {
  await pay(page, cards.success);
  await page.getByRole('heading', { level: 1, name: /^Payment / }).waitFor();
}

async function act(id: string, action: string, body?: object): Promise<void> {
  const headers = { ...apiHeaders, idempotencyKey: `${action}-${id}` };
  const method = action === '' ? 'DELETE' : 'POST';
  const path = `/payment-intents/${id}${action && `/${action}`}`;
  const { status } = await callApi(simulator, { method, path, headers, ...(body && { body }) });
  expect(status).toBe(200);
}

type State = {
  readonly name: string;
  readonly heading: string;
  /** A text that only this state shows. */
  readonly shows: string | RegExp;
  reach(page: Page): Promise<void>;
};

async function open(page: Page, change: object = {}): Promise<string> {
  const { id } = await createIntent(simulator, change);
  await page.goto(`${simulator.url}/checkout/${id}`);
  return id;
}

async function openPaid(page: Page, change: object = {}): Promise<string> {
  const id = await open(page, change);
  await payToTheEnd(page);
  return id;
}

const states: readonly State[] = [
  {
    name: 'payable',
    heading: 'Your payment',
    shows: 'Pay £12.34',
    reach: async (page) => void (await open(page)),
  },
  {
    name: 'payable with all that a shop can ask for',
    heading: 'Mugs & more',
    shows: 'Delivery notes',
    reach: async (page) => void (await open(page, richOrder)),
  },
  {
    name: 'payable with saved cards',
    heading: 'Your payment',
    shows: /MASTERCARD ending in 1005/,
    async reach(page) {
      const customer = await createCustomer();
      const change = { customer, paymentMethods: ['SavedCard', 'Card'] };
      await open(page, change);
      await page.getByLabel('Save this card').check();
      await payToTheEnd(page);
      await open(page, change);
    },
  },
  {
    name: 'payable with a fault',
    heading: 'Your payment',
    shows: /^For testers:.*the event comes after 5000 ms/,
    reach: async (page) => void (await open(page, { amount: gbp(4242_03) })),
  },
  {
    name: 'with errors in the form',
    heading: 'Mugs & more',
    shows: 'There is a problem',
    async reach(page) {
      await open(page, richOrder);
      await pay(page, { ...cards.success, cardNumber: '4111', emailAddress: 'ada' });
    },
  },
  {
    name: 'declined',
    heading: 'Your payment',
    shows: 'Your card was declined',
    async reach(page) {
      await open(page);
      await pay(page, cards.decline);
    },
  },
  {
    name: '3-D Secure',
    heading: 'Confirm it is you',
    shows: /with the card ending in 1096/,
    async reach(page) {
      await open(page);
      await pay(page, cards.challenge);
    },
  },
  {
    name: '3-D Secure rejected',
    heading: 'Your payment',
    shows: 'Your last attempt was declined',
    async reach(page) {
      await open(page);
      await pay(page, cards.challenge);
      await page.getByRole('button', { name: 'Reject' }).click();
    },
  },
  {
    name: 'paid',
    heading: 'Payment complete',
    shows: '£12.34 was paid.',
    reach: async (page) => void (await openPaid(page)),
  },
  {
    name: 'authorised',
    heading: 'Payment authorised',
    shows: '£12.34 is reserved, but not taken yet.',
    reach: async (page) => void (await openPaid(page, { captureMode: 'Manual' })),
  },
  {
    name: 'paid before',
    heading: 'Payment complete',
    shows: 'It was paid already. Nothing more was taken.',
    async reach(page) {
      const id = await open(page);
      const other = await page.context().newPage();
      await other.goto(`${simulator.url}/checkout/${id}`);
      await payToTheEnd(other);
      await pay(page, cards.success);
    },
  },
  {
    name: 'partly refunded',
    heading: 'Payment complete, partly refunded',
    shows: '£2.34 was refunded.',
    async reach(page) {
      await act(await openPaid(page), 'refunds', { amount: 234 });
      await page.reload();
    },
  },
  {
    name: 'refunded',
    heading: 'This payment was refunded',
    shows: '£12.34 was refunded.',
    async reach(page) {
      await act(await openPaid(page), 'refunds', { amount: 1234 });
      await page.reload();
    },
  },
  {
    name: 'reversed',
    heading: 'This payment was reversed',
    shows: '£12.34 was given back.',
    async reach(page) {
      await act(await openPaid(page), 'reversal');
      await page.reload();
    },
  },
  {
    name: 'released',
    heading: 'This payment was reversed',
    shows: 'The reservation was released. Nothing was taken.',
    async reach(page) {
      await act(await openPaid(page, { captureMode: 'Manual' }), 'reversal');
      await page.reload();
    },
  },
  {
    name: 'cancelled',
    heading: 'This payment was cancelled',
    shows: 'Nothing was taken.',
    async reach(page) {
      await act(await open(page, { config: richOrder.config }), '');
      await page.reload();
    },
  },
  {
    name: 'expired and cancelled',
    heading: 'This payment link has expired',
    shows: 'It was not paid in time. Nothing was taken.',
    async reach(page) {
      await open(page, { expireAt: '2026-11-22T10:00:01Z' });
      clock.advance(1_000);
      await page.reload();
    },
  },
  {
    name: 'expired and still Created',
    heading: 'This payment link has expired',
    shows: 'It was not paid in time. Nothing was taken.',
    async reach(page) {
      simulator.changeSettings({ expiredIntent: 'stays-created' });
      await open(page, { expireAt: '2026-11-22T10:00:01Z' });
      clock.advance(1_000);
      await page.reload();
    },
  },
  {
    name: 'unknown',
    heading: 'There is no such payment',
    shows: /The link may be mistyped/,
    reach: async (page) => void (await page.goto(`${simulator.url}/checkout/pi_sandbox_unknown`)),
  },
  {
    name: 'unreadable',
    heading: 'This page could not be read',
    shows: /has a mistake in it/,
    reach: async (page) => void (await page.goto(`${simulator.url}/checkout/%ZZ`)),
  },
];

async function openContext(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  onTestFinished(() => context.close());
  return context.newPage();
}

test.each(states)('the page “$name” has no script, is accessible, and fits 320 px', async (state) => {
  const page = await openContext({});
  await state.reach(page);
  await page.getByRole('heading', { level: 1, name: state.heading, exact: true }).waitFor();
  expect(await page.getByText(state.shows).count()).toBeGreaterThan(0);
  // A page without scripts is the same without JavaScript.
  expect(await page.content()).not.toContain('<script');
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect([colorScheme, ...(await findBarriers(page))]).toEqual([colorScheme]);
  }
  expect(await findSmallTargets(page)).toEqual([]);
});

test('errors in a form move the focus to their summary, which links to the fields', async () => {
  const page = await openContext({ javaScriptEnabled: false });
  await open(page);
  await submit(page);
  await page.getByRole('alert', { name: 'There is a problem' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.locator('#expiryDate:focus').waitFor();
  expect(await page.title()).toMatch(/^Error: /);
});

test('a declined shopper sees the reason at once', async () => {
  const page = await openContext({ javaScriptEnabled: false });
  await open(page);
  await pay(page, cards.decline);
  await page.getByRole('alert', { name: 'Your card was declined' }).and(page.locator(':focus')).waitFor();
});

test('a shopper can pay by keyboard and without JavaScript', async () => {
  const page = await openContext({ javaScriptEnabled: false });
  const id = await open(page);
  await page.keyboard.press('Tab');
  await page.getByRole('link', { name: 'Skip to main content' }).and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  for (const value of Object.values(cards.success)) {
    await page.keyboard.press('Tab');
    await page.keyboard.type(value);
  }
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Payment complete' }).waitFor();
  expect(simulator.paymentIntents().find((intent) => intent.id === id)?.status).toBe('Captured');
});

test('a shopper who chooses a saved card sees no card form, and pays with it', async () => {
  const page = await openContext({ javaScriptEnabled: false });
  const customer = await createCustomer();
  const change = { customer, paymentMethods: ['SavedCard', 'Card'] };
  await open(page, change);
  await page.getByLabel('Save this card').check();
  await payToTheEnd(page);
  await open(page, change);
  await page.getByLabel('MASTERCARD ending in 1005').check();
  await page.getByLabel('Card number').waitFor({ state: 'hidden' });
  await submit(page);
  await page.getByRole('heading', { name: 'Payment complete' }).waitFor();
  expect(simulator.ledger()).toMatchObject([{ charged: 2468 }]);
});

test('a shopper who ticks the same address types one address', async () => {
  const page = await openContext({ javaScriptEnabled: false });
  await open(page, richOrder);
  await page.getByLabel('Same as the delivery address').check();
  await page.locator('#billingAddress1').waitFor({ state: 'hidden' });
});

test('the page loads only itself and its style sheet', async () => {
  const page = await openContext({});
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(request.url()));
  const id = await open(page, richOrder);
  expect(addresses).toEqual([`${simulator.url}/checkout/${id}`, `${simulator.url}/simulator.css`]);
});

/** WCAG 2.2, 2.5.8, which axe does not check by default. */
async function findSmallTargets(page: Page): Promise<string[]> {
  const { violations } = await page.evaluate<AxeResults>('axe.run({ runOnly: ["target-size"] })');
  return violations.flatMap(({ nodes }) => nodes.map(({ html }) => html));
}
