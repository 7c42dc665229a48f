import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreError } from '../../src/store/order-store.ts';
import { openSqliteThread } from '../../src/store/sqlite/thread.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'thread-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const now = new Date('2026-11-22T10:00:00Z');
const lease = (name: string) => ({
  method: 'acquireLease' as const,
  args: [name, 'holder', now, new Date(now.getTime() + 1_000)],
});

test('a thread that ends fails its pending calls, and another thread does the next ones', async () => {
  const path = join(folder, 'orders.db');
  const writer = await openSqliteThread(path);
  await writer.call(lease('before'));
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const calls = [writer.call(lease('lost')), writer.call(lease('lost too'))];
  const settled = Promise.allSettled(calls);
  // The group is on its way to the thread, which waits for the other process.
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  await writer.breakThread();
  for (const outcome of await settled) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StoreError) });
  }
  other.exec('ROLLBACK');
  await writer.call(lease('after'));
  expect(other.prepare('SELECT name FROM leases ORDER BY name').all()).toEqual([
    { name: 'after' },
    { name: 'before' },
  ]);
  other.close();
  await writer.close();
});

test('orders in memory are lost with their thread, and every later call fails', async () => {
  const writer = await openSqliteThread(':memory:');
  await writer.call(lease('before'));
  await writer.breakThread();
  await expect(writer.call(lease('after'))).rejects.toThrow(StoreError);
  await expect(writer.call(lease('after'))).rejects.toThrow(StoreError);
  await writer.close();
});

test('a store that closes first does the calls that wait, and refuses later ones', async () => {
  const path = join(folder, 'orders.db');
  const writer = await openSqliteThread(path);
  const calls = Array.from({ length: 1_200 }, (_, index) => writer.call(lease(`lease ${index}`)));
  const closed = writer.close();
  await expect(writer.call(lease('too late'))).rejects.toThrow(StoreError);
  expect(new Set(await Promise.all(calls))).toEqual(new Set([true]));
  await closed;
  const file = new DatabaseSync(path);
  expect(file.prepare('SELECT COUNT(*) AS count FROM leases').get()).toEqual({ count: 1_200 });
  file.close();
});

test('a call is refused at once while five thousand wait, and those are done', async () => {
  const writer = await openSqliteThread(':memory:');
  const calls = Array.from({ length: 5_000 }, (_, index) => writer.call(lease(`lease ${index}`)));
  let served = 0;
  for (const call of calls) call.then(() => (served += 1));
  await expect(writer.call(lease('one too many'))).rejects.toThrow(
    '5000 changes wait for the database already',
  );
  expect(served).toBe(0);
  await Promise.all(calls);
  expect(await writer.call(lease('one too many'))).toBe(true);
  await writer.close();
});

test('while a file cannot be opened again, every call is refused and at most one thread starts', async () => {
  const path = join(folder, 'orders.db');
  const writer = await openSqliteThread(path);
  await writer.breakThread();
  renameSync(path, `${path}.moved`);
  mkdirSync(path);
  let started = 0;
  const count = () => {
    started += 1;
  };
  subscribe('worker_threads', count);
  for (let calls = 0; calls < 5; calls += 1) {
    await expect(writer.call(lease('nowhere'))).rejects.toThrow(StoreError);
  }
  unsubscribe('worker_threads', count);
  expect(started).toBeLessThanOrEqual(1);
  rmSync(path, { recursive: true });
  await expect(writer.call(lease('in a new file'))).rejects.toThrow('was removed');
  renameSync(`${path}.moved`, path);
  expect(await writer.call(lease('here'))).toBe(true);
  await writer.close();
});

test('a store that is closed twice hands its thread to one other store', async () => {
  const writer = await openSqliteThread(join(folder, 'a.db'));
  await Promise.all([writer.close(), writer.close()]);
  await writer.close();
  const [b, c] = [await openSqliteThread(join(folder, 'b.db')), await openSqliteThread(join(folder, 'c.db'))];
  await b.call(lease('of b'));
  await Promise.all([b.close(), c.close()]);
  const file = new DatabaseSync(join(folder, 'b.db'));
  expect(file.prepare('SELECT name FROM leases').all()).toEqual([{ name: 'of b' }]);
  file.close();
});

test('what was written to the log is soon in the file itself, again and again', async () => {
  const path = join(folder, 'orders.db');
  const writer = await openSqliteThread(path);
  for (const name of ['first', 'second']) {
    await writer.call(lease(name));
    await expect.poll(() => readFileSync(path).includes(name)).toBe(true);
  }
  await writer.close();
});
