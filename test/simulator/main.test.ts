import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { callApi, startSimulator } from './support.ts';

const entry = fileURLToPath(new URL('../../src/simulator/main.ts', import.meta.url));

function run(env: Record<string, string>): ChildProcess {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [entry], { env: { PATH, SIMULATOR_PORT: '0', ...env } });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

async function finish(child: ChildProcess) {
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, said };
}

test.each([
  [{ NODE_ENV: 'production' }, /^NODE_ENV=production.*\n$/],
  [{ DOJO_API_KEY: 'sk_prod_verysecret' }, /^DOJO_API_KEY is a live key.*\n$/],
  [{ SIMULATOR_PORT: '70000' }, /^SIMULATOR_PORT must be.*\n$/],
])('it refuses to start with %j', async (env, line) => {
  const { exitCode, said } = await finish(run(env));
  expect(exitCode).toBe(78);
  expect(said).toMatch(line);
  expect(said).not.toContain('verysecret');
});

test('a port in use is one clear line', async () => {
  const simulator = await startSimulator();
  const { port } = new URL(simulator.url);
  const { exitCode, said } = await finish(run({ SIMULATOR_PORT: port }));
  expect(exitCode).toBe(1);
  expect(said).toMatch(new RegExp(`^Port ${port} is in use.*\n$`));
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  'it logs one line a call and ends cleanly on %s',
  async (signal) => {
    const child = run({});
    const lines: Record<string, unknown>[] = [];
    const url = await new Promise<string>((resolve) => {
      child.stdout?.on('data', (chunk) => {
        for (const line of String(chunk).trim().split('\n')) lines.push(JSON.parse(line));
        const found = /http:\/\/[\d.:]+/.exec(String(lines[0]?.msg));
        if (found) resolve(found[0]);
      });
    });
    const simulator = { url } as Awaited<ReturnType<typeof startSimulator>>;
    await callApi(simulator, { method: 'GET', path: '/webhooks/events' });
    const finished = finish(child);
    child.kill(signal);
    expect((await finished).exitCode).toBe(0);
    expect(lines.slice(1)).toEqual([
      expect.objectContaining({
        method: 'GET',
        path: '/webhooks/events',
        key: 'sk_sandbox_test',
        status: 200,
      }),
    ]);
  },
);
