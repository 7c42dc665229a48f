import { type Stats, statSync } from 'node:fs';
import { StoreError } from '../order-store.ts';

/**
 * Returns a check that throws `StoreError` once the file at the path is no longer the one that is open: SQLite writes on into
 * a file that was removed, and all of that is gone after a restart. The log beside it counts as much: what was committed is
 * there first. A few microseconds.
 */
export function watchFile(path: string): () => void {
  const log = `${path}-wal`;
  const opened = identityOf(path);
  let openedLog: string | null = null;
  let size = 0;

  return () => {
    const file = statSync(path, { throwIfNoEntry: false });
    openedLog ??= identityOf(log);
    // It only ever grows.
    const isCut = file === undefined || file.size < size;
    if (isCut || identity(file) !== opened || identityOf(log) !== openedLog)
      throw new StoreError(
        `The database file ${path} was removed, replaced or cut while it was open; put it back, or restart on the one to use`,
        { isUnreachable: true },
      );
    size = file.size;
  };
}

function identityOf(path: string): string | null {
  const file = statSync(path, { throwIfNoEntry: false });
  return file === undefined ? null : identity(file);
}

function identity({ dev, ino }: Stats): string {
  return `${dev} ${ino}`;
}
