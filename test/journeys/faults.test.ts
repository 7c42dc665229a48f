import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { type FaultRequest, faultSchema } from '../../src/simulator/faults.ts';
import { closePages, openBrowser } from '../support/browser.ts';
import { rows } from '../support/database.ts';
import { fillDetails } from '../support/details.ts';
import { type LiveShop, openLiveShop } from '../support/live-shop.ts';

const catalogue = parseCatalogue(
  readFileSync(new URL('../../src/shop/sample-catalogue.json', import.meta.url), 'utf8'),
);
const [product] = [...catalogue.products.values()];

let browser: Browser;
let live: LiveShop;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(async () => {
  await closePages(browser);
  await live.close();
});

/** A shop that waits one second for Dojo, so that a Dojo that never answers does not hold up the test. */
async function open(fault: FaultRequest): Promise<Page> {
  live = await openLiveShop({ catalogue, dojo: { timeoutMs: 1_000 } });
  live.simulator.faults.add(faultSchema.parse(fault));
  const context = await browser.newContext();
  return context.newPage();
}

/** Presses Pay until the payment page comes, each time as late as the shop asks for. */
async function goToPayment(page: Page): Promise<void> {
  await page.goto(live.url);
  await page.getByRole('button', { name: `Add ${product?.name} to basket`, exact: true }).click();
  for (let tries = 0; tries < 3 && !page.url().includes('/checkout/pi_'); tries += 1) {
    await page.goto(`${live.url}/checkout`);
    const answer = page.waitForResponse((response) => response.request().method() === 'POST');
    await fillDetails(page);
    await page.getByRole('button', { name: /^Pay £/ }).click();
    await sleep(Number((await answer).headers()['retry-after'] ?? 0) * 1000);
    await page.waitForLoadState();
  }
  expect(page.url()).toContain('/checkout/pi_sandbox_');
}

async function pay(page: Page): Promise<void> {
  await page.getByLabel('Card number').fill('5200 0000 0000 1005');
  await page.getByLabel('Expiry date').fill('12/29');
  await page.getByLabel('Security code').fill('020');
  await page.getByLabel('Name on card').fill('Ada Lovelace');
  await page.getByRole('button', { name: /^Pay £/ }).click();
}

const thanks = (page: Page) => page.getByRole('heading', { level: 1, name: /Thank you/ });

/** Reconciles as if that much time had passed. */
async function reconcileIn(ms: number): Promise<void> {
  const { context } = live.shop;
  await reconcile(
    { ...context, now: () => new Date(Date.now() + ms), sleep: async () => undefined },
    `after ${ms}`,
  );
}

/** One order, paid once, sent once, and no intent left at Dojo that could still be paid. */
function expectOnePaidOrder(): void {
  const [order, ...others] = rows(live.shop, 'SELECT status, holds, total FROM orders');
  expect(others).toEqual([]);
  expect(order).toMatchObject({ status: 'paid', holds: '' });
  expect(rows(live.shop, 'SELECT order_id FROM fulfilments')).toHaveLength(1);
  expect(live.simulator.ledger()).toMatchObject([{ charged: order?.total, refunded: 0, reserved: 0 }]);
  const open = live.simulator.paymentIntents().filter(({ status }) => status === 'Created');
  expect(open).toEqual([]);
}

describe('an order is paid once, whatever happens to Dojo’s reply', () => {
  test.each<FaultRequest>([
    { kind: 'status', status: 500, times: 1 },
    { kind: 'status', status: 500, takesEffect: true, times: 1 },
    { kind: 'pascal-case-error', status: 400, times: 1 },
    { kind: 'rate-limit', retryAfterSeconds: 1, times: 1 },
    { kind: 'hang', times: 1 },
    { kind: 'reset', times: 1 },
    { kind: 'reset', takesEffect: false, times: 1 },
    { kind: 'drip', delayMs: 200, times: 1 },
    { kind: 'malformed-json', times: 1 },
    { kind: 'oversized-json', times: 1 },
    { kind: 'wrong-amount', times: 1 },
    { kind: 'wrong-reference', times: 1 },
    { kind: 'evil-link', times: 1 },
  ])('creating the intent with %j', async (fault) => {
    const page = await open({ ...fault, operation: 'create-payment-intent' });
    await goToPayment(page);
    await pay(page);
    await thanks(page).waitFor();
    await reconcileIn(10 * 60_000);
    expectOnePaidOrder();
  });
});

describe('an order is paid although its webhook is lost', () => {
  test.each<FaultRequest>([{ kind: 'drop' }, { kind: 'wrong-secret' }, { kind: 'corrupt-byte' }])(
    'on $kind the page says that the payment is being confirmed, and thanks once the shop has reconciled',
    async (fault) => {
      const page = await open(fault);
      await goToPayment(page);
      await pay(page);
      await page.getByText("We are confirming your payment. You don't need to pay again.").waitFor();
      expect(rows(live.shop, 'SELECT status FROM orders')).toEqual([{ status: 'awaiting_payment' }]);
      await reconcileIn(10 * 60_000);
      await page.reload();
      await thanks(page).waitFor();
      expectOnePaidOrder();
    },
  );
});

test.each<FaultRequest>([
  { kind: 'status', status: 503 },
  { kind: 'hang' },
  { kind: 'reset' },
  { kind: 'malformed-json' },
])(
  'while Dojo answers a return with %j the page says that the outcome is not known, never that the payment failed',
  async (fault) => {
    const page = await open({ ...fault, operation: 'get-payment-intent' });
    live.holdWebhooks(true);
    await goToPayment(page);
    await pay(page);
    await page.getByText('We do not know the outcome yet').first().waitFor();
    expect(await page.getByText(/failed/i).count()).toBe(0);
    live.holdWebhooks(false);
    await thanks(page).waitFor();
    expectOnePaidOrder();
  },
);
