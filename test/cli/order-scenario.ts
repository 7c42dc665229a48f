import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach } from 'vitest';
import { rows } from '../support/database.ts';
import { payTwice } from '../support/pay-twice.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';
import type { ShopOptions } from '../support/shop.ts';
import { type Result, runShop } from './run-shop.ts';

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A shop, and the command line beside it on the same database. */
async function openShopAndCommands(options: ShopOptions = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cli-'));
  const shop = await openScenario({ databasePath: join(folder, 'orders.db'), ...options });
  open.push(async () => {
    await shop.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const env = { DOJO_API_KEY: 'sk_sandbox_of_the_tests', DOJO_API_URL: shop.simulator.url };
  return {
    shop,
    run: (args: readonly string[], more: Record<string, string> = {}): Promise<Result> =>
      runShop(args, { env: { ...env, DATABASE_URL: shop.shop.databaseUrl, ...more }, cwd: folder }),
  };
}

/** With one order of £13.95. */
export async function openWithOrder(options: ShopOptions = {}) {
  const opened = await openShopAndCommands(options);
  const placed = await opened.shop.place();
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  return { ...opened, reference: placed.order.reference, intentId: placed.paymentIntentId };
}

/** With an order of £13.95 that was paid twice. */
export async function openPaidTwice(options: ShopOptions = {}) {
  const opened = await openShopAndCommands(options);
  const { order, intents } = await payTwice(opened.shop);
  return { ...opened, reference: order.reference, intents };
}

export async function openPaid(options: ShopOptions = {}) {
  const opened = await openWithOrder(options);
  await opened.shop.pay(opened.intentId);
  await opened.shop.handAll();
  return opened;
}

/** What Dojo knows about the one order. */
export function atDojo({ simulator }: Scenario) {
  const [intent] = simulator.paymentIntents();
  const [balance] = simulator.ledger();
  return {
    status: intent?.status,
    captures: intent?.captures.map(({ amount }) => amount),
    refunds: intent?.refunds.map(({ amount, reason, idempotencyKey }) => ({
      amount,
      reason,
      idempotencyKey,
    })),
    charged: balance?.charged ?? 0,
    refunded: balance?.refunded ?? 0,
    reserved: balance?.reserved ?? 0,
  };
}

/** What the store keeps of them. */
export const storedRefunds = (shop: Scenario) =>
  rows(shop.shop, 'SELECT id, amount, reason, state FROM refunds');

/** Behind the shop's back. */
export function changeOrders(shop: Scenario, change: string): void {
  const database = new DatabaseSync(shop.shop.databasePath);
  database.exec(`UPDATE orders SET ${change}`);
  database.close();
}

/** What `--json` printed. */
export const json = ({ stdout }: Result) => JSON.parse(stdout);
export const manual: ShopOptions = { env: { CAPTURE_MODE: 'Manual' } };

/** What Dojo has of all intents, in minor units. */
export function keptAtDojo({ simulator }: Scenario): number {
  return simulator.ledger().reduce((sum, { charged, refunded }) => sum + charged - refunded, 0);
}
