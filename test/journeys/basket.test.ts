import { readFileSync } from 'node:fs';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Catalogue, parseCatalogue } from '../../src/shop/catalogue.ts';
import { closePages, findBarriers, openBrowser } from '../support/browser.ts';
import { rows } from '../support/database.ts';
import { fillDetails } from '../support/details.ts';
import { type LiveShop, openLiveShop } from '../support/live-shop.ts';

const catalogueText = readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8');

let catalogue: Catalogue;
let live: LiveShop;
let browser: Browser;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  catalogue = parseCatalogue(catalogueText);
  Object.assign(catalogue.delivery ?? {}, { flat: 395 });
  Object.assign(catalogue.delivery ?? {}, { freeFrom: null });
  live = await openLiveShop({ catalogue });
});
afterEach(async () => {
  await closePages(browser);
  await live.close();
});

const mug = 'Hearth mug'; // £16.50
const orders = () => rows(live.shop, 'SELECT status, total, holds FROM orders ORDER BY id');
/** What Dojo was asked for, and what became of it. */
const asked = () =>
  live.simulator
    .paymentIntents()
    .map(({ request, status }) => `${request.amount.value} ${status}`)
    .toSorted();

async function open(options: BrowserContextOptions): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options });
  return context.newPage();
}

async function add(page: Page, name = mug): Promise<void> {
  await page.goto(live.url);
  await page.getByRole('button', { name: `Add ${name} to basket`, exact: true }).click();
  await page.getByRole('heading', { name: 'Your basket' }).waitFor();
}

async function goToSummary(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Checkout', exact: true }).click();
  await page.getByRole('heading', { name: 'Checkout' }).waitFor();
}

async function goToPayment(page: Page): Promise<void> {
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.waitForURL(/\/checkout\/pi_sandbox_/);
}

async function typeCard(page: Page): Promise<void> {
  await page.getByLabel('Card number').fill('5200 0000 0000 1005');
  await page.getByLabel('Expiry date').fill('12/29');
  await page.getByLabel('Security code').fill('020');
  await page.getByLabel('Name on card').fill('Ada Lovelace');
  await page.getByRole('button', { name: /^Pay £/ }).click();
}

const heading = (page: Page, name: RegExp | string) => page.getByRole('heading', { level: 1, name });
const count = (page: Page) => page.locator('.count').innerText();

describe.each([
  ['with JavaScript', { javaScriptEnabled: true }],
  ['without JavaScript', { javaScriptEnabled: false }],
])('%s a shopper', (_how, options) => {
  test('pays the amount on the button, although delivery costs more by the time it is pressed', async () => {
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    expect(await page.getByRole('button', { name: /^Pay/ }).innerText()).toBe('Pay £20.45');
    Object.assign(catalogue.delivery ?? {}, { flat: 1395 });
    await fillDetails(page);
    await page.getByRole('button', { name: 'Pay £20.45' }).click();
    await page.getByText('The total is now £30.45.').waitFor();
    if (options.javaScriptEnabled) expect(await findBarriers(page)).toEqual([]);
    expect(asked()).toEqual([]);
    await fillDetails(page);
    await page.getByRole('button', { name: 'Pay £30.45' }).click();
    await page.waitForURL(/\/checkout\/pi_sandbox_/);
    expect(asked()).toEqual(['3045 Created']);
  });

  test('orders the quantity that is typed, whichever button is pressed', async () => {
    const page = await open(options);
    await add(page);
    await add(page, 'Oak tray');
    await page.getByLabel(`Quantity of ${mug}`).fill('5');
    await page.getByRole('button', { name: 'Remove Oak tray' }).click();
    await page.getByText('£82.50').first().waitFor();
    await page.getByLabel(`Quantity of ${mug}`).fill('3');
    await page.getByLabel(`Quantity of ${mug}`).press('Enter');
    await page.getByText('£49.50').first().waitFor();
    await page.getByLabel(`Quantity of ${mug}`).fill('2');
    await goToSummary(page);
    expect(await page.getByText('Quantity: 2').count()).toBe(1);
    await goToPayment(page);
    expect(asked()).toEqual(['3695 Created']);
  });

  test('goes back from the payment page, and is led to the paid order when another tab paid it', async () => {
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    await goToPayment(page);
    const payment = page.url();
    await page.goBack();
    await heading(page, 'Checkout').waitFor();
    const otherTab = await page.context().newPage();
    await otherTab.goto(payment);
    await typeCard(otherTab);
    await heading(otherTab, /Thank you/).waitFor();
    await fillDetails(page);
    await page.getByRole('button', { name: /^Pay £/ }).click();
    await heading(page, /Thank you/).waitFor();
    expect(await count(page)).toContain('(0');
    expect(asked()).toEqual(['2045 Captured']);
    expect(orders()).toEqual([{ status: 'paid', total: 2045, holds: '' }]);
  });

  test('abandons a payment, and checks out at the new price later', async () => {
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    await goToPayment(page);
    Object.assign(catalogue.delivery ?? {}, { flat: 1395 });
    await page.goto(`${live.url}/basket`);
    await goToSummary(page);
    await goToPayment(page);
    expect(asked()).toEqual(['2045 Created', '3045 Created']);
    await typeCard(page);
    await heading(page, /Thank you/).waitFor();
    expect(orders()).toEqual([
      { status: 'awaiting_payment', total: 2045, holds: '' },
      { status: 'paid', total: 3045, holds: '' },
    ]);
  });

  test('changes the basket while the payment page is open, pays both, and the second order is held', async () => {
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    await goToPayment(page);
    const firstPayment = page.url();
    await page.goto(`${live.url}/basket`);
    await page.getByLabel(`Quantity of ${mug}`).fill('2');
    await goToSummary(page);
    await goToPayment(page);
    await typeCard(page);
    await heading(page, /Thank you/).waitFor();
    const oldTab = await page.context().newPage();
    await oldTab.goto(firstPayment);
    await typeCard(oldTab);
    await heading(oldTab, 'We are looking into this order').waitFor();
    expect(await oldTab.getByText('in another order too').count()).toBe(1);
    expect(orders()).toEqual([
      { status: 'paid', total: 2045, holds: 'paid_again_by_shopper' },
      { status: 'paid', total: 3695, holds: '' },
    ]);
    await page.goto(`${live.url}/basket`);
    expect(await page.getByText('There is nothing in your basket yet').count()).toBe(1);
  });

  test('keeps what was put in the basket after paying for the rest', async () => {
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    await goToPayment(page);
    const shopping = await page.context().newPage();
    await add(shopping, 'Oak tray');
    await typeCard(page);
    await heading(page, /Thank you/).waitFor();
    await shopping.reload();
    expect(await shopping.getByLabel('Quantity of Oak tray').inputValue()).toBe('1');
    expect(await shopping.getByLabel(`Quantity of ${mug}`).count()).toBe(0);
    expect(await count(shopping)).toContain('(1');
  });

  test('reads on the order’s own page, too, that a payment is confirmed of which the shop has not heard', async () => {
    live.holdWebhooks(true);
    const page = await open(options);
    await add(page);
    await goToSummary(page);
    await goToPayment(page);
    await typeCard(page);
    await heading(page, 'Confirming your payment').waitFor();
    const token = rows(live.shop, 'SELECT token FROM orders')[0]?.token;
    await page.goto(`${live.url}/orders/${token}`);
    await heading(page, 'Confirming your payment').waitFor();
    expect(await page.getByRole('link', { name: /^Pay/ }).count()).toBe(0);
    live.holdWebhooks(false);
    await heading(page, /Thank you/).waitFor();
  });

  test('sees how much is in the basket on a page that Back leads to', async () => {
    const page = await open(options);
    await add(page);
    await page.goBack();
    await heading(page, /./).waitFor();
    expect(await count(page)).toContain('(1');
  });
});

describe('with JavaScript a page that Back restores as it was left', () => {
  const restore = (page: Page) =>
    page.evaluate('dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true }))');

  test('gets the basket’s count as it is now', async () => {
    const page = await open({});
    await page.goto(live.url);
    await add(await page.context().newPage());
    expect(await count(page)).toContain('(0');
    await restore(page);
    await page.locator('.count', { hasText: '(1' }).waitFor();
  });

  test('has a button to pay that works again', async () => {
    const page = await open({});
    await add(page);
    await goToSummary(page);
    await page.evaluate('document.forms[0].addEventListener("submit", (event) => event.preventDefault())');
    const pay = page.getByRole('button', { name: /^Pay £/ });
    await pay.click();
    expect(await pay.getAttribute('aria-disabled')).toBe('true');
    await restore(page);
    expect(await pay.getAttribute('aria-disabled')).toBeNull();
  });
});

test('with text at twice the size, no word is torn apart on a phone, and nothing is wider than the screen', async () => {
  const page = await open({ viewport: { width: 375, height: 740 } });
  await add(page);
  await add(page, 'Oak tray');
  const enlarge = () => page.evaluate('document.documentElement.style.fontSize = "200%"');
  for (const path of ['/', '/basket', '/checkout', '/nothing-here']) {
    await page.goto(live.url + path);
    await enlarge();
    expect({ path, ...(await page.evaluate<object>(measure)) }).toEqual({ path, width: 375, torn: [] });
  }
  await goToPayment(await page.goto(`${live.url}/checkout`).then(() => page));
  const token = rows(live.shop, 'SELECT token FROM orders')[0]?.token;
  for (const path of [`/orders/${token}`, `/checkout/cancelled/${token}`]) {
    await page.goto(live.url + path);
    await enlarge();
    expect(await page.evaluate<object>(measure)).toEqual({ width: 375, torn: [] });
  }
});

/** In the page: how wide it is, and the words that a line break goes through. */
const measure = `(() => {
  const torn = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.parentElement.closest('.visually-hidden, script, noscript, .reference')) continue;
    for (const word of node.data.matchAll(/[\\p{L}\\p{N}£.,]+/gu)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1) torn.push(word[0]);
    }
  }
  return { width: document.documentElement.scrollWidth, torn };
})()`;
