import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { holds } from '../src/shop/decision.ts';
import { newsKinds } from '../src/shop/order-news.ts';
import { orderStatuses } from '../src/shop/order-status.ts';
import { schedule } from '../src/shop/schedule.ts';
import { createSimulator } from '../src/simulator/create-simulator.ts';
import { testCards } from '../src/simulator/state/cards.ts';
import { merchantSecret } from './support/merchant.ts';
import { freePort, type Program, start } from './support/program.ts';
import { openScenario } from './support/scenario.ts';
import { current, ordered } from './support/scenario-steps.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const readText = (path: string) => readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n');
const pages = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const orders = readText('docs/orders.md');
const messages = readText('docs/messages.md');
const manifest: { scripts: Record<string, string>; dependencies: Record<string, string> } = JSON.parse(
  readText('package.json'),
);

test('the README has at most 150 lines', () => {
  expect(readText('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

describe.each(pages)('%s', (page) => {
  const text = readText(page);

  test('links to files and headings that exist', () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const broken = targets.filter((target) => !/^https?:/.test(target) && !resolves(page, target));
    expect(broken).toEqual([]);
  });

  test('names files of the source that exist', () => {
    const paths = [...text.matchAll(/`((?:src|test|docs|views|public)\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  test('names npm scripts that exist', () => {
    const names = [...text.matchAll(/\bnpm (?:run (?:--silent )?([\w:-]+)|(start|test)\b)/g)].map(
      ([, script, short]) => script ?? short ?? '',
    );
    expect(names.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
  });
});

test('the page of proofs lists every command that proves or measures something', () => {
  const proofs = readText('docs/proofs.md');
  const commands = Object.keys(manifest.scripts).filter((name) => /^(prove:|simulate$|bench$)/.test(name));
  expect(commands.filter((name) => !proofs.includes(`| \`npm run ${name}`))).toEqual([]);
});

test('the page of orders lists every status, in the order in which they are tried', () => {
  expect(firstColumn(orders, 'Status')).toEqual(orderStatuses);
});

test('the page of orders lists every hold', () => {
  expect(firstColumn(orders, 'Hold')).toEqual(holds);
});

test('the page of messages lists every type, in the order in which one change writes them', () => {
  expect(firstColumn(messages, 'Type')).toEqual(newsKinds.map((kind) => `order.${kind}`));
});

test('the page of orders gives the figures of the schedule', () => {
  const given = rowsBelow(orders, 'Schedule').map(([name = '', when = '']) => [
    name.replaceAll('`', ''),
    [...when.matchAll(/(\d+) (min|s|h)\b/g)].map(([duration]) => duration),
  ]);
  const wanted = Object.entries(schedule).map(([name, ms]) => [name, [ms].flat().map(formatDuration)]);
  expect(Object.fromEntries(given)).toEqual(Object.fromEntries(wanted));
});

test('the README has the test cards that Dojo documents now, and what each does', () => {
  const outcomes = { approved: /^the payment succeeds$/, challenged: /^3-D Secure/, declined: /declined/ };
  const given = rowsBelow(readText('README.md'), 'Number');
  const wanted = testCards
    .filter((card) => card.documentedIn === 2026)
    .map(({ number, expiry, securityCode, outcome }) => [
      number.replace(/\d{4}(?=\d)/g, '$& '),
      expiry && `${expiry.month}/${expiry.year % 100}`,
      securityCode,
      expect.stringMatching(outcomes[outcome]),
    ]);
  expect(given).toEqual(wanted);
});

test('every threat names a test that exists, by its file and title', () => {
  const rows = rowsBelow(readText('docs/security.md'), 'Threat');
  const named = rows.map(([, , cell = '']) => [...cell.matchAll(/`(test\/[\w./-]+)` “([^”]+)”/g)]);
  const missing = named.flat().filter(([, file = '', title = '']) => {
    const text = existsSync(join(root, file)) ? readText(file) : '';
    return !text.includes(`'${title}'`) && !text.includes(`"${title}"`);
  });
  expect(rows.length).toBeGreaterThan(20);
  expect(named.filter((tests) => tests.length === 0)).toEqual([]);
  expect(missing.map(([whole]) => whole)).toEqual([]);
});

test('every dependency has a line that says why', () => {
  const names = firstColumn(readText('docs/decisions.md'), 'Package');
  expect(names).toEqual(Object.keys(manifest.dependencies));
});

describe('the examples of the README', () => {
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  let program: Program | undefined;
  afterAll(async () => {
    program?.child.kill('SIGKILL');
    await program?.exited;
    rmSync(folder, { recursive: true, force: true });
  });

  test('mount the shop in another Express app, check out with JSON, and end on SIGTERM', async () => {
    const simulator = await createSimulator();
    const port = await freePort();
    const file = join(folder, 'app.ts');
    writeFileSync(file, exampleOf('ts').replaceAll('8080', String(port)));
    program = start(relative(root, file), {
      cwd: folder,
      env: {
        DOJO_API_KEY: 'sk_sandbox_docs',
        DOJO_API_URL: simulator.url,
        DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
        LOG_LEVEL: 'warn',
      },
    });
    const url = `http://localhost:${port}`;
    await untilAnswered(`${url}/healthz`, program);
    expect(await (await fetch(`${url}/about`)).text()).toBe('About us');

    const [, items = ''] = /-d '(\{[^']*\})'/.exec(exampleOf('sh', 'curl')) ?? [];
    const response = await fetch(`${url}/checkout`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'key-of-the-docs' },
      body: items,
    });
    expect(response.status).toBe(201);
    const answer = (await response.json()) as Record<string, string>;
    const [, documented = ''] = /# 201 (\{.*\})/.exec(exampleOf('sh', 'curl')) ?? [];
    expect(Object.keys(answer)).toEqual(Object.keys(JSON.parse(documented)));
    expect(answer.orderUrl).toContain(`${url}/orders/`);

    program.child.kill('SIGTERM');
    expect(await program.exited).toBe(0);
    await simulator.close();
  });
});

test('the example of the page of messages records that an order was sent', async () => {
  const shop = await openScenario({
    env: { SHIP_SECRET: merchantSecret },
    context: { now: () => new Date() },
  });
  const { order, intentId } = await ordered(shop);
  await shop.pay(intentId);
  await shop.handAll();
  const server = createServer(shop.shop.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const [, example = ''] = /^```js\n([\s\S]*?)^```$/m.exec(messages) ?? [];
  const library = import.meta.resolve('standardwebhooks');
  const folder = mkdtempSync(join(tmpdir(), 'docs-'));
  const file = join(folder, 'ship.mjs');
  const settings = `const reference = '${order.reference}'; const shipSecret = '${merchantSecret}';\n`;
  const program = example
    .replace("'standardwebhooks'", `'${library}'`)
    .replace('https://shop.example', `http://127.0.0.1:${port}`);
  writeFileSync(file, `${program}\nconsole.log(response.status);`.replace('\n\n', `\n${settings}`));
  const sent = start(relative(root, file), { cwd: folder });
  await sent.said(/^200\n/);
  expect(await current(shop, order)).toMatchObject({
    carrier: 'Royal Mail',
    trackingUrl: 'https://track.example/AB1',
    sentAt: expect.any(Date),
  });
  server.close();
  await shop.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A link, seen from its page: to a file or folder, and where it has one, to a heading in it. */
function resolves(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  if (!existsSync(join(root, file))) return false;
  return anchor === undefined || anchorsOf(readText(file)).includes(anchor);
}

/** As GitHub makes them from headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The cells of the table whose head begins with this word. */
function rowsBelow(text: string, head: string): string[][] {
  const lines = text.split('\n');
  const from = lines.findIndex((line) => line.startsWith(`| ${head} |`));
  const below = from === -1 ? [] : lines.slice(from + 2);
  const end = below.findIndex((line) => !line.startsWith('|'));
  return below.slice(0, end === -1 ? undefined : end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
}

function firstColumn(text: string, head: string): string[] {
  return rowsBelow(text, head).map(([cell = '']) => cell.replaceAll('`', ''));
}

function formatDuration(ms: number): string {
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000} h`;
  return ms % 60_000 === 0 ? `${ms / 60_000} min` : `${ms / 1_000} s`;
}

/** A code block of the README in this language that begins with these words; packages are those of this project. */
function exampleOf(language: string, begins = ''): string {
  const blocks = [...readText('README.md').matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  const [, , code = ''] =
    blocks.find(([, name, body = '']) => name === language && body.startsWith(begins)) ?? [];
  return code
    .replace("'dojo-web-shop'", `'${new URL('../src/create-shop.ts', import.meta.url)}'`)
    .replace("'express'", `'${pathToFileURL(join(root, 'node_modules/express/index.js'))}'`);
}

/** Rejects at once where the program ends instead. */
async function untilAnswered(url: string, { exited, output }: Program): Promise<void> {
  const answered = vi.waitFor(async () => expect((await fetch(url)).ok).toBe(true), {
    timeout: 90_000,
    interval: 50,
  });
  const ended = exited.then(() => Promise.reject(new Error(`The example ended:\n${output()}`)));
  await Promise.race([answered, ended]);
}
