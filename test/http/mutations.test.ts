import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import fc from 'fast-check';
import nock from 'nock';
import { Webhook } from 'standardwebhooks';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type CreateBody, createdReply } from '../support/created-reply.ts';
import { jsonDetails } from '../support/details.ts';
import { merchantSecret } from '../support/merchant.ts';
import { mutatedText, mutatedValue } from '../support/mutations.ts';
import { openDatabase } from '../support/open-database.ts';
import { type Placed, placeMug } from '../support/purchase.ts';
import { dojoUrl, type OpenShop, openShop } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { sign, statusUpdate } from '../support/webhook.ts';

let shop: OpenShop;
let server: Server;
let placed: Placed;
let database: Awaited<ReturnType<typeof openDatabase>>;

beforeAll(async () => {
  shop = await openShop({ env: { SHIP_SECRET: merchantSecret, CHECKOUT_RATE: '1000000' } });
  placed = await placeMug(shop);
  database = await openDatabase(shop.databaseUrl);
  server = createServer(shop.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(() => {
  nock.cleanAll();
  expect(shop.log.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
});
afterAll(async () => {
  server.close();
  await database.close();
  await shop.close();
});

test('a damaged webhook that Dojo signed is kept, and changes no order', async () => {
  const valid = statusUpdate({ paymentIntentId: 'pi_of_no_order', paymentStatus: 'Captured' });
  const before = await orders();
  await damage(bodies(JSON.parse(valid)), async (body) => {
    fc.pre(body !== '');
    await post('/webhooks/dojo', body, { 'dojo-signature': sign(body) }).expect(200);
  });
  expect(await orders()).toEqual(before);
});

test('a webhook with a damaged signature is refused, unless it says the same', async () => {
  const valid = statusUpdate({ paymentIntentId: placed.paymentIntentId, paymentStatus: 'Refunded' });
  const before = await everything();
  const digest = (header: string) =>
    header
      .replace(/^sha256=/, '')
      .replaceAll('-', '')
      .toLowerCase();
  await damage(headers(sign(valid)), async (header) => {
    fc.pre(digest(header) !== digest(sign(valid)));
    await post('/webhooks/dojo', valid, { 'dojo-signature': header }).expect(401);
  });
  expect(await everything()).toEqual(before);
});

test('a damaged checkout is an order, or is refused and changes nothing', async () => {
  dojoCreatesAll();
  const valid = { ...jsonDetails, items: [{ sku: 'mug', quantity: 1 }], expectedTotal: 1395 };
  await damage(bodies(valid), async (body) => {
    const before = await everything();
    const { status } = await post('/checkout', body);
    expect([201, 400, 409, 413]).toContain(status);
    if (status !== 201) expect(await everything()).toEqual(before);
  });
});

test('a damaged form is taken, or is refused and changes nothing', async () => {
  dojoCreatesAll();
  const shopper = createShopper(shop);
  await shopper.add('mug');
  const { checkoutKey, ...fields } = await shopper.summary();
  const cookie = await cookieOf('mug');
  const valid = new URLSearchParams({
    ...fields,
    checkoutKey: `${checkoutKey}`,
    'quantity-mug': '1',
  }).toString();
  await damage(mutatedText(valid), async (form) => {
    for (const path of ['/checkout', '/basket', '/basket/mug', '/basket/mug/remove']) {
      const before = await everything();
      const { status } = await post(path, form, {
        'content-type': 'application/x-www-form-urlencoded',
        cookie,
      });
      expect([303, 400, 404, 409, 413]).toContain(status);
      if (status !== 303) expect(await everything()).toEqual(before);
    }
  });
});

test('a damaged cookie is replaced by a new one, with an empty basket', async () => {
  const cookie = await cookieOf('mug');
  const before = await everything();
  await damage(headers(cookie), async (damaged) => {
    fc.pre(!damaged.includes(cookie.slice('shop='.length)));
    const { text } = await request(server).get('/basket').set('Cookie', damaged).expect(200);
    expect(text).not.toContain('quantity-mug');
  });
  expect(await everything()).toEqual(before);
});

test('a damaged address is answered, and changes nothing', async () => {
  const before = await everything();
  const pages = [
    '/?a=1&b[c]=2',
    '/basket?sku=mug',
    `/orders/${placed.token}?status=Captured`,
    `/checkout/success/${placed.token}?id=pi_x`,
  ];
  await damage(fc.constantFrom(...pages).chain(mutatedText), async (address) => {
    const { status } = await request(server).get(
      encodeURI(`/${address.toWellFormed()}`).replaceAll('%25', '%'),
    );
    expect(status).toBeLessThan(500);
  });
  expect(await everything()).toEqual(before);
});

test('a damaged request to ship, signed, sends nothing that is not paid', async () => {
  const valid = {
    reference: placed.reference,
    carrier: 'Royal Mail',
    trackingUrl: 'https://track.example/AB1',
  };
  const before = await orders();
  let count = 0;
  await damage(bodies(valid), async (body) => {
    const [id, at] = [`msg_${count++}`, new Date()];
    const signed = {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(merchantSecret).sign(id, at, Buffer.from(body)),
    };
    const { status } = await post(`/api/orders/${placed.reference}/ship`, body, signed);
    expect([400, 409, 413]).toContain(status);
  });
  expect(await orders()).toEqual(before);
});

function damage<Input>(inputs: fc.Arbitrary<Input>, check: (input: Input) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(inputs, check), { numRuns: 60 });
}

/** JSON with a damaged value, or damaged as text. */
function bodies(valid: object): fc.Arbitrary<string> {
  return fc.oneof(
    mutatedText(JSON.stringify(valid)),
    mutatedValue(valid).map((value) => JSON.stringify(value)),
  );
}

/** Node sends no other characters in a header. */
function headers(valid: string): fc.Arbitrary<string> {
  return mutatedText(valid).map((text) => text.replace(/[^\t\x20-\x7e\x80-\xff]/g, ''));
}

function post(path: string, body: string, set: Record<string, string> = {}): request.Test {
  const sent = request(server)
    .post(path)
    .set({ 'content-type': 'application/json', ...set });
  return sent.serialize((bytes) => bytes).send(Buffer.from(body) as unknown as string);
}

async function cookieOf(sku: string): Promise<string> {
  const { headers: answer } = await request(server).post('/basket').type('form').send({ sku, quantity: '1' });
  return String(answer['set-cookie']).split(';')[0] ?? '';
}

/** Dojo creates an intent for every call until the test ends. */
function dojoCreatesAll(): void {
  nock(dojoUrl)
    .persist()
    .post('/payment-intents')
    .reply(200, async (asked: Request) =>
      createdReply((await asked.json()) as CreateBody, `pi_sandbox_${crypto.randomUUID()}`),
    );
}

const orders = () => rowsOf(['orders', 'attempts', 'fulfilments', 'messages']);
const everything = () =>
  rowsOf([
    'orders',
    'attempts',
    'customers',
    'fulfilments',
    'messages',
    'events',
    'quarantine',
    'api_requests',
  ]);

function rowsOf(tables: readonly string[]): Promise<unknown> {
  return database.read((tx) =>
    Promise.all(tables.map((table) => tx.all(`SELECT * FROM ${table} ORDER BY 1`))),
  );
}
