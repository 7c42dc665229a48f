import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { copyStore, pruneStore } from '../../src/cli/store.ts';
import { priceBasket } from '../../src/shop/basket.ts';
import { createOrderId, createToken, referenceOf } from '../../src/shop/order.ts';
import type { ReceivedEvent } from '../../src/shop/order-events.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { OrderStore } from '../../src/store/order-store.ts';
import { testCatalogue } from '../support/catalogue.ts';
import { openDatabase } from '../support/open-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { refusal, runShop, usageError } from './run-shop.ts';

const now = new Date('2026-11-22T10:00:00Z');
const later = (seconds: number) => new Date(now.getTime() + seconds * 1_000);
const orders = 450;
let postgres: PostgresServer;
let folder: string;
let source: string;
let target: string;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'copy-'));
  source = `sqlite:${join(folder, 'orders.db')}`;
  target = await postgres.createDatabase();
  await withStore(source, fill);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function withStore(databaseUrl: string, work: (store: OrderStore) => Promise<void>): Promise<void> {
  const store = await openStore(databaseUrl, { clock: 'caller' });
  await work(store);
  await store.close();
}

function event(number: number, paymentStatus: string, paymentIntentId = `pi_${number}`): ReceivedEvent {
  const body = Buffer.from(`${paymentIntentId} ${paymentStatus} ☕`);
  return {
    eventId: `evt_${number}_${paymentStatus}`,
    event: 'payment_intent.status_updated',
    paymentIntentId,
    paymentStatus,
    body,
    digest: createHash('sha256').update(body).digest(),
    secret: 'whs_00000000',
    receivedAt: now,
  };
}

/** Orders in many states, with everything that belongs to them. */
async function fill(store: OrderStore): Promise<void> {
  const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
  if (priced.kind !== 'priced') throw new Error('The basket of the tests has a price.');
  const { basket } = priced;
  const one = async (number: number): Promise<void> => {
    const id = createOrderId(later(number), number);
    const token = createToken(id, 'S'.repeat(24));
    const key = { checkoutKey: `key-${number}`, shopperId: 'shopper', basket, createdAt: now };
    await store.placeOrder(
      { id, reference: referenceOf(id), token, ...key },
      { createdAt: now, leaseUntil: later(15), captureMode: 'Auto' },
    );
    if (number % 10 === 0) return;
    const link = { paymentLink: 'https://pay.dojo.test/x', expireAt: later(3_600) };
    await store.attachIntent(id, 1, { id: `pi_${number}`, ...link }, now);
    await store.recordEvents([event(number, 'Authorized')]);
    if (number % 3 === 0) await store.recordEvents([event(number, 'Captured')]);
    if (number % 9 !== 0) return;
    const refund = { id: `refund-${number}`, orderId: id, attempt: 1, kind: 'refund', amount: 100 } as const;
    await store.beginRefund({ ...refund, reason: 'Broken', expectedReturned: null, askedAt: now });
    const observation = { status: 'Captured', refundedAmount: 100, expired: false, unwanted: false };
    await store.recordObservation(
      { ...observation, orderId: id, attempt: 1, mismatched: false, observedAt: now },
      { at: null, seen: null },
    );
  };
  await Promise.all(Array.from({ length: orders }, (_, number) => one(number + 1)));
  await store.recordEvents([event(0, 'Captured', 'pi_unknown')]);
  const bytes = Buffer.from([0, 255, 128]);
  const digest = createHash('sha256').update(bytes).digest();
  await store.keepSetting('environment', 'sandbox');
  await store.quarantine({ body: bytes, digest, secret: 'whs_0', reason: 'not-understood', receivedAt: now });
}

/** All rows of all tables, sorted. */
async function contents(databaseUrl: string): Promise<Record<string, string[]>> {
  const database = await openDatabase(databaseUrl);
  const found: Record<string, string[]> = {};
  for (const table of [
    'orders',
    'attempts',
    'events',
    'observations',
    'refunds',
    'fulfilments',
    'messages',
    'quarantine',
    'settings',
  ]) {
    const rows = await database.read((tx) => tx.all(`SELECT * FROM ${table}`));
    found[table] = rows
      .map((row) =>
        JSON.stringify(row, (_name, value) =>
          value?.type === 'Buffer' ? value.data : value instanceof Uint8Array ? [...value] : value,
        ),
      )
      .sort();
  }
  await database.close();
  return found;
}

const copy = (onProgress: (line: string) => void = () => undefined) => copyStore(source, target, onProgress);

/** Runs the command with the source as its database. */
const run = (...args: string[]) =>
  runShop(args, { env: { DATABASE_URL: source, DOJO_API_KEY: 'sk_sandbox_x' }, cwd: folder });

describe('store copy', () => {
  test('copies every row, shows its progress, and leaves the source as it is', async () => {
    const path = source.slice('sqlite:'.length);
    const before = readFileSync(path);
    expect(await run('store', 'copy', '--to', target)).toEqual({
      code: 0,
      stdout: '450 orders are in the target, 450 of them copied now. Counts, sums and replay agree.\n',
      stderr: '44 % (200 orders)\n88 % (400 orders)\n100 % (450 orders)\n',
    });
    expect(await contents(target)).toEqual(await contents(source));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('continues where it was stopped', async () => {
    await expect(
      copy(() => {
        throw new Error('stopped');
      }),
    ).rejects.toThrow('stopped');
    expect(await copy()).toMatchObject({ data: { orders: 450, copied: 250 } });
    expect(await contents(target)).toEqual(await contents(source));
  });

  test('run again, copies what was heard in between', async () => {
    await copy();
    await withStore(source, async (store) => {
      await store.recordEvents([event(1, 'Captured'), event(2, 'Canceled')]);
      const id = createOrderId(later(10), 10);
      // Its money came before anyone knew whose it was.
      const link = { paymentLink: 'https://pay.dojo.test/x', expireAt: null };
      await store.attachIntent(id, 1, { id: 'pi_unknown', ...link }, now);
    });
    const { code, stdout } = await run('store', 'copy', '--json', '--to', target);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({ orders: 450, copied: 3 });
    expect(await contents(target)).toEqual(await contents(source));
  });

  test('refuses a target on which a shop has run, and one with other orders', async () => {
    await withStore(target, async (store) => {
      await store.acquireLease('reconcile', 'a shop', now, later(60));
    });
    expect(await run('store', 'copy', '--to', target)).toEqual(refusal(/has run on the target/));
    target = await postgres.createDatabase();
    await withStore(target, async (store) => {
      await store.recordEvents([event(0, 'Captured', 'pi_elsewhere')]);
    });
    await expect(copy()).rejects.toThrow(/differs from the source/);
  });

  test('copies from a file to a server and nothing else', async () => {
    await expect(copyStore('sqlite::memory:', target, () => undefined)).rejects.toThrow(/SQLite/);
    await expect(copyStore(target, target, () => undefined)).rejects.toThrow(/SQLite/);
    await expect(copyStore(`sqlite:${folder}/missing.db`, target, () => undefined)).rejects.toThrow(
      /^DATABASE_URL: .*cannot be opened/,
    );
    expect(await run('store', 'copy')).toEqual(usageError(/required option '--to <address>'/));
    expect(await run('store', 'copy', '--to', source)).toEqual(usageError(/'--to <address>'.*postgres:/));
  });

  test('exits 69 when the target cannot be reached, and 1 when it refuses', async () => {
    const nowhere = await run('store', 'copy', '--to', 'postgres://shop@127.0.0.1:9/shop');
    expect(nowhere).toMatchObject({ code: 69, stdout: '' });
    expect(nowhere.stderr).toMatch(/^The order store is unavailable: [^\n]*ECONNREFUSED[^\n]*\n$/);
    const missing = target.replace(/[^/]+$/, 'missing');
    expect(await run('store', 'copy', '--to', missing)).toEqual(refusal(/"missing" does not exist/));
  });
});

describe('store prune', () => {
  test('drops the raw events of orders that finished long ago, and says how many', async () => {
    const context = (store: OrderStore) => ({ store, now: () => later(40 * 86_400) });
    await withStore(source, async (store) => {
      // Nothing is shipped, and Dojo is still to be asked: no order is finished.
      expect(await pruneStore(context(store), 30)).toMatchObject({ data: { dropped: 0 } });
      // Orders are looked at in pages, and this one is on the last.
      await store.recordEvents([event(1, 'Canceled'), event(401, 'Reversed')]);
      const reversed = createOrderId(later(401), 401);
      const order = await store.findOrderByReference(referenceOf(reversed));
      await store.planCheck(reversed, { at: null, seen: order?.nextCheckAt ?? null }, later(2));
      expect(await pruneStore(context(store), 30)).toMatchObject({ data: { dropped: 2 } });
      expect((await store.checkReplay()).different).toEqual([]);
    });
  });

  test('is a command that says what it did', async () => {
    expect(await run('store', 'prune', '--older-than', '9000d')).toEqual({
      code: 0,
      stdout:
        'Raw events of finished orders dropped: 0. What they said about the orders is kept. Quarantined deliveries dropped: 0.\n',
      stderr: '',
    });
    expect(await run('store', 'prune', '--older-than', '7d', '--json')).toMatchObject({
      code: 0,
      stderr: '',
    });
  });

  test.each([[[]], [['--older-than', '6d']], [['--older-than', '90']], [['--older-than', 'd']]])(
    'with %j asks for an age of at least seven days',
    async (args) => {
      expect(await run('store', 'prune', ...args)).toEqual(usageError(/--older-than/));
    },
  );
});
