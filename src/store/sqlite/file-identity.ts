import { statSync } from 'node:fs';
import { StoreError } from '../order-store.ts';

/**
 * Returns a check that throws `StoreError` once the file at the path is no longer the one that is open: SQLite writes on into
 * a file that was removed, and all of that is gone after a restart. `besides`: the log counts as much, since what was committed
 * is there first, and so does its index, without which another process would see another log. A few microseconds.
 */
export function watchFile(path: string, besides: readonly string[] = ['-wal', '-shm']): () => void {
  // SQLite reads file: addresses too, whose path is not one of the system.
  if (path === ':memory:' || path.startsWith('file:')) return () => {};
  const opened = new Map([['', identify(path)?.id]]);
  let size = 0;

  return () => {
    for (const part of ['', ...besides]) {
      const found = identify(path + part);
      // The log appears with the first transaction.
      if (!opened.has(part) && found !== null) opened.set(part, found.id);
      // The file itself only ever grows.
      const isCut = part === '' && (found?.size ?? 0) < size;
      if (isCut || found?.id !== opened.get(part)) throw changed(path);
      if (part === '') size = found?.size ?? 0;
    }
  };
}

function changed(path: string): StoreError {
  return new StoreError(
    `The database file ${path} was removed, replaced or cut while it was open; put it back, or restart on the one to use`,
    { isUnreachable: true },
  );
}

function identify(path: string): { readonly id: string; readonly size: number } | null {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? null : { id: `${file.dev} ${file.ino}`, size: file.size };
}
