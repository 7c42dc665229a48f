import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { notifyFulfilment } from '../../src/checkout/notify-fulfilment.ts';
import { createMerchantClient, type MerchantClient } from '../../src/outbox/merchant-client.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';

const secret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=';
const minute = 60_000;
let shop: Scenario;
let merchant: MerchantClient;
let received: { headers: IncomingHttpHeaders; body: string }[];
let answers: number[];
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  received = [];
  answers = [];
  server = createServer(async (req, res) => {
    let body = '';
    for await (const chunk of req) body += chunk;
    received.push({ headers: req.headers, body });
    res.writeHead(answers.shift() ?? 204, { location: 'http://127.0.0.1:1/' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  shop = await openScenario();
  merchant = createMerchantClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/due`,
    secret,
  });
});
afterEach(async () => {
  await merchant.close();
  server.closeAllConnections();
  server.close();
  await shop.close();
});

const notify = () => notifyFulfilment(shop.context, merchant);

async function pay(checkoutKey = 'key-1') {
  const placed = await shop.place(checkoutKey);
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  await shop.pay(placed.paymentIntentId);
  await shop.handAll();
  return placed;
}

describe("the merchant's own system", () => {
  test('receives one signed notification of a paid order', async () => {
    const { order } = await pay();
    expect(await notify()).toBe(1);
    expect(await notify()).toBe(0);
    const [notification] = received;
    const headers = { ...notification?.headers } as Record<string, string>;
    // The library's own check refuses old timestamps, so the test signs again with the shop's clock.
    const signed = new Webhook(secret).sign(
      headers['webhook-id'] ?? '',
      shop.now(),
      notification?.body ?? '',
    );
    expect(headers['webhook-signature']).toBe(signed);
    expect(headers['webhook-id']).toBe(`due_${order.reference}`);
    expect(JSON.parse(notification?.body ?? '')).toMatchObject({
      type: 'order.due',
      data: {
        reference: order.reference,
        total: { value: 1395, currencyCode: 'GBP' },
        items: [{ sku: 'mug', name: 'Mug', quantity: 1 }],
      },
    });
  });

  test.each([500, 404, 302])(
    'receives a notification again, with the same id, after it answers %i',
    async (answer) => {
      await pay();
      answers = [answer];
      expect(await notify()).toBe(0);
      expect(await notify()).toBe(0);
      shop.pass(6_000);
      expect(await notify()).toBe(1);
      expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
      expect(received).toHaveLength(2);
    },
  );

  test('receives eleven tries at most, and the log has an error when all fail', async () => {
    await pay();
    answers = Array(20).fill(500);
    for (let day = 0; day < 12; day += 1) {
      await notify();
      shop.pass(24 * 60 * minute);
    }
    expect(received).toHaveLength(11);
    expect(shop.shop.log.filter((line) => line.level === 'error')).toHaveLength(1);
  });

  test('receives no notification of an order that was refunded first', async () => {
    const { paymentIntentId } = await pay();
    await shop.portalRefund(paymentIntentId, 1395);
    await shop.handAll();
    expect(await notify()).toBe(0);
    expect(received).toEqual([]);
  });

  test('receives the notification of the next order although another one fails', async () => {
    await pay('key-1');
    await pay('key-2');
    answers = [500];
    expect(await notify()).toBe(1);
    expect(received).toHaveLength(2);
  });
});
