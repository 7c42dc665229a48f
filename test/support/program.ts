import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** Starts a program of the project as a process of its own, with nothing of this environment but PATH. */
export function start(
  file: string,
  options: { args?: string[]; execArgv?: string[]; env?: Record<string, string>; cwd?: string } = {},
): Program {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  const args = [...(options.execArgv ?? []), path, ...(options.args ?? [])];
  return watch(
    spawn(process.execPath, args, {
      env: { PATH: process.env.PATH, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    }),
  );
}

/** Collects what a child process writes. */
export function watch(child: ChildProcessWithoutNullStreams): Program {
  let output = '';
  const waiting = new Set<() => void>();
  const read = (chunk: Buffer) => {
    output += chunk;
    for (const match of waiting) match();
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    child,
    exited,
    output: () => output,
    said: (words) =>
      new Promise((resolve, reject) => {
        const match = () => {
          const found = words.exec(output);
          if (found === null) return;
          waiting.delete(match);
          resolve(found);
        };
        waiting.add(match);
        match();
        exited.then(() => reject(new Error(`The program ended without saying ${words}:\n${output}`)), reject);
      }),
  };
}

export type Program = {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Everything it has written to either stream. */
  output(): string;
  /** Resolves as soon as its output matches; rejects if it ends first. */
  said(words: RegExp): Promise<RegExpExecArray>;
};

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
