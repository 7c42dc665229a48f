import { closeSync, openSync, readSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export type RecordKind = 'intent' | 'subscription' | 'delivery' | 'customer' | 'control';

/** Keeps the simulator's state after its end: one row a record, written at each change. */
export type StateFile = {
  /** The records of that kind, oldest first. */
  load(kind: RecordKind): unknown[];
  /** Calls `encode` only if there is a file. */
  keep(kind: RecordKind, id: string, encode: () => unknown): void;
  drop(kind: RecordKind, id: string): void;
  /** Makes all changes inside atomic: after a crash, either all are there or none. */
  together(change: () => void): void;
  /** Drops all records but those of kind `control`. */
  clear(): void;
  close(): void;
};

/** An unusable state file, named in one line. Only `in-use` may pass. */
export class StateFileError extends Error {
  readonly kind: 'in-use' | 'other-kind' | 'other-version' | 'unusable';

  constructor(kind: StateFileError['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'StateFileError';
    this.kind = kind;
  }
}

/** `Pdoj` in SQLite's application id marks the file as the simulator's (sqlite.org/fileformat.html). */
const applicationId = 0x50_64_6f_6a;
/** The version of the records. A file of another version is refused. */
const version = 1;

/** Opens or creates the file. Throws StateFileError for any other file, and leaves that as it is. */
export function openStateFile(path: string): StateFile {
  const isNew = checkHeader(path);
  const database = openDatabase(path, isNew);
  const select = database.prepare('SELECT record FROM records WHERE kind = ? ORDER BY number');
  const upsert = database.prepare(
    'INSERT INTO records (kind, id, record) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM records WHERE kind = ? AND id = ?');
  let depth = 0;
  return {
    load: (kind) => select.all(kind).map(({ record }) => JSON.parse(String(record)) as unknown),
    keep: (kind, id, encode) => void upsert.run(kind, id, JSON.stringify(encode())),
    drop: (kind, id) => void remove.run(kind, id),
    together(change) {
      if (depth === 0) database.exec('BEGIN');
      depth += 1;
      try {
        change();
      } finally {
        depth -= 1;
        // After an error too: memory has the changes before it, and the file must match memory.
        if (depth === 0) database.exec('COMMIT');
      }
    },
    clear: () => database.exec("DELETE FROM records WHERE kind <> 'control'"),
    close: () => database.close(),
  };
}

function openDatabase(path: string, isNew: boolean): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(path, { timeout: 1_000 });
    // Each simulator keeps its whole state in memory, so two cannot share a file.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    if (isNew)
      database.exec(
        `CREATE TABLE records (number INTEGER PRIMARY KEY, kind TEXT, id TEXT, record TEXT, UNIQUE (kind, id)) STRICT;
         PRAGMA application_id = ${applicationId};
         PRAGMA user_version = ${version}`,
      );
    // Pretend money: a power cut may lose the last moments, a crash of the process loses nothing.
    database.exec('COMMIT; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    return database;
  } catch (error) {
    database?.close();
    const { errcode, message } = error as Error & { errcode?: number };
    if (errcode === 5) throw new StateFileError('in-use', `${path} is in use by another simulator.`, error);
    throw new StateFileError('unusable', `${path} cannot be used as a state file: ${message}.`, error);
  }
}

/** Whether the file is new. Reads the header itself, since SQLite writes to a file that it opens. */
function checkHeader(path: string): boolean {
  const head = Buffer.alloc(100);
  const size = readHead(path, head);
  if (size === 0) return true;
  const isDatabase = head.toString('latin1', 0, 16) === 'SQLite format 3\0';
  if (!isDatabase || head.readUInt32BE(68) !== applicationId)
    throw new StateFileError(
      'other-kind',
      `${path} is not a state file of the simulator: name another file, or a new one.`,
    );
  const found = head.readUInt32BE(60);
  if (found !== version)
    throw new StateFileError(
      'other-version',
      `${path} is a state file of version ${found}, and this simulator reads version ${version}: name another file, or a new one.`,
    );
  return false;
}

function readHead(path: string, head: Buffer): number {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw unreadable(path, error);
  }
  try {
    return readSync(file, head, 0, head.length, 0);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    closeSync(file);
  }
}

function unreadable(path: string, error: unknown): StateFileError {
  const { code } = error as NodeJS.ErrnoException;
  return new StateFileError('unusable', `${path} cannot be read as a state file (${code}).`, error);
}

/** For state that ends with the process. */
export const noStateFile: StateFile = Object.freeze({
  load: () => [],
  keep: () => undefined,
  drop: () => undefined,
  together: (change: () => void) => change(),
  clear: () => undefined,
  close: () => undefined,
});
