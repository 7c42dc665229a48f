import { afterEach, describe, expect, test } from 'vitest';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { createdReply } from '../support/created-reply.ts';
import { rows } from '../support/database.ts';
import {
  type Answer,
  creates,
  cutsTheConnection,
  drips,
  floods,
  neverAnswers,
  startFaultyDojo,
} from '../support/faulty-dojo.ts';
import { start } from '../support/scenario-steps.ts';
import { type OpenShop, openShop, type ShopOptions } from '../support/shop.ts';

const open: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

async function openShopFacing(answers: Answer[], options: ShopOptions = {}) {
  const dojo = await startFaultyDojo(...answers);
  const shop = await openShop({
    ...options,
    dojo: { apiUrl: dojo.url },
    env: { DOJO_CHECKOUT_ORIGIN: 'https://pay.dojo.test', ...options.env },
  });
  open.push(dojo, shop);
  return { dojo, shop };
}

const purchase = { items: [{ sku: 'mug', quantity: 1 }], checkoutKey: 'key-1', shopperId: 'shopper-1' };
const place = (shop: OpenShop) => placeOrder(shop.context, purchase);
const refuses: Answer = (res) => void res.writeHead(400).end('{}');
const attempts = (shop: OpenShop) => rows(shop, 'SELECT number, state FROM attempts ORDER BY number');

describe('a shopper who checks out', () => {
  test('is never sent to the payment page of another order', async () => {
    const sameForAll: Answer = (res, body) => {
      res
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(createdReply(body, 'pi_sandbox_T1')));
    };
    const { shop } = await openShopFacing([sameForAll]);
    expect((await place(shop)).kind).toBe('ready');
    const other = await placeOrder(shop.context, { ...purchase, checkoutKey: 'key-2' });
    expect(other).toMatchObject({ kind: 'dojo-refused', order: { checkoutKey: 'key-2' } });
    const [line] = shop.log.filter(({ mismatch }) => mismatch === 'id of another attempt');
    const { reference } = (await shop.context.store.findOrderByCheckoutKey('key-2')) ?? {};
    expect(line).toMatchObject({ orderReference: reference, attempt: 1, paymentIntentId: 'pi_sandbox_T1' });
  });

  test('has order and attempt stored in one commit before the call to Dojo, and the payment link in a second one', async () => {
    const seen: unknown[] = [];
    const recordsRows: Answer = (res, body, req) => {
      seen.push(...rows(shop, 'SELECT reference, number, state FROM orders JOIN attempts ON order_id = id'));
      creates(res, body, req);
    };
    const { shop, dojo } = await openShopFacing([recordsRows]);
    const calls: string[] = [];
    const store = new Proxy(shop.context.store, {
      get(target, name) {
        calls.push(String(name));
        return Reflect.get(target, name);
      },
    });
    expect((await placeOrder({ ...shop.context, store }, purchase)).kind).toBe('ready');
    expect(calls).toEqual(['placeOrder', 'attachIntent']);
    expect(seen).toEqual([{ reference: dojo.asked[0]?.reference, number: 1, state: 'sending' }]);
  });

  test('with another basket under the same key is refused, and no attempt begins', async () => {
    const { shop, dojo } = await openShopFacing([refuses, creates]);
    expect((await place(shop)).kind).toBe('dojo-refused');
    const before = attempts(shop);
    const other = { ...purchase, items: [{ sku: 'mug', quantity: 2 }] };
    expect(await placeOrder(shop.context, other)).toEqual({ kind: 'basket-changed' });
    expect(attempts(shop)).toEqual(before);
    expect(dojo.asked).toHaveLength(1);
    // The refused attempt created nothing, so its number is free again.
    expect((await place(shop)).kind).toBe('ready');
    expect(attempts(shop)).toEqual([{ number: 1, state: 'attached' }]);
  });

  test('and is refused by Dojo leaves a log line that names the order and the attempt', async () => {
    const { shop, dojo } = await openShopFacing([refuses]);
    await place(shop);
    const orderReference = dojo.asked[0]?.reference;
    const lines = shop.log.filter((line) => line.orderReference === orderReference);
    expect(lines).toMatchObject([{ attempt: 1, level: 'warn', err: { kind: 'invalid', status: 400 } }]);
  });

  test('gets an answer within ten seconds, after a second attempt, while Dojo does not answer', async () => {
    const { shop, dojo } = await openShopFacing([neverAnswers]);
    const startedAt = performance.now();
    expect((await place(shop)).kind).toBe('dojo-unavailable');
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect(dojo.asked.map((body) => body.metadata.attempt)).toEqual(['1', '2']);
    expect(attempts(shop)).toEqual([
      { number: 1, state: 'ambiguous' },
      { number: 2, state: 'ambiguous' },
    ]);
  });

  test('waits for each answer of Dojo as long as DOJO_TIMEOUT_MS says', async () => {
    const { shop, dojo } = await openShopFacing([neverAnswers], { env: { DOJO_TIMEOUT_MS: '100' } });
    const startedAt = performance.now();
    expect((await place(shop)).kind).toBe('dojo-unavailable');
    // By the default it would be nine seconds.
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    expect(dojo.asked).toHaveLength(2);
  });

  test.each([
    [8_500, 2],
    [9_200, 1],
  ])(
    'whose first call took %i ms of the ten seconds costs Dojo %i calls, the second no longer than what is left',
    async (tookMs, calls) => {
      let laterMs = 0;
      const cutsLate: Answer = (res, body, req) => {
        laterMs = tookMs;
        cutsTheConnection(res, body, req);
      };
      const { shop, dojo } = await openShopFacing([cutsLate, neverAnswers], {
        env: { DOJO_TIMEOUT_MS: '9000' },
        context: { now: () => new Date(Date.now() + laterMs) },
      });
      const startedAt = performance.now();
      expect((await place(shop)).kind).toBe('dojo-unavailable');
      expect(performance.now() - startedAt).toBeLessThan(6_000);
      expect(dojo.asked).toHaveLength(calls);
      expect(attempts(shop)).toHaveLength(calls);
    },
  );

  test('leaves no call behind that began with less than a second left, however slow the database is', async () => {
    let laterMs = 0;
    const { shop, dojo } = await openShopFacing([creates], {
      context: { now: () => new Date(Date.now() + laterMs) },
    });
    const { store } = shop.context;
    const slow: typeof store.placeOrder = async (...args) => {
      const placed = await store.placeOrder(...args);
      laterMs = 9_500;
      return placed;
    };
    const context = { ...shop.context, store: { ...store, placeOrder: slow } };
    expect((await placeOrder(context, purchase)).kind).toBe('dojo-unavailable');
    expect(dojo.asked).toEqual([]);
    laterMs = 20_000;
    expect((await place(shop)).kind).toBe('ready');
  });

  test.each([
    ['cuts the connection', cutsTheConnection],
    ['does not answer', neverAnswers],
    ['sends an answer that never ends', drips],
  ])('is sent to the second intent and never to the first when Dojo at first %s', async (_what, answer) => {
    const { shop, dojo } = await openShopFacing([answer, creates]);
    const placed = await place(shop);
    expect(placed).toMatchObject({ kind: 'ready', paymentIntentId: expect.stringMatching(/_2$/) });
    expect(dojo.asked.map((body) => body.metadata.attempt)).toEqual(['1', '2']);
    expect(attempts(shop)).toEqual([
      { number: 1, state: 'ambiguous' },
      { number: 2, state: 'attached' },
    ]);
  });

  test('is refused when Dojo answers with 64 MiB, which the shop does not keep in memory', async () => {
    const { shop } = await openShopFacing([floods]);
    const before = process.memoryUsage().rss;
    expect((await place(shop)).kind).toBe('dojo-refused');
    expect(process.memoryUsage().rss - before).toBeLessThan(40 * 1024 * 1024);
  });

  test('a second time while Dojo is still asked is told after ten seconds when to try again', async () => {
    const shop = await start();
    const { createPaymentIntent } = shop.context.dojo;
    const asked = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const slow: typeof createPaymentIntent = async (...args) => {
      asked.resolve();
      await answered.promise;
      return createPaymentIntent(...args);
    };
    Object.assign(shop.context.dojo, { createPaymentIntent: slow });
    const first = shop.place();
    await asked.promise;
    const startedAt = shop.now().getTime();
    expect(await shop.place()).toMatchObject({ kind: 'dojo-unavailable', retryAfterMs: 15_000 });
    expect(shop.now().getTime() - startedAt).toBe(10_000);
    answered.resolve();
    expect((await first).kind).toBe('ready');
  });

  test('in three requests at once gets one intent', async () => {
    const slowly: Answer = (res, body, req) => void setTimeout(() => creates(res, body, req), 300);
    const { shop, dojo } = await openShopFacing([slowly]);
    const placed = await Promise.all([place(shop), place(shop), place(shop)]);
    expect(placed.map((outcome) => outcome.kind)).toEqual(['ready', 'ready', 'ready']);
    expect(dojo.asked).toHaveLength(1);
  });

  test('again after the server died between Dojo’s answer and the commit gets another intent and never sees the first', async () => {
    let now = new Date();
    const { shop, dojo } = await openShopFacing([creates], {
      context: { now: () => now, sleep: async () => pass(1_000) },
    });
    const pass = async (ms: number) => {
      now = new Date(now.getTime() + ms);
    };
    const died = new Error('The server died.');
    const dying = { ...shop.context.store, attachIntent: () => Promise.reject(died) };
    await expect(placeOrder({ ...shop.context, store: dying }, purchase)).rejects.toBe(died);
    // Another process may still be calling Dojo: no one calls again before the lease ends.
    expect((await place(shop)).kind).toBe('dojo-unavailable');
    expect(dojo.asked).toHaveLength(1);
    await pass(15_000);
    expect(await place(shop)).toMatchObject({ kind: 'ready' });
    expect(attempts(shop)).toEqual([
      { number: 1, state: 'ambiguous' },
      { number: 2, state: 'attached' },
    ]);
  });

  test('in a request so slow that another takes over is sent to the link of the other one', async () => {
    let now = new Date();
    let answers = 0;
    const lateThenPrompt: Answer = (res, body, req) => {
      answers += 1;
      if (answers > 1) return creates(res, body, req);
      now = new Date(now.getTime() + 16_000);
      void place(shop).then(() => creates(res, { ...body }, req));
    };
    const { shop } = await openShopFacing([lateThenPrompt], { context: { now: () => now } });
    const placed = await place(shop);
    expect(rows(shop, "SELECT count(*) AS n FROM attempts WHERE state = 'attached'")).toEqual([{ n: 1 }]);
    expect(['ready', 'dojo-unavailable']).toContain(placed.kind);
    expect((await place(shop)).kind).toBe('ready');
  });

  test('in the same millisecond and with the same random number as another shopper gets an order too', async () => {
    const numbers = [7, 7, 8];
    const now = new Date();
    const { shop } = await openShopFacing([creates], {
      context: { now: () => now, random: () => numbers.shift() ?? 9 },
    });
    await place(shop);
    await placeOrder(shop.context, { ...purchase, checkoutKey: 'key-2' });
    expect(rows(shop, 'SELECT count(*) AS n FROM orders')).toEqual([{ n: 2 }]);
  });

  test('gets an answer at once and uses up no attempt while nothing listens at Dojo’s address', async () => {
    const { shop, dojo } = await openShopFacing([creates]);
    await dojo.close();
    for (let click = 0; click < 5; click += 1) expect((await place(shop)).kind).toBe('dojo-unavailable');
    expect(attempts(shop)).toEqual([{ number: 1, state: 'refused' }]);
  });
});
