import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { start } from '../support/program.ts';
import { openScenario, type Scenario } from '../support/scenario.ts';

let folder: string;
let shop: Scenario;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
  shop = await openScenario({ databasePath: join(folder, 'orders.db') });
});
afterEach(async () => {
  await shop.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = {
    DOJO_API_KEY: 'sk_sandbox_of_the_tests',
    DOJO_API_URL: shop.simulator.url,
    DATABASE_URL: `sqlite:${join(folder, 'orders.db')}`,
  };
  const program = start('src/cli/shop.ts', { args, env });
  return { code: await program.exited, output: program.output() };
}

async function ordered() {
  const placed = await shop.place();
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  return { reference: placed.order.reference, intentId: placed.paymentIntentId };
}

describe('a merchant at the terminal', () => {
  test('sees an order, and cancels it beside the running shop', async () => {
    const { reference } = await ordered();
    expect((await run('orders', 'show', reference)).output).toContain(`${reference}  awaiting_payment`);
    const { code, output } = await run('orders', 'cancel', reference.toLowerCase());
    expect(code).toBe(0);
    expect(output).toContain(`${reference}  canceled`);
  });

  test('gives a part back, then all the rest', async () => {
    const { reference, intentId } = await ordered();
    await shop.pay(intentId);
    await shop.handAll();
    expect((await run('orders', 'refund', reference, '--amount', '3.95')).output).toContain(
      'partly_refunded',
    );
    expect((await run('orders', 'refund', reference, '--amount', '10.01')).output).toContain(
      'more than is left',
    );
    expect((await run('orders', 'undo', reference)).output).toContain(`${reference}  refunded`);
  });

  test('sweeps, and checks that every order can be derived again', async () => {
    await ordered();
    expect((await run('sweep')).output).toContain('Asked Dojo about');
    expect(await run('replay', '--check')).toMatchObject({
      code: 0,
      output: expect.stringContaining('1 orders'),
    });
  });

  test('is told which order is not what was heard of it', async () => {
    const { reference } = await ordered();
    const database = new DatabaseSync(join(folder, 'orders.db'));
    database.exec("UPDATE orders SET status = 'paid'");
    database.close();
    const { code, output } = await run('replay', '--check');
    expect(code).toBe(1);
    expect(output).toContain(reference);
  });

  test.each([
    [['orders', 'show', 'ORD-00000-000000'], 'There is no order'],
    [['orders', 'show'], 'Name one order'],
    [['orders', 'refund', 'ORD-00000-000000', '--amount', '1e3'], '--amount 12.50'],
    [['orders', 'constructor', 'x'], 'Commands for the merchant'],
    [['replay'], '--check'],
  ])('who says %j is told what to say', async (args, words) => {
    const { code, output } = await run(...args);
    expect(code).not.toBe(0);
    expect(output).toContain(words);
    expect(output).not.toContain('    at ');
  });
});
