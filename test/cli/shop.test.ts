import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStore } from '../../src/store/open-store.ts';
import { start } from '../support/program.ts';
import { refusal, runShop } from './run-shop.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runShop(args, { env, cwd: folder });
const key = { DOJO_API_KEY: 'sk_sandbox_x' };
async function createDatabase(file: string): Promise<string> {
  const url = `sqlite:${join(folder, file)}`;
  await (await openStore(url)).close();
  return url;
}

/** The names below "Commands:" of a help text. */
function commandsOf(help: string): string[] {
  const list = help.split('Commands:\n')[1]?.split('\n\n')[0] ?? '';
  return [...list.matchAll(/^ {2}([\w-]+)/gm)].map(([, name = '']) => name);
}

describe('help', () => {
  test('every command explains itself with --help on stdout and exits 0, without any configuration', async () => {
    const seen: string[] = [];
    const explain = async (command: readonly string[]): Promise<void> => {
      const help = await run([...command, '--help']);
      expect(help, command.join(' ')).toMatchObject({ code: 0, stderr: '' });
      expect(help.stdout).toMatch(/^Usage: npm run shop -- /);
      const names = commandsOf(help.stdout);
      if (names.length === 0) seen.push(command.join(' '));
      await Promise.all(names.map((name) => explain([...command, name])));
    };
    await explain([]);
    expect(seen.sort()).toEqual([
      'messages list',
      'messages resend',
      'orders cancel',
      'orders capture',
      'orders compare',
      'orders decide',
      'orders erase',
      'orders refresh',
      'orders refund',
      'orders ship',
      'orders show',
      'orders undo',
      'reconcile',
      'replay',
      'store copy',
      'store prune',
      'webhooks list',
      'webhooks subscribe',
    ]);
    expect((await run(['sweep', '-h'])).code).toBe(0);
  });

  test.each([[[]], [['orders']], [['store']], [['webhooks']]])(
    '%j without a command prints its help on stderr and exits 64',
    async (args) => {
      const help = await run(args);
      expect(help).toMatchObject({ code: 64, stdout: '' });
      expect(help.stderr).toMatch(/^Usage: .*\n[\s\S]*Commands:\n/);
    },
  );
});

describe('a configuration with errors', () => {
  test.each([[['orders', 'show', 'ORD-1']], [['reconcile']], [['store', 'copy', '--to', 'postgres://x/y']]])(
    '%j reports every error at once and exits 78',
    async (args) => {
      const env = { DOJO_API_KEY: 'nonsense', PORT: '0', LOG_LEVEL: 'loud', DATABASE_URL: 'mysql:x' };
      const { code, stdout, stderr } = await run(args, env);
      expect([code, stdout]).toEqual([78, '']);
      const names = stderr
        .trim()
        .split('\n')
        .map((line) => line.split(':')[0]);
      expect(names.sort()).toEqual(['DATABASE_URL', 'DOJO_API_KEY', 'LOG_LEVEL', 'PORT']);
    },
  );

  test('a command that needs only Dojo reports only the errors about Dojo', async () => {
    const { code, stderr } = await run(['webhooks', 'list'], { PORT: '0' });
    expect(code).toBe(78);
    expect(stderr).toMatch(/^DOJO_API_KEY: is missing[^\n]*\n$/);
  });

  test('a database file that cannot be opened counts as one', async () => {
    const env = { ...key, DATABASE_URL: `sqlite:${folder}` };
    const { code, stdout, stderr } = await run(['orders', 'show', 'ORD-1'], env);
    expect([code, stdout]).toEqual([78, '']);
    expect(stderr).toMatch(/^DATABASE_URL: [^\n]*\n$/);
  });
});

test('a command on a database file that is not there says so, exits 78 and makes none', async () => {
  const before = readdirSync(folder);
  const env = { ...key, DATABASE_URL: 'sqlite:new/orders.db' };
  const { code, stdout, stderr } = await run(['orders', 'show', 'ORD-1'], env);
  expect([code, stdout]).toEqual([78, '']);
  expect(stderr).toMatch(
    /^DATABASE_URL: There is no database file \/.*\/new\/orders\.db; start the shop once.*\n$/,
  );
  expect(readdirSync(folder)).toEqual(before);
});

test.each([
  ['an answer', ['messages', 'list']],
  ['a help text', ['orders', '--help']],
  ['a refusal', ['orders', 'show', 'ORD-0SAA1-AJSBQN']],
])('%s that no one reads any more is no failure of its own', async (_what, args) => {
  const env = { ...key, DATABASE_URL: await createDatabase('read.db') };
  const { code } = await run(args, env);
  const { child, exited } = start('src/cli/shop.ts', { args, env, cwd: folder });
  let errors = '';
  const isRefusal = code === 1;
  if (!isRefusal) child.stderr?.on('data', (chunk) => (errors += chunk));
  for (const stream of isRefusal ? [child.stdout, child.stderr] : [child.stdout]) stream?.destroy();
  await once(child, 'exit');
  expect([await exited, errors]).toEqual([code, '']);
});

describe('a key of the other kind than the database was begun with', () => {
  const live = { DOJO_API_KEY: 'sk_prod_x', DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q' };
  const ofShop = { PUBLIC_URL: 'https://kettle.shop', SESSION_SECRET: 'f3a91c07d2be4586a0cf1e7d93b2845a' };

  test.each([
    ['live', 'sandbox', { ...live, ...ofShop }, key],
    ['sandbox', 'live', key, { ...live, ...ofShop }],
  ])('exits 78 when it is a %s key and the orders are of the %s', async (now, before, env, envBefore) => {
    const database = { DATABASE_URL: await createDatabase(`${before}.db`) };
    const show = ['orders', 'show', 'ORD-0SAA1-AJSBQN'];
    expect(await run(show, { ...envBefore, ...database })).toEqual(refusal(/There is no order/));
    const refused = await run(show, { ...env, ...database });
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toBe(
      `DOJO_API_KEY: is a ${now} key, and the database of DATABASE_URL was begun with a ${before} key; use that key, or name another database\n`,
    );
    expect((await run(show, { ...envBefore, ...database })).code).toBe(1);
  });
});

describe('an unreachable service', () => {
  test('a database file that another process keeps locked is one, and exits 69', async () => {
    const file = join(folder, 'locked.db');
    const env = { ...key, DATABASE_URL: await createDatabase('locked.db') };
    expect((await run(['orders', 'show', 'ORD-1'], env)).code).toBe(1);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    const locked = await run(['orders', 'show', 'ORD-1'], env);
    other.close();
    expect(locked).toMatchObject({ code: 69, stdout: '' });
    expect(locked.stderr).toMatch(/^The order store is unavailable: [^\n]*locked[^\n]*\n$/);
  });

  test('webhooks list says in one line that Dojo is unavailable and exits 69', async () => {
    const { code, stdout, stderr } = await run(['webhooks', 'list'], {
      ...key,
      DOJO_API_URL: 'http://127.0.0.1:9',
    });
    expect([code, stdout]).toEqual([69, '']);
    expect(stderr).toMatch(/^Dojo is unavailable: [^\n]*ECONNREFUSED[^\n]*\n$/);
  });

  test.each([
    [['orders', 'show', 'ORD-1'], 'postgres://shop@127.0.0.1:9/shop'],
    [['replay', '--check'], 'postgres://shop@127.0.0.1:9/shop'],
  ])('%j says in one line that the database is unavailable and exits 69', async (args, databaseUrl) => {
    const { code, stdout, stderr } = await run(args, { ...key, DATABASE_URL: databaseUrl });
    expect([code, stdout]).toEqual([69, '']);
    expect(stderr).toMatch(/^The order store is unavailable: [^\n]*ECONNREFUSED[^\n]*\n$/);
  });
});
