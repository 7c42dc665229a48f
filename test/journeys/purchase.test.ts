import { readFileSync } from 'node:fs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { type FaultRequest, faultSchema } from '../../src/simulator/faults.ts';
import type { SqlDatabase } from '../../src/store/sql.ts';
import { closePages, findBarriers, openBrowser } from '../support/browser.ts';
import { fillDetails } from '../support/details.ts';
import { type LiveShop, openLiveShop } from '../support/live-shop.ts';
import { openDatabase } from '../support/open-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

const catalogue = parseCatalogue(
  readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8'),
);
const [product] = [...catalogue.products.values()];
if (product === undefined) throw new Error('The sample catalogue is empty.');

const cards = {
  pays: { number: '5200 0000 0000 1005', code: '020' },
  asks: { number: '5200 0000 0000 1096', code: '020' },
  declined: { number: '4456 5300 0000 1013', code: '341' },
};

/** What may happen to webhooks on the way, and a slow Dojo. */
const storm: FaultRequest[] = [
  { kind: 'duplicate' },
  { kind: 'reorder', chance: 0.5, delayMs: 200 },
  { kind: 'delay', chance: 0.5, delayMs: 300 },
  { kind: 'unknown-event' },
  { kind: 'extra-fields' },
  { kind: 'wrong-secret', chance: 0.5 },
  { kind: 'corrupt-byte', chance: 0.5 },
  { kind: 'before-reply' },
  { kind: 'latency', delayMs: 50 },
];

let live: LiveShop;
let browser: Browser;
let database: SqlDatabase;
let postgres: PostgresServer;

beforeAll(async () => {
  browser = await openBrowser();
  postgres = await startPostgres();
});
afterAll(async () => {
  await browser.close();
  await postgres.stop();
});

afterEach(async () => {
  await closePages(browser);
  await database.close();
  await live.close();
});

const rows = (sql: string) => database.read((tx) => tx.all(sql));
const orders = () => rows('SELECT status, holds FROM orders');
const fulfilments = () => rows('SELECT order_id FROM fulfilments');
const captured = () => live.simulator.paymentIntents().map((intent) => intent.status);

async function goToPayment(page: Page, picture?: string): Promise<void> {
  await page.goto(live.url);
  await checkPage(page, picture && `${picture}-1-shop`);
  await page.getByRole('button', { name: `Add ${product?.name} to basket`, exact: true }).click();
  await checkPage(page, picture && `${picture}-2-basket`);
  await page.getByRole('button', { name: 'Checkout', exact: true }).click();
  await page.getByRole('heading', { name: 'Checkout' }).waitFor();
  await checkPage(page, picture && `${picture}-3-checkout`);
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.waitForURL(/\/checkout\/pi_sandbox_/);
  await checkPage(page, picture && `${picture}-4-payment`);
}

async function pay(page: Page, card: { number: string; code: string }): Promise<void> {
  await page.getByLabel('Card number').fill(card.number);
  await page.getByLabel('Expiry date').fill('12/29');
  await page.getByLabel('Security code').fill(card.code);
  await page.getByLabel('Name on card').fill('Ada Lovelace');
  await page.getByRole('button', { name: /^Pay £/ }).click();
}

const thanks = (page: Page) => page.getByRole('heading', { level: 1, name: /Thank you/ });

/** Checks a page with axe and at 320 px, and takes a picture for the docs if asked to. */
async function checkPage(page: Page, picture?: string): Promise<void> {
  expect(await findBarriers(page)).toEqual([]);
  if (picture && process.env.PICTURES)
    await page.screenshot({ path: `docs/${picture}.jpg`, quality: 85, fullPage: true });
}

async function open(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  return context.newPage();
}

describe.each([
  { circumstances: 'without faults', faults: [], isPostgres: false },
  { circumstances: 'with every webhook fault, and orders in PostgreSQL,', faults: storm, isPostgres: true },
])('$circumstances a shopper', ({ faults, isPostgres }) => {
  beforeEach(async () => {
    live = await openLiveShop({
      catalogue,
      ...(isPostgres && { databaseUrl: await postgres.createDatabase() }),
    });
    database = await openDatabase(live.shop.databaseUrl);
    for (const fault of faults) live.simulator.faults.add(faultSchema.parse(fault));
  });

  test('pays, comes back to a page of thanks, and the order is paid because a webhook said so', async () => {
    const page = await open();
    await goToPayment(page, 'purchase');
    await pay(page, cards.pays);
    await thanks(page).waitFor();
    await checkPage(page, 'purchase-5-paid');
    expect(await orders()).toEqual([{ status: 'paid', holds: '' }]);
    expect(await fulfilments()).toHaveLength(1);
    expect(captured()).toEqual(['Captured']);
    await page.goto(`${live.url}/basket`);
    expect(await page.getByText('There is nothing in your basket yet').count()).toBe(1);
  });

  test('pays without JavaScript', async () => {
    const page = await open({ javaScriptEnabled: false });
    await goToPaymentWithoutScript(page);
    await pay(page, cards.pays);
    await page.waitForURL(/\/checkout\/success\//);
    // The page may say "confirming" first; it reloads itself.
    await thanks(page).waitFor();
    expect(await orders()).toEqual([{ status: 'paid', holds: '' }]);
  });

  test('confirms their identity and pays', async () => {
    const page = await open();
    await goToPayment(page);
    await pay(page, cards.asks);
    await page.getByRole('heading', { name: 'Confirm it is you' }).waitFor();
    await checkPage(page, 'three-d-secure');
    await page.getByRole('button', { name: 'Approve' }).click();
    await thanks(page).waitFor();
    expect(await orders()).toEqual([{ status: 'paid', holds: '' }]);
  });

  test('refuses to confirm, tries another card, and pays the same intent', async () => {
    const page = await open();
    await goToPayment(page);
    await pay(page, cards.asks);
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByRole('alert').waitFor();
    expect(await orders()).toEqual([{ status: 'awaiting_payment', holds: '' }]);
    await pay(page, cards.pays);
    await thanks(page).waitFor();
    expect(captured()).toEqual(['Captured']);
  });

  test('is declined, tries another card, and pays the same intent', async () => {
    const page = await open();
    await goToPayment(page);
    await pay(page, cards.declined);
    await page.getByRole('alert').waitFor();
    await checkPage(page, 'declined');
    expect(await orders()).toEqual([{ status: 'awaiting_payment', holds: '' }]);
    await pay(page, cards.pays);
    await thanks(page).waitFor();
    expect(captured()).toEqual(['Captured']);
    expect(await orders()).toEqual([{ status: 'paid', holds: '' }]);
  });

  test('leaves the payment page, comes back, and pays the same intent', async () => {
    const page = await open();
    await goToPayment(page);
    await page.getByRole('link', { name: 'Cancel' }).click();
    await page.waitForURL(/\/checkout\/cancelled\//);
    await checkPage(page, 'left-the-payment-page');
    expect(await page.getByText('Nothing was taken').count()).toBeGreaterThan(0);
    await page.getByRole('link', { name: /^Pay £/ }).click();
    await pay(page, cards.pays);
    await thanks(page).waitFor();
    expect(captured()).toEqual(['Captured']);
  });

  test('goes back from the payment page, presses Pay again, and returns to the same intent', async () => {
    const page = await open();
    await goToPayment(page);
    const link = page.url();
    await page.goBack();
    await fillDetails(page);
    await page.getByRole('button', { name: /^Pay £/ }).click();
    await page.waitForURL(/\/checkout\/pi_sandbox_/);
    expect(page.url()).toBe(link);
    expect(await orders()).toHaveLength(1);
  });

  test('double-clicks Pay and has one order', async () => {
    const page = await open();
    await page.goto(live.url);
    await page.getByRole('button', { name: `Add ${product?.name} to basket`, exact: true }).click();
    await page.getByRole('button', { name: 'Checkout', exact: true }).click();
    await fillDetails(page);
    await page.getByRole('button', { name: /^Pay £/ }).dblclick();
    await page.waitForURL(/\/checkout\/pi_sandbox_/);
    expect(await orders()).toHaveLength(1);
    expect(captured()).toEqual(['Created']);
  });

  test('reads that the payment is being confirmed while the webhook is late, and then thanks', async () => {
    live.holdWebhooks(true);
    const page = await open();
    await goToPayment(page);
    await pay(page, cards.pays);
    await page.getByText("We are confirming your payment. You don't need to pay again.").waitFor();
    await checkPage(page, 'confirming');
    expect(await orders()).toEqual([{ status: 'awaiting_payment', holds: '' }]);
    expect(await fulfilments()).toEqual([]);
    live.holdWebhooks(false);
    await thanks(page).waitFor();
    expect(await orders()).toEqual([{ status: 'paid', holds: '' }]);
  });

  test('sees what they bought, while another browser with the address sees only the status', async () => {
    const page = await open();
    await goToPayment(page);
    await pay(page, cards.pays);
    await thanks(page).waitFor();
    const [order] = (await rows('SELECT token FROM orders')) as { token: string }[];
    await page.goto(`${live.url}/orders/${order?.token}`);
    expect(await page.getByText(product?.name ?? '').count()).toBeGreaterThan(0);
    const otherPage = await open();
    await otherPage.goto(`${live.url}/orders/${order?.token}`);
    await checkPage(otherPage);
    expect(await otherPage.getByText(product?.name ?? '').count()).toBe(0);
  });

  test('finds the way back to the shop from an unknown page', async () => {
    const page = await open({ colorScheme: 'dark' });
    await page.goto(`${live.url}/nothing-here`);
    await checkPage(page);
    await page.getByRole('link', { name: /shop/i }).first().click();
    await checkPage(page);
    expect(new URL(page.url()).pathname).toBe('/');
  });
});

/** axe needs JavaScript in the page, so other journeys check these pages. */
async function goToPaymentWithoutScript(page: Page): Promise<void> {
  await page.goto(live.url);
  await page.getByRole('button', { name: `Add ${product?.name} to basket`, exact: true }).click();
  await page.getByRole('button', { name: 'Checkout', exact: true }).click();
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.waitForURL(/\/checkout\/pi_sandbox_/);
}
