import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/program.ts';

const benchFolder = fileURLToPath(new URL('.', import.meta.url));
export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

export type ServerProcess = {
  readonly port: number;
  readonly pid: number;
  /** CPU time that the process has used so far, in all its threads. */
  cpuMicros(): Promise<number>;
  /** SIGTERM, as from a process manager. If that goes wrong, the error has the end of its output. */
  stop(): Promise<void>;
};

export type ServerOptions = {
  /** Below the project. */
  readonly file: string;
  /** Its working directory, where its log goes too. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly execArgv?: readonly string[];
  /** True preloads nothing, so that it starts as it does elsewhere, but reports no CPU time. */
  readonly isBare?: boolean;
};

const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

const startWithinMs = 60_000;
const stopWithinMs = 20_000;

/** A server as a process with nothing of this environment but PATH. Resolves when it reports that it is ready. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const port = await freePort();
  const logFile = join(options.folder, 'output.log');
  const child = startChild(join(projectFolder, options.file), {
    folder: options.folder,
    logFile,
    env: { NODE_ENV: 'production', PORT: String(port), ...options.env },
    execArgv: options.isBare ? [] : ['--import', join(benchFolder, 'probe.ts'), ...(options.execArgv ?? [])],
  });
  const said = () => `${options.file} said:\n${readFileSync(logFile, 'utf8').slice(-2_000)}`;
  await answer(child, startWithinMs, said);
  return {
    port,
    pid: child.pid ?? 0,
    async cpuMicros() {
      child.send('usage');
      return (await answer(child, 5_000, said)).cpuMicros as number;
    },
    async stop() {
      const [code, signal] = await end(child);
      if (code !== 0 && signal !== 'SIGTERM') throw new Error(`It ended with ${signal ?? code}. ${said()}`);
    },
  };
}

/** A program of the benchmark that answers a message with a message. */
export function startWorker(name: string): {
  ask(message: Record<string, unknown>, withinMs: number): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
} {
  const child = startChild(join(benchFolder, name), {
    folder: benchFolder,
    logFile: null,
    env: {},
    execArgv: [],
  });
  return {
    ask(message, withinMs) {
      child.send(message);
      return answer(child, withinMs, () => `${name} gave no answer`);
    },
    async stop() {
      await end(child);
    },
  };
}

function startChild(
  path: string,
  options: { folder: string; logFile: string | null; env: Record<string, string>; execArgv: string[] },
): ChildProcess {
  const log = options.logFile === null ? 'inherit' : openSync(options.logFile, 'a');
  const child = fork(path, [], {
    cwd: options.folder,
    env: { PATH: process.env.PATH, ...options.env },
    execArgv: options.execArgv,
    stdio: ['ignore', log, log, 'ipc'],
  });
  if (log !== 'inherit') closeSync(log);
  running.add(child);
  child.once('close', () => running.delete(child));
  return child;
}

/** The next message of a child. Rejects if the child ends first or is silent too long. */
async function answer(
  child: ChildProcess,
  withinMs: number,
  said: () => string,
): Promise<Record<string, unknown>> {
  const over = new AbortController();
  try {
    return await Promise.race([
      once(child, 'message', over).then(([message]) => message),
      once(child, 'close', over).then(() => Promise.reject(new Error(`It ended by itself. ${said()}`))),
      sleep(withinMs, undefined, over).then(() =>
        Promise.reject(new Error(`No answer within ${withinMs} ms. ${said()}`)),
      ),
    ]);
  } finally {
    over.abort();
  }
}

async function end(child: ChildProcess): Promise<[number | null, NodeJS.Signals | null]> {
  if (child.exitCode !== null || child.signalCode !== null) return [child.exitCode, child.signalCode];
  const kill = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  child.kill('SIGTERM');
  const ended = await closed;
  clearTimeout(kill);
  return ended;
}
