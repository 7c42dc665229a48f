import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { freePort } from './support/program.ts';

const logModule = fileURLToPath(new URL('../src/log.ts', import.meta.url));
const shopProgram = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'log-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that logs as the code says. Its standard output is a pipe of Node unless one is given; its errors go nowhere. */
function startLogger(code: string, stdout: 'pipe' | number = 'pipe') {
  const script = `
    import { createLogger } from ${JSON.stringify(logModule)};
    const log = createLogger({ level: 'info' });
    const logMany = (count, fields) => { for (let number = 0; number < count; number += 1) log.info({ number, ...fields }, 'It happened'); };
    ${code}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', stdout, 'ignore', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  return { child, ended, output: child.stdout as Socket };
}

async function numbersOf(code: string): Promise<{ end: unknown; numbers: unknown[] }> {
  const { output, ended } = startLogger(code);
  const lines = linesIn(await text(output));
  return { end: await ended, numbers: lines.map(({ number }) => number) };
}

function linesIn(output: string): Record<string, unknown>[] {
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

/** A pipe of the system, with 64 KiB of room. No one reads it until asked to. */
function openPipe(): { writer: number; read(): Socket } {
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  // To open one end alone waits for the other.
  const writer = openSync(path, 'r+');
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  return { writer, read: () => new Socket({ fd: reader, readable: true }) };
}

describe('every line is written, in order, by a process that', () => {
  test.each([
    ['comes to its end', '', 0],
    ['exits', 'process.exit(3);', 3],
    ['exits in a later turn, having just logged', 'setTimeout(() => process.exit(3));', 3],
    ['ends by an uncaught error', "throw new Error('no');", 1],
    ['ends by an uncaught error of a later turn', "setTimeout(() => { throw new Error('no'); });", 1],
    ['ends by an unhandled rejection', "Promise.reject(new Error('no'));", 1],
    ['is killed in a later turn', "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);", 'SIGKILL'],
    ['gets SIGTERM', "setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);", 'SIGTERM'],
    [
      'gets SIGTERM and finishes first',
      "process.once('SIGTERM', () => log.info({ number: 5 })); process.kill(process.pid, 'SIGTERM'); await new Promise((go) => setTimeout(go, 50));",
      0,
      6,
    ],
    ['logs on its way out', "process.on('exit', () => log.info({ number: 5 })); process.exit(0);", 0, 6],
  ])('%s', async (_how, code, end, count = 5) => {
    expect(await numbersOf(`logMany(5); ${code}`)).toEqual({ end, numbers: upTo(count) });
  });
});

test('a line waits for the end of its turn, and for no timer', async () => {
  const { child, ended, output } = startLogger('logMany(2); setTimeout(() => { for (;;); }, 50);');
  let written = '';
  for await (const chunk of output) {
    written += chunk;
    if (written.split('\n').length > 2) break;
  }
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect(linesIn(written)).toMatchObject([{ number: 0 }, { number: 1 }]);
});

test('the lines of a turn leave in one write', async () => {
  const code = `
    const { writeSync } = fs;
    let writes = 0;
    fs.writeSync = (...parts) => { writes += 1; return writeSync(...parts); };
    for (let turn = 0; turn < 10; turn += 1) { logMany(20); await new Promise(setImmediate); await new Promise(setImmediate); }
    log.info({ writes }, 'x');
  `;
  const { output } = startLogger(`import fs from 'node:fs'; ${code}`);
  expect(linesIn(await text(output)).at(-1)).toMatchObject({ writes: 10 });
});

test.each([
  ['a turn that logs four megabytes', 'logMany(50_000);'],
  ['one that exits upon it', 'logMany(50_000); process.exit(0);'],
])('a slow reader gets every line of %s', async (_what, code) => {
  const { child, ended, output } = startLogger(code);
  await sleep(1_000);
  expect(child.exitCode).toBe(null);
  expect(linesIn(await text(output)).map(({ number }) => number)).toEqual(upTo(50_000));
  expect(await ended).toBe(0);
});

describe('while no one reads the log', () => {
  const count = 40_000;
  /** 20 MB, a thousand lines a turn. */
  const logTooMuch = `
    for (let turn = 0; turn < ${count / 1_000}; turn += 1) {
      logMany(1_000, { turn, padding: 'x'.repeat(400) });
      await new Promise(setImmediate);
    }
    process.send('logged');
  `;

  test('the process goes on, drops what is too much, and says how many lines once someone reads', async () => {
    const pipe = openPipe();
    const { child, ended } = startLogger(
      `${logTooMuch} process.once('message', () => process.disconnect());`,
      pipe.writer,
    );
    closeSync(pipe.writer);
    await once(child, 'message');
    let output = '';
    for await (const chunk of pipe.read()) {
      output += chunk;
      if (child.connected && output.includes('logLinesDropped')) child.send('end');
    }
    const lines = linesIn(output);
    expect(await ended).toBe(0);
    const reports = lines.filter(({ event }) => event === 'logLinesDropped');
    expect(reports).toEqual([
      expect.objectContaining({ level: 'warn', lines: count - (lines.length - reports.length) }),
    ]);
    const kept = lines.filter(({ msg }) => msg === 'It happened');
    expect(kept.length).toBeGreaterThan(10_000);
    const places = kept.map(({ turn, number }) => Number(turn) * 1_000 + Number(number));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
  });

  test('it can exit within seconds', async () => {
    const pipe = openPipe();
    const { child, ended } = startLogger(`${logTooMuch} process.exit(0);`, pipe.writer);
    closeSync(pipe.writer);
    await once(child, 'message');
    const startedAt = performance.now();
    expect(await ended).toBe(0);
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  });

  test('because the reader is gone, the process goes on and ends in good order', async () => {
    const { child, ended, output } = startLogger(`logMany(5); ${logTooMuch} process.disconnect();`);
    output.destroy();
    await once(child, 'message');
    expect(await ended).toBe(0);
  });
});

test('on a full disk the process goes on and ends in good order', async () => {
  const full = openSync('/dev/full', 'w');
  const code =
    "logMany(1_000); setTimeout(() => { logMany(5); process.send('logged'); process.disconnect(); }, 100);";
  const { child, ended } = startLogger(code, full);
  closeSync(full);
  await once(child, 'message');
  expect(await ended).toBe(0);
});

describe('the shop takes webhooks and stops in good order', () => {
  test.each([
    ['while no one reads its log', () => openPipe().writer],
    ['while the disk of its log is full', () => openSync('/dev/full', 'w')],
  ])('%s', async (_how, openStdout) => {
    const port = await freePort();
    const stdout = openStdout();
    const shop = spawn(process.execPath, [shopProgram], {
      cwd: folder,
      env: { PATH: process.env.PATH, PORT: String(port), DOJO_API_KEY: 'sk_sandbox_x' },
      stdio: ['ignore', stdout, 'ignore', 'ipc'],
    });
    onTestFinished(() => void shop.kill('SIGKILL'));
    closeSync(stdout);
    const ended = once(shop, 'close');
    await once(shop, 'message');
    // Each leaves a line of 250 bytes; the pipe has room for 260 lines.
    for (let turn = 0; turn < 60; turn += 1) {
      const deliveries = upTo(10).map(() =>
        fetch(`http://127.0.0.1:${port}/webhooks/dojo`, { method: 'POST', body: '{}' }),
      );
      for (const { status } of await Promise.all(deliveries)) expect(status).toBe(401);
    }
    const startedAt = performance.now();
    shop.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
  });
});
