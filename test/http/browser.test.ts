import { connect } from 'node:net';
import nock from 'nock';
import request from 'supertest';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { contents } from '../support/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { checkoutOrigin, type OpenShop, openShop } from '../support/shop.ts';
import { createShopper } from '../support/shopper.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let shop: OpenShop;
let named: OpenShop;

beforeAll(async () => {
  nock.disableNetConnect();
  nock.enableNetConnect('127.0.0.1');
  shop = await openShop();
  named = await openShop({ env: { PUBLIC_URL: 'https://shop.example' } });
});
afterAll(async () => {
  await shop.close();
  await named.close();
});

describe('a request to the shop', () => {
  test('is answered at its own host, and refused at any other without echoing it', async () => {
    await request(named.app).get('/').set('Host', 'shop.example').expect(200);
    const response = await request(named.app).get('/').set('Host', 'evil.example').expect(400);
    expect(response.text + JSON.stringify(response.headers)).not.toContain('evil');
  });

  test.each(['SHOP.example', 'shop.example:443', 'Shop.Example:443'])(
    'is answered at %s, which is its own host in another spelling',
    async (host) => {
      await request(named.app).get('/').set('Host', host).expect(200);
      await request(named.app).get('/static/shop.css').set('Host', host).expect(200);
    },
  );

  test.each(['shop.example:80', 'shop.example:8443', 'shop.example.evil.example', 'x@shop.example', ''])(
    'is refused at %j, which is another host',
    async (host) => {
      await request(named.app).get('/').set('Host', host).expect(400);
    },
  );

  test('with another host leaves one line a minute, which names that host and the right one', async () => {
    const shop = await openShop({ env: { PUBLIC_URL: 'https://shop.example' } });
    const refused = () => shop.log.filter(({ event }) => event === 'hostRefused');
    for (const host of [`evil\u009b31m${'x'.repeat(200)}`, 'another.example', '127.0.0.1:3000'])
      await request(shop.app).get('/').set('Host', host).expect(400);
    expect(refused()).toEqual([expect.objectContaining({ level: 'warn', expectedHost: 'shop.example' })]);
    expect(refused()[0]?.host).toMatch(/^evil\\u009b31mx{92}$/);
    await shop.close();
  });

  test('through a proxy that no one trusts leaves one warning, and none if TRUST_PROXY is set', async () => {
    const warnings = ({ log }: OpenShop) => log.filter(({ event }) => event === 'forwardingIgnored');
    const trusting = await openShop({ env: { TRUST_PROXY: 'loopback' } });
    const plain = await openShop();
    await request(plain.app).get('/healthz').expect(200);
    expect(warnings(plain)).toEqual([]);
    for (const header of ['X-Forwarded-Proto', 'X-Forwarded-For', 'Forwarded']) {
      await request(plain.app).get('/').set(header, 'for=192.0.2.1').expect(200);
      await request(trusting.app).get('/').set(header, 'for=192.0.2.1').expect(200);
    }
    expect(warnings(plain)).toHaveLength(1);
    expect(warnings(trusting)).toEqual([]);
    await trusting.close();
    await plain.close();
  });

  test('may name any host when it is a webhook or a health check', async () => {
    await request(named.app).post('/webhooks/dojo').set('Host', 'inside').expect(401);
    await request(named.app).get('/healthz').set('Host', '10.0.0.7').expect(200);
    await request(named.app).get('/readyz').set('Host', '10.0.0.7').expect(200);
  });

  test('is not believed about its host, scheme or address when no proxy is trusted', async () => {
    const response = await request(shop.app)
      .get('/')
      .set({ 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https', 'X-Forwarded-For': '1.2.3.4' })
      .expect(200);
    expect(response.text).not.toContain('evil');
    expect(response.headers['set-cookie']?.[0]).not.toContain('Secure');
  });
});

describe('a form from another site', () => {
  const send = (headers: Record<string, string>) =>
    request(shop.app).post('/basket').set(headers).type('form').send({ sku: 'mug', quantity: '1' });

  test.each<[string, Record<string, string>]>([
    ['Sec-Fetch-Site: cross-site', { 'Sec-Fetch-Site': 'cross-site' }],
    ['Sec-Fetch-Site: same-site', { 'Sec-Fetch-Site': 'same-site' }],
    ['a foreign Origin', { Origin: 'https://evil.example' }],
    ['Sec-Fetch-Site: none', { 'Sec-Fetch-Site': 'none' }],
    ['Sec-Fetch-Site in capitals', { 'Sec-Fetch-Site': 'Same-Origin' }],
    ['an empty Sec-Fetch-Site', { 'Sec-Fetch-Site': '' }],
    ['Sec-Fetch-Site: cross-site and our Origin', { 'Sec-Fetch-Site': 'cross-site', Origin: 'null' }],
    ['the Origin null', { Origin: 'null' }],
    ['an empty Origin', { Origin: '' }],
    ['an Origin on another port of our host', { Origin: 'http://127.0.0.1:1' }],
  ])('with %s is refused', async (_what, headers) => {
    const response = await send(headers).expect(403);
    expect(response.text).not.toContain('evil');
  });

  test('is accepted once our own page sends it, or a program that is not a browser', async () => {
    await send({ 'Sec-Fetch-Site': 'same-origin' }).expect(303);
    await send({ 'Sec-Fetch-Site': 'same-origin', Origin: 'null' }).expect(303);
    await send({}).expect(303);
    await request(named.app)
      .post('/basket')
      .set({ Host: 'shop.example', Origin: 'https://shop.example' })
      .type('form')
      .send({ sku: 'mug', quantity: '1' })
      .expect(303);
  });

  test('places no order', async () => {
    await request(shop.app)
      .post('/checkout')
      .set('Sec-Fetch-Site', 'cross-site')
      .send({ ...jsonDetails, items: [{ sku: 'mug', quantity: 1 }] })
      .expect(403)
      .expect('Content-Type', /problem\+json/);
    expect(contents(shop).orders).toEqual([]);
  });
});

describe('the shop’s cookie', () => {
  const cookieOf = (response: request.Response) => response.headers['set-cookie']?.[0] ?? '';

  test('on a first visit over https is bound to the host, and hidden from scripts and plain http', async () => {
    const response = await request(named.app).get('/').set('Host', 'shop.example').expect(200);
    expect(cookieOf(response)).toMatch(/^__Host-shop=/);
    const attributes = cookieOf(response).split('; ').slice(1);
    expect(attributes).toEqual(
      expect.arrayContaining(['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/', 'Max-Age=2592000']),
    );
    expect(attributes.join()).not.toContain('Domain');
  });

  test('is ignored and replaced when it is altered, forged or huge', async () => {
    const own = cookieOf(await request(shop.app).get('/')).split(';')[0] ?? '';
    for (const cookie of [
      `${own}x`,
      own.replace('s%3A', 's%3Aa'),
      'shop=mug*1',
      `shop=${'x'.repeat(8_000)}`,
      'shop=%ZZ',
    ]) {
      const response = await request(shop.app).get('/basket').set('Cookie', cookie).expect(200);
      expect(cookieOf(response)).toMatch(/^shop=s%3A/);
      expect(response.text).toContain('nothing in your basket');
    }
    const response = await request(shop.app).get('/').set('Cookie', own).expect(200);
    expect(cookieOf(response)).toBe('');
  });
});

describe('every page', () => {
  test('may load from the shop alone, and send to the shop and the payment page alone', async () => {
    const { headers } = await request(shop.app).get('/').expect(200);
    const policy = headers['content-security-policy'] ?? '';
    expect(policy.split(';')).toEqual(
      expect.arrayContaining(["default-src 'none'", `form-action 'self' ${checkoutOrigin}`]),
    );
    expect(policy).not.toMatch(/unsafe|https?:\/\/(?!pay\.dojo\.test)|\*/);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['x-powered-by']).toBeUndefined();
  });

  test('over https binds the browser to https at this host alone, and over http to nothing', async () => {
    const { headers } = await request(named.app).get('/').set('Host', 'shop.example').expect(200);
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
    expect(
      (await request(shop.app).get('/').expect(200)).headers['strict-transport-security'],
    ).toBeUndefined();
  });

  const live = {
    DOJO_API_KEY: 'sk_prod_of_the_tests',
    DOJO_API_URL: 'https://api.dojo.tech',
    DOJO_CHECKOUT_ORIGIN: 'https://pay.dojo.tech',
    DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q',
    PUBLIC_URL: 'https://kettle.shop',
    SESSION_SECRET: 'f3a91c07d2be4586a0cf1e7d93b2845a',
  };
  test.each([
    ['a test shop', { PUBLIC_URL: 'https://kettle.shop' }, 1],
    ['a live shop', live, 0],
  ])('of %s says whether it takes money', async (_what, env, count) => {
    const own = await openShop({ env });
    try {
      for (const path of ['/', '/basket', '/nothing-here']) {
        const { text } = await request(own.app).get(path).set('Host', 'kettle.shop');
        expect(text.split('This is a test shop. No money will be taken.')).toHaveLength(count + 1);
      }
    } finally {
      await own.close();
    }
  });

  test('escapes what the catalogue holds and what was typed', async () => {
    const hostile = '"><img src=x onerror=alert(1)>';
    const [mug] = catalogueFile.products;
    const file = {
      ...catalogueFile,
      shopName: hostile,
      strapline: hostile,
      delivery: { ...catalogueFile.delivery, caption: hostile },
      products: [{ ...mug, name: hostile, description: hostile, pictureAlt: hostile }],
    };
    const own = await openShop({ catalogue: parseCatalogue(JSON.stringify(file)) });
    try {
      const shopper = createShopper(own);
      await shopper.add('mug');
      const pages = [
        await shopper.submit('/basket', { sku: 'mug', quantity: hostile }).expect(400),
        await shopper.submit('/basket/mug', { quantity: hostile }).expect(400),
      ];
      for (const path of ['/', '/basket', '/checkout', '/nothing-here']) pages.push(await shopper.get(path));
      const form = {
        ...(await shopper.summary()),
        name: hostile,
        line1: hostile,
        town: hostile,
        note: hostile,
      };
      pages.push(await shopper.pay({ ...form, email: hostile }).expect(400));
      const { asked } = dojoCreates('pi_sandbox_T1');
      await shopper.pay(form).expect(303);
      const paid = statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' });
      await deliver(own, paid).expect(200);
      pages.push(await shopper.get(new URL(asked[0]?.config.redirectUrl ?? '').pathname));
      for (const { text } of pages) {
        expect(text).toContain('&lt;img');
        expect(text).not.toContain('<img src=x');
      }
    } finally {
      await own.close();
    }
  });

  test.each([
    ['a path that names another host', '//evil.example/%2e%2e'],
    ['a page that does not exist', '/nothing-here'],
    ['a file of the project', '/package.json'],
    ['a file of git', '/.git/config'],
  ])('at the address of %s is 404 and redirects nowhere', async (_what, path) => {
    const response = await rawGet(path);
    expect(response.status).toBe(404);
    expect(response.location).toBeNull();
  });
});

describe('the shop’s files', () => {
  test('are served with their type, and may be cached', async () => {
    const response = await request(shop.app)
      .get('/static/shop.css')
      .expect(200)
      .expect('Content-Type', /text\/css/);
    expect(response.headers['cache-control']).toContain('max-age');
    expect(response.headers['x-content-type-options']).toBe('nosniff');
  });

  test.each([
    '/static/../package.json',
    '/static/%2e%2e%2fpackage.json',
    '/static/..%5cpackage.json',
    '/static/%252e%252e/package.json',
    '/static/.env',
    '/static/shop.css%00.png',
    '/static/%ZZ',
    '/static/',
    '/static/products',
    '/static/shop.css.map',
    '/static/main.ts',
    '/static/layout.ejs',
  ])('are the only ones served: %s is 404', async (path) => {
    expect((await rawGet(path)).status).toBe(404);
  });
});

test('a page whose template fails is 500, and shows nothing of the code', async () => {
  const { statusCode, text } = await brokenPage();
  expect(statusCode).toBe(500);
  expect(text).not.toMatch(/at .*\(|\.ts|\.ejs|node_modules|TypeError/);
});

/** A price that cannot be read makes the page that shows it fail. */
async function brokenPage() {
  const basket = { sku: 'mug', quantity: '1' };
  const shopper = createShopper(shop);
  await shopper.submit('/basket', basket);
  const [product] = shop.context.catalogue.products.values();
  const price = Object.getOwnPropertyDescriptor(product, 'price') ?? {};
  try {
    Object.defineProperty(product, 'price', { configurable: true, get: () => JSON.parse('broken') });
    const { statusCode, text } = await shopper.get('/basket');
    return { statusCode, text };
  } finally {
    Object.defineProperty(product, 'price', price);
  }
}

/** Sends a path unchanged: HTTP clients normalise paths first. */
async function rawGet(path: string): Promise<{ status: number; location: string | null }> {
  const server = shop.app.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const socket = connect(typeof address === 'object' && address !== null ? address.port : 0, '127.0.0.1');
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let response = '';
  for await (const chunk of socket) response += chunk;
  server.close();
  return {
    status: Number(response.slice(9, 12)),
    location: /^location: (.*)$/im.exec(response)?.[1] ?? null,
  };
}
