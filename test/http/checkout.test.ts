import nock from 'nock';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CreateBody, createdReply } from '../support/created-reply.ts';
import { contents, rows } from '../support/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoAnswers, dojoCreates } from '../support/dojo.ts';
import { statusOf, tokenOf } from '../support/purchase.ts';
import { checkoutOrigin, dojoUrl, type OpenShop, openShop } from '../support/shop.ts';
import { createShopper, formIn } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let shop: OpenShop;

beforeEach(async () => {
  nock.disableNetConnect();
  nock.enableNetConnect('127.0.0.1');
  shop = await openShop();
});
afterEach(async () => {
  await shop.close();
  nock.cleanAll();
});

const mug = { sku: 'mug', quantity: 1 };
const link = (id = 'pi_sandbox_T1') => `${checkoutOrigin}/checkout/${id}`;
const orderJson = (items: unknown, key?: string) => {
  const post = request(shop.app).post('/checkout');
  if (key !== undefined) post.set('Idempotency-Key', key);
  return post.send({ ...jsonDetails, items } as object);
};

describe('a shopper who clicks Checkout', () => {
  test('is sent to the payment page of an order that is stored with its intent', async () => {
    const { asked } = dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug', '2');
    const response = await shopper.checkout();
    expect(response.status).toBe(303);
    expect(response.headers.location).toBe(link());
    const [order] = rows(shop, 'SELECT * FROM orders');
    const [attempt] = rows(shop, 'SELECT * FROM attempts');
    expect(order).toMatchObject({ status: 'awaiting_payment', total: 2395, reference: asked[0]?.reference });
    expect(attempt).toMatchObject({
      state: 'attached',
      payment_intent_id: 'pi_sandbox_T1',
      payment_link: link(),
    });
    expect(shop.log).toContainEqual(
      expect.objectContaining({
        event: 'request',
        path: '/checkout',
        outcome: 'ready',
        orderReference: asked[0]?.reference,
        paymentIntentId: 'pi_sandbox_T1',
      }),
    );
  });

  test('pays the catalogue’s prices, whatever the form says', async () => {
    const { asked } = dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug', '2');
    await shopper.add('bowl');
    await shopper.submit('/checkout', {
      ...(await shopper.summary()),
      price: '1',
      amount: '1',
      currency: 'USD',
      redirectUrl: 'https://evil.example',
      next: 'https://evil.example',
    });
    const token = rows(shop, 'SELECT token FROM orders')[0]?.token;
    expect(asked).toEqual([
      {
        amount: { value: 3645, currencyCode: 'GBP' },
        reference: expect.stringMatching(/^ORD-[0-9A-Z]{5}-[0-9A-Z]{6}$/),
        description: '2 × Mug, 1 × Bowl',
        captureMode: 'Auto',
        paymentMethods: ['Card'],
        itemLines: [
          { id: 'mug', name: 'Mug', quantity: 2, amountTotal: { value: 2000, currencyCode: 'GBP' } },
          { id: 'bowl', name: 'Bowl', quantity: 1, amountTotal: { value: 1250, currencyCode: 'GBP' } },
        ],
        taxLines: [{ id: 'delivery', caption: 'Delivery', amountTotal: { value: 395, currencyCode: 'GBP' } }],
        customer: { emailAddress: 'ada@example.com' },
        shippingDetails: {
          name: 'Ada Lovelace',
          address: {
            address1: '12 St James’s Square',
            city: 'London',
            postcode: 'SW1Y 4JH',
            countryCode: 'GB',
          },
        },
        config: {
          redirectUrl: `http://localhost:3000/checkout/success/${token}`,
          cancelUrl: `http://localhost:3000/checkout/cancelled/${token}`,
          details: { showTotal: true, showReference: true },
        },
        expireAt: expect.any(String),
        metadata: { order: asked[0]?.reference, attempt: '1', shop: shop.context.shopId },
      },
    ]);
    const minutes = (Date.parse(asked[0]?.expireAt ?? '') - Date.now()) / 60_000;
    expect(minutes).toBeGreaterThan(59);
    expect(minutes).toBeLessThanOrEqual(60);
  });

  test('is asked for as the shop is set, and reads of no delivery that costs nothing', async () => {
    const own = await openShop({
      env: {
        CAPTURE_MODE: 'Manual',
        PAYMENT_EXPIRY_MINUTES: '7',
        PAYMENT_METHODS: 'Card,Wallet',
        PUBLIC_URL: 'https://shop.example',
      },
      context: { now: () => new Date('2026-11-22T10:00:00Z') },
    });
    const { asked } = dojoCreates();
    try {
      const { body } = await request(own.app)
        .post('/checkout')
        .set('Host', 'shop.example')
        .send({ items: [{ sku: 'mug', quantity: 4 }], ...jsonDetails })
        .expect(201);
      expect(body.orderUrl).toMatch(/^https:\/\/shop\.example\/orders\//);
      expect(asked).toMatchObject([
        {
          amount: { value: 4000, currencyCode: 'GBP' },
          captureMode: 'Manual',
          autoExpireIn: '6.23:00:00',
          autoExpireAction: 'Release',
          paymentMethods: ['Card', 'Wallet'],
          taxLines: [],
          expireAt: '2026-11-22T10:07:00.000Z',
          config: { cancelUrl: expect.stringMatching(/^https:\/\/shop\.example\/checkout\/cancelled\//) },
        },
      ]);
      expect(own.log).toContainEqual(
        expect.objectContaining({
          event: 'paymentIntentCreated',
          amount: 4000,
          currencyCode: 'GBP',
          attempt: 1,
        }),
      );
    } finally {
      await own.close();
    }
  });

  test('several times at once is sent to one payment page of one order', async () => {
    const { asked } = dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const form = await shopper.summary();
    const answers = await Promise.all(Array.from({ length: 5 }, () => shopper.pay(form)));
    expect(answers.map((answer) => answer.headers.location)).toEqual(Array(5).fill(link()));
    expect(asked).toHaveLength(1);
    expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
  });

  test('again after Back, or after reloading the page, continues the same payment', async () => {
    dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug');
    await shopper.checkout();
    expect((await shopper.checkout()).headers.location).toBe(link());
    expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
  });

  test('on a page older than the basket sees the basket as it is, and orders nothing', async () => {
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.add('bowl');
    const response = await shopper.pay(form).expect(409);
    expect(response.text).toContain('The total is now £26.45');
    expect(response.text).toContain('Pay £26.45');
    expect(contents(shop).orders).toEqual([]);
  });

  test('on a page older than the basket orders nothing although the other goods cost the same', async () => {
    const shopper = createShopper(shop);
    await shopper.add('mug', '5');
    const form = await shopper.summary();
    await shopper.submit('/basket/mug/remove', {}).expect(303);
    await shopper.add('bowl', '4');
    const response = await shopper.pay(form).expect(409);
    expect(response.text).toContain('Your basket has changed');
    expect(response.text).toContain('Quantity: 4');
    expect(formIn(response).expectedTotal).toBe(form.expectedTotal);
    expect(contents(shop).orders).toEqual([]);
  });

  test('with the key of another purchase sees the new total under a new key, and that purchase does not change', async () => {
    dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.pay(form).expect(303);
    const before = contents(shop);
    await shopper.add('bowl');
    const response = await shopper.pay(form).expect(409);
    expect(formIn(response)).toMatchObject({
      checkoutKey: expect.not.stringMatching(form.checkoutKey),
      expectedTotal: '2645',
    });
    expect(contents(shop)).toEqual(before);
  });

  test.each(['Captured', 'Authorized'])(
    'for an order of which the shop heard %s is sent to that order, whatever the form and the basket say',
    async (paymentStatus) => {
      dojoCreates();
      const shopper = createShopper(shop);
      await shopper.add('mug');
      const form = await shopper.summary();
      await shopper.pay(form);
      await deliver(shop, statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus }));
      const page = `/orders/${rows(shop, 'SELECT token FROM orders')[0]?.token}`;
      const { checkoutKey } = form;
      for (const fields of [form, { checkoutKey, expectedTotal: '1' }, { checkoutKey }]) {
        await shopper.submit('/checkout', fields).expect(303).expect('Location', page);
      }
      await shopper.add('bowl');
      await shopper.pay(form).expect(303).expect('Location', page);
      expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
    },
  );

  test("with another shopper's key gets neither their order nor their payment page", async () => {
    dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.pay(form).expect(303);
    const thief = createShopper(shop);
    await thief.add('mug');
    const response = await thief.pay(form).expect(409);
    expect(response.headers.location).toBeUndefined();
    expect(formIn(response).checkoutKey).not.toBe(form.checkoutKey);
    await deliver(shop, statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' }));
    await thief.pay(form).expect(409);
  });

  test('with an empty basket orders nothing', async () => {
    const shopper = createShopper(shop);
    await shopper.get('/checkout').expect(303).expect('Location', '/basket');
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.submit('/basket/mug/remove', {}).expect(303);
    const response = await shopper.pay(form).expect(409);
    expect(response.text).toContain('There is nothing in your basket yet');
    expect(contents(shop).orders).toEqual([]);
  });

  test('on a page that showed no total is first shown one', async () => {
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const { checkoutKey } = await shopper.summary();
    for (const fields of [{ checkoutKey }, { note: 'x' }])
      await shopper.submit('/checkout', fields).expect(303).expect('Location', '/checkout');
    expect(contents(shop).orders).toEqual([]);
  });

  test.each(['', 'x', '-1', '1.5', '1e3', '0x10', '１３９５', '01395', '1395 ', '9999999999'])(
    'with the total %j, which no page shows, is refused',
    async (expectedTotal) => {
      const shopper = createShopper(shop);
      await shopper.add('mug');
      await shopper.pay({ ...(await shopper.summary()), expectedTotal }).expect(400);
      expect(contents(shop).orders).toEqual([]);
    },
  );

  describe('after the payment page has expired', () => {
    let now: Date;
    let patient: OpenShop;
    let shopper: ReturnType<typeof createShopper>;
    let asked: CreateBody;

    beforeEach(async () => {
      now = new Date();
      patient = await openShop({ context: { now: () => now }, dojo: { now: () => now.getTime() } });
      shopper = createShopper(patient);
      const dojo = dojoCreates('pi_sandbox_T1');
      await shopper.add('mug');
      await shopper.checkout();
      asked = dojo.asked[0] as CreateBody;
      now = new Date(now.getTime() + 61 * 60_000);
    });
    afterEach(() => patient.close());

    const dojoSays = (status: string) =>
      nock(dojoUrl)
        .get('/payment-intents/pi_sandbox_T1')
        .query(true)
        .reply(200, createdReply(asked, 'pi_sandbox_T1', { status }), { date: now.toUTCString() });

    test('is shown the total again, and gets a new order and a new link, once Dojo has cancelled the old one', async () => {
      dojoSays('Created');
      nock(dojoUrl).delete('/payment-intents/pi_sandbox_T1').reply(200, createdReply(asked, 'pi_sandbox_T1'));
      dojoSays('Canceled');
      const closed = await shopper.checkout();
      expect(closed.status).toBe(409);
      expect(closed.text).toContain('The earlier payment page for these items has closed.');
      expect(rows(patient, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
      dojoCreates('pi_sandbox_T2');
      expect((await shopper.pay(formIn(closed))).headers.location).toBe(link('pi_sandbox_T2'));
      expect((await shopper.checkout()).headers.location).toBe(link('pi_sandbox_T2'));
      expect(rows(patient, 'SELECT status FROM orders ORDER BY id')).toEqual([
        { status: 'expired' },
        { status: 'awaiting_payment' },
      ]);
    });

    test('but has paid, is sent to the paid order and not asked to pay again', async () => {
      dojoSays('Captured');
      const response = await shopper.checkout();
      expect(response.headers.location).toMatch(/^\/orders\//);
      expect(rows(patient, 'SELECT status, holds FROM orders')).toEqual([{ status: 'paid', holds: '' }]);
    });

    test('gets no other link while Dojo cannot say whether the first was paid', async () => {
      nock(dojoUrl).get('/payment-intents/pi_sandbox_T1').query(true).times(2).reply(500);
      await shopper.checkout().then((response) => expect(response.status).toBe(503));
      expect(rows(patient, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
    });
  });

  test('after Back and an update that changes nothing continues the same payment', async () => {
    dojoCreates();
    const shopper = createShopper(shop);
    await shopper.add('mug', '2');
    await shopper.checkout();
    await shopper.submit('/basket/mug', { quantity: '2' }).expect(303);
    expect((await shopper.checkout()).headers.location).toBe(link());
    expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
  });
});

describe('a client that checks out with JSON', () => {
  test('gets the order and the payment link', async () => {
    dojoCreates();
    const response = await orderJson([{ ...mug, price: 1 }]).expect(201);
    const [order] = rows(shop, 'SELECT * FROM orders');
    expect(response.body).toEqual({
      reference: order?.reference,
      orderUrl: `http://localhost:3000/orders/${order?.token}`,
      paymentIntentId: 'pi_sandbox_T1',
      paymentLink: link(),
    });
    expect(order?.total).toBe(1395);
  });

  test('gets the same answer for the same key and items, in any order', async () => {
    const bowl = { sku: 'bowl', quantity: 2 };
    const { asked } = dojoCreates();
    const first = await orderJson([mug, bowl], 'key-1').expect(201);
    const second = await orderJson([bowl, mug], 'key-1').expect(201);
    expect(second.body).toEqual(first.body);
    expect(asked).toHaveLength(1);
  });

  test('gets 409 for the same key with other items', async () => {
    dojoCreates();
    await orderJson([mug], 'key-1').expect(201);
    const before = contents(shop);
    const response = await orderJson([{ ...mug, quantity: 2 }], 'key-1').expect(409);
    expect(response.headers['content-type']).toMatch(/problem\+json/);
    expect(contents(shop)).toEqual(before);
  });

  test('gets a separate order for every request without a key', async () => {
    dojoCreates('pi_sandbox_T1');
    dojoCreates('pi_sandbox_T2');
    const first = await orderJson([mug]).expect(201);
    const second = await orderJson([mug]).expect(201);
    expect(second.body.reference).not.toBe(first.body.reference);
  });

  test('is sent to the order once it is paid', async () => {
    dojoCreates();
    const { body } = await orderJson([mug], 'key-1').expect(201);
    await deliver(shop, statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' }));
    const response = await orderJson([mug], 'key-1').expect(303);
    expect(response.headers.location).toBe(body.orderUrl);
  });

  test.each<[string, unknown]>([
    ['a quantity of -1', [{ sku: 'mug', quantity: -1 }]],
    ['a quantity of 0', [{ sku: 'mug', quantity: 0 }]],
    ['a quantity of 1.5', [{ sku: 'mug', quantity: 1.5 }]],
    ['a quantity of 101', [{ sku: 'mug', quantity: 101 }]],
    ['a quantity of 99999999999', [{ sku: 'mug', quantity: 99_999_999_999 }]],
    ['a quantity as text', [{ sku: 'mug', quantity: '1' }]],
    ['a product named __proto__', [{ sku: '__proto__', quantity: 1 }]],
    ['a product named constructor', [{ sku: 'constructor', quantity: 1 }]],
    ['an unknown product', [{ sku: 'plate', quantity: 1 }]],
    ['a product twice', [mug, mug]],
    ['no items', []],
    ['items that are not a list', { sku: 'mug', quantity: 1 }],
  ])('gets 400 for %s, without a call to Dojo', async (_what, items) => {
    const response = await orderJson(items).expect(400);
    expect(response.headers['content-type']).toMatch(/problem\+json/);
    expect(contents(shop).orders).toEqual([]);
  });

  test('gets 400 for a basket above the limit, without a call to Dojo', async () => {
    const products = new Map(
      [...shop.context.catalogue.products].map(([sku, product]) => [sku, { ...product, price: 10_000 }]),
    );
    const dear = await openShop({ catalogue: { ...shop.context.catalogue, products } });
    try {
      const items = [
        { sku: 'mug', quantity: 100 },
        { sku: 'bowl', quantity: 1 },
      ];
      await request(dear.app)
        .post('/checkout')
        .send({ ...jsonDetails, items })
        .expect(400);
      expect(contents(dear).orders).toEqual([]);
    } finally {
      await dear.close();
    }
  });

  test.each([
    ['broken JSON', '{"items":', 400],
    ['17 kB', JSON.stringify({ items: [mug], pad: 'x'.repeat(17 * 1024) }), 413],
  ])('gets a problem for a body of %s', async (_what, body, status) => {
    const response = await request(shop.app).post('/checkout').type('json').send(body).expect(status);
    expect(response.headers['content-type']).toMatch(/problem\+json/);
  });

  test.each([['with a space'.padEnd(10)], ['x'.repeat(129)], ['é']])(
    'gets 400 for the key %j',
    async (key) => {
      await request(shop.app)
        .post('/checkout')
        .set('Idempotency-Key', Buffer.from(key).toString('latin1'))
        .send({ ...jsonDetails, items: [mug] })
        .expect(400);
    },
  );
});

describe('a basket form', () => {
  const fields = (count: number) => Array.from({ length: count }, (_, index) => `f${index}=1`).join('&');
  test.each([
    ['51 fields', fields(51), 413],
    ['17 kB', `sku=${'x'.repeat(17 * 1024)}`, 413],
    ['a line break in a name', 'sku%0d%0aX-Evil=1&sku=mug&quantity=1', 400],
    ['a line break in a value', 'sku=mug&quantity=1&note=a%0d%0ab', 400],
    ['a NUL', 'sku=mug&quantity=1&note=a%00', 400],
    ['a field twice', 'sku=mug&sku=bowl&quantity=1', 400],
    ['a product that is not sold', 'sku=plate&quantity=1', 400],
    ['a product named __proto__', 'sku=__proto__&quantity=1', 400],
    ...['-1', '0', '1.5', '1e3', '0x10', '１', '101', '99999999999', '', ' 1', '01'].map(
      (quantity): [string, string, number] => [
        `the quantity ${JSON.stringify(quantity)}`,
        `sku=mug&quantity=${encodeURIComponent(quantity)}`,
        400,
      ],
    ),
  ])('with %s is refused, and the basket does not change', async (_what, form, status) => {
    const shopper = createShopper(shop);
    await shopper.add('bowl');
    await shopper.agent.post('/basket').type('form').send(form).expect(status).expect('Content-Type', /html/);
    expect((await shopper.get('/basket')).text).toContain('Bowl');
    expect((await shopper.get('/basket')).text).not.toContain('Mug');
  });

  test('of any other content type is refused', async () => {
    await request(shop.app).post('/basket').type('text/plain').send('sku=mug').expect(415);
    await request(shop.app).post('/basket').send({ sku: 'mug', quantity: '1' }).expect(415);
  });

  test('with a quantity that is not a number shows the error beside the field, and keeps what was typed', async () => {
    const shopper = createShopper(shop);
    for (const path of ['/basket', '/basket/mug']) {
      await shopper.add('mug');
      const page = await shopper.submit(path, { sku: 'mug', quantity: '1e3' }).expect(400);
      expect(page.text).toContain('There is a problem');
      expect(page.text).toContain('href="#quantity-mug"');
      expect(page.text).toContain('Enter a whole number from 1 to 100 for Mug.');
      expect(page.text).toContain('value="1e3"');
    }
  });

  test('that would put more than 100 of a product in the basket is refused, and the page says why', async () => {
    const shopper = createShopper(shop);
    await shopper.add('mug', '60');
    const response = await shopper.submit('/basket', { sku: 'mug', quantity: '60' }).expect(400);
    expect(response.text).toContain('You can order up to 100 of each product.');
    expect((await shopper.get('/basket')).text).toContain('value="60"');
  });
});

describe('a client that checks out too often', () => {
  test('has to wait, while webhooks are still accepted', async () => {
    const busy = await openShop({ env: { CHECKOUT_RATE: '3' } });
    try {
      for (let count = 0; count < 3; count += 1) {
        await request(busy.app).post('/checkout').send({ items: [] }).expect(400);
      }
      const response = await request(busy.app)
        .post('/checkout')
        .send({ ...jsonDetails, items: [mug] })
        .expect(429);
      expect(Number(response.headers['retry-after'])).toBeGreaterThan(0);
      expect(response.headers['content-type']).toMatch(/problem\+json/);
      await deliver(busy, statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' })).expect(200);
      await request(busy.app)
        .post('/checkout')
        .set('X-Forwarded-For', '203.0.113.9')
        .send({ ...jsonDetails, items: [mug] })
        .expect(429);
    } finally {
      await busy.close();
    }
  });

  describe('behind a trusted proxy', () => {
    let behindProxy: OpenShop;
    beforeEach(async () => {
      behindProxy = await openShop({ env: { CHECKOUT_RATE: '1', TRUST_PROXY: 'loopback,10.0.0.0/8' } });
    });
    afterEach(() => behindProxy.close());
    const checkOutFrom = (address: string) =>
      request(behindProxy.app).post('/checkout').set('X-Forwarded-For', address).send({ items: [] });

    test('is counted by the address that the proxy names', async () => {
      await checkOutFrom('203.0.113.9').expect(400);
      await checkOutFrom('203.0.113.10').expect(400);
      await checkOutFrom('203.0.113.9').expect(429);
    });

    test.each([
      '203.0.113.9:50001',
      '203.0.113.9:50002, 10.0.0.7:443',
      '::ffff:203.0.113.9',
      '[::ffff:203.0.113.9]:50003',
      '::FFFF:cb00:7109',
      '0:0:0:0:0:ffff:cb00:7109',
    ])('is the client 203.0.113.9 when the proxy writes %s', async (address) => {
      await checkOutFrom('203.0.113.9').expect(400);
      await checkOutFrom(address).expect(429);
      await checkOutFrom('203.0.113.10:50001').expect(400);
    });

    test.each([
      '2001:db8:1:2:ffff::9',
      '[2001:db8:1:2::1]:443',
      '[2001:DB8:1:2:0:0:0:1]',
      '2001:db8:1:ff::1%eth0',
    ])('is the client 2001:db8:1:2::1 at %s, in the same network of 56 bits', async (address) => {
      await checkOutFrom('2001:db8:1:2::1').expect(400);
      await checkOutFrom(address).expect(429);
      await checkOutFrom('2001:db8:1:100::1').expect(400);
    });
  });

  test('is one of sixty a minute unless CHECKOUT_RATE says otherwise', async () => {
    for (let count = 0; count < 60; count += 1) await orderJson([]).expect(400);
    await orderJson([]).expect(429);
  });
});

describe('when Dojo fails', () => {
  test.each<[string, number, unknown, number]>([
    ['401', 401, { title: 'Unauthorized' }, 503],
    ['403', 403, { title: 'Forbidden' }, 503],
    ['400', 400, { title: 'Bad Ada Lovelace', detail: '<script>alert(1)</script> ada@example.com' }, 502],
    ['404', 404, '', 502],
    ['409', 409, '', 502],
    ['HTML', 200, '<html>hello</html>', 502],
    ['half a reply', 200, '{"id":"pi_sandbox', 502],
    ['nothing', 200, '', 502],
    ['null', 200, 'null', 502],
    ['a redirect', 302, '', 502],
  ])('with %s the shopper sees an error page and no link', async (_what, status, body, expected) => {
    dojoAnswers(status, body as string, { Location: 'http://169.254.169.254/' });
    const shopper = createShopper(shop);
    await shopper.add('mug');
    const response = await shopper.checkout();
    expect(response.status).toBe(expected);
    expect(response.headers.location).toBeUndefined();
    expect(response.text).not.toContain('<script>alert');
    expect(rows(shop, 'SELECT status FROM orders')).toEqual([{ status: 'placed' }]);
    expect(JSON.stringify(shop.log)).not.toMatch(/sk_sandbox_|Lovelace|@example/);
    // The basket is kept, and the same click works once Dojo does.
    dojoCreates('pi_sandbox_T2');
    expect((await shopper.checkout()).headers.location).toBe(link('pi_sandbox_T2'));
    expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 1 }]);
  });

  test.each<[string, Record<string, unknown>]>([
    ['an id that is a path', { id: 'pi_../../x' }],
    ['another reference', { reference: 'ORD-other' }],
    ['another amount', { amount: { value: 1, currencyCode: 'GBP' } }],
    ['another currency', { amount: { value: 1395, currencyCode: 'EUR' } }],
    ['a link to another place', { paymentLink: 'https://evil.example/checkout/pi_sandbox_T1' }],
    ['a link that only begins like ours', { paymentLink: 'https://pay.dojo.test.evil.example/' }],
    ['a link with a password', { paymentLink: 'https://pay.dojo.test:x@evil.example/' }],
    ['a link with a name', { paymentLink: 'https://evil.example@pay.dojo.test/checkout/pi_sandbox_T1' }],
    ['a link that is a script', { paymentLink: 'javascript:alert(1)' }],
    ...['Captured', 'Authorized', 'Canceled', 'Settled'].map((status): [string, Record<string, unknown>] => [
      `the status ${status}`,
      { status },
    ]),
  ])('with %s in its reply no link is shown', async (_what, members) => {
    dojoCreates('pi_sandbox_T1', members);
    const response = await orderJson([mug]).expect(502);
    expect(response.headers.location).toBeUndefined();
    expect(rows(shop, "SELECT count(*) AS n FROM attempts WHERE state = 'attached'")).toEqual([{ n: 0 }]);
  });

  test('and an intent that does not match is paid after all, the order is held for a person', async () => {
    dojoCreates('pi_sandbox_T1', { amount: { value: 1, currencyCode: 'GBP' } });
    await orderJson([mug]).expect(502);
    await deliver(shop, statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' }));
    expect(rows(shop, 'SELECT status, holds FROM orders')).toEqual([
      { status: 'paid', holds: 'amount_mismatch' },
    ]);
    expect(contents(shop).fulfilments).toEqual([]);
  });

  test('to send a link, the shop builds it as documented', async () => {
    dojoCreates('pi_sandbox_T1', { paymentLink: null });
    expect((await orderJson([mug]).expect(201)).body.paymentLink).toBe(link());
  });

  test('once with 500, the shop tries again with a new attempt, and records both', async () => {
    dojoAnswers(500);
    const { asked } = dojoCreates();
    await orderJson([mug]).expect(201);
    expect(asked[0]?.metadata.attempt).toBe('2');
    expect(rows(shop, 'SELECT number, state FROM attempts')).toEqual([
      { number: 1, state: 'ambiguous' },
      { number: 2, state: 'attached' },
    ]);
  });

  test('again and again with 500, the shop tries twice a click, and three times an order', async () => {
    const scope = dojoAnswers(500).persist();
    await orderJson([mug], 'key-1').expect(503).expect('Retry-After', /^\d+$/);
    expect(rows(shop, 'SELECT count(*) AS n FROM attempts')).toEqual([{ n: 2 }]);
    await orderJson([mug], 'key-1');
    expect(rows(shop, 'SELECT count(*) AS n FROM attempts')).toEqual([{ n: 3 }]);
    scope.persist(false);
    nock.cleanAll();
    const response = await orderJson([mug], 'key-1').expect(409);
    expect(response.body.type).toBe('urn:shop:exhausted');
  });

  test('five times in a row, the shop stops calling it for a while, and still accepts webhooks', async () => {
    const scope = dojoAnswers(500).persist();
    let asked = 0;
    scope.on('request', () => {
      asked += 1;
    });
    for (let click = 0; click < 4; click += 1) await orderJson([mug]).expect(503);
    expect(asked).toBe(5);
    await deliver(shop, statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' })).expect(200);
  });

  test('with 429, the shop makes no call until the window has passed', async () => {
    dojoAnswers(429, '', { 'Retry-After': '3600' });
    await orderJson([mug]).expect(503).expect('Retry-After', '120');
    const { asked } = dojoCreates();
    await orderJson([mug]).expect(503);
    expect(asked).toEqual([]);
  });

  test('because of a wrong key, the log holds an error without the key', async () => {
    dojoAnswers(401);
    await orderJson([mug]).expect(503);
    expect(shop.log.filter((line) => line.level === 'error')).toMatchObject([{ event: 'apiKeyRefused' }]);
    expect(JSON.stringify(shop.log)).not.toContain('of_the_tests');
  });

  test('with an ambiguous answer, the webhook of its intent is kept for reconciliation', async () => {
    dojoAnswers(500);
    dojoAnswers(500);
    await orderJson([mug]).expect(503);
    await deliver(
      shop,
      statusUpdate({ paymentIntentId: 'pi_sandbox_orphan', paymentStatus: 'Created' }),
    ).expect(200);
    expect(rows(shop, 'SELECT payment_intent_id, order_id FROM events')).toEqual([
      { payment_intent_id: 'pi_sandbox_orphan', order_id: null },
    ]);
  });
});

test('GET and HEAD of /checkout order nothing, whatever is in the address', async () => {
  const shopper = createShopper(shop);
  await shopper.add('mug');
  const form = await shopper.summary();
  await shopper.agent.get('/checkout').query(form).expect(200).expect('Cache-Control', 'no-store');
  await shopper.agent.head('/checkout').query(form).expect(200);
  expect(contents(shop).orders).toEqual([]);
});

test('the address of an order in a JSON answer is the address of its page', async () => {
  dojoCreates();
  const { body } = await orderJson([mug]).expect(201);
  await request(shop.app)
    .get(`/orders/${tokenOf(body.orderUrl)}`)
    .expect(200);
  expect(await statusOf(shop, tokenOf(body.orderUrl))).toBe('awaiting_payment');
});
