import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cancelOrder } from '../../src/checkout/cancel-order.ts';
import { captureOrder } from '../../src/checkout/capture-order.ts';
import { decideHold, type HoldDecision } from '../../src/checkout/decide-hold.ts';
import { deliverMessages } from '../../src/checkout/deliver-messages.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { standingHolds } from '../../src/shop/holds.ts';
import type { Order } from '../../src/shop/order.ts';
import { openStore } from '../../src/store/open-store.ts';
import { customer } from '../support/details.ts';
import { type Merchant, merchantSecret, openMerchant } from '../support/merchant.ts';
import { payTwice } from '../support/pay-twice.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import type { Scenario } from '../support/scenario.ts';
import { current, hours, minutes, ordered, runReconcile, start } from '../support/scenario-steps.ts';

let postgres: PostgresServer;
let merchant: Merchant;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  merchant = await openMerchant();
});
afterEach(() => merchant.close());

const manual = { env: { CAPTURE_MODE: 'Manual' } };
const sterling = (value: number) => ({ value, currencyCode: 'GBP' });
const deliver = ({ context }: Scenario) => deliverMessages(context, merchant);

async function paid(shop: Scenario, checkoutKey = 'key-1') {
  const { order, intentId } = await ordered(shop, checkoutKey);
  await shop.pay(intentId);
  await shop.handAll();
  return { order: await current(shop, order), intentId };
}

async function refund(shop: Scenario, order: Order, amount: number) {
  const request = { id: `r-${amount}`, amount, reason: 'Broken', payment: null, expectedReturned: null };
  return refundOrder(shop.context, await current(shop, order), request);
}

async function decide(shop: Scenario, { token }: Order, action: HoldDecision['action']) {
  const order = await current(shop, { token });
  const settles = standingHolds(order);
  const decision = { id: 'd-1', action, settles, payment: null, decidedBy: 'Ada', reason: 'It is right.' };
  return decideHold(shop.context, order, decision);
}

async function paidLate(shop: Scenario) {
  const { order, intentId } = await ordered(shop);
  shop.pass(2 * hours);
  await runReconcile(shop);
  await shop.context.store.recordObservation(
    { orderId: order.id, attempt: 1, observedAt: shop.now(), status: 'Captured' },
    { at: null, seen: null },
  );
  return { order, intentId };
}

const ship = ({ context, now }: Scenario, { id }: Order) =>
  context.store.shipOrder(id, { carrier: null, trackingUrl: null, sentAt: now() });

type Story = (shop: Scenario) => Promise<unknown>;

const stories: Record<string, { story: Story; types: string[]; isManual?: true }> = {
  'is paid': { story: paid, types: ['order.paid', 'order.due'] },
  'is refunded in part by the shop': {
    story: async (shop) => {
      const { order } = await paid(shop);
      await deliver(shop);
      await refund(shop, order, 500);
    },
    types: ['order.paid', 'order.due', 'order.refunded'],
  },
  'is refunded in the portal before it was sent': {
    story: async (shop) => {
      const { intentId } = await paid(shop);
      await deliver(shop);
      await shop.portalRefund(intentId, 1395);
      await shop.handAll();
    },
    types: ['order.paid', 'order.due', 'order.refunded', 'order.held'],
  },
  'is refunded in the portal after it was sent': {
    story: async (shop) => {
      const { order, intentId } = await paid(shop);
      await deliver(shop);
      await ship(shop, order);
      await shop.portalRefund(intentId, 1395);
      await shop.handAll();
    },
    types: ['order.paid', 'order.due', 'order.sent', 'order.refunded'],
  },
  'is cancelled': {
    story: async (shop) => cancelOrder(shop.context, (await ordered(shop)).order),
    types: ['order.cancelled'],
  },
  'expires, and is paid all the same': {
    story: paidLate,
    types: ['order.expired', 'order.paid', 'order.held'],
  },
  'is paid late and accepted by a person': {
    story: async (shop) => decide(shop, (await paidLate(shop)).order, 'accept'),
    types: ['order.expired', 'order.paid', 'order.held', 'order.due'],
  },
  'is paid late and dismissed by a person': {
    story: async (shop) => decide(shop, (await paidLate(shop)).order, 'dismiss'),
    types: ['order.expired', 'order.paid', 'order.held'],
  },
  'is paid twice': { story: payTwice, types: ['order.paid', 'order.paid', 'order.held'] },
  'is reserved, and captured by the shop': {
    story: async (shop) => captureOrder(shop.context, (await paid(shop)).order, 895),
    types: ['order.authorized', 'order.paid', 'order.due'],
    isManual: true,
  },
  'is reserved, and captured elsewhere, before Dojo says how much': {
    story: async (shop) => {
      const { intentId } = await paid(shop);
      await shop.portalCapture(intentId, 500);
      await shop.handAll();
    },
    types: ['order.authorized'],
    isManual: true,
  },
  'is reserved and released': {
    story: async (shop) => {
      const { order } = await paid(shop);
      await undoOrder(shop.context, order, { id: 'u-1', payment: null, reason: 'Sold out' });
    },
    types: ['order.authorized', 'order.cancelled'],
    isManual: true,
  },
};

describe.each([
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ databaseUrl: await postgres.createDatabase() })],
])("with orders on %s the merchant's own system", (_name, options) => {
  test('receives signed messages of a paid order, in their order, with amounts and nothing personal', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    expect(await deliver(shop)).toBe(2);
    expect(await deliver(shop)).toBe(0);
    const { reference } = order;
    const { delivery: address, ...contact } = customer;
    const data = {
      reference,
      status: 'paid',
      holds: [],
      total: sterling(1395),
      received: sterling(1395),
      returned: sterling(0),
    };
    const envelope = { version: 1, timestamp: order.updatedAt.toISOString() };
    expect(merchant.received.map(({ body }) => body)).toEqual([
      { ...envelope, type: 'order.paid', id: `msg_${reference}_1`, data },
      {
        ...envelope,
        type: 'order.due',
        id: `msg_${reference}_2`,
        data: {
          ...data,
          customer: contact,
          delivery: { caption: 'Delivery', amount: sterling(395), ...address },
          items: [{ sku: 'mug', name: 'Mug', quantity: 1 }],
        },
      },
    ]);
    for (const { id, body, headers, text } of merchant.received) {
      expect(id).toBe(body.id);
      // The library's own check refuses old timestamps, so the test signs again with the shop's clock.
      const signed = new Webhook(merchantSecret).sign(id, shop.now(), text);
      expect(headers['webhook-signature']).toBe(signed);
    }
  });

  test.each(Object.entries(stories))(
    'hears of an order that %s, once for each fact',
    async (_story, { story, types, isManual }) => {
      const shop = await start({ ...(await options()), ...(isManual && manual) });
      await story(shop);
      // Nothing that is heard or read again is news.
      const [again] = shop.post;
      if (again !== undefined) await shop.hand(again);
      shop.pass(minutes);
      await deliver(shop);
      expect(merchant.types()).toEqual(types);
      expect(new Set(merchant.received.map(({ id }) => id)).size).toBe(types.length);
    },
  );

  test('learns how much of a reservation was taken, and how much went back', async () => {
    const shop = await start({ ...(await options()), ...manual });
    const { order } = await paid(shop);
    await captureOrder(shop.context, order, 895);
    await deliver(shop);
    await refund(shop, order, 300);
    await deliver(shop);
    const amounts = merchant.received.map(({ body: { type, data } }) => [type, data.received, data.returned]);
    expect(amounts).toEqual([
      ['order.authorized', sterling(0), sterling(0)],
      ['order.paid', sterling(895), sterling(0)],
      ['order.due', sterling(895), sterling(0)],
      ['order.refunded', sterling(895), sterling(300)],
    ]);
  });

  test.each([500, 404, 302])(
    'receives the same bytes with the same id again after it answers %i, and what follows only then',
    async (status) => {
      const shop = await start(await options());
      await paid(shop);
      let tries = 0;
      merchant.answer = () => {
        tries += 1;
        return tries === 1 ? status : 204;
      };
      expect(await deliver(shop)).toBe(0);
      expect(await deliver(shop)).toBe(0);
      shop.pass(6_000);
      expect(await deliver(shop)).toBe(2);
      expect(merchant.types()).toEqual(['order.paid', 'order.paid', 'order.due']);
      const [first, second] = merchant.received;
      expect(second?.text).toBe(first?.text);
      expect(second?.id).toBe(first?.id);
    },
  );

  test('gets eleven tries of a message within three days and a warning after the last, and then the next message', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    merchant.answer = ({ body: { type } }) => (type === 'order.paid' ? 500 : 204);
    const begin = shop.now().getTime();
    while (merchant.types().length < 11) {
      await deliver(shop);
      shop.pass(30_000);
    }
    expect(shop.now().getTime() - begin).toBeLessThan(4 * 24 * hours);
    expect(shop.now().getTime() - begin).toBeGreaterThan(3 * 24 * hours);
    expect(merchant.types()).toEqual([...Array(11).fill('order.paid'), 'order.due']);
    const lines = shop.shop.log.filter(({ event }) => String(event).startsWith('message'));
    expect(lines.map(({ event }) => event)).toEqual([...Array(10).fill('messageFailed'), 'messageAbandoned']);
    expect(lines.at(-1)).toMatchObject({
      level: 'warn',
      orderReference: order.reference,
      messageId: `msg_${order.reference}_1`,
      messageType: 'order.paid',
      answer: '500',
      tries: 11,
    });
    const [listed] = await shop.context.store.listMessages({ orderReference: order.reference, state: null });
    expect(listed).toMatchObject({ state: 'abandoned', tries: 11 });
    expect(listed?.deliveries.map(({ answer }) => answer)).toEqual(Array(11).fill('500'));
  });

  test('does not hear that an order is due while its money is doubtful, and hears it once a person decides', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await shop.portalRefund(intentId, 500);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.refunded', 'order.held']);
    expect(shop.shop.log.filter(({ event }) => event === 'messageDropped')).toMatchObject([
      { level: 'info', orderReference: order.reference, messageId: `msg_${order.reference}_2` },
    ]);
    await decide(shop, order, 'accept');
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.refunded', 'order.held', 'order.due']);
    expect(merchant.received.at(-1)?.body.data).toMatchObject({ returned: sterling(500) });
  });

  test('hears once that an order is due although it was held in between and the message waited', async () => {
    const shop = await start(await options());
    const { order, intentId } = await paid(shop);
    await shop.portalRefund(intentId, 500);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    await decide(shop, order, 'accept');
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.refunded', 'order.held', 'order.due']);
  });

  test('does not hear that an order is due while a refund of a part is under way, and hears it once afterwards', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    const asked = { orderId: order.id, attempt: 1, kind: 'refund', reason: '', askedAt: shop.now() } as const;
    await shop.context.store.beginRefund({ ...asked, id: 'r-1', amount: 500, expectedReturned: null });
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid']);
    await shop.context.store.endRefund('r-1', { state: 'refused', refundId: null }, shop.now());
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.due']);
    // It knows by now, and would pack the order twice.
    await refund(shop, order, 500);
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.due', 'order.refunded']);
  });

  test('does not hear that an order is due once it was sent', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    await ship(shop, order);
    await deliver(shop);
    expect(merchant.types()).toEqual(['order.paid', 'order.sent']);
    expect(merchant.received.at(-1)?.body.timestamp).toBe(shop.now().toISOString());
  });

  test('hears of other orders while it takes its time over one', async () => {
    const shop = await start(await options());
    const slow = await paid(shop, 'key-1');
    const others = [await paid(shop, 'key-2'), await paid(shop, 'key-3')];
    const release = Promise.withResolvers<number>();
    const heard = Promise.withResolvers<void>();
    merchant.answer = ({ body }) => {
      if (body.data.reference === slow.order.reference) return release.promise;
      if (merchant.types().filter((type) => type === 'order.due').length === 2) heard.resolve();
      return 204;
    };
    const delivering = deliver(shop);
    await heard.promise;
    const references = new Set(
      merchant.received.flatMap(({ body }) => (body.type === 'order.due' ? [body.data.reference] : [])),
    );
    expect(references).toEqual(new Set(others.map(({ order }) => order.reference)));
    release.resolve(204);
    expect(await delivering).toBe(6);
  });

  test('hears each message once, in the order of its order, from four processes that deliver at the same time', async () => {
    const shop = await start(await options());
    for (let number = 1; number <= 10; number += 1) {
      const { order } = await paid(shop, `key-${number}`);
      await refund(shop, order, 500 + number);
    }
    const url = shop.shop.databaseUrl;
    const stores = await Promise.all([1, 2, 3, 4].map(() => openStore(url, { clock: 'caller' })));
    const clients = stores.map(() => merchant.connect());
    const counts = await Promise.all(
      stores.map((store, index) => deliverMessages({ ...shop.context, store }, clients[index] ?? merchant)),
    );
    await Promise.all([...stores, ...clients].map((each) => each.close()));
    expect(counts.reduce((sum, count) => sum + count)).toBe(30);
    const byOrder = Map.groupBy(merchant.received, ({ body }) => body.data.reference);
    expect(byOrder.size).toBe(10);
    for (const heard of byOrder.values())
      expect(heard.map(({ body }) => body.type)).toEqual(['order.paid', 'order.due', 'order.refunded']);
  });

  test('is not waited for when the shop closes, and receives the message again', async () => {
    const shop = await start(await options());
    await paid(shop);
    const arrived = Promise.withResolvers<void>();
    const { promise: never } = Promise.withResolvers<number>();
    merchant.answer = () => {
      arrived.resolve();
      return never;
    };
    const closing = new AbortController();
    const delivering = deliverMessages(shop.context, merchant, closing.signal);
    await arrived.promise;
    const abortedAt = performance.now();
    closing.abort();
    expect(await delivering).toBe(0);
    expect(performance.now() - abortedAt).toBeLessThan(10_000);
    merchant.answer = () => 204;
    shop.pass(6_000);
    expect(await deliver(shop)).toBe(2);
    expect(new Set(merchant.received.map(({ id }) => id)).size).toBe(2);
  });

  test('is sent a message again on request, under its id', async () => {
    const shop = await start(await options());
    const { order } = await paid(shop);
    await deliver(shop);
    const { reference: orderReference } = order;
    expect(await shop.context.store.resendMessage({ orderReference, number: 1 }, shop.now())).toBe(true);
    expect(await shop.context.store.resendMessage({ orderReference, number: 9 }, shop.now())).toBe(false);
    expect(await deliver(shop)).toBe(1);
    expect(merchant.received.map(({ id }) => id)).toEqual(
      [1, 2, 1].map((number) => `msg_${orderReference}_${number}`),
    );
  });
});
