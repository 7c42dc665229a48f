import { readdirSync, readFileSync } from 'node:fs';
import { StoreError } from './order-store.ts';
import type { SqlTransaction } from './sql.ts';

const migrationsFolder = new URL('./migrations/', import.meta.url);

/**
 * Applies the numbered files that the database has not seen, all in the transaction it is given. One whose name ends in
 * `.postgres.sql` is for that database alone.
 */
export async function migrate(tx: SqlTransaction): Promise<void> {
  const files = readdirSync(migrationsFolder)
    .filter((name) => /^\d{4}-[^.]+\.sql$/.test(name) || name.endsWith(`.${tx.dialect.name}.sql`))
    .sort();
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
