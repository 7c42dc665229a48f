import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort, type Program, watch } from './support/program.ts';
import { webhookSecret } from './support/shop.ts';

const project = fileURLToPath(new URL('..', import.meta.url));

let folder: string;
let ports: { PORT: number; SIMULATOR_PORT: number };
let npm: Program | undefined;

beforeEach(async () => {
  // A script runs beside its package.json, so this folder keeps .env and data/ of the checkout out of the test.
  folder = mkdtempSync(join(tmpdir(), 'signals-'));
  copyFileSync(join(project, 'package.json'), join(folder, 'package.json'));
  for (const name of ['node_modules', 'public', 'src', 'views'])
    symlinkSync(join(project, name), join(folder, name));
  ports = { PORT: await freePort(), SIMULATOR_PORT: await freePort() };
});
afterEach(() => {
  if (npm !== undefined && hasProcesses(npm)) process.kill(-pidOf(npm), 'SIGKILL');
  npm = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** The npm on PATH, leading a process group that every process of the script belongs to. */
function startNpm(args: readonly string[]): Program {
  npm = watch(
    spawn('npm', args, {
      cwd: folder,
      detached: true,
      env: {
        PATH: pathOfTerminal(),
        HOME: folder,
        PORT: String(ports.PORT),
        SIMULATOR_PORT: String(ports.SIMULATOR_PORT),
        DOJO_API_KEY: 'sk_sandbox_x',
        DOJO_WEBHOOK_SECRETS: webhookSecret,
        SESSION_SECRET: 'a session secret of the tests, 32+',
      },
    }),
  );
  return npm;
}

describe.each([
  { command: 'npm start', args: ['start'], serves: ['PORT'], lastWords: 'shop closed' },
  {
    command: 'npm run demo',
    args: ['run', 'demo'],
    serves: ['PORT', 'SIMULATOR_PORT'],
    lastWords: 'shop closed',
  },
  { command: 'npm run simulator', args: ['run', 'simulator'], serves: ['SIMULATOR_PORT'], lastWords: '' },
] as const)('$command', ({ args, serves, lastWords }) => {
  async function startAndServe(): Promise<Program> {
    const program = startNpm(args);
    for (const name of serves) {
      await program.said(new RegExp(`http://\\S+:${ports[name]}`));
      expect((await fetch(`http://127.0.0.1:${ports[name]}/`)).status).toBe(200);
    }
    return program;
  }

  async function expectEnd(program: Program): Promise<void> {
    await once(program.child, 'exit');
    expect(hasProcesses(program)).toBe(false);
    for (const name of serves) expect(await isFree(ports[name])).toBe(true);
  }

  test.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly when npm receives %s', async (signal) => {
    const program = await startAndServe();
    process.kill(pidOf(program), signal);
    await expectEnd(program);
    expect(await program.exited).toBe(0);
  });

  test('ends on Ctrl-C, which reaches every process and comes a second time from npm', async () => {
    const program = await startAndServe();
    process.kill(-pidOf(program), 'SIGINT');
    await expectEnd(program);
    await program.exited;
    // Not the exit code: the second SIGINT may find a process that has closed everything and is about to exit.
    expect(program.output()).toContain(lastWords);
  });
});

/** PATH as a terminal has it. npm, which may run this test, has put its own folders before that. */
function pathOfTerminal(): string {
  const folders = (process.env.PATH ?? '').split(delimiter);
  return folders.filter((path) => !path.includes('node_modules')).join(delimiter);
}

function pidOf({ child }: Program): number {
  if (child.pid === undefined) throw new Error('npm did not start: is it on PATH?');
  return child.pid;
}

/** Whether any process of the group still runs, whichever its parent is by now. */
function hasProcesses(program: Program): boolean {
  try {
    return process.kill(-pidOf(program), 0);
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
