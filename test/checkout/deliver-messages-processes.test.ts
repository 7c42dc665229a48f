import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { deliverMessages } from '../../src/checkout/deliver-messages.ts';
import { type Merchant, merchantSecret, openMerchant } from '../support/merchant.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import { freePort, type Program, start as startProgram } from '../support/program.ts';
import { minutes, ordered, start } from '../support/scenario-steps.ts';
import { shopEnv } from '../support/shop.ts';

const folder = mkdtempSync(join(tmpdir(), 'outbox-'));
let postgres: PostgresServer;
let merchant: Merchant;
let program: Program | undefined;
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  merchant = await openMerchant();
});
afterEach(async () => {
  program?.child.kill('SIGKILL');
  await program?.exited;
  await merchant.close();
});

test.each([
  ['SQLite', async () => `sqlite:${join(folder, 'orders.db')}`],
  ['PostgreSQL', () => postgres.createDatabase()],
])(
  'a message on %s whose shop is killed while it is sent is sent again, with the same id',
  async (_name, create) => {
    const databaseUrl = await create();
    const shop = await start({ databaseUrl });
    const { intentId, order } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();

    const arrived = Promise.withResolvers<void>();
    const { promise: never } = Promise.withResolvers<number>();
    merchant.answer = () => {
      arrived.resolve();
      return never;
    };
    program = startProgram('src/main.ts', {
      cwd: folder,
      env: {
        ...shopEnv,
        PORT: String(await freePort()),
        DATABASE_URL: databaseUrl,
        DOJO_API_URL: shop.simulator.url,
        DOJO_CHECKOUT_ORIGIN: shop.simulator.publicUrl,
        FULFILMENT_URL: merchant.url,
        FULFILMENT_SECRET: merchantSecret,
      },
    });
    await arrived.promise;
    program.child.kill('SIGKILL');
    await program.exited;
    merchant.answer = () => 204;

    const later = (ms: number) => ({ ...shop.context, now: () => new Date(Date.now() + ms) });
    // What the dead process has claimed is its own for a while.
    expect(await deliverMessages(later(0), merchant)).toBe(0);
    expect(await deliverMessages(later(2 * minutes), merchant)).toBe(2);
    const { reference } = order;
    const sent = [1, 1, 2].map((number) => `msg_${reference}_${number}`);
    expect(merchant.received.map(({ id }) => id)).toEqual(sent);
    expect(merchant.received[1]?.text).toBe(merchant.received[0]?.text);
    const messages = await shop.context.store.listMessages({ orderReference: reference, state: 'delivered' });
    expect(messages.map(({ tries, deliveries }) => [tries, deliveries.length])).toEqual([
      [2, 1],
      [1, 1],
    ]);
  },
);
