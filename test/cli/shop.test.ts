import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runShop } from './run-shop.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runShop(args, { env, cwd: folder });
const key = { DOJO_API_KEY: 'sk_sandbox_x' };

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
      'orders cancel',
      'orders capture',
      'orders compare',
      'orders decide',
      'orders refresh',
      'orders refund',
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

describe('an unreachable service', () => {
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
