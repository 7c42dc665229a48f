import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';
import { StoreError } from './order-store.ts';
import type { SqlTransaction } from './sql.ts';

const migrationsFolder = new URL('./migrations/', import.meta.url);

type Migration = { readonly name: string; readonly sql: string; readonly checksum: string };

/**
 * Applies the numbered files that the database has not seen, all in the given transaction, and keeps the checksum of each:
 * a released file never changes. One whose name ends in `.postgres.sql` is for that database alone. Rejects with
 * `StoreError` if the database was made by a newer version or from a file that has changed since.
 */
export async function migrate(tx: SqlTransaction): Promise<void> {
  await tx.exec('CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, checksum TEXT)');
  const hasChecksums = await hasChecksumColumn(tx);
  if (!hasChecksums) await tx.exec('ALTER TABLE migrations ADD COLUMN checksum TEXT');
  const applied = await readApplied(tx);
  for (const migration of checkedMigrations(tx, applied)) {
    const { name, sql, checksum } = migration;
    if (!applied.has(name)) await tx.exec(tx.dialect.schema(sql));
    // A database from before checksums keeps those of the files it was made from.
    if ((applied.get(name) ?? null) === null)
      await tx.run(
        `INSERT INTO migrations (name, checksum) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET checksum = $2`,
        [name, checksum],
      );
  }
}

/** Rejects with `StoreError` if a database is of another version than this shop; for callers that only read it. */
export async function assertMigrated(tx: SqlTransaction): Promise<void> {
  const applied = (await hasChecksumColumn(tx)) ? await readApplied(tx) : new Map();
  if (checkedMigrations(tx, applied).some(({ name }) => !applied.has(name)))
    throw new StoreError('The database is of another version of the shop; start this one on it once.');
}

/** Every migration of this shop. Throws `StoreError` if an applied one is unknown or has changed. */
function checkedMigrations(
  tx: SqlTransaction,
  applied: ReadonlyMap<string, string | null>,
): readonly Migration[] {
  const migrations = readMigrations(tx);
  const unknown = applied.keys().filter((name) => migrations.every((migration) => migration.name !== name));
  const names = [...unknown].join(', ');
  if (names !== '')
    throw new StoreError(`The database was made by a newer version of the shop (it has ${names}).`);
  for (const { name, checksum } of migrations) {
    const kept = applied.get(name) ?? checksum;
    if (kept !== checksum)
      throw new StoreError(
        `Migration ${name} has changed since it was applied to this database; restore the file and add a new migration instead.`,
      );
  }
  return migrations;
}

async function hasChecksumColumn(tx: SqlTransaction): Promise<boolean> {
  const rows =
    tx.dialect.name === 'sqlite'
      ? await tx.all(`SELECT name FROM pragma_table_info('migrations') WHERE name = 'checksum'`)
      : await tx.all(
          `SELECT attname FROM pg_attribute WHERE attrelid = CAST('migrations' AS regclass) AND attname = 'checksum'`,
        );
  return rows.length > 0;
}

async function readApplied(tx: SqlTransaction): Promise<ReadonlyMap<string, string | null>> {
  const rows = await tx.all('SELECT name, checksum FROM migrations');
  return new Map(appliedSchema.parse(rows).map(({ name, checksum }) => [name, checksum]));
}

const appliedSchema = z.array(z.object({ name: z.string(), checksum: z.string().nullable() }));

function readMigrations(tx: SqlTransaction): Migration[] {
  return readdirSync(migrationsFolder)
    .filter((name) => /^\d{4}-[^.]+\.sql$/.test(name) || name.endsWith(`.${tx.dialect.name}.sql`))
    .sort()
    .map((name) => {
      // A checkout may give a text file other line ends.
      const sql = readFileSync(new URL(name, migrationsFolder), 'utf8').replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}
