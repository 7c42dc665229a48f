import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { findBarriers, openBrowser } from '../support/browser.ts';
import { rows } from '../support/database.ts';
import { fillDetails } from '../support/details.ts';
import { type LiveShop, openLiveShop } from '../support/live-shop.ts';
import { apiKey } from '../support/shop.ts';

const catalogue = parseCatalogue(
  readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8'),
);

let live: LiveShop;
let browser: Browser;
let page: Page;
beforeEach(async () => {
  live = await openLiveShop({ catalogue });
  browser = await openBrowser();
  page = await browser.newPage({ viewport: { width: 1200, height: 800 } });
});
afterEach(async () => {
  await browser.close();
  await live.close();
});

async function checkPage(picture: string): Promise<void> {
  expect(await findBarriers(page)).toEqual([]);
  if (process.env.PICTURES) await page.screenshot({ path: `docs/${picture}.jpg`, quality: 85 });
}

async function typeCard(): Promise<void> {
  await page.getByLabel('Card number').fill('5200 0000 0000 1005');
  await page.getByLabel('Expiry date').fill('12/29');
  await page.getByLabel('Security code').fill('020');
  await page.getByLabel('Name on card').fill('Ada Lovelace');
}

const orders = () => rows(live.shop, 'SELECT status FROM orders');

test('a developer drops a webhook, sees the order wait for it, and sends it again to make the order paid', async () => {
  await page.goto(`${live.simulator.url}/simulator/faults`);
  await page.getByLabel('What goes wrong').selectOption('drop');
  await page.getByLabel('How often').fill('1');
  await page.getByRole('button', { name: 'Switch on' }).click();
  await page.getByText('happened 0 of 1').waitFor();
  await checkPage('simulator-faults');

  await page.goto(live.url);
  await page
    .getByRole('button', { name: /^Add .* to basket/ })
    .first()
    .click();
  await page.getByRole('button', { name: 'Checkout', exact: true }).click();
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.waitForURL(/\/checkout\/pi_sandbox_/);
  await typeCard();
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.getByText("We are confirming your payment. You don't need to pay again.").waitFor();
  expect(orders()).toEqual([{ status: 'awaiting_payment' }]);

  await page.goto(live.simulator.url);
  await page.getByText('dropped').first().waitFor();
  await checkPage('simulator-overview');
  await page
    .getByRole('button', { name: /^Send again/ })
    .first()
    .click();
  await page.getByText('delivered').first().waitFor();
  expect(orders()).toEqual([{ status: 'paid' }]);
});

test('a shopper saves a card and pays with it the next time', async () => {
  const call = async (path: string, body: object) => {
    const response = await fetch(live.simulator.url + path, {
      method: 'POST',
      headers: {
        authorization: `Basic ${apiKey}`,
        version: '2026-02-27',
        'content-type': 'application/json',
      },
      body: JSON.stringify(body),
    });
    return (await response.json()) as Record<string, string>;
  };
  const { id } = await call('/customers', { name: 'Ada Lovelace', emailAddress: 'ada@example.com' });
  const openPayment = async () => {
    const { secret } = await call(`/customers/${id}/create-secret`, {});
    const { paymentLink } = await call('/payment-intents', {
      amount: { value: 3645, currencyCode: 'GBP' },
      reference: 'ORD-1001',
      paymentMethods: ['SavedCard', 'Card'],
      customer: { id, secret },
      itemLines: [{ name: 'Hearth mug', quantity: 2, amountTotal: { value: 3250, currencyCode: 'GBP' } }],
      taxLines: [{ caption: 'Delivery', amountTotal: { value: 395, currencyCode: 'GBP' } }],
      config: {
        title: 'Hearth & Home',
        customerEmail: { collectionRequired: true },
        details: { showReference: true },
      },
    });
    await page.goto(paymentLink ?? '');
    await page.getByLabel('E-mail address').fill('ada@example.com');
  };

  await openPayment();
  await typeCard();
  await page.getByLabel('Save this card').check();
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.getByRole('heading', { name: 'Payment complete' }).waitFor();

  await openPayment();
  await page.getByLabel(/ending in 1005/).check();
  await checkPage('simulator-payment-page');
  await fillDetails(page);
  await page.getByRole('button', { name: /^Pay £/ }).click();
  await page.getByRole('heading', { name: 'Payment complete' }).waitFor();
  expect(live.simulator.ledger()).toMatchObject([{ charged: 2 * 3645, refunded: 0 }]);
});
