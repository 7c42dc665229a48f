import { type OrderStore, StoreError, type StoreOptions } from './order-store.ts';
import { openSqliteStore } from './sqlite/store.ts';

/**
 * Opens the order store at a `DATABASE_URL` and brings its schema up to date.
 * `sqlite:data/orders.db` is a file, relative to where the shop was started; `sqlite::memory:` forgets.
 * `postgres://user:password@host/database` is a server, with any number of shops on it. Rejects with `StoreError`.
 */
export async function openStore(databaseUrl: string, options: StoreOptions = {}): Promise<OrderStore> {
  if (/^postgres(ql)?:/.test(databaseUrl)) {
    // Only a shop on PostgreSQL needs its driver.
    const { openPostgresStore } = await import('./postgres/store.ts');
    return openPostgresStore(databaseUrl, options);
  }
  const path = /^sqlite:(.+)$/.exec(databaseUrl)?.[1];
  if (path === undefined) throw new StoreError('DATABASE_URL must begin with sqlite: or postgres://');
  return openSqliteStore(path, options);
}
