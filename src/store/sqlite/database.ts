import { chmodSync, closeSync, mkdirSync, openSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Settled } from '../group-commit.ts';
import { StoreError } from '../order-store.ts';
import {
  type SqlDatabase,
  type SqlDialect,
  type SqlTable,
  type SqlTransaction,
  type SqlValue,
  valuesOf,
} from '../sql.ts';
import { watchFile } from './file-identity.ts';

/** How long a transaction waits for another process that writes to the same file. */
export const busyLimitMs = 3_000;
/** 80 MB: so long a log is written back even if other writers have to wait for it. */
const longLogPages = 20_000;

/** Does a part of a transaction. One that throws is undone alone; what it threw is its outcome. */
export type InSavepoint = <T>(part: () => Promise<T>) => Promise<Settled<T>>;

export type SqliteWriter = {
  readonly tx: SqlTransaction;
  /**
   * Does all parts of a work, one after another, in one transaction. Rejects with `StoreError`, for all of them, if the
   * transaction could not begin within the time or be committed.
   */
  commit<T>(work: (inSavepoint: InSavepoint) => Promise<T>, patienceMs: number): Promise<T>;
  /** Writes the log back into the file, so that it does not grow for ever. Called between transactions. */
  checkpoint(): void;
  close(): void;
};

/**
 * Opens the connection that writes to a SQLite file, or to `:memory:`. It stops the thread while it waits for the disk
 * or for another process. Throws `StoreError` if the file cannot be opened or would not keep what it acknowledges.
 */
export function openSqliteWriter(path: string): SqliteWriter {
  const connection = connect(path, { readOnly: false });
  const assertSameFile = watchFile(path);
  const tx = createTransaction(connection);
  let damage: StoreError | null = null;

  const [save, undo, release] = [
    connection.prepare('SAVEPOINT item'),
    connection.prepare('ROLLBACK TO item'),
    connection.prepare('RELEASE item'),
  ];

  const inSavepoint: InSavepoint = async (part) => {
    save.run();
    const newsBefore = tx.news.length;
    try {
      const value = await part();
      release.run();
      return { status: 'fulfilled', value };
    } catch (reason) {
      // A full disk, for one, ends the whole transaction.
      if (!connection.isTransaction || isDamage(reason)) throw reason;
      undo.run();
      release.run();
      tx.news.length = newsBefore;
      return { status: 'rejected', reason: storeErrorOf(reason) };
    }
  };

  return {
    tx,
    async commit(work, patienceMs) {
      // What can be written into a damaged file may not be found in it again.
      if (damage !== null) throw damage;
      try {
        tx.news.length = 0;
        beginPatiently(connection, patienceMs);
        const result = await work(inSavepoint);
        assertSameFile();
        connection.exec('COMMIT');
        return result;
      } catch (error) {
        tx.news.length = 0;
        if (connection.isTransaction) connection.exec('ROLLBACK');
        if (isDamage(error)) damage = damageOf(path, error.message);
        throw damage ?? storeErrorOf(error);
      }
    },
    checkpoint() {
      try {
        const [done] = connection.prepare('PRAGMA wal_checkpoint(PASSIVE)').all();
        if (Number(done?.log) > longLogPages) connection.exec('PRAGMA wal_checkpoint(RESTART)');
      } catch (error) {
        // What could not be written back is in the log still, and the next one tries again.
        if (!isSqliteError(error)) throw error;
      }
    },
    close: () => connection.close(),
  };
}

/**
 * Opens a file for transactions that only read, one after another, and wait for no writer. Throws `StoreError`.
 * `onDamage` hears of a page that is none.
 */
export function openSqliteReader(
  path: string,
  onDamage: (error: StoreError) => void = () => {},
): SqlDatabase {
  const connection = connect(path, { readOnly: true });
  const assertSameFile = watchFile(path);
  const tx = createTransaction(connection);
  let queue: Promise<unknown> = Promise.resolve();

  async function readOnce<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    connection.exec('BEGIN');
    try {
      const result = await work(tx);
      assertSameFile();
      return result;
    } finally {
      if (connection.isTransaction) connection.exec('ROLLBACK');
    }
  }

  /** A reader meets a lock only while another process repairs the log after a crash, or closes the file. */
  async function readPatiently<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
    const deadline = performance.now() + busyLimitMs;
    for (;;) {
      try {
        return await readOnce(work);
      } catch (error) {
        if (isDamage(error)) {
          const damage = damageOf(path, error.message);
          onDamage(damage);
          throw damage;
        }
        if (!isBusy(error) || performance.now() > deadline) throw storeErrorOf(error);
      }
      await sleep(5);
    }
  }

  return {
    read(work) {
      const result = queue.then(() => readPatiently(work));
      queue = result.catch(() => undefined);
      return result;
    },
    write: () => Promise.reject(new Error('This connection only reads.')),
    async close() {
      await queue;
      connection.close();
    },
  };
}

function createTransaction(connection: DatabaseSync): SqlTransaction {
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string): StatementSync => {
    let statement = statements.get(sql);
    if (statement === undefined) {
      // SQLite takes $1 for a name and ?1 for a position; PostgreSQL reads $1 only.
      statement = connection.prepare(sql.replace(/\$(\d+)/g, '?$1'));
      statements.set(sql, statement);
    }
    return statement;
  };
  const writers = new Map<SqlTable, Record<'insert' | 'insertNew' | 'update', StatementSync>>();
  /** Resolves to how many rows each changed. */
  async function write(
    kind: 'insert' | 'insertNew' | 'update',
    table: SqlTable,
    rows: readonly object[],
  ): Promise<unknown[]> {
    let statements = writers.get(table);
    if (statements === undefined) {
      const insert = insertSql(table);
      statements = {
        insert: prepared(insert),
        insertNew: prepared(`${insert} ON CONFLICT DO NOTHING`),
        update: prepared(updateSql(table)),
      };
      writers.set(table, statements);
    }
    const statement = statements[kind];
    return rows.map((row) => statement.run(...valuesOf(table, row)).changes);
  }
  return {
    dialect,
    news: [],
    async all(sql, params = []) {
      return prepared(sql).all(...params.map(inputOf));
    },
    async run(sql, params = []) {
      return Number(prepared(sql).run(...params.map(inputOf)).changes);
    },
    async exec(sql) {
      connection.exec(sql);
    },
    insertRows: (table, rows) => write('insert', table, rows),
    insertNewRows: async (table, rows) =>
      (await write('insertNew', table, rows)).map((changes) => changes === 1),
    updateRows: (table, rows) => write('update', table, rows),
    withCommit: (statement) => statement,
    // Only processes of this machine open the file, and they have one clock.
    commonTime: (now) => Promise.resolve(now),
  };
}

function insertSql({ name, columns }: SqlTable): string {
  const names = columns.map((column) => column.name);
  return `INSERT INTO ${name} (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})`;
}

function updateSql({ name, columns, key }: SqlTable): string {
  const terms = columns.map((column, index) => ({ ...column, term: `${column.name} = $${index + 1}` }));
  const termsOf = (isKey: boolean) =>
    terms.filter((column) => key.includes(column.name) === isKey).map(({ term }) => term);
  return `UPDATE ${name} SET ${termsOf(false).join(', ')} WHERE ${termsOf(true).join(' AND ')}`;
}

const dialect: SqlDialect = {
  name: 'sqlite',
  forUpdate: '',
  skipLocked: '',
  isOneOf: (param) => `IN (SELECT value FROM json_each(${param}))`,
  schema: (text) => text,
};

function inputOf(value: SqlValue): SQLInputValue {
  return Array.isArray(value) ? JSON.stringify(value) : (value as SQLInputValue);
}

function connect(path: string, { readOnly }: { readonly readOnly: boolean }): DatabaseSync {
  try {
    if (path !== ':memory:' && !readOnly) keepPrivate(path);
    // Nothing else runs yet, so waiting for another process that opens the same file delays no one.
    const connection = new DatabaseSync(path, { timeout: busyLimitMs, readOnly });
    // The log is written back between transactions; this is for a shop that writes without pause.
    connection.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = ${longLogPages}`,
    );
    assertDurable(connection, path);
    if (!readOnly) assertWhole(connection, path);
    // A savepoint around many changes would write what it may have to undo to a temporary file.
    connection.exec('PRAGMA busy_timeout = 0; PRAGMA temp_store = MEMORY');
    return connection;
  } catch (error) {
    if (isDamage(error)) throw damageOf(path, error.message);
    throw storeErrorOf(error, `The database file ${path} cannot be opened`);
  }
}

/**
 * Creates the file if it is missing, and lets no other user read or change it. SQLite gives the log and its index the mode of
 * the file, so none of them is ever open to others.
 */
function keepPrivate(path: string): void {
  // SQLite reads file: addresses too.
  if (path.startsWith('file:')) return;
  const file = statSync(path, { throwIfNoEntry: false });
  if (file === undefined) {
    mkdirSync(dirname(path), { recursive: true });
    closeSync(openSync(path, 'a', 0o600));
    // To close one that another connection of this process has open would end the locks of that (fcntl).
  } else if (!file.isFile()) return;
  for (const file of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
    try {
      chmodSync(file, 0o600);
    } catch (error) {
      // It does not exist, or belongs to another user, or its disk knows no users.
      if (!isFileError(error) || !['ENOENT', 'EPERM'].includes(error.code ?? '')) throw error;
    }
  }
}

/** In WAL mode only FULL waits for the disk, and a setting that did not take is silent. */
function assertDurable(connection: DatabaseSync, path: string): void {
  const journal = connection.prepare('PRAGMA journal_mode').get()?.journal_mode;
  const synchronous = connection.prepare('PRAGMA synchronous').get()?.synchronous;
  if (synchronous !== 2 || journal !== (path === ':memory:' ? 'memory' : 'wal')) {
    throw new Error(`journal_mode is ${journal} and synchronous is ${synchronous}`);
  }
}

/** SQLite reads so much in about half a second; a larger file is read when it is needed. */
const checkedBytes = 100 * 1024 * 1024;

function assertWhole(connection: DatabaseSync, path: string): void {
  const { size } = connection
    .prepare('SELECT page_count * page_size AS size FROM pragma_page_count, pragma_page_size')
    .get() as { size: number };
  if (size > checkedBytes) return;
  const fault = connection.prepare('PRAGMA quick_check(1)').get()?.quick_check;
  if (fault !== 'ok') throw damageOf(path, String(fault));
}

function damageOf(path: string, fault: string): StoreError {
  return new StoreError(
    `The database file ${path} is damaged (${fault}); stop the shop and restore the last backup`,
  );
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): error is SqliteError {
  return isSqliteError(error) && [11, 26].includes(primaryCode(error));
}

const never = new Int32Array(new SharedArrayBuffer(4));

/**
 * IMMEDIATE: a transaction that reads first and writes later would fail beside a second writer. SQLite's own waiting
 * sleeps longer each time, and so may lose to a busy neighbour again and again; this asks every other millisecond.
 */
function beginPatiently(connection: DatabaseSync, patienceMs: number): void {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    try {
      connection.exec('BEGIN IMMEDIATE');
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    Atomics.wait(never, 0, 0, 2);
  }
}

type SqliteError = Error & { readonly errcode: unknown };

function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && 'errcode' in error;
}

/** The low byte of a code (sqlite.org/rescode.html). */
function primaryCode({ errcode }: SqliteError): number {
  return Number(errcode) & 0xff;
}

function isBusy(error: unknown): boolean {
  return isSqliteError(error) && primaryCode(error) === 5;
}

/** What SQLite or the disk refused, as the contract has it; anything else is a bug of ours, and stays what it is. */
function storeErrorOf(error: unknown, what = 'The database refused'): unknown {
  if (!isSqliteError(error) && !isFileError(error)) return error;
  const isUnreachable = isSqliteError(error) ? mayPass.has(primaryCode(error)) : error.code === 'ENOSPC';
  return new StoreError(`${what}: ${error.message}`, { cause: error, isUnreachable });
}

/** SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR and SQLITE_FULL: another process or the disk is in the way, and the file may be right. */
const mayPass: ReadonlySet<number> = new Set([5, 6, 10, 13]);

function isFileError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
