import { openPostgres } from '../../src/store/postgres/database.ts';
import type { SqlDatabase } from '../../src/store/sql.ts';
import { openSqliteReader } from '../../src/store/sqlite/database.ts';

/** The tables behind a `DATABASE_URL` that the shop has open too. */
export async function openDatabase(databaseUrl: string): Promise<SqlDatabase> {
  return databaseUrl.startsWith('sqlite:')
    ? openSqliteReader(databaseUrl.slice('sqlite:'.length))
    : openPostgres(databaseUrl);
}
