import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';

const logModule = fileURLToPath(new URL('../src/log.ts', import.meta.url));

/** A process that logs and does as it is told; its standard output is a pipe, and its errors go nowhere. */
function startLogger(code: string) {
  const script = `
    import { createLogger } from ${JSON.stringify(logModule)};
    const log = createLogger({ level: 'info' });
    const logMany = (count) => { for (let number = 0; number < count; number += 1) log.info({ number }, 'It happened'); };
    ${code}
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = once(child, 'close').then(([code, signal]) => code ?? signal);
  return { child, ended };
}

async function numbersOf(code: string): Promise<{ end: unknown; numbers: number[] }> {
  const { child, ended } = startLogger(code);
  const output = await text(child.stdout);
  return { end: await ended, numbers: numbersIn(output) };
}

function numbersIn(output: string): number[] {
  const lines = output.trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line).number);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, number) => number);
}

describe('every line is written, in its order, by a process that', () => {
  test.each([
    ['comes to its end', '', 0],
    ['exits', 'process.exit(3);', 3],
    ['exits in a later turn, having just logged', 'setTimeout(() => process.exit(3));', 3],
    ['is ended by an error', "throw new Error('no');", 1],
    ['is ended by an error of a later turn', "setTimeout(() => { throw new Error('no'); });", 1],
    ['is ended by a promise that nobody looks after', "Promise.reject(new Error('no'));", 1],
    ['is killed in its next turn', "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 50);", 'SIGKILL'],
    ['is told to stop', "setTimeout(() => process.kill(process.pid, 'SIGTERM'), 50);", 'SIGTERM'],
    [
      'is told to stop, and finishes first',
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
  const { child, ended } = startLogger('logMany(2); setTimeout(() => { for (;;); }, 50);');
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.split('\n').length > 2) break;
  }
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
  expect(numbersIn(output)).toEqual([0, 1]);
});

test.each([
  ['a turn that logs four megabytes', 'logMany(50_000);'],
  ['one that exits upon it', 'logMany(50_000); process.exit(0);'],
])('a reader who is slow gets every line of %s', async (_what, code) => {
  // Asking what the output is makes Node open it, and a pipe that Node has open says that it is full instead of waiting.
  const { child, ended } = startLogger(`process.stdout.isTTY; ${code}`);
  await sleep(1_500);
  expect(child.exitCode).toBe(null);
  expect(numbersIn(await text(child.stdout))).toEqual(upTo(50_000));
  expect(await ended).toBe(0);
});
