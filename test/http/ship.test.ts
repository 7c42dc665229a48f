import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { standingHolds } from '../../src/shop/holds.ts';
import type { ShipRefusal } from '../../src/shop/shipment.ts';
import { openDatabase } from '../support/open-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { current, minutes, ordered, runReconcile, start } from '../support/scenario-steps.ts';
import { webhookSecret } from '../support/shop.ts';

const secret = 'whsec_c2hpcHMgYW5kIGJvYXRzLCBib2F0cyBhbmQgc2hpcHM=';
const shipping = { SHIP_SECRET: secret };
const trackingUrl = 'https://track.example/AB123456789GB?lang=en';
let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

type Sent = {
  id?: string;
  body?: string | Buffer;
  at?: Date;
  reference?: string;
  secret?: string;
  headers?: Record<string, string | null>;
};

/** A request as the merchant's system signs it, valid unless a member says otherwise. */
function send(shop: Scenario, reference: string, sent: Sent = {}) {
  const { id = `msg_${randomBytes(8).toString('hex')}`, at = shop.now() } = sent;
  const body = Buffer.from(sent.body ?? JSON.stringify({ reference, carrier: 'Royal Mail', trackingUrl }));
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(sent.secret ?? secret).sign(id, at, body),
    ...sent.headers,
  };
  const post = request(shop.shop.app).post(`/api/orders/${sent.reference ?? reference}/ship`);
  for (const [name, value] of Object.entries(headers)) if (value !== null) post.set(name, value);
  return post.serialize((bytes) => bytes).send(body as unknown as string);
}

async function paid(shop: Scenario, checkoutKey = 'key-1') {
  const { order, intentId } = await ordered(shop, checkoutKey);
  await shop.pay(intentId);
  await shop.handAll();
  return { order: await current(shop, order), intentId };
}

/** Every row that a request to ship could change. */
async function contents({ shop }: Scenario): Promise<unknown> {
  const database = await openDatabase(shop.databaseUrl);
  const tables = ['orders', 'attempts', 'fulfilments', 'messages', 'api_requests'];
  const rows = await database.read((tx) =>
    Promise.all(tables.map((table) => tx.all(`SELECT * FROM ${table} ORDER BY 1`))),
  );
  await database.close();
  return rows;
}

const problem = (status: number, type = 'about:blank') => ({
  status,
  type: 'application/problem+json',
  body: expect.objectContaining({ type, status }),
});
const answered = async (sent: ReturnType<typeof send>) => {
  const { status, type, body, text } = await sent;
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(512);
  return { status, type, body };
};

describe.each([
  ['SQLite', async () => ({ env: shipping })],
  ['PostgreSQL', async () => ({ env: shipping, databaseUrl: await postgres.createDatabase() })],
])("on %s the merchant's own system says that an order was sent", (_name, options) => {
  test('and the order has the time, the carrier and the link from then on', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    shop.pass(minutes);
    const response = await send(shop, order.reference).expect(200);
    const sentAt = shop.now().toISOString();
    expect(response.body).toEqual({ reference: order.reference, sentAt, carrier: 'Royal Mail', trackingUrl });
    expect(await current(shop, order)).toMatchObject({
      status: 'paid',
      sentAt: shop.now(),
      carrier: 'Royal Mail',
      trackingUrl,
      mayShip: false,
    });
    const messages = await shop.context.store.listMessages({ orderReference: null, state: null });
    expect(messages.map(({ type }) => type)).toEqual(['order.paid', 'order.due', 'order.sent']);
    expect(shop.shop.log.filter(({ event }) => event === 'orderSent')).toHaveLength(1);
  });

  test('and the reference may be spelt as people type it', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    const typed = order.reference.toLowerCase().replaceAll('-', '');
    const { body } = await send(shop, typed, { body: JSON.stringify({ reference: order.reference }) }).expect(
      200,
    );
    expect(body.reference).toBe(order.reference);
    expect((await current(shop, order)).sentAt).toEqual(shop.now());
  });

  test('and carrier and link may be left out', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    await send(shop, order.reference, { body: JSON.stringify({ reference: order.reference }) }).expect(200);
    expect(await current(shop, order)).toMatchObject({
      sentAt: shop.now(),
      carrier: null,
      trackingUrl: null,
    });
  });

  test('and a repeat gets the same bytes later too, although it is signed anew, and changes nothing', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    const first = await send(shop, order.reference, { id: 'msg_1' }).expect(200);
    const before = await contents(shop);
    shop.pass(60 * minutes);
    const again = await send(shop, order.reference, { id: 'msg_1' }).expect(200);
    expect(again.text).toBe(first.text);
    expect(again.type).toBe(first.type);
    expect(await contents(shop)).toEqual(before);
    expect(await answered(send(shop, order.reference, { id: 'msg_2' }))).toEqual(
      problem(409, 'urn:shop:already-sent'),
    );
  });

  test('and twenty copies at once are one, with one answer', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    const copies = await Promise.all(
      Array.from({ length: 20 }, () => send(shop, order.reference, { id: 'msg_1' })),
    );
    expect(new Set(copies.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(copies[0]?.status).toBe(200);
    const sent = await shop.context.store.listMessages({ orderReference: null, state: null });
    expect(sent.filter(({ type }) => type === 'order.sent')).toHaveLength(1);
  });

  test('and an id stands for one request: with another body, or for another order, it is refused', async () => {
    const shop = await start(await options());
    const [one, other] = [await paid(shop, 'key-1'), await paid(shop, 'key-2')];
    await send(shop, one.order.reference, { id: 'msg_1' }).expect(200);
    const before = await contents(shop);
    const changed = JSON.stringify({ reference: one.order.reference, carrier: 'DPD' });
    for (const taken of [
      send(shop, one.order.reference, { id: 'msg_1', body: changed }),
      send(shop, other.order.reference, { id: 'msg_1' }),
    ])
      expect(await answered(taken)).toEqual(problem(409, 'urn:shop:id-taken'));
    expect(await contents(shop)).toEqual(before);
  });

  test('and of two orders at once under one id, one is sent', async () => {
    const shop = await start(await options());
    const orders = [await paid(shop, 'key-1'), await paid(shop, 'key-2')];
    const responses = await Promise.all(
      orders.map(({ order }) => send(shop, order.reference, { id: 'msg_1' })),
    );
    expect(responses.map(({ status }) => status).sort()).toEqual([200, 409]);
    const sent = await Promise.all(orders.map(({ order }) => current(shop, order)));
    expect(sent.filter(({ sentAt }) => sentAt !== null)).toHaveLength(1);
  });

  test('and it is refused with the reason while money is in doubt; the same request keeps its answer, a new one is decided anew', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await shop.portalRefund(intentId, 500);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    const held = await send(shop, order.reference, { id: 'msg_1' });
    expect(held).toMatchObject(problem(409, 'urn:shop:held'));
    const settles = standingHolds(await current(shop, order));
    const decision = { action: 'accept', payment: null, decidedBy: 'Ada', reason: 'Fine.' } as const;
    await shop.context.store.decide(order.id, { ...decision, settles, decidedAt: shop.now() });
    const again = await send(shop, order.reference, { id: 'msg_1' });
    expect([again.status, again.text]).toEqual([held.status, held.text]);
    expect((await current(shop, order)).sentAt).toBeNull();
    await send(shop, order.reference, { id: 'msg_2' }).expect(200);
    expect((await current(shop, order)).sentAt).toEqual(shop.now());
  });

  const refusals: Record<
    Exclude<ShipRefusal, 'held' | 'already-sent'>,
    (shop: Scenario) => Promise<string>
  > = {
    'not-paid': async (shop) => (await ordered(shop)).order.reference,
    'refund-under-way': async (shop) => {
      const { order } = await paid(shop);
      const refund = {
        id: 'r',
        orderId: order.id,
        attempt: 1,
        kind: 'refund',
        amount: 1,
        reason: '',
      } as const;
      await shop.context.store.beginRefund({ ...refund, expectedReturned: null, askedAt: shop.now() });
      return order.reference;
    },
    dismissed: async (shop) => {
      const { order, intentId } = await paid(shop);
      await shop.portalRefund(intentId, 1395);
      await shop.handAll();
      const settles = standingHolds(await current(shop, order));
      const decision = { action: 'dismiss', payment: null, decidedBy: 'Ada', reason: 'Never.' } as const;
      await shop.context.store.decide(order.id, { ...decision, settles, decidedAt: shop.now() });
      return order.reference;
    },
    'amount-unknown': async (shop) => {
      const { order, intentId } = await ordered(shop);
      await shop.context.store.recordEvents([
        {
          eventId: 'evt_1',
          event: 'payment_intent.status_updated',
          paymentIntentId: intentId,
          paymentStatus: 'Captured',
          body: Buffer.from('captured'),
          digest: Buffer.alloc(32),
          secret: 'whs_00000000',
          receivedAt: shop.now(),
        },
      ]);
      return order.reference;
    },
  };

  test.each(Object.entries(refusals))('and it is refused if the order is: %s', async (reason, prepare) => {
    const { env, ...rest } = await options();
    const isManual = reason === 'amount-unknown';
    const shop = await start({ ...rest, env: { ...env, ...(isManual && { CAPTURE_MODE: 'Manual' }) } });
    const reference = await prepare(shop);
    expect(await answered(send(shop, reference))).toEqual(problem(409, `urn:shop:${reason}`));
    const order = await shop.context.store.findOrderByReference(reference);
    expect(order?.sentAt).toBeNull();
  });

  test('and a refund in the portal afterwards raises no hold', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await send(shop, order.reference).expect(200);
    await shop.portalRefund(intentId, 1395);
    await shop.handAll();
    expect(await current(shop, order)).toMatchObject({ status: 'refunded', holds: [], returned: 1395 });
  });
});

describe('a request to ship', () => {
  test('is answered 401 and kept nowhere unless it is signed with the secret, as it is, in these five minutes', async () => {
    const shop = await start({ env: shipping });
    const { order } = await paid(shop);
    const { reference } = order;
    const before = await contents(shop);
    const now = shop.now().getTime();
    const body = JSON.stringify({ reference });
    const signed = new Webhook(secret).sign('msg_1', shop.now(), body);
    const wrong: Sent[] = [
      { headers: { 'webhook-id': null } },
      { headers: { 'webhook-timestamp': null } },
      { headers: { 'webhook-signature': null } },
      { headers: { 'webhook-signature': '' } },
      { headers: { 'webhook-signature': 'v1,' } },
      { headers: { 'webhook-signature': signed.replace('v1,', 'v2,') }, id: 'msg_1', body },
      { headers: { 'webhook-id': 'msg_2', 'webhook-signature': signed }, body },
      { headers: { 'webhook-signature': signed }, id: 'msg_1', body: `${body} ` },
      { headers: { 'webhook-timestamp': `${Math.floor(now / 1000)}.5` } },
      { headers: { 'webhook-timestamp': 'NaN' } },
      { secret: `whsec_${Buffer.alloc(32, 9).toString('base64')}` },
      { secret: `whsec_${Buffer.from(webhookSecret.repeat(3)).toString('base64')}` },
      { at: new Date(now - 301_000) },
      { at: new Date(now + 301_000) },
      { body: Buffer.from([0xff, 0xfe]), headers: { 'webhook-signature': signed } },
    ];
    for (const sent of wrong) expect(await answered(send(shop, reference, sent))).toEqual(problem(401));
    expect(await contents(shop)).toEqual(before);
    expect(shop.shop.log.filter(({ event }) => event === 'shipRequestRefused')).toHaveLength(wrong.length);
    // One of several signatures is enough, while the receiver of a new secret is being moved to it.
    const many = { id: 'msg_1', body, headers: { 'webhook-signature': `v1,AAAA ${signed}` } };
    await send(shop, reference, many).expect(200);
  });

  test.each([299_000, -299_000])('is taken %i ms off the clock of the shop', async (off) => {
    const shop = await start({ env: shipping });
    const { order } = await paid(shop);
    await send(shop, order.reference, { at: new Date(shop.now().getTime() + off) }).expect(200);
  });

  test('is answered 400 and kept nowhere if it is signed and not about this order', async () => {
    const shop = await start({ env: shipping });
    const [{ order }, other] = [await paid(shop, 'key-1'), await paid(shop, 'key-2')];
    const { reference } = order;
    const before = await contents(shop);
    const body = (members: Record<string, unknown>) => JSON.stringify({ reference, ...members });
    const wrong: Sent[] = [
      { body: body({ reference: other.order.reference }) },
      { reference: other.order.reference },
      { body: body({ reference: undefined }) },
      { body: body({ reference: [reference] }) },
      ...['', 'hello', 'null', '[]', '1', '{'].map((text) => ({ body: text })),
      ...[
        'http://track.example/1',
        'javascript:alert(1)',
        '//track.example/1',
        'track.example',
        1,
        `https://t.example/${'a'.repeat(2_000)}`,
        'https://t.example/\u0000',
      ].map((address) => ({ body: body({ trackingUrl: address }) })),
      ...['', ' ', 'a'.repeat(101), 'a\nb', 'a\u0000b', 7, {}].map((carrier) => ({
        body: body({ carrier }),
      })),
      { body: `{"reference":"${reference}","carrier":"\\ud800"}` },
      { id: `msg_${'1'.repeat(300)}` },
    ];
    for (const sent of wrong) expect(await answered(send(shop, reference, sent))).toEqual(problem(400));
    expect(await contents(shop)).toEqual(before);
    // What was refused so can be put right under its id.
    await send(shop, reference, { id: 'msg_1', body: body({ carrier: '' }) }).expect(400);
    await send(shop, reference, { id: 'msg_1' }).expect(200);
  });

  test('is answered 404 for an order that is not there, 405 by GET, 413 and 415 for bodies that are not read', async () => {
    const shop = await start({ env: shipping });
    const { order } = await paid(shop);
    const { reference } = order;
    const before = await contents(shop);
    const unknown = 'ORD-00000-000000';
    expect(await answered(send(shop, unknown))).toEqual(problem(404));
    const get = await request(shop.shop.app).get(`/api/orders/${reference}/ship`);
    expect(get).toMatchObject({ ...problem(405), headers: { allow: 'POST' } });
    const long = JSON.stringify({ reference, padding: 'a'.repeat(65_536) });
    expect(await answered(send(shop, reference, { body: long }))).toEqual(problem(413));
    const gzip = { headers: { 'content-encoding': 'gzip' } };
    expect(await answered(send(shop, reference, gzip))).toEqual(problem(415));
    expect(await contents(shop)).toEqual(before);
  });

  test('passes although a browser of another site would not, since its signature says who sent it', async () => {
    const shop = await start({ env: { ...shipping, PUBLIC_URL: 'https://shop.example' } });
    const { order } = await paid(shop);
    const headers = { origin: 'https://warehouse.example', 'sec-fetch-site': 'cross-site' };
    await send(shop, order.reference, { headers }).expect(200);
  });

  test('is answered 404, in every method, by a shop without SHIP_SECRET', async () => {
    const shop = await start();
    const { order } = await paid(shop);
    expect(await answered(send(shop, order.reference))).toEqual(problem(404));
    await request(shop.shop.app).get(`/api/orders/${order.reference}/ship`).expect(404);
    expect((await current(shop, order)).sentAt).toBeNull();
  });
});
