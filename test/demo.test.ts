import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { jsonDetails } from './support/details.ts';
import { freePort, type Program, start } from './support/program.ts';

let folder: string;
let ports: { PORT: string; SIMULATOR_PORT: string };
const programs: Program[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'demo-'));
  ports = { PORT: String(await freePort()), SIMULATOR_PORT: String(await freePort()) };
});
afterEach(async () => {
  for (const program of programs.splice(0)) {
    program.child.kill('SIGTERM');
    await program.exited;
  }
  rmSync(folder, { recursive: true, force: true });
});

function startDemo(env: Record<string, string> = {}): Program {
  const program = start('src/demo.ts', { cwd: folder, env: { ...ports, ...env } });
  programs.push(program);
  return program;
}

test('the demo shows its addresses, sells, ends cleanly, and keeps its orders', async () => {
  const demo = startDemo();
  await demo.said(/Ctrl-C ends both/);
  const shop = `http://localhost:${ports.PORT}`;
  expect(demo.output()).toContain(shop);
  expect(demo.output()).toMatch(new RegExp(`http://localhost:${ports.SIMULATOR_PORT} +control page`));
  const control = await fetch(`http://localhost:${ports.SIMULATOR_PORT}/`);
  expect(await control.text()).toContain('/simulator/faults');
  expect(demo.output()).toContain('5200 0000 0000 1005');

  const sku = /name="sku" value="([^"]+)"/.exec(await (await fetch(shop)).text())?.[1];
  const items = [{ sku, quantity: 1 }];
  const { orderUrl, paymentLink } = await postJson(`${shop}/checkout`, { ...jsonDetails, items });
  const paid = await fetch(paymentLink, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({
      cardNumber: '5200000000001005',
      expiryDate: '12/29',
      securityCode: '020',
      nameOnCard: 'Ada Lovelace',
    }),
  });
  expect(paid.headers.get('location')).toContain(`${shop}/checkout/success/`);
  await demo.said(/"orderStatus":"paid"/);

  demo.child.kill('SIGINT');
  expect(await demo.exited).toBe(0);
  expect(readdirSync(join(folder, 'data'))).toContain('demo.db');
  await startDemo().said(/Ctrl-C ends both/);
  const order = await fetch(orderUrl, { headers: { accept: 'application/json' } });
  expect(await order.json()).toMatchObject({ status: 'paid' });
});

test('the demo hands on the settings of its environment, and nothing of the .env of a real shop', async () => {
  const example = readFileSync(new URL('../.env.example', import.meta.url), 'utf8');
  const settings = [...example.matchAll(/^([A-Z_]+)=/gm)].map(([, name = '']) => name);
  writeFileSync(join(folder, '.env'), settings.map((name) => `${name}=of a real shop\n`).join(''));
  const handedOn = [
    'CAPTURE_MODE',
    'CHECKOUT_RATE',
    'DATABASE_URL',
    'FULFILMENT_SECRET',
    'FULFILMENT_URL',
    'LOG_LEVEL',
    'PAYMENT_EXPIRY_MINUTES',
    'PAYMENT_METHODS',
    'SHIP_SECRET',
  ];
  const demo = startDemo(Object.fromEntries(handedOn.map((name) => [name, 'not usable'])));
  expect(await demo.exited).toBe(78);
  const refused = new Set(demo.output().match(/^[A-Z_]+(?=: )/gm));
  expect([...refused].sort()).toEqual(handedOn);
  const catalogue = startDemo({ CATALOGUE_FILE: 'none.json' });
  expect(await catalogue.exited).toBe(78);
  expect(catalogue.output()).toMatch(/^CATALOGUE_FILE: cannot be read/);
});

test.each([
  ['PORT', /^PORT: .* is in use/],
  ['SIMULATOR_PORT', /^Port \d+ is in use: .* choose another port with SIMULATOR_PORT\.$/],
] as const)('the demo reports in one line that its %s is in use', async (name, words) => {
  const other = createServer().listen(Number(ports[name]), '127.0.0.1');
  const demo = startDemo();
  expect(await demo.exited).toBe(1);
  expect(demo.output().trim().split('\n')).toEqual([expect.stringMatching(words)]);
  other.close();
});

async function postJson(url: string, body: unknown): Promise<{ orderUrl: string; paymentLink: string }> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return (await response.json()) as { orderUrl: string; paymentLink: string };
}
