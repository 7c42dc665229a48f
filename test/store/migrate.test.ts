import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import { StoreError } from '../../src/store/order-store.ts';
import kept from '../data/database-of-0003.json' with { type: 'json' };
import { type PostgresServer, startPostgres } from '../support/postgres.ts';

type Value = string | number | null | Buffer;
type OldDatabase = {
  readonly url: string;
  run(sql: string, values?: readonly Value[]): Promise<unknown>;
  close(): Promise<void>;
};

const folder = mkdtempSync(join(tmpdir(), 'migrate-'));
let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

const migration = (name: string) =>
  readFileSync(new URL(`../../src/store/migrations/${name}`, import.meta.url), 'utf8');

let files = 0;
async function sqliteFile(): Promise<OldDatabase> {
  files += 1;
  const path = join(folder, `${files}.db`);
  const database = new DatabaseSync(path);
  database.exec(migration('0001-orders.sql'));
  database.exec(
    `CREATE TABLE migrations (name TEXT PRIMARY KEY); INSERT INTO migrations VALUES ('0001-orders.sql')`,
  );
  return {
    url: `sqlite:${path}`,
    run: async (sql, values = []) => database.prepare(sql.replace(/\$(\d+)/g, '?$1')).all(...values),
    close: async () => database.close(),
  };
}

async function postgresDatabase(): Promise<OldDatabase> {
  const url = await postgres.createDatabase();
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const names = ['0001-orders.sql', '0002-intents.postgres.sql', '0003-room.postgres.sql'];
  await client.query('CREATE TABLE migrations (name TEXT PRIMARY KEY)');
  for (const name of names) {
    const sql = migration(name)
      .replace(/\bINTEGER\b/g, 'BIGINT')
      .replace(/\bBLOB\b/g, 'BYTEA');
    await client.query(sql.replace(/\) STRICT(, WITHOUT ROWID)?;/g, ');'));
    await client.query('INSERT INTO migrations VALUES ($1)', [name]);
  }
  return {
    url,
    run: async (sql, values = []) => (await client.query(sql, [...values])).rows,
    close: () => client.end(),
  };
}

/** Rows as the shop wrote them when 0003 was its last migration. */
async function fill({ run }: OldDatabase): Promise<void> {
  for (const [table, rows] of Object.entries(kept)) {
    for (const row of rows as Record<string, string | number | null | { base64: string }>[]) {
      const names = Object.keys(row);
      const values = Object.values(row).map((value) =>
        typeof value === 'object' && value !== null ? Buffer.from(value.base64, 'base64') : value,
      );
      const places = names.map((_, index) => `$${index + 1}`).join(', ');
      await run(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${places})`, values);
    }
  }
}

describe.each([
  ['a SQLite file', sqliteFile],
  ['PostgreSQL', postgresDatabase],
])('a database of an earlier release on %s', (_name, create) => {
  test('migrates when the shop opens it, and every order stays as it was', async () => {
    const old = await create();
    await fill(old);
    const store = await openStore(old.url, { clock: 'caller' });
    for (const order of kept.orders) {
      expect(await store.findOrderByReference(order.reference)).toMatchObject({
        status: order.status,
        holds: [],
        updatedAt: new Date(order.updated_at),
        nextCheckAt: order.next_look_at === null ? null : new Date(order.next_look_at),
      });
    }
    expect(await store.checkReplay()).toEqual({ orders: kept.orders.length, different: [] });

    const [event] = kept.events.filter(({ order_id }) => order_id !== null);
    const again = {
      eventId: event?.event_id ?? '',
      event: event?.event ?? '',
      paymentIntentId: event?.payment_intent_id ?? null,
      paymentStatus: event?.payment_status ?? null,
      body: Buffer.from(event?.body.base64 ?? '', 'base64'),
      digest: Buffer.from(event?.digest.base64 ?? '', 'base64'),
      secret: event?.secret ?? '',
      receivedAt: new Date(),
    };
    expect(await store.recordEvents([again])).toEqual([{ kind: 'duplicate' }]);
    await store.close();
    await old.close();
  });

  test('sends what it had not told the merchant’s system yet, and nothing of what was sent', async () => {
    const old = await create();
    await fill(old);
    const [waiting, sent] = kept.fulfilments;
    await old.run('UPDATE fulfilments SET notify_tries = 3 WHERE order_id = $1', [waiting?.order_id ?? 0]);
    await old.run('UPDATE fulfilments SET done_at = 1795341700000 WHERE order_id = $1', [
      sent?.order_id ?? 0,
    ]);
    const store = await openStore(old.url, { clock: 'caller' });
    const messages = await store.listMessages({ orderReference: null, state: null });
    expect(messages.map(({ orderId }) => orderId).sort()).toEqual(
      kept.fulfilments
        .filter((row) => row !== sent)
        .map((row) => row.order_id)
        .sort(),
    );
    for (const message of messages)
      expect(message).toMatchObject({ number: 1, type: 'order.due', state: 'waiting' });
    const at = new Date(waiting?.next_notify_at ?? 0);
    const claimed = await store.claimMessage(at, new Date(at.getTime() + 60_000));
    expect(claimed).toMatchObject({ orderId: waiting?.order_id, tries: 4, order: { mayShip: true } });
    expect(claimed && (await store.confirmDue(claimed, at))).toBe(true);
    const shipped = kept.orders.find(({ id }) => id === sent?.order_id);
    expect(await store.findOrderByReference(shipped?.reference ?? '')).toMatchObject({
      sentAt: new Date(1795341700000),
      mayShip: false,
    });
    await store.close();
    await old.close();
  });

  test('has a checksum for every migration from then on, and the shop refuses a changed migration by name', async () => {
    const old = await create();
    const open = () => openStore(old.url).then((store) => store.close());
    await open();
    const applied = (await old.run('SELECT name, checksum FROM migrations')) as Record<string, string>[];
    expect(applied.length).toBeGreaterThan(1);
    for (const { checksum } of applied) expect(checksum).toMatch(/^[0-9a-f]{64}$/);
    await open();
    await old.run(`UPDATE migrations SET checksum = 'another' WHERE name = '0001-orders.sql'`);
    const refusal = await open().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(String(refusal)).toContain('Migration 0001-orders.sql has changed');
    await old.close();
  });
});
