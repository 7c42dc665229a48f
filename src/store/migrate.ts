import { readdirSync, readFileSync } from 'node:fs';
import { StoreError } from './order-store.ts';
import type { SqlTransaction } from './sql.ts';

const migrationsFolder = new URL('./migrations/', import.meta.url);

/**
 * Applies the numbered files that the database has not seen, all in the transaction it is given. One whose name ends in
 * `.postgres.sql` is for that database alone.
 */
export async function migrate(tx: SqlTransaction): Promise<void> {
  const files = migrationsFor(tx);
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
    await tx.exec(tx.dialect.schema(readFileSync(new URL(name, migrationsFolder), 'utf8')));
    await tx.all('INSERT INTO migrations (name) VALUES ($1)', [name]);
  }
}

/** Rejects with `StoreError` where a database is of another version than this shop; for whoever only reads it. */
export async function assertMigrated(tx: SqlTransaction): Promise<void> {
  const applied = (await tx.all('SELECT name FROM migrations ORDER BY name')) as { name: string }[];
  if (applied.map(({ name }) => name).join() !== migrationsFor(tx).join()) {
    throw new StoreError('The database is of another version of the shop; start this one on it once.');
  }
}

function migrationsFor(tx: SqlTransaction): string[] {
  return readdirSync(migrationsFolder)
    .filter((name) => /^\d{4}-[^.]+\.sql$/.test(name) || name.endsWith(`.${tx.dialect.name}.sql`))
    .sort();
}
