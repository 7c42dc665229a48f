import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { start } from '../support/program.ts';

let simulator: Simulator;
beforeEach(async () => {
  simulator = await createSimulator();
});
afterEach(() => simulator.close());

const address = 'https://shop.example/webhooks/dojo';

async function run(...args: string[]): Promise<{ code: number | null; output: string }> {
  const env = { DOJO_API_KEY: 'sk_sandbox_x', DOJO_API_URL: simulator.url };
  const program = start('src/cli/shop.ts', { args, env });
  return { code: await program.exited, output: program.output() };
}

describe('a merchant', () => {
  test('subscribes, is told the secret, and is told the same one when asking again', async () => {
    const first = await run('webhooks', 'subscribe', address);
    expect(first.code).toBe(0);
    expect(first.output).toContain(address);
    expect(first.output).toMatch(/^DOJO_WEBHOOK_SECRETS=\S{16,}$/m);
    expect(await run('webhooks', 'subscribe', address)).toEqual(first);
    const { output } = await run('webhooks', 'list');
    expect(output.match(/address/g)).toHaveLength(1);
  });

  test('sees what is there, without its secrets', async () => {
    expect((await run('webhooks', 'list')).output).toContain('There is no subscription');
    const { output } = await run('webhooks', 'subscribe', address);
    const secret = /^DOJO_WEBHOOK_SECRETS=(.+)$/m.exec(output)?.[1] ?? '?';
    const list = await run('webhooks', 'list');
    expect(list.code).toBe(0);
    expect(list.output).toContain(address);
    expect(list.output).toContain('payment_intent.status_updated');
    expect(list.output).not.toContain(secret);
  });

  test('does not take webhooks away from another address by mistake, only on purpose', async () => {
    await run('webhooks', 'subscribe', address);
    const elsewhere = 'https://other.example/webhooks/dojo';
    const refused = await run('webhooks', 'subscribe', elsewhere);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain(address);
    expect(refused.output).toContain('--move');
    const moved = await run('webhooks', 'subscribe', elsewhere, '--move');
    expect(moved.code).toBe(0);
    expect((await run('webhooks', 'list')).output).toContain(elsewhere);
  });

  test.each([['http://shop.example/webhooks/dojo'], ['shop.example'], ['']])(
    'is told that %j is no address for webhooks',
    async (wrong) => {
      const { code, output } = await run('webhooks', 'subscribe', wrong);
      expect(code).toBe(1);
      expect(output).toContain('https://');
    },
  );

  test('is told what is wrong with the environment', async () => {
    const program = start('src/cli/shop.ts', {
      args: ['webhooks', 'list'],
      env: { DOJO_API_KEY: 'nonsense' },
    });
    expect(await program.exited).toBe(78);
    expect(program.output()).toMatch(/^DOJO_API_KEY: /);
  });

  test('is told in one line that Dojo cannot be reached', async () => {
    const env = { DOJO_API_KEY: 'sk_sandbox_x', DOJO_API_URL: 'http://127.0.0.1:9' };
    const program = start('src/cli/shop.ts', { args: ['webhooks', 'list'], env });
    expect(await program.exited).toBe(1);
    expect(program.output().trim().split('\n')).toHaveLength(1);
  });

  test('who mistypes a command is shown the commands', async () => {
    const { code, output } = await run('webhook', 'subscribe');
    expect(code).toBe(64);
    expect(output).toContain('webhooks subscribe');
  });
});
