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
import { start } from '../support/program.ts';

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

/** Orders in many states, with everything that can hang on them. */
async function fill(store: OrderStore): Promise<void> {
  const priced = priceBasket(testCatalogue, [{ sku: 'mug', quantity: 1 }]);
  if (priced.kind !== 'priced') throw new Error('The basket of the tests has a price.');
  const { basket } = priced;
  const one = async (number: number): Promise<void> => {
    const id = createOrderId(later(number), number);
    const token = createToken(id, 'S'.repeat(24));
    const key = { checkoutKey: `key-${number}`, shopperId: 'shopper', basket, createdAt: now };
    await store.placeOrder({ id, reference: referenceOf(id), token, ...key }, later(15));
    if (number % 10 === 0) return;
    const link = { paymentLink: 'https://pay.dojo.test/x', expireAt: later(3_600) };
    await store.attachIntent(id, 1, { id: `pi_${number}`, ...link }, now);
    await store.recordEvents([event(number, 'Authorized')]);
    if (number % 3 === 0) await store.recordEvents([event(number, 'Captured')]);
    if (number % 9 !== 0) return;
    const refund = { id: `refund-${number}`, orderId: id, attempt: 1, kind: 'refund', amount: 100 } as const;
    await store.beginRefund({ ...refund, reason: 'Broken', expectedRefunded: null, askedAt: now });
    const observation = { status: 'Captured', refundedAmount: 100, expired: false, unwanted: false };
    await store.recordObservation(
      { ...observation, orderId: id, attempt: 1, mismatched: false, observedAt: now },
      { at: null, seen: null },
    );
  };
  await Promise.all(Array.from({ length: orders }, (_, number) => one(number + 1)));
  await store.recordEvents([event(0, 'Captured', 'pi_stranger')]);
  const bytes = Buffer.from([0, 255, 128]);
  const digest = createHash('sha256').update(bytes).digest();
  await store.quarantine({ body: bytes, digest, secret: 'whs_0', reason: 'not-understood', receivedAt: now });
}

/** All rows of all tables, in an order of their own. */
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
    'quarantine',
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

const copy = (onProgress: (line: string) => void = () => undefined) =>
  copyStore(source, ['--to', target], onProgress);

describe('store copy', () => {
  test('brings over every row, tells how far it is, and leaves the source alone', async () => {
    const path = source.slice('sqlite:'.length);
    const before = readFileSync(path);
    const lines: string[] = [];
    expect(await copy((line) => lines.push(line))).toMatch(/^450 orders are in the target, 450 of them/);
    expect(lines).toEqual(['44 % (200 orders)', '88 % (400 orders)', '100 % (450 orders)']);
    expect(await contents(target)).toEqual(await contents(source));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('goes on where it was stopped', async () => {
    await expect(
      copy(() => {
        throw new Error('stopped');
      }),
    ).rejects.toThrow('stopped');
    expect(await copy()).toMatch(/^450 orders are in the target, 250 of them/);
    expect(await contents(target)).toEqual(await contents(source));
  });

  test('made again brings over what was heard in between', async () => {
    await copy();
    await withStore(source, async (store) => {
      await store.recordEvents([event(1, 'Captured'), event(2, 'Canceled')]);
      const id = createOrderId(later(10), 10);
      // Its money had come before anybody knew whose it was.
      const link = { paymentLink: 'https://pay.dojo.test/x', expireAt: null };
      await store.attachIntent(id, 1, { id: 'pi_stranger', ...link }, now);
    });
    expect(await copy()).toMatch(/^450 orders are in the target, 3 of them/);
    expect(await contents(target)).toEqual(await contents(source));
  });

  test('refuses a target on which a shop has run, and one that has orders of its own', async () => {
    await withStore(target, async (store) => {
      await store.acquireLease('reconcile', 'a shop', now, later(60));
    });
    await expect(copy()).rejects.toThrow(/has run on the target/);
    target = await postgres.createDatabase();
    await withStore(target, async (store) => {
      await store.recordEvents([event(0, 'Captured', 'pi_elsewhere')]);
    });
    await expect(copy()).rejects.toThrow(/differs from the source/);
  });

  test('copies from a file to a server and nothing else', async () => {
    await expect(copyStore('sqlite::memory:', ['--to', target], () => undefined)).rejects.toThrow(/SQLite/);
    await expect(copyStore(target, ['--to', target], () => undefined)).rejects.toThrow(/SQLite/);
    await expect(copyStore(source, [], () => undefined)).rejects.toThrow(/--to/);
    await expect(copyStore(`sqlite:${folder}/missing.db`, ['--to', target], () => undefined)).rejects.toThrow(
      /cannot be opened/,
    );
  });

  test('is a command', async () => {
    const env = { DATABASE_URL: source, DOJO_API_KEY: 'sk_sandbox_x' };
    const program = start('src/cli/shop.ts', { args: ['store', 'copy', '--to', target], env, cwd: folder });
    expect(await program.exited, program.output()).toBe(0);
    expect(program.output()).toMatch(/100 % \(450 orders\)\n450 orders are in the target/);
  });
});

describe('store prune', () => {
  test('wants to hear how old, and says what it dropped', async () => {
    const context = (store: OrderStore) => ({ store, now: () => later(40 * 86_400) });
    await withStore(source, async (store) => {
      for (const args of [[], ['--older-than', '6d'], ['--older-than', '90'], ['--older-than', 'd']])
        await expect(pruneStore(context(store), args)).rejects.toThrow(/--older-than/);
      // Nobody has shipped anything, and Dojo is still to be asked: nothing is finished.
      expect(await pruneStore(context(store), ['--older-than', '30d'])).toMatch(/, 0 in all/);
      await store.recordEvents([event(1, 'Canceled'), event(2, 'Reversed')]);
      const reversed = createOrderId(later(2), 2);
      const order = await store.findOrderByReference(referenceOf(reversed));
      await store.planCheck(reversed, { at: null, seen: order?.nextCheckAt ?? null });
      expect(await pruneStore(context(store), ['--older-than', '30d'])).toMatch(/, 2 in all/);
      expect((await store.checkReplay()).different).toEqual([]);
    });
  });
});
