import { readdirSync, readFileSync } from 'node:fs';
import { type OrderStore, StoreError } from './order-store.ts';
import type { SqlDatabase } from './sql.ts';
import { createSqlOrderStore } from './sql-order-store.ts';
import { openSqlite } from './sqlite.ts';

/**
 * Opens the order store at a `DATABASE_URL` and brings its schema up to date.
 * `sqlite:data/orders.db` is a file, relative to where the shop was started; `sqlite::memory:` forgets.
 * Rejects with `StoreError`.
 */
export async function openStore(databaseUrl: string): Promise<OrderStore> {
  const path = /^sqlite:(.+)$/.exec(databaseUrl)?.[1];
  if (path === undefined)
    throw new StoreError(`DATABASE_URL names no database that is known: ${databaseUrl}`);
  const database = openSqlite(path);
  try {
    await migrate(database);
  } catch (error) {
    await database.close();
    throw error;
  }
  return createSqlOrderStore(database);
}

const migrationsFolder = new URL('./migrations/', import.meta.url);

/** Applies the numbered files that the database has not seen, all in one transaction. */
async function migrate(database: SqlDatabase): Promise<void> {
  const files = readdirSync(migrationsFolder)
    .filter((name) => /^\d{4}-.+\.sql$/.test(name))
    .sort();
  await database.write(async (tx) => {
    await tx.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY)');
    const applied = new Set(
      (await tx.all('SELECT name FROM migrations')).map((row) => (row as { name: string }).name),
    );
    const unknown = [...applied].filter((name) => !files.includes(name));
    if (unknown.length > 0) {
      throw new StoreError(
        `The database was made by a newer version of the shop (it has ${unknown.join(', ')}).`,
      );
    }
    for (const name of files.filter((file) => !applied.has(file))) {
      await tx.exec(readFileSync(new URL(name, migrationsFolder), 'utf8'));
      await tx.all('INSERT INTO migrations (name) VALUES ($1)', [name]);
    }
  });
}
