import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import cookieParser from 'cookie-parser';
import cookieSession from 'cookie-session';
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from 'express';
import nock from 'nock';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config.ts';
import { createShop, type Shop, shopPaths } from '../../src/create-shop.ts';
import { createLogger } from '../../src/log.ts';
import { type CreateBody, createdReply } from '../support/created-reply.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { dojoUrl, shopEnv } from '../support/shop.ts';
import { formIn } from '../support/shopper.ts';
import { openUnheardPayment } from '../support/unheard-payment.ts';
import { sign, statusUpdate } from '../support/webhook.ts';

let folder: string;
let shop: Shop;
let log: Record<string, unknown>[];

beforeEach(async () => {
  nock.disableNetConnect();
  nock.enableNetConnect(/127\.0\.0\.1|localhost/);
  folder = mkdtempSync(join(tmpdir(), 'host-'));
  log = [];
  shop = await createShop(
    { ...shopEnv, DATABASE_URL: `sqlite:${join(folder, 'orders.db')}` },
    { log: createLogger({ level: 'info' }, { write: (line) => void log.push(JSON.parse(line)) }) },
  );
});
afterEach(async () => {
  await shop.close();
  nock.cleanAll();
  rmSync(folder, { recursive: true, force: true });
});

const pass: RequestHandler = (_req, _res, next) => next();

/** Another team's app, with its own settings, cookies, session, body parsers, routes and pages. */
function createHost(router: RequestHandler, options: { parsersFirst: boolean }): Express {
  const app = express();
  app.set('trust proxy', true);
  app.set('query parser', 'extended');
  app.set('json spaces', 2);
  const parsers = [express.json(), express.urlencoded({ extended: true })];

  app.use(cookieParser('the secret of the host app'));
  app.use(cookieSession({ name: 'host', keys: ['the key of the host app'] }));
  app.use((req, res, next) => {
    res.cookie('theme', 'dark');
    if (req.session) req.session.visits = (req.session.visits ?? 0) + 1;
    next();
  });
  if (options.parsersFirst) app.use(parsers);
  app.get('/about', (req, res) => void res.json({ visits: req.session?.visits, secure: req.secure }));
  app.use(router);
  if (!options.parsersFirst) app.use(parsers);
  app.post(
    '/newsletter',
    (req, res) => void res.json({ body: req.body, query: req.query, app: req.app === app }),
  );
  app.get('/orders', (_req, res) => void res.send('The orders of the host app'));
  app.get('/basket/mug/reviews', (_req, res) => void res.send('The reviews of the host app'));
  app.get('/static/host.css', (_req, res) => void res.type('css').send('a {}'));
  app.get('/broken', () => {
    throw new Error('broken');
  });
  app.use((req, res) => void res.status(404).send(`The host app has no ${req.path}`));
  const answerErrors: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).send('An error of the host app');
  };
  app.use(answerErrors);
  return app;
}

const tokenIn = (location: string) => location.slice(location.lastIndexOf('/') + 1);
const body = statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' });
const deliver = (app: Express) =>
  request(app)
    .post('/webhooks/dojo')
    .set({ 'Content-Type': 'application/json', 'dojo-signature': sign(body) })
    .serialize((bytes) => bytes)
    .send(Buffer.from(body) as unknown as string);

async function buyOne(app: Express) {
  const { asked } = dojoCreates();
  const agent = request.agent(app);
  const sku = /name="sku" value="([^"]+)"/.exec((await agent.get('/')).text)?.[1];
  await agent.post('/basket').type('form').send({ sku, quantity: '1' }).expect(303);
  const form = formIn(await agent.get('/checkout').expect(200));
  const checkout = await agent.post('/checkout').type('form').send(form).expect(303);
  expect(checkout.headers.location).toContain('/checkout/pi_sandbox_T1');
  return { agent, asked: asked[0] as CreateBody, token: tokenIn(asked[0]?.config.redirectUrl ?? '') };
}

describe.each([
  ['before its body parsers', { parsersFirst: false }],
  ['behind its body parsers', { parsersFirst: true }],
])('a shop that another Express app mounts %s', (_where, options) => {
  test('sells, by form and by JSON', async () => {
    const host = createHost(shop.router, options);
    const { agent, token, asked } = await buyOne(host);
    nock(dojoUrl).get('/payment-intents/pi_sandbox_T1').query(true).reply(200, createdReply(asked));
    const page = await agent.get(`/orders/${token}`).expect(200);
    expect(page.text).toContain('This order is not paid yet');
    expect(page.text).toContain('Quantity: 1');
    dojoCreates('pi_sandbox_T2');
    const [product] = shop.context.catalogue.products.values();
    await request(host)
      .post('/checkout')
      .send({ ...jsonDetails, items: [{ sku: product?.sku, quantity: 1 }] })
      .expect(201);
  });

  test('keeps the cookies of that app, and its own', async () => {
    const response = await request(createHost(shop.router, options)).get('/basket').expect(200);
    const names = [response.headers['set-cookie'] ?? []].flat().map((cookie) => cookie.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['theme', 'shop', 'host', 'host.sig']));
    const set = await request(createHost(shop.router, options))
      .post('/basket')
      .type('form')
      .send({ sku: [...shop.context.catalogue.products.keys()][0], quantity: '1' })
      .expect(303);
    const shops = [set.headers['set-cookie'] ?? []].flat().filter((cookie) => cookie.startsWith('shop='));
    expect(shops).toHaveLength(1);
  });

  test('refuses forms that are too large, too long or odd', async () => {
    const host = createHost(shop.router, options);
    const post = (form: string) => request(host).post('/basket').type('form').send(form);
    const fields = Array.from({ length: 51 }, (_, index) => `f${index}=1`).join('&');
    await post(fields).expect(413);
    await post(`sku=mug&quantity=1&note=${'x'.repeat(17 * 1024)}`).expect(413);
    await post('sku=mug&quantity=1&note=a%00').expect(400);
    await post('sku[a]=mug&quantity=1').expect(400);
    await request(host).post('/basket').send({ sku: 'mug', quantity: '1' }).expect(415);
  });

  test.each([
    ['a page of the app', 'get', '/about'],
    ['a form of the app from another site', 'post', '/newsletter?a[b]=1'],
    ['an address that only begins like the shop’s', 'get', '/orders'],
    ['an address below the shop’s', 'get', '/basket/mug/reviews'],
    ['a file of the app', 'get', '/static/host.css'],
    ['a file that neither has', 'get', '/static/none.css'],
    ['a path that cannot be decoded', 'get', '/%ZZ'],
    ['an error of the app', 'get', '/broken'],
    ['the 404 page of the app', 'get', '/nothing-here'],
    ['another method', 'delete', '/nothing-here'],
  ] as const)('does not touch %s', async (_what, method, path) => {
    const ask = async (router: RequestHandler) => {
      const call = request(createHost(router, options))[method](path);
      call.set({ Host: 'other.example', Origin: 'https://evil.example', 'X-Forwarded-Proto': 'https' });
      if (method === 'post') call.send({ hello: 'world' });
      const { status, text, headers } = await call;
      return { status, text, headers: { ...headers, date: undefined } };
    };
    expect(await ask(shop.router)).toEqual(await ask(pass));
    expect(log).toEqual([]);
  });
});

describe('a webhook for a shop inside another app', () => {
  test('makes its order paid', async () => {
    const host = createHost(shop.router, { parsersFirst: false });
    const { agent, token } = await buyOne(host);
    const response = await deliver(host).expect(200);
    expect(response.text).toBe('{"received":true}');
    expect((await agent.get(`/orders/${token}`)).text).toContain('Thank you');
  });

  test('is answered with 500 at once when the app has read its body, and the log says what to do', async () => {
    const host = createHost(shop.router, { parsersFirst: true });
    const response = await deliver(host).expect(500);
    expect(response.headers['content-type']).toMatch(/problem\+json/);
    expect(response.text).not.toContain('mount');
    expect(log.filter(({ event }) => event === 'requestFailed')).toMatchObject([
      {
        err: {
          message: expect.stringMatching(/before the webhook route: mount the shop before express.json/),
        },
      },
    ]);
  });
});

test('every route of the shop is reached from inside another app', () => {
  type Layer = { route?: { path: string }; handle?: { stack?: Layer[] } };
  const pathsOf = (layers: Layer[]): string[] =>
    layers.flatMap(({ route, handle }) => (route ? [route.path] : pathsOf(handle?.stack ?? [])));
  const routes = pathsOf(shop.app.router.stack as Layer[]);
  expect([...new Set(routes)].toSorted()).toEqual(shopPaths.toSorted());
});

test('the files of the shop are served from inside another app', async () => {
  const host = createHost(shop.router, { parsersFirst: false });
  await request(host)
    .get('/static/shop.css')
    .expect(200)
    .expect('Content-Type', /text\/css/);
  const [product] = shop.context.catalogue.products.values();
  await request(host).get(`/static/${product?.picture}`).expect(200).expect('Content-Type', /svg/);
});

test('an unknown order is the shop’s to answer, and every other unknown address is the app’s', async () => {
  const host = createHost(shop.router, { parsersFirst: false });
  expect((await request(host).get('/orders/none').expect(404)).text).toContain('Back to the shop');
  expect((await request(host).get('/none').expect(404)).text).toContain('The host app has no /none');
});

test('a shop whose settings are wrong does not open, and reports every problem', async () => {
  const opening = createShop({ DOJO_API_KEY: 'key', CAPTURE_MODE: 'auto' });
  await expect(opening).rejects.toThrow(ConfigError);
  await expect(opening).rejects.toThrow(/^DOJO_API_KEY: .*\nCAPTURE_MODE: /);
});

test('a shop that closes waits for requests that still need its store', async () => {
  const other = await createShop({ ...shopEnv, DATABASE_URL: 'sqlite::memory:' });
  const { promise: inFlight, resolve } = Promise.withResolvers<void>();
  const closing = other.close(inFlight);
  await other.context.store.checkWritable();
  resolve();
  await closing;
  await expect(other.context.store.checkWritable()).rejects.toThrow();
});

test('an open shop finds a payment of which no webhook came, and notifies the merchant’s own system', async () => {
  const payment = await openUnheardPayment();
  const open = await createShop(payment.env);
  try {
    const { type, data } = await payment.notified;
    expect(type).toBe('order.due');
    expect(data.reference).toBe(payment.reference);
  } finally {
    await open.close();
    await payment.close();
  }
}, 120_000);
