import pg from 'pg';
import request, { type Response } from 'supertest';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { deliverMessages } from '../../src/checkout/deliver-messages.ts';
import { eraseCustomers } from '../../src/checkout/erase-customers.ts';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { rows } from '../support/database.ts';
import { customer, jsonDetails, typedDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { openMerchant } from '../support/merchant.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { tokenOf } from '../support/purchase.ts';
import { type OpenShop, openShop, type ShopOptions } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { sign, statusUpdate } from '../support/webhook.ts';

const silent = parseCatalogue(JSON.stringify({ ...catalogueFile, details: 'none' }));
const mug = [{ sku: 'mug', quantity: 1 }];
const day = 24 * 60 * 60_000;

let shop: OpenShop;
const open = async (options: ShopOptions = {}) => {
  shop = await openShop(options);
  return createShopper(shop);
};
afterEach(() => shop.close());

const typedIn = (page: Response, field: string) =>
  new RegExp(`id="${field}" name="${field}" value="([^"]*)"`).exec(page.text)?.[1];
const orders = () =>
  rows(shop, 'SELECT status, superseded_by IS NOT NULL AS superseded FROM orders ORDER BY id');
const hear = (intent: string, status: string) => {
  const body = statusUpdate({ paymentIntentId: intent, paymentStatus: status });
  return request(shop.app).post('/webhooks/dojo').set('dojo-signature', sign(body)).send(body).expect(200);
};

describe('the checkout page', () => {
  test('says what is wrong with each field, keeps what was typed, and asks nothing of Dojo', async () => {
    const shopper = await open();
    await shopper.add('mug');
    const form = {
      ...(await shopper.summary()),
      email: 'ada@',
      line1: '',
      postcode: 'SW1Y',
      town: '"><i>Town',
    };
    const page = await shopper.pay(form).expect(400);
    expect(
      [...page.text.matchAll(/<li><a href="#(\w+)">([^<]+)</g)].map(([, field, words]) => [field, words]),
    ).toEqual([
      ['email', 'Enter an email address in the correct format, like name@example.com'],
      ['line1', 'Enter address line 1, typically the building and street'],
      ['postcode', 'Enter a full postcode, like SW1A 1AA'],
    ]);
    expect(page.text).toContain('<title>Error: Checkout');
    expect(typedIn(page, 'email')).toBe('ada@');
    expect(typedIn(page, 'name')).toBe('Ada Lovelace');
    expect(typedIn(page, 'town')).toBe('&#34;&gt;&lt;i&gt;Town');
    expect(orders()).toEqual([]);
  });

  test('takes a note of several lines, and no other field with a line break', async () => {
    const { asked } = dojoCreates();
    const shopper = await open();
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.pay({ ...form, name: 'Ada\r\nLovelace' }).expect(400);
    await shopper.pay({ ...form, note: 'Ring twice.\r\nThen leave it.' }).expect(303);
    expect(asked[0]).toMatchObject({ shippingDetails: { deliveryNotes: 'Ring twice.\nThen leave it.' } });
  });

  test('is filled in for the shopper who comes back from the payment page, and for no one else', async () => {
    dojoCreates();
    const shopper = await open();
    await shopper.add('mug');
    await shopper.checkout();
    const again = await shopper.get('/checkout').expect(200);
    for (const field of ['email', 'name', 'line1', 'town', 'postcode'] as const)
      expect(typedIn(again, field)).toBe(typedDetails[field]);
    const other = createShopper(shop);
    await other.add('mug');
    expect(typedIn(await other.get('/checkout'), 'email')).toBe('');
  });

  test('with another address leads at once to another payment, and the earlier one is superseded', async () => {
    const { asked } = dojoCreates('pi_sandbox_1');
    const shopper = await open();
    await shopper.add('mug');
    const form = await shopper.summary();
    await shopper.pay(form).expect(303);
    dojoCreates('pi_sandbox_2');
    const corrected = { ...form, line1: '13 St James’s Square' };
    const answers = await Promise.all([shopper.pay(corrected), shopper.pay(corrected)]);
    for (const { headers } of answers) expect(headers.location).toMatch(/pi_sandbox_2$/);
    expect(asked).toHaveLength(1);
    expect(orders()).toEqual([
      { status: 'awaiting_payment', superseded: 1 },
      { status: 'awaiting_payment', superseded: 0 },
    ]);
    expect(rows(shop, 'SELECT line1 FROM customers ORDER BY order_id')).toEqual([
      { line1: '12 St James’s Square' },
      { line1: '13 St James’s Square' },
    ]);
  });

  test('is where a form leads that carries no details', async () => {
    const shopper = await open();
    await shopper.add('mug');
    const { checkoutKey, expectedTotal } = await shopper.summary();
    await shopper
      .submit('/checkout', { checkoutKey, expectedTotal })
      .expect(303)
      .expect('Location', '/checkout');
    expect(orders()).toEqual([]);
  });
});

describe('a client that checks out with JSON', () => {
  const post = (body: object, key = 'key-of-the-client') =>
    request(shop.app).post('/checkout').set('Idempotency-Key', key).send(body);

  test('is told every field that is missing or wrong, and nothing of what it sent', async () => {
    await open();
    const { customer, delivery } = jsonDetails;
    const wrong = {
      customer: { ...customer, phoneNumber: 'hush' },
      delivery: { ...delivery, postcode: 'hush', town: 7 },
    };
    const response = await post({ ...wrong, expectedTotal: 'hush' }).expect(400);
    expect(response.type).toBe('application/problem+json');
    expect(response.body.fields).toEqual([
      ...['items', 'expectedTotal', 'customer.phoneNumber', 'delivery.town', 'delivery.postcode'],
    ]);
    expect(response.text).not.toContain('hush');
    expect(response.text.length).toBeLessThanOrEqual(512);
    const bare = await post({ items: [], customer: null, delivery: 'x' }).expect(400);
    expect(bare.body.fields).toContain('customer.emailAddress');
    expect(bare.text.length).toBeLessThanOrEqual(512);
    expect(orders()).toEqual([]);
  });

  test('gets 409 for the same key with another customer or place, before and after prices change', async () => {
    const { asked } = dojoCreates();
    await open();
    const first = await post({ ...jsonDetails, items: mug }).expect(201);
    const moved = { ...jsonDetails, delivery: { ...jsonDetails.delivery, line1: '13 St James’s Square' } };
    await post({ ...moved, items: mug }).expect(409);
    Object.assign(shop.context.catalogue, { delivery: { ...shop.context.catalogue.delivery, flat: 1395 } });
    await post({ ...moved, items: mug }).expect(409);
    expect((await post({ ...jsonDetails, items: mug }).expect(201)).body).toEqual(first.body);
    expect(asked).toHaveLength(1);
    Object.assign(shop.context.catalogue, { delivery: { ...shop.context.catalogue.delivery, flat: 395 } });
  });

  test('may name another recipient, and Dojo learns who and where', async () => {
    const { asked } = dojoCreates();
    await open();
    const delivery = {
      ...jsonDetails.delivery,
      name: 'Mary Somerville',
      line2: 'Flat 2',
      note: 'Ring twice.',
    };
    const customer = { ...jsonDetails.customer, phoneNumber: '020 7946 0000' };
    await post({ items: mug, customer, delivery }).expect(201);
    expect(asked[0]).toMatchObject({
      customer: { emailAddress: 'ada@example.com', phoneNumber: '020 7946 0000' },
      shippingDetails: {
        name: 'Mary Somerville',
        deliveryNotes: 'Ring twice.',
        address: {
          ...{ address1: '12 St James’s Square', address2: 'Flat 2', city: 'London', postcode: 'SW1Y 4JH' },
          countryCode: 'GB',
        },
      },
    });
  });

  test('with the public sandbox key tells Dojo nothing about anyone', async () => {
    const { asked } = dojoCreates();
    await open({ env: { DOJO_API_KEY: 'sk_sandbox_c8oLGaI__of_the_docs' } });
    await post({ ...jsonDetails, items: mug }).expect(201);
    expect(JSON.stringify(asked)).not.toMatch(/@example|Lovelace|James/i);
    expect(asked[0]?.amount).toEqual({ value: 1395, currencyCode: 'GBP' });
  });
});

test('a shop that sends nothing asks for an e-mail address, charges no delivery, and tells no one where to', async () => {
  const { asked } = dojoCreates('pi_1');
  const digital = parseCatalogue(JSON.stringify({ ...catalogueFile, delivery: undefined }));
  const shopper = await open({ catalogue: digital });
  expect((await shopper.get('/')).text).not.toContain('Delivery');
  await shopper.add('mug');
  const page = await shopper.get('/checkout').expect(200);
  expect(page.text).toContain('Pay £10.00');
  expect(page.text).not.toMatch(/Delivery|id="line1"|id="name"/);
  const { checkoutKey, expectedTotal } = await shopper.summary();
  await shopper.submit('/checkout', { checkoutKey, expectedTotal, email: 'ada' }).expect(400);
  await shopper.submit('/checkout', { checkoutKey, expectedTotal, email: 'ada@example.com' }).expect(303);
  expect(asked).toMatchObject([
    { amount: { value: 1000 }, taxLines: [], customer: { emailAddress: 'ada@example.com' } },
  ]);
  expect(asked[0]).not.toHaveProperty('shippingDetails');
  await hear('pi_1', 'Captured');
  const merchant = await openMerchant();
  await deliverMessages(shop.context, merchant);
  expect(merchant.received.at(-1)?.body.data).toMatchObject({
    customer: { emailAddress: 'ada@example.com' },
    delivery: null,
    items: [{ sku: 'mug', quantity: 1 }],
  });
  await merchant.close();
});

describe('a shop that asks for nothing', () => {
  test('takes quantities and payment with the one form of the basket', async () => {
    const { asked } = dojoCreates();
    const shopper = await open({ catalogue: silent });
    await shopper.add('mug');
    const page = await shopper.get('/basket');
    const read = (name: string) => new RegExp(`name="${name}" value="([^"]+)"`).exec(page.text)?.[1] ?? '';
    const form = { checkoutKey: read('checkoutKey'), expectedTotal: read('expectedTotal') };
    expect(page.text).toContain('Pay £13.95');
    const more = await shopper.submit('/checkout', { ...form, 'quantity-mug': '2' }).expect(409);
    expect(more.text).toContain('The total is now £23.95');
    expect(asked).toEqual([]);
    const wrong = await shopper.submit('/checkout', { ...form, 'quantity-mug': '1e3' }).expect(400);
    expect(wrong.text).toContain('Enter a whole number from 1 to 100 for Mug.');
    await shopper.checkout();
    expect(asked.map(({ amount }) => amount.value)).toEqual([2395]);
    expect(rows(shop, 'SELECT * FROM customers')).toEqual([]);
  });

  test('takes a basket of fifty products with it, and not one field more', async () => {
    const products = Array.from({ length: 50 }, (_, index) => ({
      ...catalogueFile.products[0],
      sku: `p${index}`,
    }));
    const large = parseCatalogue(JSON.stringify({ ...catalogueFile, details: 'none', products }));
    dojoCreates();
    const shopper = await open({ catalogue: large });
    for (const { sku } of products) await shopper.add(sku);
    const page = await shopper.get('/basket');
    const [, checkoutKey = ''] = /name="checkoutKey" value="([^"]+)"/.exec(page.text) ?? [];
    const quantities = Object.fromEntries(products.map(({ sku }) => [`quantity-${sku}`, '1']));
    await shopper.submit('/checkout', { checkoutKey, expectedTotal: '50000', ...quantities }).expect(303);
    await shopper.submit('/checkout', { checkoutKey, ...quantities, 'quantity-q': '1' }).expect(413);
  });
});

describe.each(['SQLite', 'PostgreSQL'])('personal data on %s', (database) => {
  let postgres: PostgresServer | undefined;
  beforeAll(async () => {
    if (database === 'PostgreSQL') postgres = await startPostgres();
  });
  afterAll(() => postgres?.stop());
  let time = new Date('2026-11-25T12:00:00Z');
  const openAt = async (env: Record<string, string> = {}) => {
    time = new Date('2026-11-25T12:00:00Z');
    const databaseUrl = await postgres?.createDatabase();
    return open({ ...(databaseUrl !== undefined && { databaseUrl }), env, context: { now: () => time } });
  };
  const pass = (days: number) => {
    time = new Date(time.getTime() + days * day);
  };
  async function place(intent: string): Promise<number> {
    dojoCreates(intent);
    const { body } = await request(shop.app)
      .post('/checkout')
      .send({ ...jsonDetails, items: mug })
      .expect(201);
    return (await shop.context.store.findOrderByToken(tokenOf(body.orderUrl)))?.id ?? 0;
  }

  test('of an order that ended unpaid is erased after 30 days, and of others after PERSONAL_DATA_DAYS', async () => {
    await openAt({ PERSONAL_DATA_DAYS: '365' });
    const [unpaid, paid, open] = [await place('pi_1'), await place('pi_2'), await place('pi_3')];
    await hear('pi_1', 'Canceled');
    await hear('pi_2', 'Captured');
    const left = async () => {
      const found = await Promise.all([unpaid, paid, open].map((id) => shop.context.store.findCustomer(id)));
      return found.map((customer) => customer?.emailAddress ?? null);
    };
    pass(29);
    expect(await eraseCustomers(shop.context)).toBe(0);
    pass(2);
    expect(await eraseCustomers(shop.context)).toBe(1);
    expect(await left()).toEqual([null, 'ada@example.com', 'ada@example.com']);
    pass(333);
    await eraseCustomers(shop.context);
    expect(await left()).toEqual([null, 'ada@example.com', 'ada@example.com']);
    pass(2);
    await eraseCustomers(shop.context);
    expect(await left()).toEqual([null, null, null]);
    expect((await shop.context.store.checkReplay()).different).toEqual([]);
    expect(shop.log.filter(({ event }) => event === 'customersErased').map(({ orders }) => orders)).toEqual([
      1, 2,
    ]);
  });

  test('is in no log line, cookie, address or row but that of its own table', async () => {
    const shopper = await openAt();
    dojoCreates('pi_1');
    const canary = 'Zq7canary';
    const typed = {
      ...{
        email: `${canary}@example.com`,
        name: canary,
        phone: '+44 7700 900777',
        line1: canary,
        line2: canary,
      },
      ...{ town: canary, postcode: 'ZE3 9JP', country: 'GB', note: canary },
    };
    await shopper.add('mug');
    const form = { ...(await shopper.summary()), ...typed };
    const answers = [
      await shopper.pay({ ...form, phone: 'wrong' }),
      await shopper.pay(form),
      await shopper.pay(form),
    ];
    answers.push(await shopper.get('/checkout'));
    await hear('pi_1', 'Captured');
    const order = await shop.context.store.findOrderByCheckoutKey(form.checkoutKey);
    const page = await shopper.get(`/orders/${order?.token}`).expect(200);
    expect(page.text).toContain(`<span>${canary}</span>`);
    expect((await request(shop.app).get(`/orders/${order?.token}`).expect(200)).text).not.toContain(canary);
    const kept = JSON.stringify([
      ...[shop.log, await tables(), order],
      ...answers.map(({ headers }) => [headers['set-cookie'], headers.location]),
    ]);
    expect(kept).toContain(order?.reference);
    expect(kept).not.toMatch(/Zq7canary|900777|ZE3/i);
  });

  test('goes to the merchant with the message to send the goods, and once it is erased that message is dropped', async () => {
    await openAt();
    const merchant = await openMerchant();
    for (const intent of ['pi_1', 'pi_2']) {
      const id = await place(intent);
      await hear(intent, 'Captured');
      if (intent === 'pi_2') await shop.context.store.eraseCustomer(id, time);
    }
    await deliverMessages(shop.context, merchant);
    expect(merchant.types().toSorted()).toEqual(['order.due', 'order.paid', 'order.paid']);
    const { delivery: address, ...contact } = customer;
    expect(merchant.received.find(({ body }) => body.type === 'order.due')?.body.data).toMatchObject({
      customer: contact,
      delivery: { caption: 'Delivery', ...address },
    });
    expect(shop.log.filter(({ event }) => event === 'messageDropped')).toHaveLength(1);
    await merchant.close();
  });

  async function tables(): Promise<unknown> {
    const url = shop.databaseUrl;
    if (!url.startsWith('sqlite:')) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const names = await client.query(`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
      const all = [];
      for (const { tablename } of names.rows as { tablename: string }[])
        if (tablename !== 'customers') all.push((await client.query(`SELECT * FROM ${tablename}`)).rows);
      await client.end();
      return all;
    }
    return rows(shop, `SELECT name FROM sqlite_master WHERE type = 'table' AND name <> 'customers'`).map(
      ({ name }) =>
        rows(shop, `SELECT * FROM ${name}`).map((row) =>
          Object.values(row).map((value) =>
            value instanceof Uint8Array ? Buffer.from(value).toString() : value,
          ),
        ),
    );
  }

  test('is kept for ever unless the merchant says how long, and looked through once a day', async () => {
    await openAt();
    const paid = await place('pi_1');
    await hear('pi_1', 'Captured');
    pass(4_000);
    expect(await eraseCustomers(shop.context)).toBe(0);
    expect(await shop.context.store.findCustomer(paid)).toMatchObject({ name: 'Ada Lovelace' });
    const unpaid = await place('pi_2');
    await hear('pi_2', 'Canceled');
    pass(40);
    expect(await eraseCustomers(shop.context)).toBe(1);
    expect(await shop.context.store.findCustomer(unpaid)).toBeNull();
  });
});
