import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import request from 'supertest';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openDatabase } from '../support/open-database.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { freePort, type Program, start } from '../support/program.ts';
import { openShop, webhookSecret } from '../support/shop.ts';
import { sign, statusUpdate } from '../support/webhook.ts';

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

const untilReady = (status: number, ask: () => Promise<number>) => expect.poll(ask).toBe(status);

// Only Linux takes a limit from outside. A write beyond it fails as on a full disk, with another code.
describe.runIf(process.platform === 'linux')('a shop whose disk takes no more bytes', () => {
  let folder: string;
  let shop: Program;
  let url: string;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'full-'));
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    shop = start('src/main.ts', {
      cwd: folder,
      env: { PORT: String(port), DOJO_API_KEY: 'sk_sandbox_x', DOJO_WEBHOOK_SECRETS: webhookSecret },
    });
    await shop.said(/"event":"shopOpened"/);
  });
  afterEach(async () => {
    shop.child.kill('SIGKILL');
    await shop.exited;
    rmSync(folder, { recursive: true, force: true });
  });

  const status = async (path: string, init?: RequestInit) => (await fetch(`${url}${path}`, init)).status;
  const limitFiles = (bytes: string) =>
    execFileSync('prlimit', ['--pid', String(shop.child.pid), `--fsize=${bytes}`]);
  const deliver = (id: string) => {
    const body = statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' }, { id });
    return status('/webhooks/dojo', { method: 'POST', headers: { 'dojo-signature': sign(body) }, body });
  };

  test('is not ready, takes no webhook, shows its pages, and is well again by itself', async () => {
    expect([await status('/readyz'), await deliver('evt_1')]).toEqual([200, 200]);
    limitFiles('1:unlimited');
    await untilReady(503, () => status('/readyz'));
    expect([await deliver('evt_2'), await status('/'), await status('/healthz')]).toEqual([503, 200, 200]);
    await shop.said(/"event":"storeUnwritable"/);
    limitFiles('unlimited:unlimited');
    await untilReady(200, () => status('/readyz'));
    expect(await deliver('evt_2')).toBe(200);
  });
});

describe.each(['SQLite', 'PostgreSQL'])('a probe of a shop on %s', (name) => {
  const open = async () =>
    openShop(name === 'SQLite' ? {} : { databaseUrl: await postgres.createDatabase() });
  const written = async (databaseUrl: string) => {
    const database = await openDatabase(databaseUrl);
    const rows = await database.read((tx) => tx.all(`SELECT value FROM settings WHERE name = 'writable'`));
    await database.close();
    return rows;
  };

  test('writes something else each time, durably', async () => {
    const shop = await open();
    expect(await written(shop.databaseUrl)).toEqual([]);
    await request(shop.app).get('/readyz').expect(200);
    let before = await written(shop.databaseUrl);
    expect(before).toHaveLength(1);
    for (let again = 0; again < 3; again += 1) {
      await shop.context.store.checkWritable();
      const after = await written(shop.databaseUrl);
      expect(after).not.toEqual(before);
      before = after;
    }
    await shop.close();
  });
});

test('many probes at once are one, and its answer counts for those right after it', async () => {
  const shop = await openShop();
  const probe = () => request(shop.app).get('/readyz').expect(503);
  const other = new DatabaseSync(shop.databasePath);
  other.exec('BEGIN IMMEDIATE');
  await Promise.all(Array.from({ length: 20 }, probe));
  other.close();
  await probe();
  expect(shop.log.filter(({ event }) => event === 'storeUnwritable')).toHaveLength(1);
  await untilReady(200, async () => (await request(shop.app).get('/readyz')).status);
  await shop.close();
});

test('a shop whose PostgreSQL database takes no writes is not ready, and well again by itself', async () => {
  const shop = await openShop({ databaseUrl: await postgres.createDatabase() });
  const admin = new pg.Client({ connectionString: shop.databaseUrl });
  await admin.connect();
  const set = async (value: 'on' | 'off') => {
    await admin.query(`ALTER ROLE shop SET default_transaction_read_only = ${value}`);
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND datname = current_database()`);
  };
  const status = async () => (await request(shop.app).get('/readyz')).status;
  await untilReady(200, status);
  await set('on');
  await untilReady(503, status);
  await admin.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE');
  await set('off');
  await untilReady(200, status);
  await admin.end();
  await shop.close();
});
