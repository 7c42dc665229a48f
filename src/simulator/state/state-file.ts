import { DatabaseSync } from 'node:sqlite';

export type RecordKind = 'intent' | 'subscription' | 'delivery' | 'customer' | 'control';

/** Where the simulator's state outlives it: a row a record, written as soon as it changes. */
export type StateFile = {
  /** What was kept of that kind, oldest first. */
  load(kind: RecordKind): unknown[];
  /** Asks for the record only where it is really kept. */
  keep(kind: RecordKind, id: string, encode: () => unknown): void;
  drop(kind: RecordKind, id: string): void;
  clear(): void;
  close(): void;
};

/** Opens or makes the file. Throws where it is no such file. */
export function openStateFile(path: string): StateFile {
  const database = new DatabaseSync(path, { timeout: 1_000 });
  // Pretend money: a power cut may cost the last moments, a crash of the process costs nothing.
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
  database.exec(
    'CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY, kind TEXT, id TEXT, record TEXT, UNIQUE (kind, id)) STRICT',
  );
  const select = database.prepare('SELECT record FROM records WHERE kind = ? ORDER BY number');
  const upsert = database.prepare(
    'INSERT INTO records (kind, id, record) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record',
  );
  const remove = database.prepare('DELETE FROM records WHERE kind = ? AND id = ?');
  return {
    load: (kind) => select.all(kind).map(({ record }) => JSON.parse(String(record)) as unknown),
    keep: (kind, id, encode) => void upsert.run(kind, id, JSON.stringify(encode())),
    drop: (kind, id) => void remove.run(kind, id),
    clear: () => database.exec('DELETE FROM records'),
    close: () => database.close(),
  };
}

/** State that ends with the process. */
export const noStateFile: StateFile = Object.freeze({
  load: () => [],
  keep: () => undefined,
  drop: () => undefined,
  clear: () => undefined,
  close: () => undefined,
});
