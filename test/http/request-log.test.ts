import request from 'supertest';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OpenShop, openShop } from '../support/shop.ts';

let shop: OpenShop;
beforeEach(async () => {
  shop = await openShop();
});
afterEach(() => shop.close());

async function linesOf(path: string): Promise<Record<string, unknown>[]> {
  const before = shop.log.length;
  await request(shop.app).get(path);
  return shop.log.slice(before);
}

test('a request is one line with its id, method, path, status and time taken', async () => {
  const response = await request(shop.app).get('/basket?secret=hush');
  expect(shop.log).toEqual([
    {
      level: 'info',
      time: expect.any(String),
      event: 'request',
      requestId: response.get('X-Request-Id'),
      method: 'GET',
      path: '/basket',
      status: 200,
      ms: expect.any(Number),
      msg: 'request',
    },
  ]);
});

test.each(['/static/shop.css', '/STATIC/none.css', '/healthz', '/Readyz/'])(
  'a request for %s is a line at debug only',
  async (path) => {
    expect(await linesOf(path)).toEqual([]);
    shop.context.log.level = 'debug';
    expect(await linesOf(path)).toMatchObject([{ level: 'debug', event: 'routineRequest', path }]);
  },
);

const token = '9z8y7x6w5v-AbCdEfGhIjKlMnOpQrStUv-_';
test.each([
  [`/orders/${token}`, '/orders/…'],
  ['/Orders/not-quite-a-token', '/Orders/…'],
  [`/Orders/${token}`, '/Orders/…'],
  [`/ORDERS/${token}/basket?x=1`, '/ORDERS/…/basket'],
  [`/checkout/Success/${token}`, '/checkout/Success/…'],
  [`//orders//${token}`, '//orders//…'],
  [`/orders/${token.replace('-', '%2D')}`, '/orders/…'],
  [`/order/${token}`, '/order/…'],
  [`/${token}`, '/…'],
])('a token in %s is left out of the log', async (path, logged) => {
  expect(await linesOf(path)).toMatchObject([{ event: 'request', path: logged }]);
});
