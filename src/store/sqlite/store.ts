import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type OrderStore, StoreError, type StoreOptions } from '../order-store.ts';
import { createSqlOrderStore } from '../sql-order-store.ts';
import { openSqliteReader } from './database.ts';
import type { Call } from './messages.ts';
import { openSqliteThread } from './thread.ts';

/** Reading a file takes microseconds and is done at once; every other call goes to the thread that writes. */
const reads: ReadonlySet<Call['method']> = new Set([
  'checkReplay',
  'findOrderByReference',
  'findOrderByToken',
  'findOrderByCheckoutKey',
  'findCustomer',
  'findLastCustomer',
  'countCheckouts',
  'listMessages',
]);

/**
 * Opens the order store on a SQLite file, or in memory. A thread does what writes, so that requests never wait for the disk.
 * Rejects with `StoreError`.
 */
export async function openSqliteStore(path: string, options: StoreOptions = {}): Promise<OrderStore> {
  if (options.mustExist === true) assertExists(path);
  const writer = await openSqliteThread(path, options.onNews);
  let damage: StoreError | null = null;
  const noteDamage = (error: StoreError) => {
    damage = error;
  };
  try {
    // Only one connection sees what is in memory: there the thread does everything.
    const reader = createSqlOrderStore(path === ':memory:' ? noDatabase : openSqliteReader(path, noteDamage));
    const calls = (Object.keys(reader) as Call['method'][]).map((method) => {
      const isRead = path !== ':memory:' && reads.has(method);
      // What reading meets, writing may pass by: no order is taken into a damaged file.
      const call = (...args: readonly unknown[]) =>
        damage === null ? writer.call({ method, args }) : Promise.reject(damage);
      return [method, isRead ? reader[method] : call];
    });
    return {
      ...(Object.fromEntries(calls) as OrderStore),
      async close() {
        await reader.close();
        await writer.close();
      },
    };
  } catch (error) {
    await writer.close();
    throw error;
  }
}

function assertExists(path: string): void {
  if (path === ':memory:' || path.startsWith('file:') || existsSync(path)) return;
  throw new StoreError(
    `There is no database file ${resolve(path)}; start the shop once, or name the file that it uses`,
  );
}

const noDatabase = {
  read: () => Promise.reject(new Error('There is no connection to read from.')),
  write: () => Promise.reject(new Error('There is no connection to write to.')),
  close: () => Promise.resolve(),
};
