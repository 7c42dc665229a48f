import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import { openSqliteWriter } from '../../src/store/sqlite/database.ts';

const folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

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

test('a file that is opened twice by one process stays locked for the others', async () => {
  const path = join(folder, 'twice.db');
  const [one, other] = [await openStore(`sqlite:${path}`), await openStore(`sqlite:${path}`)];
  await one.checkWritable();
  // The last process that closes a file removes its log.
  execFileSync(process.execPath, [
    '--eval',
    `const file = new (require('node:sqlite').DatabaseSync)(${JSON.stringify(path)});
     file.prepare('SELECT * FROM settings').all();
     file.close();`,
  ]);
  expect(existsSync(`${path}-wal`)).toBe(true);
  await one.checkWritable();
  await Promise.all([one.close(), other.close()]);
});

describe('the files of a database', () => {
  const file = join(folder, 'new', 'private.db');
  const modes = () =>
    [file, `${file}-wal`, `${file}-shm`].map((path) => (statSync(path).mode & 0o777).toString(8));

  test('are readable by the shop’s user alone from their first moment, whatever the umask', async () => {
    const mask = process.umask(0);
    try {
      const store = await openStore(`sqlite:${file}`);
      expect(modes()).toEqual(['600', '600', '600']);
      await store.close();
    } finally {
      process.umask(mask);
    }
  });

  test('lose the modes that an earlier release gave them', async () => {
    const running = await openStore(`sqlite:${file}`);
    for (const path of [file, `${file}-wal`, `${file}-shm`]) chmodSync(path, 0o644);
    const store = await openStore(`sqlite:${file}`);
    expect(modes()).toEqual(['600', '600', '600']);
    await store.close();
    await running.close();
  });
});
