import { z } from 'zod';
import { assertMigrated } from './migrate.ts';
import { StoreError } from './order-store.ts';
import type { SqlDatabase, SqlTransaction, SqlValue } from './sql.ts';

export type CopiedOrders = {
  /** Orders that are in both now. */
  readonly orders: number;
  /** How many of them this run copied. */
  readonly copied: number;
};

type Row = Readonly<Record<string, SqlValue>>;

/** The tables that belong to an order, so arranged that each row finds what it refers to. */
const parts = [
  'baskets',
  'customers',
  'attempts',
  'events',
  'observations',
  'refunds',
  'captures',
  'decisions',
  'fulfilments',
  'messages',
  'deliveries',
] as const;
/** What belongs to no order, by a key to read it in pages: it only ever grows. */
const loose = [
  { table: 'events', key: 'digest', condition: 'order_id IS NULL', first: Buffer.alloc(0) },
  { table: 'quarantine', key: 'digest', condition: '1 = 1', first: Buffer.alloc(0) },
  { table: 'settings', key: 'name', condition: '1 = 1', first: '' },
  { table: 'api_requests', key: 'id', condition: '1 = 1', first: '' },
] as const;

const pageSize = 200;

/**
 * Copies orders and everything that belongs to them into a database in which no shop has run yet, page by page, each in a
 * transaction. Skips what is there already and the same, so a stopped copy can go on, and a copy made beside a running shop
 * can catch up once the shop is closed. Only reads the source.
 *
 * Rejects with `StoreError` if the target is in use, or differs from the source in the end.
 */
export async function copyOrders(
  from: SqlDatabase,
  to: SqlDatabase,
  onProgress: (done: number, total: number) => void,
): Promise<CopiedOrders> {
  await from.read(assertMigrated);
  await to.read(assertUnused);
  const total = await from.read((tx) => countRows(tx, 'orders'));
  let done = 0;
  let copied = 0;
  for (let after = 0; ; ) {
    const orders = await from.read((tx) => readPage(tx, after));
    const last = orders.at(-1);
    if (last === undefined) break;
    copied += await to.write((tx) => writePage(tx, orders));
    done += orders.length;
    after = last.id;
    onProgress(done, total);
  }
  await copyLoose(from, to);
  await assertSame(from, to);
  return { orders: done, copied };
}

/** Every shop takes the reconciler's lease in its first seconds. */
async function assertUnused(tx: SqlTransaction): Promise<void> {
  if ((await countRows(tx, 'leases')) > 0) {
    throw new StoreError('A shop has run on the target already; what it has stored would be overwritten.');
  }
}

type WholeOrder = { readonly id: number; readonly rows: ReadonlyMap<string, readonly Row[]> };

async function readPage(tx: SqlTransaction, after: number): Promise<WholeOrder[]> {
  const orders = rowsSchema.parse(
    await tx.all(`SELECT * FROM orders WHERE id > $1 ORDER BY id LIMIT ${pageSize}`, [after]),
  );
  return readWhole(tx, orders);
}

async function readWhole(tx: SqlTransaction, orders: readonly Row[]): Promise<WholeOrder[]> {
  const ids = orders.map((row) => Number(row.id));
  const byOrder = new Map(orders.map((row) => [Number(row.id), new Map([['orders', [row]]])]));
  for (const part of parts) {
    const rows = rowsSchema.parse(
      await tx.all(`SELECT * FROM ${part} WHERE order_id ${tx.dialect.isOneOf('$1')}`, [ids]),
    );
    for (const row of rows) {
      const ofOrder = byOrder.get(Number(row.order_id));
      ofOrder?.set(part, [...(ofOrder.get(part) ?? []), row]);
    }
  }
  return [...byOrder].map(([id, rows]) => ({ id, rows }));
}

/** Copies what is missing or different; returns the number of orders that were. */
async function writePage(tx: SqlTransaction, orders: readonly WholeOrder[]): Promise<number> {
  const ids = orders.map(({ id }) => id);
  const present = await readWhole(
    tx,
    rowsSchema.parse(await tx.all(`SELECT * FROM orders WHERE id ${tx.dialect.isOneOf('$1')}`, [ids])),
  );
  const known = new Map(present.map((order) => [order.id, fingerprint(order)]));
  const different = orders.filter((order) => known.get(order.id) !== fingerprint(order));
  if (different.length === 0) return 0;
  const stale = different.map(({ id }) => id);
  for (const part of parts.toReversed()) {
    await tx.all(`DELETE FROM ${part} WHERE order_id ${tx.dialect.isOneOf('$1')}`, [stale]);
  }
  await tx.all(`DELETE FROM orders WHERE id ${tx.dialect.isOneOf('$1')}`, [stale]);
  // Events that were copied while no order had their intent are copied again with the order.
  const intents = different.flatMap((order) =>
    (order.rows.get('attempts') ?? []).flatMap(({ payment_intent_id: id }) => (id ? [String(id)] : [])),
  );
  await tx.all(
    `DELETE FROM events WHERE order_id IS NULL AND payment_intent_id ${tx.dialect.isOneOf('$1')}`,
    [intents],
  );
  for (const table of ['orders', ...parts]) {
    const rows = different.flatMap((order) => order.rows.get(table) ?? []);
    await insertAll(tx, table, rows);
  }
  return different.length;
}

/** Rows come in any order, and bytes as whichever kind the database gives. */
function fingerprint({ rows }: WholeOrder): string {
  return JSON.stringify(['orders', ...parts].map((table) => (rows.get(table) ?? []).map(rowText).sort()));
}

function rowText(row: Row): string {
  return JSON.stringify(
    Object.keys(row)
      .sort()
      .map((name) => {
        const value = row[name];
        return [name, value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value];
      }),
  );
}

async function copyLoose(from: SqlDatabase, to: SqlDatabase): Promise<void> {
  for (const { table, key, condition, first } of loose) {
    const sql = `SELECT * FROM ${table} WHERE ${condition} AND ${key} > $1 ORDER BY ${key} LIMIT ${pageSize}`;
    for (let last: SqlValue = first; ; ) {
      const rows = rowsSchema.parse(await from.read((tx) => tx.all(sql, [last])));
      const end = rows.at(-1);
      if (end === undefined) break;
      await to.write((tx) => insertAll(tx, table, rows, 'ON CONFLICT DO NOTHING'));
      last = end[key] ?? null;
    }
  }
}

async function insertAll(
  tx: SqlTransaction,
  table: string,
  rows: readonly Row[],
  conflict = '',
): Promise<void> {
  const [first] = rows;
  if (first === undefined) return;
  const columns = Object.keys(first);
  for (let start = 0; start < rows.length; start += pageSize) {
    const some = rows.slice(start, start + pageSize);
    const values = some.map(
      (_, row) => `(${columns.map((_name, index) => `$${row * columns.length + index + 1}`).join(', ')})`,
    );
    await tx.all(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${values.join(', ')} ${conflict}`,
      some.flatMap((row) => columns.map((name) => row[name] ?? null)),
    );
  }
}

/** Counts, and sums that no two different sets of rows are likely to share. */
const measures = [
  ...['orders', ...parts, ...loose.map(({ table }) => table)].map(
    (table) => `SELECT COUNT(*) AS measure FROM ${table}`,
  ),
  'SELECT CAST(SUM(total) AS BIGINT) AS measure FROM orders',
  'SELECT CAST(SUM(received - returned) AS BIGINT) AS measure FROM orders',
  `SELECT CAST(SUM(total) AS BIGINT) AS measure FROM orders WHERE status = 'paid'`,
  'SELECT CAST(SUM(amount) AS BIGINT) AS measure FROM refunds',
  'SELECT CAST(SUM(LENGTH(body)) AS BIGINT) AS measure FROM events',
] as const;

async function assertSame(from: SqlDatabase, to: SqlDatabase): Promise<void> {
  const [source, target] = await Promise.all([from, to].map((database) => database.read(measure)));
  const different = measures.filter((_, index) => source?.[index] !== target?.[index]);
  if (different.length > 0) {
    throw new StoreError(
      `The copy differs from the source (${different.join('; ')}). Close the shop on the source and copy again; what the target has besides is not of this source.`,
    );
  }
}

async function measure(tx: SqlTransaction): Promise<(number | null)[]> {
  const found: (number | null)[] = [];
  for (const sql of measures) found.push(measureSchema.parse((await tx.all(sql))[0]).measure);
  return found;
}

async function countRows(tx: SqlTransaction, table: string): Promise<number> {
  const [row] = await tx.all(`SELECT COUNT(*) AS measure FROM ${table}`);
  return measureSchema.parse(row).measure ?? 0;
}

const measureSchema = z.object({ measure: z.int().nullable() });
const rowsSchema = z.array(
  z.record(z.string(), z.union([z.string(), z.int(), z.instanceof(Uint8Array), z.null()])),
);
