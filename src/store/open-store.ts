import { type OrderStore, StoreError } from './order-store.ts';
import { openSqliteStore } from './sqlite-store.ts';

/**
 * Opens the order store at a `DATABASE_URL` and brings its schema up to date.
 * `sqlite:data/orders.db` is a file, relative to where the shop was started; `sqlite::memory:` forgets.
 * Rejects with `StoreError`.
 */
export async function openStore(databaseUrl: string): Promise<OrderStore> {
  const path = /^sqlite:(.+)$/.exec(databaseUrl)?.[1];
  if (path === undefined) throw new StoreError('DATABASE_URL names no database that is known');
  return openSqliteStore(path);
}
