import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../src/store/open-store.ts';
import { jsonDetails } from './support/details.ts';
import { freePort, type Program, start } from './support/program.ts';
import { webhookSecret } from './support/shop.ts';
import { openUnheardPayment } from './support/unheard-payment.ts';
import { sign, statusUpdate } from './support/webhook.ts';

let folder: string;
let port: number;
const programs: Program[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'main-'));
  port = await freePort();
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.child.kill('SIGKILL');
    await program.exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

function startShop(env: Record<string, string> = {}, execArgv: string[] = []): Program {
  const program = start('src/main.ts', {
    cwd: folder,
    execArgv,
    env: {
      PORT: String(port),
      DOJO_API_KEY: 'sk_sandbox_x',
      DOJO_WEBHOOK_SECRETS: webhookSecret,
      SESSION_SECRET: 'a session secret of the tests, 32+',
      ...env,
    },
  });
  programs.push(program);
  return program;
}

const open = /"event":"shopOpened"/;

describe('the shop as a process', () => {
  test('reports every problem of its environment at once, exits with 78, and does not listen', async () => {
    const shop = startShop({ PORT: 'high', DOJO_API_KEY: 'key', CAPTURE_MODE: 'auto', LOG_LEVEL: 'loud' });
    expect(await shop.exited).toBe(78);
    const lines = shop.output().trim().split('\n');
    expect(lines.map((line) => line.split(':')[0]).sort()).toEqual([
      'CAPTURE_MODE',
      'DOJO_API_KEY',
      'LOG_LEVEL',
      'PORT',
    ]);
  });

  test('refuses a fulfilment address without its secret, and exits with 78', async () => {
    const shop = startShop({ FULFILMENT_URL: 'https://depot.example/orders' });
    expect(await shop.exited).toBe(78);
    expect(shop.output()).toMatch(/^FULFILMENT_SECRET: is missing; make one with: .*\n$/);
  });

  test('reports what is wrong with a catalogue or a database, and exits with 78', async () => {
    writeFileSync(join(folder, 'catalogue.json'), '{"shopName": "x"}');
    const catalogue = startShop({ CATALOGUE_FILE: 'catalogue.json' });
    expect(await catalogue.exited).toBe(78);
    expect(catalogue.output()).toMatch(/^CATALOGUE_FILE: products: /m);
    const missing = startShop({ CATALOGUE_FILE: 'missing.json' });
    expect(await missing.exited).toBe(78);
    expect(missing.output()).toMatch(/^CATALOGUE_FILE: cannot be read/);
    const database = startShop({ DATABASE_URL: `sqlite:${folder}` });
    expect(await database.exited).toBe(78);
    expect(database.output()).toMatch(/^DATABASE_URL: /);
  });

  test('refuses a key of the other kind than its database was begun with, and exits with 78', async () => {
    const shop = startShop();
    await shop.said(open);
    shop.child.kill('SIGTERM');
    expect(await shop.exited).toBe(0);
    const live = startShop({
      DOJO_API_KEY: 'sk_prod_x',
      DOJO_WEBHOOK_SECRETS: 'bGl2ZV93ZWJob29rX3Rlc3Q',
      PUBLIC_URL: 'https://kettle.shop',
    });
    expect(await live.exited).toBe(78);
    expect(live.output()).toMatch(/^DOJO_API_KEY: is a live key, .* begun with a sandbox key; .*\n$/);
  });

  test('warns of a webhook secret that begins like the id of a subscription', async () => {
    const shop = startShop({ DOJO_WEBHOOK_SECRETS: 'ws_c2VjcmV0' });
    await shop.said(open);
    expect(shop.output()).toContain('"event":"webhookSecretSuspect"');
  });

  test('reports in one line that its database cannot be reached, and exits with 1, so that it is started again', async () => {
    const shop = startShop({ DATABASE_URL: 'postgres://shop:hunter2@127.0.0.1:1/shop' });
    expect(await shop.exited).toBe(1);
    expect(shop.output().trim().split('\n')).toEqual([
      expect.stringMatching(/^DATABASE_URL: .*ECONNREFUSED/),
    ]);
    expect(shop.output()).not.toContain('hunter2');
  });

  test('reports in one line that another process keeps its database locked, and exits with 1', async () => {
    const path = join(folder, 'orders.db');
    const other = new DatabaseSync(path);
    other.exec('BEGIN EXCLUSIVE');
    const shop = startShop({ DATABASE_URL: `sqlite:${path}` });
    expect(await shop.exited).toBe(1);
    other.close();
    expect(shop.output()).toMatch(/^DATABASE_URL: .*locked\n$/);
  });

  test('reports in one line that its port is in use, and exits with 1', async () => {
    const other = createServer().listen(port, '127.0.0.1');
    const shop = startShop();
    expect(await shop.exited).toBe(1);
    expect(shop.output().trim().split('\n')).toEqual([expect.stringMatching(/^PORT: .* is in use/)]);
    other.close();
  });

  test('reads .env, and keeps its orders in data/ where it was started', async () => {
    writeFileSync(
      join(folder, '.env'),
      'SESSION_SECRET="from the file, thirty-two characters"\nHOST=localhost\n',
    );
    const shop = startShop();
    await shop.said(open);
    expect((await fetch(`http://localhost:${port}/readyz`)).status).toBe(200);
    expect((await fetch(`http://localhost:${port}/healthz`)).status).toBe(200);
    shop.child.kill('SIGTERM');
    expect(await shop.exited).toBe(0);
    await (await openStore(`sqlite:${join(folder, 'data', 'orders.db')}`)).close();
  });

  test('listens on HOST alone, within the limits of its server, and logs from LOG_LEVEL on', async () => {
    const shop = startShop({ HOST: '127.0.0.2', LOG_LEVEL: 'debug' });
    await shop.said(open);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow('fetch failed');
    const { headers } = await fetch(`http://127.0.0.2:${port}/healthz`);
    expect([headers.get('x-powered-by'), headers.get('etag')]).toEqual([null, null]);
    await shop.said(/"level":"debug".*"event":"routineRequest"/);

    const socket = connect(port, '127.0.0.2');
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.write('GET http://127.0.0.2/healthz HTTP/1.1\r\nHost: 127.0.0.2\r\n\r\n');
    await once(socket, 'close');
    expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('keeps its compiled code, and that of its thread, in data/ for the next `npm start`', async () => {
    const fromCache = /retrieving transpile cache for StrippedTypeScript \S*\/([\w-]+\.ts)\.\.\.success/g;
    const startAndStop = async (): Promise<string[]> => {
      const shop = startShop({ NODE_DEBUG_NATIVE: 'COMPILE_CACHE' }, execArgvOfNpmStart());
      await shop.said(open);
      shop.child.kill('SIGTERM');
      expect(await shop.exited).toBe(0);
      return [...shop.output().matchAll(fromCache)].map(([, file = '']) => file);
    };
    expect(await startAndStop()).toEqual([]);
    expect(await startAndStop()).toEqual(expect.arrayContaining(['main.ts', 'app.ts', 'worker.ts']));
  });

  test('starts silently when compiled code cannot be kept', async () => {
    mkdirSync(join(folder, 'data'));
    writeFileSync(join(folder, 'data', 'compile-cache'), 'in the way');
    const shop = startShop({}, execArgvOfNpmStart());
    await shop.said(open);
    shop.child.kill('SIGTERM');
    expect(await shop.exited).toBe(0);
    expect(shop.output().trim().split('\n')).toHaveLength(3);
  });

  test('warns of settings that a developer left out', async () => {
    const shop = startShop({ DOJO_WEBHOOK_SECRETS: '', SESSION_SECRET: '' });
    await shop.said(open);
    expect(shop.output()).toContain('DOJO_WEBHOOK_SECRETS is not set');
    expect(shop.output()).toContain('SESSION_SECRET is not set');
  });

  test('logs JSON lines when its output is not a terminal', async () => {
    const shop = startShop();
    await shop.said(open);
    await fetch(`http://127.0.0.1:${port}/`);
    await shop.said(/"path":"\/"/);
    for (const line of shop.output().trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow();
  });

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'on %s finishes requests in flight, accepts no new ones, and exits with 0',
    async (signal) => {
      const shop = startShop();
      await shop.said(open);
      const body = statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' });
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      socket.write(
        `POST /webhooks/dojo HTTP/1.1\r\nHost: x\r\nConnection: close\r\ndojo-signature: ${sign(body)}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 20)}`,
      );
      // The first half has arrived when a later request on another connection is answered.
      await fetch(`http://127.0.0.1:${port}/healthz`);
      shop.child.kill(signal);
      await shop.said(/"event":"shopClosing"/);
      await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
      socket.write(body.slice(20));
      expect(await shop.exited).toBe(0);
      expect(answer).toMatch(/^HTTP\/1.1 200 OK/);
      expect(answer).toMatch(/{"received":true}$/);
      const again = startShop();
      await again.said(open);
      const repeat = await fetch(`http://127.0.0.1:${port}/webhooks/dojo`, {
        method: 'POST',
        headers: { 'dojo-signature': sign(body) },
        body,
      });
      expect(repeat.status).toBe(200);
      expect((await again.said(/"outcome":"(\w+)"/))[1]).toBe('duplicate');
    },
  );

  test('accepts webhooks while the name of Dojo does not resolve, and answers a checkout within three seconds', async () => {
    const shop = startShop({ DOJO_API_URL: 'https://name.invalid' });
    await shop.said(open);
    const startedAt = performance.now();
    const checkout = await fetch(`http://127.0.0.1:${port}/checkout`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...jsonDetails, items: [{ sku: await firstSku(), quantity: 1 }] }),
    });
    expect(checkout.status).toBe(503);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    const body = statusUpdate({ paymentIntentId: 'pi_x', paymentStatus: 'Captured' });
    const webhook = await fetch(`http://127.0.0.1:${port}/webhooks/dojo`, {
      method: 'POST',
      headers: { 'dojo-signature': sign(body) },
      body,
    });
    expect(webhook.status).toBe(200);
  });
});

test('a running shop finds a payment of which no webhook came, and notifies the merchant’s own system', async () => {
  const payment = await openUnheardPayment();
  try {
    const shop = startShop(payment.env);
    await shop.said(open);
    const { type, data } = await payment.notified;
    expect(type).toBe('order.due');
    expect(data.reference).toBe(payment.reference);
  } finally {
    await payment.close();
  }
}, 120_000);

/** The options that `npm start` gives to Node. */
function execArgvOfNpmStart(): string[] {
  const project = new URL('../', import.meta.url);
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', project), 'utf8'));
  const [, preload = ''] = /^exec node --import (\S+) src\/main\.ts$/.exec(scripts.start) ?? [];
  return ['--import', new URL(preload, project).href];
}

async function firstSku(): Promise<string> {
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  return /name="sku" value="([^"]+)"/.exec(page)?.[1] ?? '';
}
