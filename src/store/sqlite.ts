import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from './order-store.ts';
import type { SqlDatabase, SqlTransaction } from './sql.ts';

/** How long a transaction waits for another process that writes to the same file. */
const busyLimitMs = 3_000;

/**
 * Opens a SQLite file, or `:memory:`. Transactions that write run one after another on one connection; those that read
 * a file have a connection of their own, so that no page waits for a writer.
 * Throws `StoreError` where the file cannot be opened or would not keep what it acknowledges.
 */
export function openSqlite(path: string): SqlDatabase {
  const writer = createRunner(connect(path));
  const reader = path === ':memory:' ? writer : createRunner(connect(path));
  return {
    // IMMEDIATE: a transaction that reads first and writes later would fail beside a second writer.
    write: (work) => writer.run('BEGIN IMMEDIATE', work),
    read: (work) => reader.run('BEGIN', work),
    async close() {
      if (reader !== writer) await reader.close();
      await writer.close();
    },
  };
}

/** One transaction after another on one connection. */
function createRunner(connection: DatabaseSync) {
  const statements = new Map<string, StatementSync>();
  let queue: Promise<unknown> = Promise.resolve();

  const tx: SqlTransaction = {
    async all(sql, params = []) {
      let statement = statements.get(sql);
      if (statement === undefined) {
        // SQLite takes $1 for a name and ?1 for a position; PostgreSQL reads $1 only.
        statement = connection.prepare(sql.replace(/\$(\d+)/g, '?$1'));
        statements.set(sql, statement);
      }
      return statement.all(...(params as readonly SQLInputValue[]));
    },
    async exec(sql) {
      connection.exec(sql);
    },
  };

  async function runAlone<T>(
    begin: string,
    deadline: number,
    work: (tx: SqlTransaction) => Promise<T>,
  ): Promise<T> {
    await beginPatiently(connection, begin, deadline);
    try {
      const result = await work(tx);
      connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (connection.isTransaction) connection.exec('ROLLBACK');
      throw error;
    }
  }

  return {
    run<T>(begin: string, work: (tx: SqlTransaction) => Promise<T>): Promise<T> {
      // Counted from here: those that wait in the queue of a locked database do not wait in turn.
      const deadline = performance.now() + busyLimitMs;
      const result = queue.then(() => runAlone(begin, deadline, work)).catch(asStoreError);
      queue = result.catch(() => undefined);
      return result;
    },
    async close() {
      await queue;
      connection.close();
    },
  };
}

function connect(path: string): DatabaseSync {
  try {
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    // Nothing else runs yet, so waiting for another process that opens the same file holds nobody up.
    const connection = new DatabaseSync(path, { timeout: busyLimitMs });
    connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000');
    assertDurable(connection, path);
    connection.exec('PRAGMA busy_timeout = 0');
    return connection;
  } catch (error) {
    return asStoreError(error, `The database file ${path} cannot be opened`);
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

/** SQLite's own waiting would stop the event loop, so we wait between tries instead. */
async function beginPatiently(connection: DatabaseSync, begin: string, deadline: number): Promise<void> {
  for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 50)) {
    try {
      connection.exec(begin);
      return;
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error;
    }
    await sleep(waitMs);
  }
}

function isBusy(error: unknown): boolean {
  // The low byte is the primary code: 5 is SQLITE_BUSY (sqlite.org/rescode.html).
  return error instanceof Error && 'errcode' in error && (Number(error.errcode) & 0xff) === 5;
}

function asStoreError(error: unknown, what = 'The database refused'): never {
  if (error instanceof Error && 'errcode' in error) {
    throw new StoreError(`${what}: ${error.message}`, { cause: error });
  }
  throw error;
}
