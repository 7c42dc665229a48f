import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { openSqliteWriter } from '../../src/store/sqlite/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('every commit waits for the disk: the live connection runs WAL with synchronous FULL', async () => {
  const writer = openSqliteWriter(join(folder, 'orders.db'));
  // SQLite keeps these settings per connection, so the test reads them on the one that writes.
  const read = async (pragma: string) => (await writer.tx.all(`PRAGMA ${pragma}`))[0];
  expect(await read('journal_mode')).toEqual({ journal_mode: 'wal' });
  expect(await read('synchronous')).toEqual({ synchronous: 2 });
  expect(await read('foreign_keys')).toEqual({ foreign_keys: 1 });
  // SQLite's own wait loses to a busy process again and again.
  expect(await read('busy_timeout')).toEqual({ timeout: 0 });
  writer.close();
});
