import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A program of the project as a process of its own, with nothing of this environment but PATH. */
export function start(
  file: string,
  options: { args?: string[]; execArgv?: string[]; env?: Record<string, string>; cwd?: string } = {},
): Program {
  const path = fileURLToPath(new URL(`../../${file}`, import.meta.url));
  const child = spawn(process.execPath, [...(options.execArgv ?? []), path, ...(options.args ?? [])], {
    env: { PATH: process.env.PATH, ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  let output = '';
  const waiting = new Set<() => void>();
  const read = (chunk: Buffer) => {
    output += chunk;
    for (const look of waiting) look();
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
        const look = () => {
          const match = words.exec(output);
          if (match === null) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        look();
        void exited.then(() => reject(new Error(`The program ended without saying ${words}:\n${output}`)));
      }),
  };
}

export type Program = {
  readonly child: ChildProcess;
  readonly exited: Promise<number | null>;
  /** Everything it has written, to either stream. */
  output(): string;
  /** Resolves as soon as its output matches; rejects where it ends without. */
  said(words: RegExp): Promise<RegExpExecArray>;
};

/** A port that nothing uses, as far as one can know. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
