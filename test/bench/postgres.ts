import pg from 'pg';
import { startPostgres } from '../support/postgres.ts';
import { type Acknowledged, compareKept } from './audit.ts';
import { type Bulk, fillStore, type Past } from './fill.ts';

/** The benchmark's own PostgreSQL server. */
export type BenchPostgres = {
  /** The address of a database with this past, the source of the copies. */
  fill(past: Past): Promise<string>;
  /** A new database with the same rows. */
  copy(filled: string): Promise<string>;
  drop(url: string): Promise<void>;
  stop(): Promise<void>;
};

export async function startBenchPostgres(): Promise<BenchPostgres> {
  const server = await startPostgres();
  const admin = await connect((await server.createDatabase()).replace(/[^/]*$/, 'postgres'));
  let copies = 0;
  return {
    async fill(past) {
      const url = await server.createDatabase();
      await fillStore(url, past, openPostgresBulk);
      return url;
    },
    async copy(filled) {
      const name = `copy_${++copies}`;
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${nameOf(filled)} STRATEGY FILE_COPY`);
      await admin.query('CHECKPOINT');
      return filled.replace(/[^/]*$/, name);
    },
    async drop(url) {
      await admin.query(`DROP DATABASE ${nameOf(url)} WITH (FORCE)`);
    },
    async stop() {
      await admin.end();
      await server.stop();
    },
  };
}

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // The server may end first.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/**
 * Throws unless commits waited for the disk, as far as a server shows: the settings of a new connection, and that the log was
 * synced at all.
 */
export async function assertPostgresDurable(url: string): Promise<void> {
  const [setting] = await rowsOf(
    url,
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS mode,
       (SELECT COALESCE(SUM(fsyncs), 0)::int FROM pg_stat_io WHERE object = 'wal') AS syncs`,
  );
  const { fsync, mode, syncs } = setting as { fsync: string; mode: string; syncs: number };
  if (fsync !== 'on' || mode !== 'on' || syncs === 0)
    throw new Error(
      `fsync is ${fsync}, synchronous_commit is ${mode}, and the log was synced ${syncs} times.`,
    );
}

/** Throws unless the database has each of the events once. */
export async function assertPostgresKept(url: string, acknowledged: Acknowledged): Promise<void> {
  const sql = 'SELECT event_id FROM events WHERE starts_with(event_id, $1)';
  const rows = await rowsOf(url, sql, [`evt_${acknowledged.run}_`]);
  compareKept(
    rows.map((row) => row.event_id),
    acknowledged,
  );
}

export async function readPostgresTokens(url: string, count: number): Promise<string[]> {
  const rows = await rowsOf(url, 'SELECT token FROM orders ORDER BY random() LIMIT $1', [count]);
  return rows.map(({ token }) => String(token));
}

async function rowsOf(url: string, sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = await connect(url);
  try {
    return (await client.query(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** For `fillStore`: inserts rows as JSON, which names the columns and needs no types. */
async function openPostgresBulk(url: string): Promise<Bulk> {
  const client = await connect(url);
  await client.query('SET synchronous_commit = off');
  return {
    rows: async (table, key, orderId) =>
      (await client.query(`SELECT * FROM ${table} WHERE ${key} = $1`, [orderId])).rows,
    async insert(table, rows) {
      const text = JSON.stringify(rows.map((row) => Object.fromEntries(Object.entries(row).map(asJson))));
      await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [
        text,
      ]);
    },
    async close() {
      await client.query('VACUUM ANALYZE');
      await client.end();
    },
  };
}

function asJson([column, value]: [string, unknown]): [string, unknown] {
  return [column, value instanceof Uint8Array ? `\\x${Buffer.from(value).toString('hex')}` : value];
}

function nameOf(url: string): string {
  return url.slice(url.lastIndexOf('/') + 1);
}
