import { createHash } from 'node:crypto';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { createOrderId, createToken, referenceOf } from '../../src/shop/order.ts';
import { openStore } from '../../src/store/open-store.ts';
import type { OrderStore } from '../../src/store/order-store.ts';
import { checkoutOrigin, intentIdOf } from './names.ts';
import { templateBasket } from './template.ts';

// Makes a shop's past in seconds: two orders go through the store's own contract, one paid and sent, one awaiting payment. Then
// their rows are copied as often as needed with new keys, so that every column is as the shop fills it.

export type Past = {
  /** Orders paid and sent, each with its event, spread over the past years. */
  readonly paid: number;
  /** Newer orders that await payment: the subject of the benchmark's webhooks. */
  readonly awaiting: number;
};

/** A database that takes many rows at a time. */
export type Bulk = {
  rows(table: string, key: string, orderId: number): Promise<Row[]>;
  insert(table: string, rows: readonly Row[]): Promise<void>;
  close(): Promise<void>;
};

type Row = Record<string, unknown>;

const tables = {
  orders: 'id',
  baskets: 'order_id',
  attempts: 'order_id',
  events: 'order_id',
  fulfilments: 'order_id',
  messages: 'order_id',
} as const;
const tableNames = Object.keys(tables) as (keyof typeof tables)[];
type Template = { -readonly [table in keyof typeof tables]: Row[] };

const batch = 5_000;
const fiveYearsMs = 5 * 365 * 86_400_000;
const apartMs = 28_000;

export async function fillStore(
  url: string,
  past: Past,
  open: (url: string) => Promise<Bulk>,
): Promise<void> {
  const [paidId, awaitingId] = await placeTemplates(url);
  const bulk = await open(url);
  try {
    const templates = {
      paid: await readTemplate(bulk, paidId),
      awaiting: await readTemplate(bulk, awaitingId),
    };
    const total = past.paid + past.awaiting;
    const spacingMs = Math.min(apartMs, fiveYearsMs / total);
    // The last one is an hour old, so that it precedes every order of the benchmark itself.
    const begin = Date.now() - 3_600_000 - total * spacingMs;
    for (let from = 0; from < total; from += batch) {
      const places = Array.from({ length: Math.min(batch, total - from) }, (_, index) => from + index);
      const copies = places.map((place) => {
        const isPaid = place < past.paid;
        const intentId = isPaid ? `pi_sandbox_paid_${place}` : intentIdOf(place - past.paid);
        const template = isPaid ? templates.paid : templates.awaiting;
        return copyOf(template, { place, intentId, at: Math.floor(begin + place * spacingMs) });
      });
      for (const table of tableNames)
        await bulk.insert(
          table,
          copies.flatMap((copy) => copy[table]),
        );
    }
  } finally {
    await bulk.close();
  }
}

function copyOf(template: Template, order: { place: number; intentId: string; at: number }): Template {
  const { place, intentId, at } = order;
  const id = createOrderId(new Date(at), place);
  const text = String(place).padStart(24, '0');
  const tomorrow = Date.now() + 86_400_000;
  return {
    orders: template.orders.map((row) => ({
      ...row,
      id,
      reference: referenceOf(id),
      token: createToken(id, text),
      checkout_key: text,
      created_at: at,
      updated_at: at,
      // Nothing to reconcile while the benchmark lasts.
      next_check_at: row.next_check_at === null ? null : tomorrow,
    })),
    baskets: template.baskets.map((row) => ({ ...row, order_id: id })),
    attempts: template.attempts.map((row) => ({
      ...row,
      order_id: id,
      payment_intent_id: intentId,
      payment_link: `${checkoutOrigin}/checkout/${intentId}`,
      created_at: at,
    })),
    events: template.events.map((row) => ({
      ...row,
      order_id: id,
      digest: createHash('sha256').update(text).digest(),
      event_id: `evt_past_${place}`,
      payment_intent_id: intentId,
      received_at: at,
    })),
    fulfilments: template.fulfilments.map((row) => ({ ...row, order_id: id, due_at: at, done_at: at })),
    messages: template.messages.map((row) => ({
      ...row,
      order_id: id,
      created_at: at,
      state: 'delivered',
      next_try_at: null,
      ended_at: at,
    })),
  };
}

async function placeTemplates(url: string): Promise<[paid: number, awaiting: number]> {
  const store = await openStore(url);
  try {
    const paid = await placeTemplate(store, 'pi_sandbox_template_paid');
    const awaiting = await placeTemplate(store, 'pi_sandbox_template_awaiting');
    const now = new Date();
    const body = Buffer.from(
      JSON.stringify({
        id: 'evt_template',
        event: 'payment_intent.status_updated',
        accountId: 'acc_bench',
        createdAt: now.toISOString(),
        data: { captureMode: 'Auto', paymentIntentId: 'pi_sandbox_template_paid', paymentStatus: 'Captured' },
      }),
    );
    await store.recordEvents([
      {
        eventId: 'evt_template',
        event: 'payment_intent.status_updated',
        paymentIntentId: 'pi_sandbox_template_paid',
        paymentStatus: 'Captured',
        body,
        digest: createHash('sha256').update(body).digest(),
        secret: 'whs_template',
        receivedAt: now,
      },
    ]);
    await store.planCheck(paid, { at: null, seen: new Date(now.getTime() + 86_400_000) }, now);
    return [paid, awaiting];
  } finally {
    await store.close();
  }
}

async function placeTemplate(store: OrderStore, intentId: string): Promise<number> {
  const now = new Date();
  const id = createOrderId(now, intentId.length);
  const order = {
    id,
    reference: referenceOf(id),
    token: createToken(id, intentId.padEnd(24, 'x').slice(0, 24)),
    checkoutKey: intentId,
    shopperId: 'shopper-of-the-benchmark',
    basket: templateBasket,
    createdAt: now,
  };
  const placed = await store.placeOrder(order, {
    createdAt: now,
    leaseUntil: new Date(now.getTime() + 15_000),
    captureMode: 'Auto',
  });
  if (placed.kind !== 'placed') throw new Error(`No order could be placed: ${placed.kind}`);
  const intent = { id: intentId, paymentLink: `${checkoutOrigin}/checkout/${intentId}`, expireAt: null };
  const attached = await store.attachIntent(id, 1, intent, now);
  if (attached !== 'attached') throw new Error(`No intent could be attached: ${attached}`);
  return id;
}

async function readTemplate(bulk: Bulk, orderId: number): Promise<Template> {
  const template: Template = {
    orders: [],
    baskets: [],
    attempts: [],
    events: [],
    fulfilments: [],
    messages: [],
  };
  for (const table of tableNames) template[table] = await bulk.rows(table, tables[table], orderId);
  if (template.attempts.length === 0) throw new Error('A template order has no attempt.');
  return template;
}

/** For `fillStore`: a SQLite file that need not survive a crash yet. */
export async function openSqliteBulk(url: string): Promise<Bulk> {
  const database = new DatabaseSync(url.replace(/^sqlite:/, ''));
  database.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -200000');
  return {
    rows: async (table, key, orderId) =>
      database
        .prepare(`SELECT * FROM ${table} WHERE ${key} = ?`)
        .all(orderId)
        .map((row) => ({ ...row })),
    async insert(table, rows) {
      const columns = Object.keys(rows[0] ?? {});
      if (columns.length === 0) return;
      const insert = database.prepare(
        `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
      );
      database.exec('BEGIN');
      for (const row of rows) insert.run(...columns.map((column) => row[column] as SQLInputValue));
      database.exec('COMMIT');
    },
    async close() {
      database.exec('PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE)');
      database.close();
    },
  };
}
