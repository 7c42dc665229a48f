import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import nock from 'nock';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rows } from '../support/database.ts';
import { jsonDetails } from '../support/details.ts';
import { dojoCreates } from '../support/dojo.ts';
import { start } from '../support/program.ts';
import { type OpenShop, openShop } from '../support/shop.ts';
import { deliver, statusUpdate } from '../support/webhook.ts';

let folder: string;
let path: string;
let shop: OpenShop;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'file-'));
  path = join(folder, 'orders.db');
  shop = await openShop({ databasePath: path });
});
afterEach(async () => {
  nock.cleanAll();
  await shop.close();
  rmSync(`${folder}.moved`, { recursive: true, force: true });
  rmSync(folder, { recursive: true, force: true });
});

const hear = async (id: string, at = shop) => {
  const body = statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' }, { id });
  return (await deliver(at, body)).status;
};
const checkOut = async () => {
  const { asked } = dojoCreates();
  const items = [{ sku: 'mug', quantity: 1 }];
  const { status } = await request(shop.app)
    .post('/checkout')
    .send({ ...jsonDetails, items });
  return [status, asked.length];
};
const events = (at = shop) => rows(at, 'SELECT event_id FROM events').map(({ event_id }) => event_id);
/** Another database of a shop, in its place. */
async function replace(): Promise<void> {
  const other = await openShop({ databasePath: join(folder, 'other.db') });
  await other.close();
  renameSync(join(folder, 'other.db'), path);
}

describe('a running shop whose database file', () => {
  test.each<[string, () => void | Promise<void>]>([
    ['was removed', () => rmSync(path)],
    ['was replaced by another', replace],
    ['was moved away', () => renameSync(path, `${path}.moved`)],
    ['has lost its log', () => rmSync(`${path}-wal`)],
    ['has lost the index of its log', () => rmSync(`${path}-shm`)],
    ['has another folder in the place of its own', () => renameSync(folder, `${folder}.moved`)],
    ['was cut', () => truncateSync(path, statSync(path).size - 4096)],
    ['was emptied', () => truncateSync(path, 0)],
  ])('%s acknowledges nothing that would be gone', async (_what, harm) => {
    expect(await hear('evt_1')).toBe(200);
    await harm();
    expect(await hear('evt_2')).toBe(503);
    expect(await checkOut()).toEqual([503, 0]);
    await request(shop.app).get('/readyz').expect(503);
    await request(shop.app).get('/').expect(200);
    const stopped = shop.log.filter(({ event }) => event === 'checkoutsStopped');
    expect(stopped).toHaveLength(1);
    expect(JSON.stringify(stopped)).toContain(`${path} was removed, replaced or cut`);
  });

  test('comes back goes on, and has lost nothing', async () => {
    expect(await hear('evt_1')).toBe(200);
    renameSync(path, `${path}.moved`);
    expect(await hear('evt_2')).toBe(503);
    renameSync(`${path}.moved`, path);
    expect(await hear('evt_2')).toBe(200);
    expect(events()).toEqual(['evt_1', 'evt_2']);
  });

  test('was replaced shows no order of the one that is gone, and shows it again once that is back', async () => {
    dojoCreates();
    const items = [{ sku: 'mug', quantity: 1 }];
    const { body } = await request(shop.app)
      .post('/checkout')
      .send({ ...jsonDetails, items })
      .expect(201);
    const { pathname } = new URL(body.orderUrl);
    renameSync(path, `${path}.moved`);
    await replace();
    await request(shop.app).get(pathname).expect(503);
    renameSync(`${path}.moved`, path);
    await request(shop.app).get(pathname).expect(200);
  });

  test('has a page that reading finds damaged takes no order, though writing would pass it by', async () => {
    await shop.close();
    const file = new DatabaseSync(path);
    const { page } = file
      .prepare(`SELECT rootpage AS page FROM sqlite_schema WHERE name = 'messages'`)
      .get() as {
      page: number;
    };
    file.close();
    shop = await openShop({ databasePath: path });
    const bytes = openSync(path, 'r+');
    writeSync(bytes, Buffer.alloc(4096, 7), 0, 4096, (page - 1) * 4096);
    closeSync(bytes);
    const everything = { orderReference: null, state: null };
    await expect(shop.context.store.listMessages(everything)).rejects.toThrow(`${path} is damaged`);
    expect(await checkOut()).toEqual([503, 0]);
    await request(shop.app).get('/readyz').expect(503);
  });

  test('is damaged takes nothing more, whatever could still be written into it', async () => {
    expect(await hear('evt_1')).toBe(200);
    // In place, and behind the pages that the connection has read.
    const { size } = statSync(path);
    await shop.close();
    shop = await openShop({ databasePath: path });
    writeFileSync(path, Buffer.alloc(size, 7));
    expect(await hear('evt_2')).toBe(503);
    expect(await hear('evt_3')).toBe(503);
    await request(shop.app).get('/readyz').expect(503);
  });
});

test.each([
  ['no database', () => writeFileSync(path, 'x'.repeat(8192))],
  ['a part of one', () => truncateSync(path, 8192)],
  [
    'one with a page that is none',
    () => {
      const bytes = readFileSync(path);
      bytes.fill(7, 8192);
      writeFileSync(path, bytes);
    },
  ],
])('a shop does not start on a file that is %s, and names it', async (_what, harm) => {
  await hear('evt_1');
  await shop.close();
  harm();
  const program = start('src/main.ts', {
    cwd: folder,
    env: { DOJO_API_KEY: 'sk_sandbox_x', DATABASE_URL: `sqlite:${path}`, PORT: '1' },
  });
  expect(await program.exited).toBe(78);
  expect(program.output()).toMatch(
    /^DATABASE_URL: The database file .*orders\.db is damaged \(.+\); .*restore the last backup$/m,
  );
  shop = await openShop();
});
