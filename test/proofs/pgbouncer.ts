import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { refundOrder } from '../../src/checkout/refund-order.ts';
import type { Order } from '../../src/shop/order.ts';
import { openStore } from '../../src/store/open-store.ts';
import { startPostgres } from '../support/postgres.ts';
import { freePort } from '../support/program.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';

// A shop behind a real PgBouncer: whole purchases in each mode in which sessions are shared.

const program = process.env.PGBOUNCER_PATH ?? 'pgbouncer';
if (spawnSync(program, ['--version']).status !== 0)
  throw new Error('No PgBouncer found. Install it (apt-get install pgbouncer) or set PGBOUNCER_PATH.');
const purchases = 20;
const postgres = await startPostgres();
try {
  for (const mode of ['transaction', 'session']) await behind(mode, prove);
  await behind(
    'transaction',
    prove,
    'ignore_startup_parameters = statement_timeout,lock_timeout,idle_in_transaction_session_timeout',
  );
  await behind('statement', refuse);
  process.stdout.write('proved\n');
} finally {
  await postgres.stop();
}

/** Fewer sessions at the server than the shop has connections, but in the mode `session`, where each keeps one. */
async function behind(
  mode: string,
  work: (url: string, mode: string) => Promise<void>,
  more = '',
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pgbouncer-'));
  chmodSync(folder, 0o755);
  const direct = new URL(await postgres.createDatabase());
  const port = await freePort();
  const users = join(folder, 'users.txt');
  const settings = join(folder, 'pgbouncer.ini');
  writeFileSync(users, '"shop" "shop"\n');
  writeFileSync(
    settings,
    `[databases]\n* = host=127.0.0.1 port=${direct.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nauth_type = plain\nauth_file = ${users}\npool_mode = ${mode}\ndefault_pool_size = ${mode === 'session' ? 24 : 6}\n${more}\n`,
  );
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  const child = spawn(program, ['-q', ...(isRoot ? ['-u', 'postgres'] : []), settings], { stdio: 'ignore' });
  try {
    const url = `postgres://shop:shop@127.0.0.1:${port}${direct.pathname}`;
    await untilOpen(url, child);
    await work(url, mode);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
}

async function untilOpen(url: string, child: ChildProcess): Promise<void> {
  const { default: pg } = await import('pg');
  for (;;) {
    if (child.exitCode !== null) throw new Error(`PgBouncer ended with ${child.exitCode}.`);
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      return;
    } catch {
      await sleep(50);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

async function prove(databaseUrl: string, mode: string): Promise<void> {
  const stores = await Promise.all([1, 2, 3].map(() => openStore(databaseUrl)));
  await Promise.all(stores.map((store) => store.close()));
  const shop = await openScenario({ databaseUrl });
  const placed = await Promise.all(
    Array.from({ length: purchases }, (_, index) => ordered(shop, `key-${mode}-${index}`)),
  );
  for (const { intentId } of placed) await shop.pay(intentId);
  await shop.posted();
  await Promise.all(shop.post.splice(0).map((delivery) => shop.hand(delivery)));
  for (const { order } of placed) {
    const paid = await current(shop, order);
    const refund = {
      id: `refund-${order.id}`,
      amount: 395,
      reason: 'Late',
      payment: null,
      expectedReturned: 0,
    };
    const refunded = await refundOrder(shop.context, paid, refund);
    if (refunded.kind !== 'done') throw new Error(`A refund is ${refunded.kind}.`);
  }
  shop.pass(10 * 60_000);
  await reconcile(shop.context, 'proof');
  for (const { order } of placed) {
    const { status, received, returned } = await current(shop, order);
    if (status !== 'partly_refunded' || received !== 1395 || returned !== 395)
      throw new Error(`${order.reference} is ${status}: received ${received}, returned ${returned}.`);
  }
  const { different } = await shop.context.store.checkReplay();
  if (different.length > 0) throw new Error(`Replay differs: ${different.join(', ')}.`);
  process.stdout.write(`${mode}: ${purchases} orders bought, paid and refunded in part\n`);
  await shop.close();
}

async function ordered(shop: Scenario, checkoutKey: string): Promise<{ order: Order; intentId: string }> {
  const placed = await shop.place(checkoutKey);
  if (placed.kind !== 'ready') throw new Error(`An order is ${placed.kind}.`);
  return { order: await current(shop, placed.order), intentId: placed.paymentIntentId };
}

async function current({ context }: Scenario, { reference }: Pick<Order, 'reference'>): Promise<Order> {
  const order = await context.store.findOrderByReference(reference);
  if (order === null) throw new Error(`${reference} is not in the store.`);
  return order;
}

async function refuse(databaseUrl: string): Promise<void> {
  const message = await openStore(databaseUrl).then(
    () => 'it was opened',
    (error: Error) => error.message,
  );
  if (!message.includes('pool_mode = transaction')) throw new Error(`The mode statement: ${message}`);
  process.stdout.write(`statement: ${message}\n`);
}
