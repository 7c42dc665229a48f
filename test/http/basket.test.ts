import { DatabaseSync } from 'node:sqlite';
import { sign } from 'cookie-signature';
import nock from 'nock';
import request, { type Response } from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Catalogue, parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { type CreateBody, createdReply } from '../support/created-reply.ts';
import { contents, rows } from '../support/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoAnswers, dojoCreates } from '../support/dojo.ts';
import { checkoutOrigin, dojoUrl, type OpenShop, openShop } from '../support/shop.ts';
import { type CheckoutForm, createShopper, formIn } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let catalogue: Catalogue;
let shop: OpenShop;
let shopper: ReturnType<typeof createShopper>;

/** How far the shop's clock is ahead, in milliseconds. */
let passed = 0;
beforeEach(async () => {
  nock.disableNetConnect();
  nock.enableNetConnect('127.0.0.1');
  // A catalogue of its own, so that a test may change a price.
  catalogue = parseCatalogue(JSON.stringify(catalogueFile));
  passed = 0;
  shop = await openShop({ catalogue, context: { now: () => new Date(Date.now() + passed) } });
  shopper = createShopper(shop);
});
afterEach(async () => {
  await shop.close();
  expect(nock.pendingMocks()).toEqual([]);
  nock.cleanAll();
});

const link = (id: string) => `${checkoutOrigin}/checkout/${id}`;
const hear = (paymentIntentId: string, paymentStatus: string) =>
  deliver(
    shop,
    statusUpdate({ paymentIntentId, paymentStatus }, { id: `evt_${paymentIntentId}_${paymentStatus}` }),
  ).expect(200);
const orders = () => rows(shop, 'SELECT status, total, holds FROM orders ORDER BY id');

/** Name and quantity of each line of the basket page, and the count in the header. */
async function basketOf(browser = shopper): Promise<{ lines: string[]; count: number }> {
  const { text } = await browser.get('/basket').expect(200);
  const lines = [...text.matchAll(/name="quantity-([^"]+)"[^>]* value="(\d+)"/g)].map(
    ([, sku, n]) => `${n} ${sku}`,
  );
  return { lines, count: Number(/class="count">\((\d+)/.exec(text)?.[1]) };
}

function setDelivery(flat: number): void {
  Object.assign(catalogue.delivery ?? {}, { flat: flat });
}

/** What a page says that things cost, by what they are. */
function amountsOf(text: string): Record<string, string> {
  const entries = text.matchAll(/<dt>([^<]+)(?:<span[^>]*>[^<]*<\/span>)?<\/dt><dd>([^<]+)<\/dd>/g);
  return Object.fromEntries([...entries].map(([, name, amount]) => [name, amount]));
}

describe('the checkout page', () => {
  test('shows goods, delivery, VAT and the total that its button asks for, as the basket does', async () => {
    catalogue.vatRatePercent = 13.5;
    await shopper.add('mug');
    expect((await shopper.get('/basket')).text).toContain('(1<span class="visually-hidden"> item</span>)');
    await shopper.add('mug');
    const summary = await shopper.get('/checkout').expect(200);
    const basket = await shopper.get('/basket').expect(200);
    for (const { text } of [summary, basket])
      expect(amountsOf(text)).toEqual({
        Items: '£20.00',
        Delivery: '£3.95',
        'VAT included (13.5%)': '£2.85',
        Total: '£23.95',
      });
    for (const words of ['Mug', 'Quantity: 2', '<p class="line-total">£20.00</p>', 'Pay £23.95'])
      expect(summary.text).toContain(words);
    expect(formIn(summary).expectedTotal).toBe('2395');
    for (const words of [
      '£10.00 each',
      'Subtotal: </span>£20.00',
      'Spend £20.00 more for free delivery',
      '(2<span class="visually-hidden"> items</span>)',
    ])
      expect(basket.text).toContain(words);
  });

  test('shows that delivery is free once the goods come to what the catalogue asks for', async () => {
    const page = await shopper.get('/').expect(200);
    expect(page.text).toContain(
      'Delivery: <strong>£3.95</strong>, free when you spend <strong>£40.00</strong> or more.',
    );
    await shopper.add('mug', '4');
    for (const path of ['/checkout', '/basket']) {
      const { text } = await shopper.get(path).expect(200);
      expect(amountsOf(text)).toMatchObject({ Items: '£40.00', Delivery: 'Free', Total: '£40.00' });
      expect(text).not.toContain('more for free delivery');
    }
  });

  test('asks again when delivery costs more than it showed, and only the total that was shown last is asked for', async () => {
    await shopper.add('mug');
    const form = await shopper.summary();
    setDelivery(1395);
    const again = await shopper.pay(form).expect(409);
    expect(again.text).toContain('The total is now £23.95. Please check it before you pay.');
    expect(again.text).toContain('Pay £23.95');
    expect(again.headers['cache-control']).toBe('no-store');
    expect(contents(shop).orders).toEqual([]);
    const { asked } = dojoCreates();
    await shopper.pay(formIn(again)).expect(303).expect('Location', link('pi_sandbox_T1'));
    expect(asked.map(({ amount }) => amount.value)).toEqual([2395]);
    expect(orders()).toEqual([{ status: 'awaiting_payment', total: 2395, holds: '' }]);
  });

  test('stands in place of an error when Dojo cannot be reached, and its button works again', async () => {
    await shopper.add('mug');
    dojoAnswers(500);
    dojoAnswers(500);
    const failed = await shopper.checkout();
    expect(failed.status).toBe(503);
    expect(failed.headers['retry-after']).toMatch(/^\d+$/);
    expect(failed.text).toContain('The payment page could not be opened.');
    dojoCreates('pi_sandbox_T2');
    await shopper.pay(formIn(failed)).expect(303).expect('Location', link('pi_sandbox_T2'));
    expect(orders()).toHaveLength(1);
  });

  test('shows the basket, and why it is not sold, when prices have risen above what the shop takes', async () => {
    await shopper.add('mug', '100');
    const [mug] = catalogue.products.values();
    if (mug === undefined) throw new Error('The catalogue is empty.');
    mug.price = 10_001;
    expect((await shopper.get('/checkout').expect(200)).text).toContain(
      'We take orders up to £10,000.00 online.',
    );
    expect(await basketOf()).toEqual({ lines: ['100 mug'], count: 100 });
    await shopper.submit('/basket/mug', { quantity: '1' }).expect(303);
    expect(formIn(await shopper.get('/checkout')).expectedTotal).toBe('10001');
  });
});

describe('a key that no longer fits', () => {
  let form: CheckoutForm;
  beforeEach(async () => {
    dojoCreates('pi_sandbox_T1');
    await shopper.add('mug');
    form = await shopper.summary();
    await shopper.pay(form).expect(303);
  });

  async function expectNewOrder(again: Response, total: number): Promise<void> {
    expect(formIn(again)).toMatchObject({ checkoutKey: expect.any(String), expectedTotal: String(total) });
    expect(formIn(again).checkoutKey).not.toBe(form.checkoutKey);
    expect(orders()).toHaveLength(1);
    const { asked } = dojoCreates('pi_sandbox_T2');
    await shopper.pay(formIn(again)).expect(303).expect('Location', link('pi_sandbox_T2'));
    expect(asked.map(({ amount }) => amount.value)).toEqual([total]);
    expect(orders()).toHaveLength(2);
  }

  test('because delivery costs more now is renewed, and the new total is charged', async () => {
    setDelivery(1395);
    await expectNewOrder(await shopper.pay(form).expect(409), 2395);
  });

  test('because delivery costs more now is renewed before the page is shown', async () => {
    setDelivery(1395);
    await expectNewOrder(await shopper.get('/checkout').expect(200), 2395);
  });

  test('because the order was cancelled is renewed', async () => {
    await hear('pi_sandbox_T1', 'Canceled');
    await expectNewOrder(await shopper.pay(form).expect(409), 1395);
  });

  test('because a newer order took its place is renewed, and the old link is never given again', async () => {
    dojoCreates('pi_sandbox_T2');
    await shopper.add('bowl');
    await shopper.checkout();
    await shopper.submit('/basket/bowl/remove', {}).expect(303);
    const again = await shopper.pay(form).expect(409);
    const { asked } = dojoCreates('pi_sandbox_T3');
    await shopper.pay(formIn(again)).expect(303).expect('Location', link('pi_sandbox_T3'));
    expect(asked.map(({ amount }) => amount.value)).toEqual([1395]);
  });
});

test('a key whose attempts are used up is renewed without a call to Dojo', async () => {
  await shopper.add('mug');
  for (let tries = 0; tries < 3; tries += 1) dojoAnswers(500);
  const form = await shopper.summary();
  await shopper.pay(form).expect(503);
  // The third attempt is the last that the order may have.
  expect((await shopper.pay(form)).status).toBe(409);
  const again = await shopper.pay(form).expect(409);
  expect(orders()).toHaveLength(1);
  dojoCreates('pi_sandbox_T2');
  await shopper.pay(formIn(again)).expect(303).expect('Location', link('pi_sandbox_T2'));
});

describe('a shopper who checks out again with another basket', () => {
  test('has one order left that can be paid, and is asked for what is in the basket now', async () => {
    const first = dojoCreates('pi_sandbox_T1');
    const second = dojoCreates('pi_sandbox_T2');
    await shopper.add('mug');
    await shopper.checkout();
    await shopper.submit('/basket/mug', { quantity: '2' }).expect(303);
    expect((await shopper.checkout()).headers.location).toBe(link('pi_sandbox_T2'));
    expect([first, second].map(({ asked }) => asked[0]?.amount.value)).toEqual([1395, 2395]);
    const [old, newer] = rows(shop, 'SELECT id, token, superseded_by FROM orders ORDER BY id');
    expect([old?.superseded_by, newer?.superseded_by]).toEqual([newer?.id, null]);
    dojoReads(first.asked[0] as CreateBody, 'pi_sandbox_T1', 'Created');
    const { text } = await shopper.get(`/orders/${old?.token}`).expect(200);
    expect(text).toContain('A newer order replaced this one');
    expect(text).toContain(`action="/orders/${old?.token}/basket"`);
    expect(text).not.toContain(link('pi_sandbox_T1'));
  });

  test('and pays both is shown both, and the second is held', async () => {
    dojoCreates('pi_sandbox_T1');
    dojoCreates('pi_sandbox_T2');
    await shopper.add('mug');
    await shopper.checkout();
    await shopper.submit('/basket/mug', { quantity: '2' }).expect(303);
    await shopper.checkout();
    await hear('pi_sandbox_T1', 'Captured');
    await hear('pi_sandbox_T2', 'Captured');
    expect(orders()).toEqual([
      { status: 'paid', total: 1395, holds: '' },
      { status: 'paid', total: 2395, holds: 'paid_again_by_shopper' },
    ]);
    const [, second] = rows(shop, 'SELECT token FROM orders ORDER BY id');
    expect((await shopper.get(`/orders/${second?.token}`)).text).toContain('in another order too');
    expect(await basketOf()).toEqual({ lines: [], count: 0 });
  });

  test('with JSON supersedes nothing', async () => {
    dojoCreates('pi_sandbox_T1');
    dojoCreates('pi_sandbox_T2');
    await shopper.add('mug');
    await shopper.checkout();
    await shopper.agent
      .post('/checkout')
      .send({ ...jsonDetails, items: [{ sku: 'mug', quantity: 2 }] })
      .expect(201);
    expect(rows(shop, 'SELECT superseded_by FROM orders')).toEqual([
      { superseded_by: null },
      { superseded_by: null },
    ]);
  });
});

describe('what was bought leaves the basket', () => {
  let form: CheckoutForm;
  beforeEach(async () => {
    dojoCreates('pi_sandbox_T1');
    await shopper.add('mug', '2');
    form = await shopper.summary();
    await shopper.pay(form).expect(303);
  });

  test.each(['Captured', 'Authorized'])(
    'once the shop heard %s, on whatever page its owner opens next',
    async (status) => {
      await hear('pi_sandbox_T1', status);
      expect((await shopper.get('/')).text).toMatch(/class="count">\(0/);
      expect(await basketOf()).toEqual({ lines: [], count: 0 });
    },
  );

  test('once only: the same goods put in again afterwards stay', async () => {
    await hear('pi_sandbox_T1', 'Captured');
    await shopper.add('mug', '2');
    expect(await basketOf()).toEqual({ lines: ['2 mug'], count: 2 });
    expect(await basketOf()).toEqual({ lines: ['2 mug'], count: 2 });
  });

  test('and what was added since stays', async () => {
    await shopper.add('mug', '3');
    await shopper.add('bowl');
    await hear('pi_sandbox_T1', 'Captured');
    expect(await basketOf()).toEqual({ lines: ['3 mug', '1 bowl'], count: 4 });
    const { asked } = dojoCreates('pi_sandbox_T2');
    await shopper.checkout();
    expect(asked.map(({ amount }) => amount.value)).toEqual([4250]);
    await hear('pi_sandbox_T2', 'Captured');
    expect(await basketOf()).toEqual({ lines: [], count: 0 });
    expect(orders().map(({ holds }) => holds)).toEqual(['', '']);
  });

  test('and what was taken out since is not missed', async () => {
    await shopper.submit('/basket/mug', { quantity: '1' }).expect(303);
    await hear('pi_sandbox_T1', 'Captured');
    expect(await basketOf()).toEqual({ lines: [], count: 0 });
  });

  test('of each of up to three orders that were begun', async () => {
    dojoCreates('pi_sandbox_T2');
    dojoCreates('pi_sandbox_T3');
    await shopper.add('bowl', '1');
    await shopper.checkout();
    await shopper.add('bowl', '4');
    await shopper.checkout();
    await hear('pi_sandbox_T1', 'Captured');
    await hear('pi_sandbox_T2', 'Captured');
    expect(await basketOf()).toEqual({ lines: ['4 bowl'], count: 4 });
    await hear('pi_sandbox_T3', 'Captured');
    expect(await basketOf()).toEqual({ lines: [], count: 0 });
  });

  test('not while the order is unpaid, cancelled or expired', async () => {
    expect(await basketOf()).toEqual({ lines: ['2 mug'], count: 2 });
    await hear('pi_sandbox_T1', 'Canceled');
    expect(await basketOf()).toEqual({ lines: ['2 mug'], count: 2 });
  });

  test('of nobody but its owner', async () => {
    const other = createShopper(shop);
    await other.add('mug', '2');
    await hear('pi_sandbox_T1', 'Captured');
    expect(await basketOf(other)).toEqual({ lines: ['2 mug'], count: 2 });
  });

  test('although the cookie is one of an earlier version of the shop', async () => {
    await hear('pi_sandbox_T1', 'Captured');
    const [order] = rows(shop, 'SELECT shopper_id, checkout_key FROM orders');
    const value = sign(
      `${order?.shopper_id}.${order?.checkout_key}.mug*2/bowl*1`,
      'the session secret of the tests, 32+',
    );
    const { text } = await request(shop.app)
      .get('/basket')
      .set('Cookie', `shop=${encodeURIComponent(`s:${value}`)}`);
    expect(text).toContain('name="quantity-bowl"');
    expect(text).not.toContain('name="quantity-mug"');
  });

  test('with one question to the store a page, and with none once no order is open', async () => {
    let questions = 0;
    const { findBaskets } = shop.context.store;
    Object.assign(shop.context.store, {
      findBaskets: (keys: readonly string[]) => {
        questions += 1;
        return findBaskets(keys);
      },
    });
    await shopper.get('/');
    expect(questions).toBe(1);
    await hear('pi_sandbox_T1', 'Captured');
    await shopper.get('/');
    expect(questions).toBe(2);
    await shopper.get('/');
    await createShopper(shop).get('/');
    expect(questions).toBe(2);
  });

  test('however the basket is changed and changed back, and is not asked for again', async () => {
    await hear('pi_sandbox_T1', 'Captured');
    await shopper.submit('/basket/mug', { quantity: '3' });
    await shopper.submit('/basket/mug', { quantity: '2' });
    await shopper.get('/checkout').expect(303).expect('Location', '/basket');
    await shopper
      .pay(form)
      .expect(303)
      .expect('Location', /^\/orders\//);
    expect(orders()).toHaveLength(1);
  });
});

describe('a quantity that was typed', () => {
  beforeEach(async () => {
    await shopper.add('mug', '3');
    await shopper.add('bowl');
  });

  test.each([
    ['Checkout', '/basket', '/checkout', ['5 mug', '1 bowl']],
    ['Update, of this line', '/basket/mug', '/basket', ['5 mug', '1 bowl']],
    ['Update, of another line', '/basket/bowl', '/basket', ['5 mug', '1 bowl']],
    ['Remove, of another line', '/basket/bowl/remove', '/basket', ['5 mug']],
  ])('counts when %s is pressed', async (_button, path, next, lines) => {
    const typed = { 'quantity-mug': '5', 'quantity-bowl': '1' };
    await shopper.submit(path, typed).expect(303).expect('Location', next);
    expect((await basketOf()).lines).toEqual(lines);
  });

  test('is the one that Dojo is asked for', async () => {
    const { asked } = dojoCreates();
    await shopper.submit('/basket', { 'quantity-mug': '2', 'quantity-bowl': '1' }).expect(303);
    await shopper.checkout();
    expect(asked.map(({ amount }) => amount.value)).toEqual([3645]);
  });

  test('wrongly is shown again beside every field that is wrong, and no quantity changes', async () => {
    const typed = { 'quantity-mug': '0', 'quantity-bowl': '1e3' };
    for (const path of ['/basket', '/basket/mug']) {
      const { text } = await shopper.submit(path, typed).expect(400);
      for (const words of [
        '<title>Error: ',
        'href="#quantity-mug"',
        'href="#quantity-bowl"',
        'value="0"',
        'value="1e3"',
      ])
        expect(text).toContain(words);
    }
    expect((await basketOf()).lines).toEqual(['3 mug', '1 bowl']);
  });

  test('wrongly beside a line that is removed does not matter', async () => {
    await shopper.submit('/basket/mug/remove', { 'quantity-mug': '0', 'quantity-bowl': '2' }).expect(303);
    expect((await basketOf()).lines).toEqual(['2 bowl']);
  });

  test('beside a product that is not in the basket any more adds nothing', async () => {
    await shopper.submit('/basket/mug/remove', {}).expect(303);
    await shopper.submit('/basket', { 'quantity-mug': '5', 'quantity-bowl': '1' }).expect(303);
    expect((await basketOf()).lines).toEqual(['1 bowl']);
  });

  test.each([
    ['a product that is not sold, wrongly', 'quantity-plate=0', 400],
    ['a product named __proto__', 'quantity-__proto__=1', 400],
    ['a field twice', 'quantity-mug=5&quantity-mug=6', 400],
  ])('for %s is refused', async (_what, form, status) => {
    await shopper.agent.post('/basket').type('form').send(form).expect(status);
    expect((await basketOf()).lines).toEqual(['3 mug', '1 bowl']);
  });
});

describe('the goods of an order that was cancelled', () => {
  let rebuild: string;
  beforeEach(async () => {
    dojoCreates('pi_sandbox_T1');
    await shopper.add('mug', '2');
    await shopper.checkout();
    await hear('pi_sandbox_T1', 'Canceled');
    rebuild = `/orders/${rows(shop, 'SELECT token FROM orders')[0]?.token}/basket`;
  });

  test('are not doubled while they are still in the basket, however often they are put back', async () => {
    for (let presses = 0; presses < 2; presses += 1) await shopper.submit(rebuild, {}).expect(303);
    expect((await basketOf()).lines).toEqual(['2 mug']);
  });

  test('come beside what is in the basket meanwhile, up to what was ordered', async () => {
    await shopper.submit('/basket/mug', { quantity: '1' }).expect(303);
    await shopper.add('bowl', '4');
    await shopper.submit(rebuild, {}).expect(303);
    expect((await basketOf()).lines).toEqual(['2 mug', '4 bowl']);
  });

  test('do not reduce what is in the basket meanwhile', async () => {
    await shopper.submit('/basket/mug', { quantity: '7' }).expect(303);
    await shopper.submit(rebuild, {}).expect(303);
    expect((await basketOf()).lines).toEqual(['7 mug']);
  });
});

describe('a client that checks out with JSON and the total it expects', () => {
  const mug = [{ sku: 'mug', quantity: 1 }];
  const post = (body: object, key = 'key-1') =>
    request(shop.app).post('/checkout').set('Idempotency-Key', key).send(body);

  test('gets 409 with the new total when it is another, and nothing is asked of Dojo', async () => {
    const response = await post({ ...jsonDetails, items: mug, expectedTotal: 1 }).expect(409);
    expect(response.headers['content-type']).toMatch(/problem\+json/);
    expect(response.body).toEqual({
      type: 'urn:shop:total-changed',
      title: 'The total is not the expected one',
      status: 409,
      requestId: expect.any(String),
      total: { value: 1395, currencyCode: 'GBP' },
    });
    expect(response.text.length).toBeLessThanOrEqual(512);
    expect(contents(shop).orders).toEqual([]);
    const { asked } = dojoCreates();
    await post({ ...jsonDetails, items: mug, expectedTotal: 1395 }).expect(201);
    expect(asked.map(({ amount }) => amount.value)).toEqual([1395]);
  });

  test('gets the order as first priced for the same body, whatever things cost now', async () => {
    dojoCreates();
    const body = { ...jsonDetails, items: mug, expectedTotal: 1395 };
    const first = await post(body).expect(201);
    setDelivery(1395);
    expect((await post(body).expect(201)).body).toEqual(first.body);
    expect((await post({ ...jsonDetails, items: mug }).expect(201)).body).toEqual(first.body);
    await hear('pi_sandbox_T1', 'Captured');
    await post(body).expect(303).expect('Location', first.body.orderUrl);
    await post({ ...jsonDetails, items: [{ sku: 'mug', quantity: 2 }] }).expect(409);
    expect(orders()).toEqual([{ status: 'paid', total: 1395, holds: '' }]);
  });

  test.each([-1, 1.5, '1395', null])('gets 400 for the total %j', async (expectedTotal) => {
    await post({ items: mug, expectedTotal }).expect(400);
    expect(contents(shop).orders).toEqual([]);
  });
});

describe('the order’s own page and the return page', () => {
  test.each([
    ['Captured', 'We are confirming your payment', 0],
    ['Created', 'Nothing was taken', 1],
    ['Settled', 'We do not know the outcome yet', 1],
  ])('say the same when Dojo says %s and the shop has heard nothing', async (status, words, count) => {
    const { asked } = dojoCreates();
    await shopper.add('mug');
    await shopper.checkout();
    const token = rows(shop, 'SELECT token FROM orders')[0]?.token;
    for (const path of ['/orders/', '/checkout/success/']) {
      // Longer than an answer of Dojo's is remembered.
      passed += 11_000;
      dojoReads(asked[0] as CreateBody, 'pi_sandbox_T1', status);
      const { text } = await shopper.get(`${path}${token}`).expect(200);
      expect(text).toContain(words);
    }
    expect((await basketOf()).count).toBe(count);
    expect(orders()).toEqual([{ status: 'awaiting_payment', total: 1395, holds: '' }]);
  });
});

test('pages are served although the store cannot be read, with the basket as it was', async () => {
  dojoCreates();
  await shopper.add('mug');
  await shopper.checkout();
  const database = new DatabaseSync(shop.databasePath);
  database.exec('ALTER TABLE baskets RENAME TO gone');
  database.close();
  expect((await shopper.get('/').expect(200)).text).toMatch(/class="count">\(1/);
});

test('the cookie of the fullest basket is one that browsers keep', async () => {
  const [product] = catalogueFile.products;
  const sku = (index: number) => `${'x'.repeat(38)}${String(index).padStart(2, '0')}`;
  const products = Array.from({ length: 50 }, (_, index) => ({ ...product, price: 1, sku: sku(index) }));
  const full = await openShop({ catalogue: parseCatalogue(JSON.stringify({ ...catalogueFile, products })) });
  try {
    const own = createShopper(full);
    for (const { sku } of products) await own.add(sku, '99');
    let cookie = '';
    for (let count = 0; count < 3; count += 1) {
      dojoCreates(`pi_sandbox_T${count}`);
      await own.submit(`/basket/${sku(0)}`, { quantity: String(count + 1) });
      cookie = (await own.checkout()).headers['set-cookie']?.[0] ?? '';
    }
    expect(cookie.split('.')[3]?.split('~')).toHaveLength(3);
    expect(cookie.length).toBeLessThan(4096);
  } finally {
    await full.close();
  }
});

function dojoReads(asked: CreateBody, id: string, status: string): void {
  nock(dojoUrl)
    .get(`/payment-intents/${id}`)
    .query(true)
    .reply(200, createdReply(asked, id, { status }));
}
