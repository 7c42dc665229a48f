import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { refusal, runShop, usageError } from './run-shop.ts';

const apiKey = 'sk_sandbox_x';
const address = 'https://shop.example/webhooks/dojo';
const elsewhere = 'https://other.example/webhooks/dojo';

let folder: string;
let simulator: Simulator;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(async () => {
  simulator = await createSimulator({ apiKeys: [apiKey] });
});
afterEach(() => simulator.close());

const run = (args: readonly string[], env: Record<string, string> = {}) =>
  runShop(args, { env: { DOJO_API_KEY: apiKey, DOJO_API_URL: simulator.url, ...env }, cwd: folder });
const subscribe = (...args: string[]) => run(['webhooks', 'subscribe', ...args]);

/** The one subscription at Dojo, as the command lists it. */
async function listed() {
  const { code, stdout } = await run(['webhooks', 'list', '--json']);
  expect(code).toBe(0);
  const subscriptions = JSON.parse(stdout);
  expect(subscriptions).toHaveLength(1);
  return subscriptions[0];
}

describe('webhooks subscribe', () => {
  test('prints the secret, and the same one when it runs again', async () => {
    const first = await subscribe(address);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toContain(address);
    expect(first.stdout).toMatch(/^DOJO_WEBHOOK_SECRETS=\S{16,}$/m);
    expect(await subscribe(address)).toEqual(first);
    const again = await subscribe(address, '--json');
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const { id, ...rest } = JSON.parse(again.stdout);
    const secret = /^DOJO_WEBHOOK_SECRETS=(.+)$/m.exec(first.stdout)?.[1];
    expect(rest).toEqual({ url: address, event: 'payment_intent.status_updated', secrets: [secret] });
    expect(await listed()).toMatchObject({ id, url: address });
  });

  test('takes webhooks from another address on purpose only', async () => {
    await subscribe(address);
    expect(await subscribe(elsewhere)).toEqual(refusal(/already sends .*shop\.example.*--move/));
    expect(await listed()).toMatchObject({ url: address });
    expect((await subscribe(elsewhere, '--move')).code).toBe(0);
    expect(await listed()).toMatchObject({ url: elsewhere });
  });

  test.each([
    [['http://shop.example/webhooks/dojo'], /must be an https:\/\/ address/],
    [['shop.example'], /must be an https:\/\/ address/],
    [[''], /must be an https:\/\/ address/],
    [[], /missing required argument 'address'/],
    [[address, elsewhere], /too many arguments/],
    [[address, '--moove'], /unknown option '--moove' \(Did you mean --move\?\)/],
  ])('with the arguments %j explains the error and asks Dojo nothing', async (args, words) => {
    expect(await subscribe(...args)).toEqual(usageError(words));
    expect(simulator.apiCalls()).toEqual([]);
  });
});

describe('webhooks subscribe, for an address that the shop does not answer', () => {
  const production = { NODE_ENV: 'production' };
  test.each<[string, string, Record<string, string>, string]>([
    ['another path', 'https://shop.example/webhook', {}, 'https://shop.example/webhooks/dojo'],
    ['no path', 'https://shop.example', {}, 'https://shop.example/webhooks/dojo'],
    ['a path below', 'https://shop.example/shop/webhooks/dojo', {}, 'https://shop.example/webhooks/dojo'],
    ['another host', address, { PUBLIC_URL: 'https://kettle.shop' }, 'https://kettle.shop/webhooks/dojo'],
    [
      'another port',
      `https://shop.example:8443/webhooks/dojo`,
      { PUBLIC_URL: 'https://shop.example' },
      address,
    ],
    [
      'another scheme',
      'http://localhost/webhooks/dojo',
      { PUBLIC_URL: 'https://localhost' },
      'https://localhost/webhooks/dojo',
    ],
    [
      'http in production',
      'http://localhost:3000/webhooks/dojo',
      production,
      'https://localhost:3000/webhooks/dojo',
    ],
  ])(
    'because it has %s, is refused, says what it must be, and asks Dojo nothing',
    async (_what, url, env, expected) => {
      const refused = await run(['webhooks', 'subscribe', url], env);
      expect(refused).toEqual(refusal(/^The shop does not answer at /));
      expect(refused.stderr).toContain(` must be ${expected}`);
      expect(simulator.apiCalls()).toEqual([]);
    },
  );

  test('takes the address of PUBLIC_URL however both are written', async () => {
    const env = { PUBLIC_URL: 'HTTPS://Shop.Example:443/' };
    expect((await run(['webhooks', 'subscribe', 'https://SHOP.example/webhooks/dojo'], env)).code).toBe(0);
    expect(await listed()).toMatchObject({ url: address });
  });

  test('names a PUBLIC_URL that is none, and exits 78', async () => {
    const refused = await run(['webhooks', 'subscribe', address], { PUBLIC_URL: '"https://shop.example"' });
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toMatch(/^PUBLIC_URL: must be .*quotes around it\)\n$/);
  });
});

describe('webhooks list', () => {
  test('shows the subscription without its secrets', async () => {
    const empty = await run(['webhooks', 'list']);
    expect(empty).toMatchObject({ code: 0, stderr: '' });
    expect(empty.stdout).toContain('There is no subscription');
    const { stdout } = await subscribe(address);
    const secret = /^DOJO_WEBHOOK_SECRETS=(.+)$/m.exec(stdout)?.[1] ?? '?';
    const list = await run(['webhooks', 'list']);
    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toContain(address);
    expect(list.stdout).toContain('payment_intent.status_updated');
    expect(list.stdout).toContain('1, 1 active');
    expect(list.stdout).not.toContain(secret);
    expect(await listed()).toEqual({
      id: expect.any(String),
      url: address,
      events: ['payment_intent.status_updated'],
      secrets: 1,
      activeSecrets: 1,
    });
  });

  test('prints an empty list as JSON when there is no subscription', async () => {
    expect(await run(['webhooks', 'list', '--json'])).toEqual({ code: 0, stdout: '[]\n', stderr: '' });
  });

  test('names the setting when Dojo refuses the key, and exits 78', async () => {
    const refused = await run(['webhooks', 'list'], { DOJO_API_KEY: 'sk_sandbox_other' });
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toMatch(/^DOJO_API_KEY: Dojo refuses the key: .*401[^\n]*\n$/);
    expect(refused.stderr).not.toContain('sk_sandbox_other');
  });
});
