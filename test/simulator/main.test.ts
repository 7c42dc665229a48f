import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { type Program, start } from '../support/program.ts';
import { callApi, createIntent, startSimulator, tempFile } from './support.ts';

function run(args: string[] = [], env: Record<string, string> = {}): Program {
  const program = start('src/simulator/main.ts', { args, env: { SIMULATOR_PORT: '0', ...env } });
  onTestFinished(() => void program.child.kill('SIGKILL'));
  return program;
}

async function listen(args: string[] = [], env: Record<string, string> = {}) {
  const program = run(args, env);
  const [url = ''] = await program.said(/http:\/\/127\.0\.0\.1:\d+/);
  return { ...program, simulator: { url } as Simulator, get: (path: string) => fetch(url + path) };
}

describe('it refuses to start', () => {
  test('and reports every error at once, one line each, without repeating a key', async () => {
    const args = ['--port', 'x', '--set', 'secondTab=c', '--key', 'sk_prod_verysecret', '--what'];
    const program = run(args, { NODE_ENV: 'production', DOJO_API_KEY: 'sk_prod_verysecret' });
    expect(await program.exited).toBe(78);
    expect(program.output().trim().split('\n')).toHaveLength(6);
    expect(program.output()).not.toContain('verysecret');
  });

  test('on a file that is not a state file, and leaves it as it is', async () => {
    const file = tempFile('orders.txt');
    writeFileSync(file, 'orders of the last ten years');
    const program = run(['--state', file]);
    expect(await program.exited).toBe(78);
    expect(program.output()).toBe(
      `--state: ${file} is not a state file of the simulator: name another file, or a new one.\n`,
    );
    expect(readFileSync(file, 'utf8')).toBe('orders of the last ten years');
  });

  test('on the state file of a running simulator', async () => {
    const file = tempFile('dojo.state');
    await startSimulator({ stateFile: file });
    const program = run(['--state', file]);
    expect(await program.exited).toBe(1);
    expect(program.output()).toMatch(/^--state: .*in use by another simulator\.\n$/);
  });

  test('on a port in use', async () => {
    const simulator = await startSimulator();
    const { port } = new URL(simulator.url);
    for (const program of [run([], { SIMULATOR_PORT: port }), run(['--port', port])]) {
      expect(await program.exited).toBe(1);
      expect(program.output()).toMatch(new RegExp(`^Port ${port} is in use.*\n$`));
    }
  });

  test('on an address of another machine', async () => {
    const program = run(['--host', '192.0.2.1']);
    expect(await program.exited).toBe(1);
    expect(program.output()).toBe('--host 192.0.2.1 is not an address of this machine.\n');
  });
});

test('--help shows the usage and starts nothing', async () => {
  const program = run(['--help']);
  expect(await program.exited).toBe(0);
  expect(program.output()).toContain('npm run simulator -- [options]');
});

test('options set clock, settings, seed and keys', async () => {
  const { get, simulator, output } = await listen([
    ...['--clock', '2030-01-02', '--stopped', '--seed', '42'],
    ...['--set', 'returnQuery=none', '--set=secondTab=charged', '--set', 'missingVersion=newest'],
    ...['--key', 'sk_sandbox_test_key', '--key=sk_sandbox_other'],
  ]);
  expect(await (await get('/simulator/clock')).json()).toMatchObject({
    now: '2030-01-02T00:00:00.000Z',
    isStopped: true,
  });
  expect(await (await get('/simulator/faults')).json()).toMatchObject({ seed: 42 });
  expect(await (await get('/simulator/settings')).json()).toMatchObject({
    returnQuery: 'none',
    secondTab: 'charged',
    missingVersion: 'newest',
    refundAge: 'unlimited',
  });
  const statuses = ['sk_sandbox_test_key', 'sk_sandbox_other', 'sk_sandbox_third'].map(async (key) => {
    const headers = { authorization: `Basic ${key}`, version: '2026-02-27' };
    return (await fetch(`${simulator.url}/webhooks/events`, { headers })).status;
  });
  expect(await Promise.all(statuses)).toEqual([200, 200, 401]);
  expect(output()).toContain('accepts only the given keys');
});

test('a host that others can reach gets a warning', async () => {
  const program = run(['--host', '0.0.0.0', '--port', '0']);
  await program.said(/--host 0\.0\.0\.0 is not a loopback address/);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  'it logs one line a call, and on %s ends cleanly and keeps its state',
  async (signal) => {
    const file = tempFile('dojo.state');
    const { child, exited, output, simulator } = await listen(['--state', file]);
    await callApi(simulator, { method: 'GET', path: '/webhooks/events' });
    const { id } = await createIntent(simulator);
    child.kill(signal);
    expect(await exited).toBe(0);
    const lines = output()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.slice(1)).toEqual([
      expect.objectContaining({
        method: 'GET',
        path: '/webhooks/events',
        key: 'sk_sandbox_test',
        status: 200,
      }),
      expect.objectContaining({ method: 'POST', path: '/payment-intents', status: 200 }),
    ]);
    const again = await startSimulator({ stateFile: file });
    expect(again.paymentIntents().map((intent) => intent.id)).toEqual([id]);
  },
);
