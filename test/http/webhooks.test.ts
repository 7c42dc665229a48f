import { DatabaseSync } from 'node:sqlite';
import nock from 'nock';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createWebhookSecret } from '../../src/dojo/webhook.ts';
import { contents, rows } from '../support/database.ts';
import { placeMug, statusOf } from '../support/purchase.ts';
import { type OpenShop, openShop, webhookSecret } from '../support/shop.ts';
import { deliver, sign, statusUpdate } from '../support/webhook.ts';

const captured = { paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' };
const body = statusUpdate(captured);
const signature = sign(body);
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

describe('a delivery signed by Dojo', () => {
  test('makes its order paid and due for fulfilment, and is kept byte for byte', async () => {
    const { token } = await placeMug(shop);
    const response = await deliver(shop, body).expect(200);
    expect(response.text).toBe('{"received":true}');
    expect(await statusOf(shop, token)).toBe('paid');
    expect(rows(shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1 }]);
    const [event] = rows(shop, 'SELECT body, event_id, secret FROM events');
    expect(Buffer.from(event?.body as Uint8Array).toString()).toBe(body);
    expect(event).toMatchObject({ event_id: 'evt_T1', secret: createWebhookSecret(webhookSecret).label });
  });

  test.each([
    ['in lower case', signature.toLowerCase()],
    ['without dashes', `sha256=${signature.slice(7).replaceAll('-', '')}`],
  ])('is accepted with its digest %s', async (_how, header) => {
    const { token } = await placeMug(shop);
    await deliver(shop, body, header).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
  });

  test('gets the same answer however often it comes, and counts once', async () => {
    await placeMug(shop);
    const answers = await Promise.all(Array.from({ length: 200 }, () => deliver(shop, body)));
    expect(new Set(answers.map((answer) => `${answer.status} ${answer.text}`))).toEqual(
      new Set(['200 {"received":true}']),
    );
    expect(rows(shop, 'SELECT count(*) AS n FROM events')).toEqual([{ n: 1 }]);
    expect(rows(shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1 }]);
  });

  test('counts although another had its id: only the same bytes are the same event', async () => {
    const { token } = await placeMug(shop);
    await deliver(shop, statusUpdate({ ...captured, paymentStatus: 'Authorized' })).expect(200);
    await deliver(shop, body).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
    expect(rows(shop, 'SELECT event_id FROM events')).toEqual([
      { event_id: 'evt_T1' },
      { event_id: 'evt_T1' },
    ]);
  });

  test('changes nothing when it comes again a month later', async () => {
    let now = new Date('2026-11-22T10:00:00Z');
    const later = await openShop({ context: { now: () => now } });
    try {
      await placeMug(later);
      await deliver(later, body).expect(200);
      const before = contents(later);
      now = new Date('2026-12-22T10:00:00Z');
      await deliver(later, body).expect(200);
      expect(contents(later)).toEqual(before);
    } finally {
      await later.close();
    }
  });

  test('of one payment under a hundred ids fulfils the order once', async () => {
    const { token } = await placeMug(shop);
    for (let id = 0; id < 100; id += 1) {
      await deliver(shop, statusUpdate(captured, { id: `evt_${id}` })).expect(200);
    }
    expect(await statusOf(shop, token)).toBe('paid');
    expect(rows(shop, 'SELECT count(*) AS n FROM events')).toEqual([{ n: 100 }]);
    expect(rows(shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1 }]);
  });

  test.each([
    ['Created', 'paid', []],
    ['Refunded', 'refunded', ['refunded_before_fulfilment']],
    ['Reversed', 'reversed', ['refunded_before_fulfilment']],
    ['Canceled', 'paid', ['captured_after_cancel']],
  ])('of Captured and %s has the same result in either order', async (other, status, holds) => {
    const one = await placeMug(shop, 'pi_sandbox_T1');
    const two = await placeMug(shop, 'pi_sandbox_T2');
    const event = (id: string, paymentIntentId: string, paymentStatus: string) =>
      deliver(shop, statusUpdate({ paymentIntentId, paymentStatus }, { id })).expect(200);
    await event('evt_1', one.paymentIntentId, 'Captured');
    await event('evt_2', one.paymentIntentId, other);
    await event('evt_3', two.paymentIntentId, other);
    await event('evt_4', two.paymentIntentId, 'Captured');
    for (const { token } of [one, two]) {
      expect(await shop.context.store.findOrderByToken(token)).toMatchObject({ status, holds });
    }
  });

  test('of a refund that overtakes the payment fulfils nothing', async () => {
    await placeMug(shop);
    await deliver(shop, statusUpdate({ ...captured, paymentStatus: 'Refunded' }, { id: 'evt_1' })).expect(
      200,
    );
    await deliver(shop, body).expect(200);
    expect(rows(shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 0 }]);
  });

  test('that overtakes the reply to our own call is applied once that reply comes', async () => {
    await deliver(shop, body).expect(200);
    const { token } = await placeMug(shop);
    expect(await statusOf(shop, token)).toBe('paid');
    expect(rows(shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1 }]);
  });

  test.each([
    ['an unknown event', statusUpdate(captured, { event: 'payment_intent.dreamt_of' })],
    ['an unknown status', statusUpdate({ ...captured, paymentStatus: 'Settled' })],
    ['an unknown intent', statusUpdate({ ...captured, paymentIntentId: 'pi_sandbox_other' })],
    [
      'something other than an intent',
      statusUpdate(captured, { event: 'terminal_session.done', data: { x: 1 } }),
    ],
  ])('of %s is kept and changes no order', async (_what, delivery) => {
    const { token } = await placeMug(shop);
    const { orders } = contents(shop);
    const response = await deliver(shop, delivery).expect(200);
    expect(response.text).toBe('{"received":true}');
    expect(await statusOf(shop, token)).toBe('awaiting_payment');
    expect(contents(shop).orders).toEqual(orders);
    expect(rows(shop, 'SELECT count(*) AS n FROM events')).toEqual([{ n: 1 }]);
  });

  test.each([
    ['a date in 9999', { createdAt: '9999-12-31T23:59:59Z' }],
    ['a date in 1970', { createdAt: '1970-01-01T00:00:00Z' }],
    ['an invalid date', { createdAt: 'yesterday' }],
    ['no date', { createdAt: undefined }],
  ])('with %s still pays its order', async (_what, envelope) => {
    const { token } = await placeMug(shop);
    await deliver(shop, statusUpdate(captured, envelope)).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
  });

  test('with a __proto__ member pays its order and touches no prototype', async () => {
    const { token } = await placeMug(shop);
    await deliver(shop, body.replace('{"id"', '{"__proto__":{"polluted":1},"id"')).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test('with a repeated member counts the last one', async () => {
    const { token } = await placeMug(shop);
    await deliver(shop, body.replace('"paymentStatus"', '"paymentStatus":"Created","paymentStatus"')).expect(
      200,
    );
    expect(await statusOf(shop, token)).toBe('paid');
  });

  test('of 65,536 bytes is accepted, and of one more refused', async () => {
    const { token } = await placeMug(shop);
    const padded = (bytes: number) => body.padEnd(bytes, ' ');
    await expectProblem(deliver(shop, padded(65_537)), 413);
    expect(await statusOf(shop, token)).toBe('awaiting_payment');
    await deliver(shop, padded(65_536)).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
  });
});

describe('a delivery that is signed but not understood', () => {
  test.each([
    ['text', 'hello'],
    ['a number', '1'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a byte order mark before the event', `\uFEFF${body}`],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.from(body.slice(0, -2)), Buffer.from([0xff, 0xfe])])],
    ['an event without an id', statusUpdate(captured, { id: undefined })],
    ['an event with a number for an id', statusUpdate(captured, { id: 7 })],
    ['an event with an id of 10 kB', statusUpdate(captured, { id: 'e'.repeat(10_240) })],
    ['an event with a NUL in its id', statusUpdate(captured, { id: 'evt_\u0000' })],
    ['a status update without an intent', statusUpdate(captured, { data: {} })],
  ])('(%s) is quarantined once, and acknowledged', async (_what, delivery) => {
    await placeMug(shop);
    const before = contents(shop);
    for (const _again of [1, 2]) {
      const response = await deliver(shop, delivery).expect(200);
      expect(response.text).toBe('{"received":true}');
    }
    const { quarantine, ...rest } = contents(shop);
    expect(rest).toEqual({ ...before, quarantine: undefined });
    expect(quarantine).toHaveLength(1);
    const [kept] = rows(shop, 'SELECT body FROM quarantine');
    expect(Buffer.from(kept?.body as Uint8Array)).toEqual(Buffer.from(delivery));
    expect(shop.log.filter((line) => line.event === 'webhookQuarantined')).toHaveLength(2);
  });

  test('(an event of another account, or of none) is quarantined', async () => {
    const ours = await openShop({ env: { DOJO_ACCOUNT_ID: 'acc_ours' } });
    try {
      const { token } = await placeMug(ours);
      await deliver(ours, body).expect(200);
      expect(rows(ours, 'SELECT reason FROM quarantine')).toEqual([{ reason: 'other-account' }]);
      expect(ours.log).toContainEqual(
        expect.objectContaining({
          event: 'webhookQuarantined',
          reason: 'other-account',
          accountId: 'acc_test',
          expectedAccountId: 'acc_ours',
        }),
      );
      await deliver(ours, statusUpdate(captured, { accountId: undefined })).expect(200);
      expect(rows(ours, 'SELECT reason FROM quarantine')).toEqual(Array(2).fill({ reason: 'other-account' }));
      expect(await statusOf(ours, token)).toBe('awaiting_payment');
      await deliver(ours, statusUpdate(captured, { accountId: 'acc_ours' })).expect(200);
      expect(await statusOf(ours, token)).toBe('paid');
    } finally {
      await ours.close();
    }
  });
});

test('the account that the first order was paid to stays with the database, and a shop for another does not open', async () => {
  const account = () => shop.context.store.findSetting('account');
  const { token } = await placeMug(shop);
  const other = statusUpdate(
    { ...captured, paymentIntentId: 'pi_of_no_order' },
    { id: 'evt_other', accountId: 'acc_other' },
  );
  await deliver(shop, other).expect(200);
  await deliver(shop, body).expect(200);
  await expect.poll(account).toBe('acc_test');
  expect(await statusOf(shop, token)).toBe('paid');
  const open = (DOJO_ACCOUNT_ID: string) =>
    openShop({ databasePath: shop.databasePath, env: { DOJO_ACCOUNT_ID } });
  await expect(open('acc_typo')).rejects.toThrow(
    /^DOJO_ACCOUNT_ID: is acc_typo, and the orders of this database were paid to acc_test; unset it,/,
  );
  await (await open('acc_test')).close();
  await (await open('')).close();
});

test('the name by which the shop knows its own intents stays with the database, and no two databases share it', async () => {
  const [again, another] = [await openShop({ databasePath: shop.databasePath }), await openShop()];
  expect(again.context.shopId).toBe(shop.context.shopId);
  expect(another.context.shopId).not.toBe(shop.context.shopId);
  await Promise.all([again.close(), another.close()]);
});

describe('a delivery that Dojo did not sign', () => {
  const hex = signature.slice(7);
  test.each<[string, string | null]>([
    ['no signature', null],
    ['an empty one', ''],
    ['only the prefix', 'sha256='],
    ['another secret', sign(body, 'another secret')],
    ['another prefix: sha1', `sha1=${hex}`],
    ['another prefix: sha512', `sha512=${hex}`],
    ['another prefix: SHA256', `SHA256=${hex}`],
    ['31 groups', `sha256=${hex.slice(3)}`],
    ['33 groups', `sha256=${hex}-00`],
    ['63 digits', `sha256=${hex.replaceAll('-', '').slice(1)}`],
    ['a group that is not hex', `sha256=GG${hex.slice(2)}`],
    ['8 kB', `sha256=${'A'.repeat(8_000)}`],
    ['two headers', `${signature}, ${signature}`],
  ])('(%s) is refused, and leaves nothing behind', async (_what, header) => {
    await placeMug(shop);
    const before = contents(shop);
    await expectProblem(deliver(shop, body, header), 401);
    expect(contents(shop)).toEqual(before);
  });

  test('(another byte in the body) is refused', async () => {
    await expectProblem(deliver(shop, body.replace('Captured', 'Capturee'), signature), 401);
  });

  test('(whatever its signature, when the shop has no secret) is refused', async () => {
    const open = await openShop({ env: { DOJO_WEBHOOK_SECRETS: '' } });
    try {
      const { token } = await placeMug(open);
      for (const signed of [signature, `sha256=${'00'.repeat(32)}`])
        await deliver(open, body, signed).expect(401);
      expect(rows(open, 'SELECT * FROM events')).toEqual([]);
      expect(await statusOf(open, token)).toBe('awaiting_payment');
    } finally {
      await open.close();
    }
  });

  test('(a signature in the query or the body) is refused', async () => {
    const query = request(shop.app).post(`/webhooks/dojo?dojo-signature=${encodeURIComponent(signature)}`);
    await expectProblem(query.set('Content-Type', 'application/json').send(body), 401);
    await expectProblem(deliver(shop, statusUpdate(captured, { 'dojo-signature': signature }), null), 401);
  });

  test('gets the same answer whatever is wrong, while the log says what is', async () => {
    const answers = [
      await deliver(shop, body, null),
      await deliver(shop, body, 'sha256='),
      await deliver(shop, 'x', 'y'),
      await deliver(shop, body, sign(body, 'another secret')),
    ];
    const reasons = shop.log.filter(({ event }) => event === 'webhookSignatureInvalid');
    expect(reasons).toMatchObject([
      { level: 'warn', reason: 'no dojo-signature header' },
      { level: 'warn', reason: 'malformed dojo-signature header' },
      { level: 'warn', reason: 'malformed dojo-signature header' },
      { level: 'warn', reason: 'matches none of 1 secret' },
    ]);
    const texts = answers.map((answer) => answer.text.replace(answer.body.requestId, ''));
    expect(new Set(texts).size).toBe(1);
  });
});

describe('the webhook endpoint', () => {
  test('refuses a signed delivery without a body', async () => {
    await expectProblem(deliver(shop, ''), 400);
    expect(contents(shop)).toMatchObject({ events: [], quarantine: [] });
  });

  test.each(['get', 'put', 'delete', 'head'] as const)(
    'answers %s with 405 and the method that it allows',
    async (method) => {
      const response = await request(shop.app)[method]('/webhooks/dojo').expect(405);
      expect(response.headers.allow).toBe('POST');
    },
  );

  test('accepts the old secret and the new one until the old one is retired', async () => {
    const both = ['old-secret-0123456789', 'new-secret-0123456789'];
    const during = await openShop({ env: { DOJO_WEBHOOK_SECRETS: both.join() } });
    const after = await openShop({ env: { DOJO_WEBHOOK_SECRETS: both.slice(1).join() } });
    try {
      await deliver(during, body, sign(body, both[1])).expect(200);
      await deliver(during, body, sign(body, both[0])).expect(200);
      const [, label] = both.map((secret) => createWebhookSecret(secret).label);
      expect(rows(during, 'SELECT secret FROM events')).toEqual([{ secret: label }]);
      await deliver(after, body, sign(body, both[0])).expect(401);
      await deliver(after, body, sign(body, both[1])).expect(200);
      await deliver(during, body, sign(body, 'a third secret')).expect(401);
      expect(during.log).toContainEqual(expect.objectContaining({ reason: 'matches none of 2 secrets' }));
    } finally {
      await during.close();
      await after.close();
    }
  });

  test('answers 503 while a delivery cannot be stored, and accepts it when it comes again', async () => {
    const { token } = await placeMug(shop);
    const other = new DatabaseSync(shop.databasePath);
    other.exec('BEGIN IMMEDIATE');
    await expectProblem(deliver(shop, body), 503);
    await expectProblem(deliver(shop, 'hello'), 503);
    other.close();
    expect(await statusOf(shop, token)).toBe('awaiting_payment');
    await deliver(shop, body).expect(200);
    expect(await statusOf(shop, token)).toBe('paid');
  });

  test('answers 503 at once when too many deliveries wait, and keeps all that it accepted', async () => {
    const other = new DatabaseSync(shop.databasePath);
    other.exec('BEGIN IMMEDIATE');
    const secret = 'whs_00000000';
    const keep = (index: number) => {
      const bytes = Buffer.from(`delivery ${index}`);
      const reason = 'not-understood';
      return shop.context.store.quarantine({
        body: bytes,
        digest: bytes,
        secret,
        reason,
        receivedAt: new Date(),
      });
    };
    const waiting = Array.from({ length: 1_000 }, (_, index) => keep(index));
    // The first ones wait for the file already; the others fill the queue behind them.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    waiting.push(...Array.from({ length: 5_000 }, (_, index) => keep(1_000 + index)));
    const settled = Promise.allSettled(waiting);
    // Those that wait for the file get their answer once the shop gives up waiting for it.
    let isOver = false;
    const first = waiting[0]
      ?.catch(() => undefined)
      .then(() => {
        isOver = true;
      });
    const response = await deliver(shop, body);
    expect(response.status).toBe(503);
    expect(response.headers['retry-after']).toBe('5');
    expect(isOver).toBe(false);
    other.close();
    await first;
    const taken = (await settled).filter(({ status }) => status === 'fulfilled');
    expect(taken.length).toBeGreaterThanOrEqual(5_000);
    expect(taken.length).toBeLessThan(waiting.length);
    expect(rows(shop, 'SELECT count(*) AS count FROM quarantine')).toEqual([{ count: taken.length }]);
    await deliver(shop, body).expect(200);
  });

  test('logs one line a delivery, with every id that leads to it and no secret', async () => {
    const { reference } = await placeMug(shop);
    await deliver(shop, body).expect(200);
    const [line] = shop.log.filter((entry) => entry.path === '/webhooks/dojo');
    expect(line).toMatchObject({
      status: 200,
      eventId: 'evt_T1',
      paymentIntentId: 'pi_sandbox_T1',
      orderReference: reference,
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(JSON.stringify(shop.log)).not.toContain(webhookSecret);
    expect(JSON.stringify(shop.log)).not.toContain(hexOf(signature));
  });
});

function hexOf(header: string): string {
  return header.slice('sha256='.length);
}

async function expectProblem(delivery: request.Test, status: number): Promise<void> {
  const response = await delivery;
  expect(response.status).toBe(status);
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(Object.keys(response.body)).toEqual(['type', 'title', 'status', 'requestId']);
  expect(response.body).toMatchObject({ status, requestId: response.headers['x-request-id'] });
  expect(response.text.length).toBeLessThanOrEqual(512);
}
