import { readdirSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Catalogue, parseCatalogue } from '../../src/shop/catalogue.ts';
import type { OrderTruth } from '../../src/shop/order-page.ts';
import { faultSchema } from '../../src/simulator/faults.ts';
import { closePages, openBrowser } from '../support/browser.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { rows } from '../support/database.ts';
import { fillDetails } from '../support/details.ts';
import { type LiveShop, openLiveShop } from '../support/live-shop.ts';

let browser: Browser;
let catalogue: Catalogue;
let live: LiveShop;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
afterEach(() => closePages(browser));

/** Brings a browser to a page. What it finds there is found again when it is brought there again. */
type Place = (page: Page) => Promise<unknown>;

const at =
  (path: string): Place =>
  (page) =>
    page.goto(live.url + path);

/** The pages that only a form leads to, and where the crawl begins. */
const places: readonly Place[] = [
  at('/'),
  at('/nothing-here'),
  // A wrong quantity in the shop.
  async (page) => {
    await page.goto(live.url);
    await page.getByLabel('Quantity of Mug').fill('0');
    await press(page, page.getByRole('button', { name: 'Add Mug to basket' }));
  },
  // A wrong quantity in the basket.
  async (page) => {
    await fillBasket(page);
    await page.getByLabel('Quantity of Mug').fill('0');
    await press(page, page.getByRole('button', { name: 'Checkout' }));
  },
  fillBasket,
  // A total that has changed.
  async (page) => {
    await fillBasket(page);
    await page.goto(`${live.url}/checkout`);
    Object.assign(catalogue.delivery ?? {}, { flat: (catalogue.delivery?.flat ?? 0) + 1 });
    await fillDetails(page);
    await press(page, page.getByRole('button', { name: /^Pay £/ }));
  },
  // A payment page that could not be opened.
  async (page) => {
    await fillBasket(page);
    await page.goto(`${live.url}/checkout`);
    failCreates();
    await fillDetails(page);
    await press(page, page.getByRole('button', { name: /^Pay £/ }));
  },
];

const inStore = (columns: string) => (): void => {
  const database = new DatabaseSync(live.shop.databasePath);
  database.exec(`UPDATE orders SET ${columns} WHERE id = (SELECT MAX(id) FROM orders)`);
  database.close();
};

/** How the order that was placed last comes to each truth. */
const truths = {
  paid: inStore("status = 'paid', received = total"),
  confirming: async (page) => {
    live.holdWebhooks(true);
    await page.getByLabel('Card number').fill('5200 0000 0000 1005');
    await page.getByLabel('Expiry date').fill('12/29');
    await page.getByLabel('Security code').fill('020');
    await page.getByLabel('Name on card').fill('Ada Lovelace');
    await page.getByRole('button', { name: /^Pay £/ }).click();
    await page.waitForURL(/\/checkout\/success\//);
  },
  unpaid: () => undefined,
  placed: () => undefined,
  authorized: inStore("status = 'authorized'"),
  canceled: inStore("status = 'canceled'"),
  expired: inStore("status = 'expired'"),
  superseded: inStore("status = 'canceled', superseded_by = 1"),
  held: inStore("status = 'paid', holds = 'late_payment'"),
  refunded: inStore("status = 'refunded', received = total, returned = total"),
  partly_refunded: inStore("status = 'partly_refunded', received = total, returned = 100"),
  reversed: inStore("status = 'reversed'"),
  unknown: () => {
    live.simulator.faults.add(
      faultSchema.parse({ kind: 'status', status: 503, operation: 'get-payment-intent' }),
    );
  },
} satisfies Record<OrderTruth, (page: Page) => unknown>;

test.each([
  ['with JavaScript', true],
  ['without JavaScript', false],
])(
  '%s every form of every page does something when it is pressed',
  async (_how, javaScriptEnabled) => {
    const pressed = new Set<string>();
    const headings = new Set<string>();
    for (const place of places) {
      await inShop(async () => {
        await crawl(await browser.newContext({ javaScriptEnabled }), [place], pressed);
      });
    }
    for (const [truth, arrive] of Object.entries(truths)) {
      await inShop(async () => {
        const context = await browser.newContext({ javaScriptEnabled });
        const page = await context.newPage();
        await fillBasket(page);
        await page.goto(`${live.url}/checkout`);
        if (truth === 'placed') failCreates();
        await fillDetails(page);
        await press(page, page.getByRole('button', { name: /^Pay £/ }));
        await arrive(page);
        const token = rows(live.shop, 'SELECT token FROM orders ORDER BY id DESC')[0]?.token;
        await page.goto(`${live.url}/orders/${token}`);
        headings.add(await page.locator('h1').innerText());
        await page.close();
        const addresses = ['/orders/', '/checkout/success/', '/checkout/cancelled/'];
        await crawl(
          context,
          addresses.map((address) => at(address + token)),
          pressed,
        );
      });
    }
    // Each truth has a page of its own, and no button of a view was left out.
    expect(headings.size).toBe(Object.keys(truths).length);
    const texts = [...pressed].map((key) => key.split('\n').at(-1) ?? '');
    expect(buttonsInViews().filter((text) => !texts.some((found) => found.startsWith(text)))).toEqual([]);
  },
  600_000,
);

/** Each in a shop of its own, so that none changes what another finds. */
async function inShop(visit: () => Promise<void>): Promise<void> {
  catalogue = parseCatalogue(JSON.stringify(catalogueFile));
  live = await openLiveShop({ catalogue, env: { CHECKOUT_RATE: '1000' } });
  try {
    await visit();
  } finally {
    await closePages(browser);
    await live.close();
  }
}

async function fillBasket(page: Page): Promise<void> {
  for (const name of ['Mug', 'Bowl']) {
    await page.goto(live.url);
    await press(page, page.getByRole('button', { name: `Add ${name} to basket` }));
  }
}

function failCreates(): void {
  const fault = { kind: 'status', status: 500, operation: 'create-payment-intent', times: 2 };
  live.simulator.faults.add(faultSchema.parse(fault));
}

/** Visits the places and all pages of the shop that links lead to, and presses each button there, each with the same cookies. */
async function crawl(context: BrowserContext, starts: readonly Place[], pressed: Set<string>): Promise<void> {
  const cookies = await context.cookies();
  const known = new Set<string>();
  const queue = [...starts];
  for (const place of queue) {
    for (let button: Locator | null | undefined; button !== null; ) {
      await context.clearCookies();
      await context.addCookies(cookies);
      const page = await context.newPage();
      await place(page);
      for (const path of await linksOf(page)) {
        if (!known.has(path)) queue.push(at(path));
        known.add(path);
      }
      button = await nextButton(page, pressed);
      if (button !== null) await press(page, button);
      await page.close();
    }
  }
}

async function linksOf(page: Page): Promise<string[]> {
  const links = await page
    .locator('a[href]')
    .evaluateAll((all) => (all as { href: string }[]).map(({ href }) => href));
  return links
    .map((link) => new URL(link))
    .filter(({ origin }) => origin === live.url)
    .map(({ pathname }) => pathname);
}

/** A button of a form that was not pressed yet on such a page. */
async function nextButton(page: Page, pressed: Set<string>): Promise<Locator | null> {
  const buttons = await page
    .locator('form :is(button, input):is([type=submit], [type=image], button:not([type]))')
    .all();
  const heading = await page.locator('h1').innerText();
  for (const button of buttons) {
    const form = button.locator('xpath=ancestor::form');
    const action = (await button.getAttribute('formaction')) ?? (await form.getAttribute('action'));
    const text = (await button.innerText()).replace(/\s+/g, ' ').replace(/£.*/, '');
    const key = [heading, action?.replace(/^\/orders\/[^/]+/, '/orders'), text].join('\n');
    if (pressed.has(key)) continue;
    pressed.add(key);
    return button;
  }
  return null;
}

/** Presses as a browser would that checks nothing itself. Only a page that says what to correct may answer with an error. */
async function press(page: Page, button: Locator): Promise<void> {
  const what = `${page.url()} ${await button.innerText()}`;
  await button.locator('xpath=ancestor::form').evaluate((form) => Object.assign(form, { noValidate: true }));
  const sent = page.waitForRequest((request) => request.isNavigationRequest());
  const [request] = await Promise.all([sent, button.click()]);
  const status = (await request.response())?.status() ?? 0;
  await page.waitForLoadState();
  expect(await page.locator('.error-page').count(), what).toBe(0);
  if (status >= 400) expect(await page.locator('.error-summary').count(), `${status} ${what}`).toBe(1);
}

/** How the text of each submit button in a view begins. */
function buttonsInViews(): string[] {
  const folder = fileURLToPath(new URL('../../views', import.meta.url));
  const views = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ejs'),
  );
  const source = views.map((name) => readFileSync(`${folder}/${name}`, 'utf8')).join('\n');
  const buttons = [...source.matchAll(/<button(?:<%.*?%>|[^>])*>([^<]*)/g)].filter(
    ([tag]) => !tag.includes('type="button"'),
  );
  expect(buttons.length).toBeGreaterThanOrEqual(source.split('<form').length - 1);
  return buttons.map(([, text]) => text?.trim() ?? '');
}
