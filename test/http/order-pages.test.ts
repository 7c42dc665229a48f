import { DatabaseSync } from 'node:sqlite';
import nock from 'nock';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CreateBody, createdReply } from '../support/created-reply.ts';
import { contents } from '../support/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { dojoUrl, type OpenShop, openShop } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

const intentId = 'pi_sandbox_T1';
let shop: OpenShop;
let shopper: ReturnType<typeof createShopper>;
let asked: CreateBody;
let token: string;
/** How far the shop's clock has moved: nothing else moves it. */
let laterMs: number;

beforeEach(async () => {
  nock.disableNetConnect();
  nock.enableNetConnect('127.0.0.1');
  laterMs = 0;
  const startedAt = Date.now();
  shop = await openShop({ context: { now: () => new Date(startedAt + laterMs) } });
  shopper = createShopper(shop);
  const dojo = dojoCreates(intentId);
  await shopper.add('mug', '2');
  await shopper.checkout();
  asked = dojo.asked[0] as CreateBody;
  token = asked.config.redirectUrl.split('/').at(-1) ?? '';
});
afterEach(async () => {
  await shop.close();
  nock.cleanAll();
});

const success = () => shopper.get(`/checkout/success/${token}`);
const cancelled = () => shopper.get(`/checkout/cancelled/${token}`);
const orderPage = () => shopper.get(`/orders/${token}`);
const hear = (paymentStatus: string, id = 'evt_1') =>
  deliver(shop, statusUpdate({ paymentIntentId: intentId, paymentStatus }, { id })).expect(200);

function dojoSays(members: Record<string, unknown>): void {
  nock(dojoUrl)
    .get(`/payment-intents/${intentId}`)
    .query({ returnCanceled: 'true' })
    .reply(200, createdReply(asked, intentId, members));
}

function dojoFails(status = 500): void {
  nock(dojoUrl).get(`/payment-intents/${intentId}`).query(true).times(2).reply(status);
}

async function ship(trackingUrl: string | null, carrier: string | null = 'Royal <b>Mail'): Promise<void> {
  const order = await shop.context.store.findOrderByToken(token);
  const sentAt = shop.context.now();
  const shipped = await shop.context.store.shipOrder(order?.id ?? 0, { carrier, trackingUrl, sentAt });
  expect(shipped.kind).toBe('sent');
}

describe('the page of an order that was sent', () => {
  beforeEach(() => hear('Captured'));

  test('says that it is on its way, with carrier and link, to the shopper alone', async () => {
    expect((await orderPage()).text).toContain('we pack your order and send it');
    await ship('https://track.example/AB1?a=1&b=2');
    const { text } = await orderPage().expect(200);
    expect(text).toContain('Your order is on its way with Royal &lt;b&gt;Mail.');
    expect(text).toContain(
      '<a href="https://track.example/AB1?a=1&amp;b=2" rel="noopener noreferrer">Follow your parcel</a>',
    );
    expect(text).not.toContain('we pack your order and send it');
    const stranger = await request(shop.app).get(`/orders/${token}`).expect(200);
    expect(stranger.text).not.toMatch(/on its way|track\.example|Royal/);
  });

  test('says so without a carrier and a link', async () => {
    await ship(null, null);
    const { text } = await orderPage().expect(200);
    expect(text).toContain('Your order is on its way.');
    expect(text).not.toContain('Follow your parcel');
  });

  test('says no more that it is on its way once all was refunded', async () => {
    await ship(null);
    await hear('Refunded', 'evt_2');
    const { text } = await orderPage().expect(200);
    expect(text).toContain('This order was refunded');
    expect(text).not.toContain('on its way');
  });
});

describe('the page after a payment', () => {
  test('thanks the shopper once the store says paid, whatever Dojo answers', async () => {
    await hear('Captured');
    dojoFails();
    const page = await success().expect(200);
    expect(heading(page.text)).toMatch(/Thank you/);
    expect(page.text).toContain(asked.reference);
    expect(page.text).toContain('<p class="line-total">£20.00</p>');
    expect(page.text).toContain('Quantity: 2');
    expect(page.text).toContain('£23.95');
    expect(page.text).toContain('Mug');
    expect(page.text).toContain('Print this page');
  });

  test('says that the payment is being confirmed while only Dojo knows of it, and changes no order', async () => {
    const before = contents(shop);
    dojoSays({ status: 'Captured' });
    const page = await success().expect(200);
    expect(words(page.text)).toContain("We are confirming your payment. You don't need to pay again.");
    expect(page.text).not.toMatch(/thank you/i);
    expect(page.text).not.toContain('pay.dojo.test/checkout/');
    expect(contents(shop)).toEqual(before);
  });

  test('reloads without JavaScript, ten times at most, and always offers to check again', async () => {
    dojoSays({ status: 'Captured' });
    const first = await success();
    expect(first.text).toContain(`content="3;url=/checkout/success/${token}?check=1"`);
    // What the script waits for is a change of this.
    expect(first.text).toContain(`data-status-url="/orders/${token}" data-status="awaiting_payment"`);
    dojoSays({ status: 'Captured' });
    const last = await shopper.get(`/checkout/success/${token}?check=10`);
    expect(last.text).not.toContain('http-equiv="refresh"');
    expect(last.text).toContain(`href="/checkout/success/${token}"`);
  });

  test('says that nothing was taken when Dojo has just said so, and offers the same payment', async () => {
    dojoSays({ status: 'Created' });
    const page = await success().expect(200);
    expect(page.text).toMatch(/nothing (has been|was) taken/i);
    expect(page.text).toContain('href="https://pay.dojo.test/checkout/pi_sandbox_T1"');
    expect((await shopper.get('/basket')).text).toContain('Mug');
  });

  test.each([
    ['fails', () => dojoFails(), ['paymentUnconfirmed']],
    ['does not know the intent', () => dojoFails(404), ['paymentUnconfirmed']],
    [
      'answers about another intent',
      () => dojoSays({ id: 'pi_sandbox_other', status: 'Captured' }),
      ['paymentIntentMismatched'],
    ],
    [
      'answers with another amount',
      () => dojoSays({ status: 'Captured', amount: { value: 1, currencyCode: 'GBP' } }),
      ['paymentIntentMismatched'],
    ],
    [
      'answers with another reference',
      () => dojoSays({ status: 'Captured', reference: 'ORD-other' }),
      ['paymentIntentMismatched'],
    ],
    ['answers with an unknown status', () => dojoSays({ status: 'Settled' }), []],
    ['says Refunded to an order that was never paid', () => dojoSays({ status: 'Refunded' }), []],
  ])(
    'says, when Dojo %s, that the outcome is not known yet, and never that it failed',
    async (_what, dojo, events) => {
      const before = contents(shop);
      dojo();
      const page = await success().expect(200);
      expect(page.text).toContain('We do not know the outcome yet');
      expect(page.text).not.toContain('pay.dojo.test/checkout/');
      expect(page.text).not.toMatch(/fail/i);
      expect(contents(shop)).toEqual(before);
      const about = { orderReference: asked.reference, paymentIntentId: intentId };
      expect(shop.log.filter(({ event }) => /^paymentUn|Mismatched$/.test(String(event)))).toMatchObject(
        events.map((event) => ({ event, ...about })),
      );
    },
  );

  test('says that a payment was cancelled, and puts its goods back in the basket on one click', async () => {
    await hear('Canceled');
    dojoSays({ status: 'Canceled' });
    const page = await success().expect(200);
    expect(page.text).not.toContain('pay.dojo.test/checkout/');
    await shopper.submit('/basket/mug/remove', {}).expect(303);
    await shopper.submit(`/orders/${token}/basket`, {}).expect(303).expect('Location', '/basket');
    expect((await shopper.get('/basket')).text).toContain('value="2"');
  });

  test('never thanks the shopper for a held order', async () => {
    await hear('Canceled', 'evt_1');
    await hear('Captured', 'evt_2');
    dojoSays({ status: 'Captured' });
    const page = await success().expect(200);
    expect(page.text).not.toMatch(/thank you/i);
    expect(page.text).toContain(asked.reference);
    expect(heading(page.text)).toMatch(/look|check/i);
  });

  test('empties the basket that was paid for, and no other', async () => {
    await hear('Captured');
    dojoSays({ status: 'Captured' });
    await success();
    expect((await shopper.get('/basket')).text).not.toContain('Mug');
    await shopper.add('bowl');
    dojoSays({ status: 'Captured' });
    await success();
    expect((await shopper.get('/basket')).text).toContain('Bowl');
  });

  test('is the same whatever its address says', async () => {
    dojoSays({ status: 'Created' });
    const plain = await success();
    laterMs = 10_000;
    dojoSays({ status: 'Created' });
    const odd = await shopper.get(
      `/checkout/success/${token}?status=Captured&id=pi_x&id=pi_y&settings[view options][escapeFunction]=x`,
    );
    expect(odd.status).toBe(200);
    expect(odd.text).toBe(plain.text);
  });

  test('neither shows nor logs a card, and escapes what Dojo sends', async () => {
    dojoSays({
      status: 'Captured',
      paymentDetails: { card: { cardNumber: '4111111111111111', cardName: '<b>Eve</b>' } },
      description: '<b>x</b>',
    });
    const page = await success();
    expect(page.text).not.toContain('4111111111111111');
    expect(page.text).not.toContain('<b>');
    expect(JSON.stringify(shop.log)).not.toContain('4111111111111111');
  });
});

describe('Dojo is asked about an order', () => {
  /** Dojo says Created as often as it is asked; returns how often that was. */
  function saysCreated(): () => number {
    const created = asked;
    let times = 0;
    nock(dojoUrl)
      .persist()
      .get(`/payment-intents/${intentId}`)
      .query(true)
      .reply(() => {
        times += 1;
        return [200, createdReply(created, intentId, { status: 'Created' })];
      });
    return () => times;
  }

  test('once in ten seconds, however many pages show it at the same time or after each other', async () => {
    const times = saysCreated();
    const pages = await Promise.all(Array.from({ length: 30 }, () => success()));
    for (let page = 0; page < 30; page += 1) pages.push(await cancelled());
    expect(times()).toBe(1);
    expect(pages.filter(({ status }) => status === 200)).toHaveLength(60);
    laterMs = 9_000;
    await success();
    expect(times()).toBe(1);
    laterMs = 11_000;
    await success();
    expect(times()).toBe(2);
  });

  test('and only who asked just now reads that nothing was taken; the basket stays', async () => {
    saysCreated();
    expect((await success()).text).toMatch(/nothing (has been|was) taken/i);
    const again = await success();
    expect(words(again.text)).toContain('We are confirming your payment.');
    expect(again.text).not.toMatch(/nothing (has been|was) taken/i);
    expect((await shopper.get('/basket')).text).toContain('Mug');
    laterMs = 11_000;
    expect((await success()).text).toMatch(/nothing (has been|was) taken/i);
  });

  test('and a webhook is shown at once, whatever Dojo answered a moment ago', async () => {
    saysCreated();
    await success();
    await hear('Captured');
    expect(heading((await success()).text)).toMatch(/Thank you/);
  });

  test('and a webhook that comes before Dojo’s answer is shown, whatever that answer says', async () => {
    nock(dojoUrl)
      .get(`/payment-intents/${intentId}`)
      .query(true)
      .reply(async () => {
        await hear('Captured');
        return [200, createdReply(asked, intentId, { status: 'Created' })];
      });
    expect(heading((await success()).text)).toMatch(/Thank you/);
  });

  test.each([
    ['asks for a year of silence', 429, { 'Retry-After': 'Wed, 24 Nov 2027 10:00:00 GMT' }],
    ['fails again and again', 500, {}],
  ])('and checkouts go on while Dojo, about orders, %s', async (_what, status, headers) => {
    nock(dojoUrl)
      .persist()
      .get(/payment-intents/)
      .query(true)
      .reply(status, '', headers);
    for (let page = 0; page < 6; page += 1) {
      laterMs += 11_000;
      expect((await success().expect(200)).text).toContain('We do not know the outcome yet');
    }
    const { asked } = dojoCreates('pi_sandbox_T2');
    await request(shop.app)
      .post('/checkout')
      .send({ ...jsonDetails, items: [{ sku: 'mug', quantity: 1 }] })
      .expect(201);
    expect(asked).toHaveLength(1);
  });
});

describe('the page after leaving the payment page', () => {
  test('offers the same payment, and the basket', async () => {
    dojoSays({ status: 'Created' });
    const page = await cancelled().expect(200);
    expect(page.text).toContain('href="https://pay.dojo.test/checkout/pi_sandbox_T1"');
    expect(page.text).toContain('Change your basket');
    laterMs = 10_000;
    dojoSays({ status: 'Created' });
    const stranger = await request(shop.app).get(`/checkout/cancelled/${token}`).expect(200);
    expect(stranger.text).toContain('use the browser that placed it');
    expect(stranger.text).not.toMatch(/pay\.dojo\.test\/checkout|your basket/);
  });

  test('thanks the shopper who has paid in another tab', async () => {
    await hear('Captured');
    dojoSays({ status: 'Captured' });
    expect(heading((await cancelled()).text)).toMatch(/Thank you/);
  });
});

describe("an order's own page", () => {
  test.each([
    [['Captured'], /Thank you/],
    [['Captured', 'Refunded'], /refund/i],
    [['Reversed'], /./],
    [['Authorized'], /reserved/i],
    [['Canceled'], /cancel/i],
  ])('after %j says what happened', async (heard, words) => {
    for (const [index, status] of heard.entries()) await hear(status, `evt_${index}`);
    const page = await orderPage().expect(200);
    expect(heading(page.text)).toMatch(words);
    expect(page.text).toContain(asked.reference);
  });

  test('is JSON for a script that waits for a change', async () => {
    await hear('Captured');
    const response = await orderPage().set('Accept', 'application/json').expect(200);
    expect(response.body).toEqual({
      reference: asked.reference,
      status: 'paid',
      total: { value: 2395, currencyCode: 'GBP' },
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    });
    expect(response.headers.vary).toMatch(/Accept/);
    expect(response.headers['cache-control']).toBe('no-store');
  });

  test('shows another browser the status, and nothing that was bought', async () => {
    await hear('Captured');
    const page = await request(shop.app).get(`/orders/${token}`).expect(200);
    expect(page.text).toContain(asked.reference);
    expect(page.text).not.toContain('Mug');
    expect(page.text).not.toContain('£23.95');
    await createShopper(shop).submit(`/orders/${token}/basket`, {}).expect(404);
  });

  test.each(['/orders/', '/checkout/success/', '/checkout/cancelled/'])(
    'below %s is never cached or indexed',
    async (path) => {
      dojoSays({ status: 'Created' });
      const page = await shopper.get(`${path}${token}`).expect(200);
      expect(page.headers['cache-control']).toBe('no-store');
      expect(page.headers['x-robots-tag']).toBe('noindex');
      expect(page.headers['referrer-policy']).toBe('same-origin');
      expect(page.text).toContain('noindex');
    },
  );

  test.each([
    ['short', 'x', 404],
    ['random', `${'a'.repeat(9)}-${'b'.repeat(24)}`, 404],
    ['SQL', "' OR 1=1--", 404],
    ['NUL', '%00', 404],
    ['broken', '%ZZ', 400],
  ])('is not found when the token is %s', async (_what, wrong, status) => {
    for (const path of ['/orders/', '/checkout/success/', '/checkout/cancelled/']) {
      const page = await request(shop.app)
        .get(`${path}${wrong.replaceAll(' ', '%20')}`)
        .expect(status);
      expect(page.text).not.toContain('%ZZ');
      expect(page.text).not.toContain('OR 1=1');
    }
  });

  test('is not found with the order’s id and another secret', async () => {
    const wrong = `${token.split('-')[0]}-${'A'.repeat(24)}`;
    await request(shop.app).get(`/orders/${wrong}`).expect(404);
  });

  test.each([
    ['a page', 'text/html'],
    ['a problem', 'application/json'],
  ])('is 500 as %s, without a stack, when what the store holds cannot be read', async (_what, accept) => {
    const database = new DatabaseSync(shop.databasePath);
    database.exec(`UPDATE baskets SET basket = '{"lines": broken'`);
    database.close();
    const response = await orderPage().set('Accept', accept).expect(500);
    expect(response.text).not.toMatch(/broken|JSON|SyntaxError|\.ts|node_modules|\bat .*\(/);
    expect(shop.log).toContainEqual(expect.objectContaining({ event: 'requestFailed' }));
  });

  test('leaves its address out of the log', async () => {
    dojoSays({ status: 'Created' });
    await success();
    await orderPage();
    expect(shop.log.filter((line) => line.orderReference === asked.reference).length).toBeGreaterThanOrEqual(
      2,
    );
    expect(JSON.stringify(shop.log)).not.toContain(token);
  });
});

/** The text of a page, where EJS writes an apostrophe as an entity. */
function words(html: string): string {
  return html.replaceAll('&#39;', "'");
}

function heading(html: string): string {
  return /<h1[^>]*>([\s\S]*?)<\/h1>/.exec(html)?.[1]?.trim() ?? '';
}
