import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { migrate } from '../migrate.ts';
import { StoreError, type StoreOptions } from '../order-store.ts';
import {
  type SqlDatabase,
  type SqlDialect,
  type SqlScalar,
  type SqlTable,
  type SqlTransaction,
  type SqlValue,
  valuesOf,
} from '../sql.ts';
import { bufferOf, listOf, withoutNul } from './lists.ts';

/** How many transactions of one process run at once unless the caller says so; the others wait their turn. */
const defaultConnections = 10;
/** A server that refused another connection is asked again after so long. */
const regrowMs = 30_000;
/** More than these would wait for longer than any caller does. */
const maxWaiting = 1_000;
const connectLimitMs = 3_000;
/** The server's own limits come first, so that the server undoes the transaction; the client's is for a server that is gone. */
const statementLimitMs = 5_000;
const lockLimitMs = 4_000;
const answerLimitMs = 8_000;
const limits = {
  statement_timeout: statementLimitMs,
  lock_timeout: lockLimitMs,
  idle_in_transaction_session_timeout: answerLimitMs,
};
const maxTries = 6;

/**
 * Opens a PostgreSQL database at a `postgres://` address and brings its schema up to date. Every failure of the server or
 * of the connection rejects with `StoreError`; the next transaction tries a new connection.
 *
 * A connection that breaks during a commit leaves open whether it took effect. All callers may ask again: the same
 * delivery, checkout key or refund id is the same change.
 */
export async function openPostgres(url: string, options: StoreOptions = {}): Promise<SqlDatabase> {
  const isPooled = await migrateAlone(url);
  const connections = options.connections ?? defaultConnections;
  const isPatient = options.isPatient === true;
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'shop',
    max: connections,
    connectionTimeoutMillis: connectLimitMs,
    idleTimeoutMillis: 30_000,
    ...(!isPatient && { query_timeout: answerLimitMs }),
    ...(!isPatient && !isPooled && limits),
    keepAlive: true,
    pipeline: true,
    types,
    onConnect: isPooled ? assertFsync : keepWhatIsAcknowledged,
  });
  // A broken connection is replaced when it is needed. Its user sees the error at the next statement.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const clock = options.clock ?? 'database';

  async function connect(): Promise<pg.PoolClient> {
    if (pool.waitingCount >= maxWaiting) throw new StoreError(`${maxWaiting} transactions wait already`);
    const deadline = performance.now() + connectLimitMs;
    for (;;) {
      try {
        return await pool.connect();
      } catch (error) {
        if (error instanceof StoreError) throw error;
        if (!isFull(error) || performance.now() > deadline) failed(error);
      }
      // Those that are open will do; without any, another process may let go of one.
      shrink();
      if (pool.totalCount === 0) await sleep(50);
    }
  }

  /** Makes do with as many connections as the server gives, and asks for more later. */
  function shrink(): void {
    if (pool.totalCount === 0) return;
    if (pool.options.max === connections)
      setTimeout(() => {
        pool.options.max = connections;
      }, regrowMs).unref();
    pool.options.max = Math.min(pool.options.max, pool.totalCount);
  }

  const beginning = isPooled ? beginsPooled(isPatient) : begins;

  async function transact<T>(
    kind: keyof typeof begins,
    work: (tx: SqlTransaction) => Promise<T>,
  ): Promise<T> {
    const client = await connect();
    const named = isPooled ? null : nameOf;
    const sent: Sent = {
      begun: begin(client, beginning[kind]),
      hasBegun: false,
      last: [],
      errors: [],
      named,
    };
    let isBroken = false;
    try {
      // Reported below: what is sent meanwhile may fail for the same reason.
      sent.begun.then(
        () => {
          sent.hasBegun = true;
        },
        () => undefined,
      );
      const tx = createTransaction(client, clock, sent);
      const result = await work(tx);
      await sent.begun;
      const committed = ask(client, 'COMMIT', [], named);
      if (kind === 'read') {
        // Nothing depends on the answer, and the next user of the connection is behind it.
        committed.catch(() => undefined);
        return result;
      }
      const [{ command }] = await Promise.all([committed, ...sent.last]);
      // The server answers ROLLBACK if it had given up the transaction.
      if (command !== 'COMMIT') throw new StoreError('The database did not commit');
      if (tx.news.length > 0) options.onNews?.(tx.news);
      return result;
    } catch (caught) {
      // The statements behind a refused one fail too, and their errors may arrive first.
      const error = sqlStateOf(caught) === inFailedTransaction ? (sent.errors[0] ?? caught) : caught;
      isBroken = !(await rolledBack(client, error));
      throw error;
    } finally {
      client.release(isBroken);
    }
  }

  async function write<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await transact('write', work);
      } catch (error) {
        if (tries === maxTries || !wasInTheWay.has(sqlStateOf(error) ?? '')) throw error;
      }
      await sleep(2 ** tries);
    }
  }

  try {
    (await connect()).release();
  } catch (error) {
    await pool.end();
    throw error;
  }

  return { write, read: (work) => transact('read', work), close: () => pool.end() };
}

const begins = {
  // What waits for a lock must see what the holder did, whatever a database is set to.
  write: 'BEGIN ISOLATION LEVEL READ COMMITTED',
  read: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY',
} as const;

/**
 * Behind PgBouncer, whose sessions belong to no one, all that holds for a session is said for each transaction. One round trip.
 */
function beginsPooled(isPatient: boolean): Readonly<Record<keyof typeof begins, string>> {
  const values = { synchronous_commit: 'on', ...(isPatient ? {} : limits) };
  const settings = Object.entries(values).map(([name, value]) => `SET LOCAL ${name} = ${value}`);
  const all = (begin: string) => [begin, ...settings].join('; ');
  return { write: all(begins.write), read: all(begins.read) };
}

async function begin(client: pg.ClientBase, sql: string): Promise<unknown> {
  return client.query(sql).catch(failed);
}

/** The server, its pooler or the role has no connection left (53300), or PgBouncer has none (08P01). */
function isFull(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return false;
  return error.code === '53300' || /no more connections allowed|too many connections/.test(error.message);
}

const inFailedTransaction = '25P02';
/** PostgreSQL's codes for a deadlock and for a conflict with another transaction: trying again is enough. */
const wasInTheWay: ReadonlySet<string> = new Set(['40P01', '40001']);

/** The code of what the server refused (postgresql.org/docs/current/errcodes-appendix.html); null for anything else. */
export function sqlStateOf(error: unknown): string | null {
  const cause = error instanceof StoreError ? error.cause : null;
  return cause instanceof pg.DatabaseError ? (cause.code ?? null) : null;
}

function failed(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error);
  // Class 57: it is starting or stopping; 53: it is full or has too many connections; 55: a lock is in the way. Any other
  // code is an answer; without one there was none.
  const isUnreachable = !(error instanceof pg.DatabaseError) || /^5[357]/.test(error.code ?? '');
  const advice = /statement pooling/.test(message) ? '; set pool_mode = transaction in PgBouncer' : '';
  throw new StoreError(`The database refused: ${message}${advice}`, { cause: error, isUnreachable });
}

/** Whether the connection can be used again: the server still talks, and has undone what was begun. */
async function rolledBack(client: pg.PoolClient, error: unknown): Promise<boolean> {
  if (error instanceof StoreError && sqlStateOf(error) === null) return false;
  try {
    await client.query('ROLLBACK');
    return true;
  } catch {
    return false;
  }
}

const names = new Map<string, string>();

/**
 * The server keeps the plan of a statement with a name. One that reads `*` would fail when a column is added, and one that
 * is very long was made for a single use.
 */
function nameOf(sql: string): string | null {
  if (sql.includes('SELECT *') || sql.length > 2_000) return null;
  let name = names.get(sql);
  if (name === undefined) {
    name = `shop_${names.size + 1}`;
    names.set(sql, name);
  }
  return name;
}

/** Behind PgBouncer no statement has a name: the next transaction has another session. */
function ask(
  client: pg.ClientBase,
  sql: string,
  params: readonly SqlValue[],
  named: typeof nameOf | null,
): Promise<pg.QueryResult> {
  const name = named?.(sql) ?? null;
  return client
    .query({ text: sql, values: params.map(inputOf), ...(name !== null && { name }) })
    .catch(failed);
}

/** What a transaction has sent. */
type Sent = {
  readonly begun: Promise<unknown>;
  hasBegun: boolean;
  /** Statements that go with COMMIT. */
  readonly last: Promise<unknown>[];
  /** In the order in which the server refused. */
  readonly errors: unknown[];
  readonly named: typeof nameOf | null;
};

function createTransaction(client: pg.ClientBase, clock: 'database' | 'caller', sent: Sent): SqlTransaction {
  let isFirst = true;

  /** A first SELECT goes together with BEGIN. Anything else waits until the transaction has surely begun. */
  async function query(sql: string, params?: readonly SqlValue[]): Promise<pg.QueryResult> {
    const isEarly = isFirst && /^SELECT\b(?![\s\S]*\bFOR UPDATE\b)/.test(sql);
    isFirst = false;
    if (!isEarly && !sent.hasBegun) await sent.begun;
    return ask(client, sql, params ?? [], sent.named).catch((error: unknown) => {
      sent.errors.push(error);
      throw error;
    });
  }
  const all = async (sql: string, params?: readonly SqlValue[]): Promise<unknown[]> =>
    (await query(sql, params)).rows;

  return {
    dialect,
    news: [],
    all,
    run: async (sql, params) => (await query(sql, params)).rowCount ?? 0,
    async exec(sql) {
      await client.query(sql).catch(failed);
    },
    insertRows: (table, rows) => query(insertSql(table), listsOf(table, rows)),
    async insertNewRows(table, rows) {
      const sql = `${insertSql(table)} ON CONFLICT DO NOTHING RETURNING ${table.key.join(', ')}`;
      const stored = await all(sql, listsOf(table, rows));
      const isStored = new Set(stored.map((row) => keyText(Object.values(row as object))));
      // Of two rows with the same key the first is the new one.
      return rows.map((row) => isStored.delete(keyText(keyOf(table, row))));
    },
    updateRows: (table, rows) => query(updateSql(table), listsOf(table, rows)),
    async withCommit(statement) {
      // Its error is reported with COMMIT.
      statement.catch(() => undefined);
      sent.last.push(statement);
    },
    async commonTime(now) {
      if (clock === 'caller') return now;
      const [row] = await all(`SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now`);
      return new Date((row as { now: number }).now);
    },
  };
}

function insertSql({ name, columns }: SqlTable): string {
  const names = columns.map((column) => column.name).join(', ');
  return `INSERT INTO ${name} (${names}) SELECT ${names} FROM ${unnested(columns)}`;
}

function updateSql({ name, columns, key }: SqlTable): string {
  const equal = (column: string) => `${column} = rows.${column}`;
  const values = columns.map((column) => column.name).filter((column) => !key.includes(column));
  return `UPDATE ${name} SET ${values.map(equal).join(', ')} FROM ${unnested(columns)}
    WHERE ${key.map((column) => `${name}.${equal(column)}`).join(' AND ')}`;
}

function unnested(columns: SqlTable['columns']): string {
  const lists = columns.map(({ type }, index) => `CAST($${index + 1} AS ${type}[])`).join(', ');
  return `unnest(${lists}) AS rows (${columns.map(({ name }) => name).join(', ')})`;
}

function listsOf(table: SqlTable, rows: readonly object[]): Buffer[] {
  const values = rows.map((row) => valuesOf(table, row));
  return table.columns.map(({ type }, index) =>
    listOf(
      type,
      values.map((row) => row[index] ?? null),
    ),
  );
}

function keyOf(table: SqlTable, row: object): SqlScalar[] {
  const values = valuesOf(table, row);
  return table.key.map((name) => values[table.columns.findIndex((column) => column.name === name)] ?? null);
}

function keyText(values: readonly SqlScalar[]): string {
  return values
    .map((value) => (value instanceof Uint8Array ? bufferOf(value).toString('latin1') : value))
    .join(' ');
}

const dialect: SqlDialect = {
  name: 'postgres',
  forUpdate: 'FOR UPDATE',
  skipLocked: 'FOR UPDATE SKIP LOCKED',
  isOneOf: (param) => `= ANY(${param})`,
  schema: (text) =>
    text
      .replace(/\bINTEGER\b/g, 'BIGINT')
      .replace(/\bBLOB\b/g, 'BYTEA')
      .replace(/\) STRICT(, WITHOUT ROWID)?;/g, ');'),
};

function inputOf(value: SqlValue): unknown {
  if (typeof value === 'string') return withoutNul(value);
  if (value instanceof Uint8Array) return bufferOf(value);
  if (!Array.isArray(value) || value.length === 0) return value;
  return listOf(typeof value[0] === 'number' ? 'BIGINT' : 'TEXT', value);
}

const int8 = 20;
const types: pg.CustomTypesConfig = {
  // All that we store in them are safe integers; a larger one is an error, and is not rounded in silence.
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return oid === int8 && format !== 'binary' ? parseInteger : pg.types.getTypeParser(oid, format);
  },
};

function parseInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number))
    throw new Error(`The database gave ${text} where a safe integer belongs.`);
  return number;
}

/** A server, database or role may be set to answer before the disk has it. Our connections never are. */
async function keepWhatIsAcknowledged(client: pg.ClientBase): Promise<void> {
  const mode = await assertFsync(client);
  if (mode === 'off') await client.query('SET synchronous_commit = on');
}

async function assertFsync(client: pg.ClientBase): Promise<string | null> {
  const { rows } = await client.query(
    `SELECT current_setting('fsync', true) AS fsync, current_setting('synchronous_commit', true) AS mode`,
  );
  const { fsync, mode } = rows[0] as { fsync: string | null; mode: string | null };
  if (fsync === 'off') throw new StoreError('fsync is off: a power cut would lose what was acknowledged');
  return mode;
}

/** Any two 32-bit numbers that no other program uses in this database. */
const migrationLock = [0x646f_6a6f, 0x7368_6f70];

/**
 * One process at a time, on a connection that waits for as long as another one takes. True if there is a pooler in between:
 * PgBouncer refuses settings of a session at its start, or is told to take no notice of them.
 */
async function migrateAlone(url: string): Promise<boolean> {
  const limited = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: connectLimitMs,
    types,
    statement_timeout: statementLimitMs,
  });
  limited.on('error', () => undefined);
  const limit = await limited
    .connect()
    .then(() => limited.query(`SELECT setting FROM pg_settings WHERE name = 'statement_timeout'`))
    .then(({ rows: [row] }) => Number(row?.setting))
    .catch((error: unknown) => {
      if (!(error instanceof Error) || !/unsupported startup parameter/.test(error.message)) failed(error);
      return null;
    })
    .finally(() => limited.end().catch(() => undefined));
  const isPooled = limit !== statementLimitMs;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectLimitMs, types });
  client.on('error', () => undefined);
  try {
    await client.connect().catch(failed);
    await client.query('BEGIN').catch(failed);
    await client.query('SELECT pg_advisory_xact_lock($1, $2)', migrationLock).catch(failed);
    const named = isPooled ? null : nameOf;
    const sent = { begun: Promise.resolve(), hasBegun: true, last: [], errors: [], named };
    await migrate(createTransaction(client, 'caller', sent));
    await client.query('COMMIT').catch(failed);
    return isPooled;
  } finally {
    await client.end().catch(() => undefined);
  }
}
