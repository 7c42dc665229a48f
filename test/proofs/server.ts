import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkoutOrigin, webhookSecret } from '../support/shop.ts';

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

export type ServerProcess = {
  /** Resolves when the shop is open; rejects with its output if it ends first. */
  readonly ready: Promise<void>;
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** The end of its output. */
  output(): string;
  /** How long its event loop was blocked so far, in milliseconds. */
  loopDelay(): Promise<LoopDelay>;
  /** SIGKILL: the process runs no further instruction. */
  kill(): Promise<void>;
  /** SIGTERM, as from a process manager. Rejects if the shop does not close in order. */
  stop(): Promise<void>;
};

export type LoopDelay = { readonly p999: number; readonly longest: number };

export type ServerOptions = {
  readonly port: number;
  /** Its working directory. */
  readonly folder: string;
  /** A SQLite file; `env` may name another database. */
  readonly databasePath: string;
  readonly env?: Record<string, string>;
  /** A copy of the project; default: this one. */
  readonly project?: string;
};

// A shop that outlives the proof would block the next one.
const endWithParent = `data:text/javascript,process.on('disconnect',()=>process.exit(1));process.channel.unref()`;

const loopDelay = new URL('./loop-delay.ts', import.meta.url).href;

/** `src/main.ts` as a process with nothing of this environment but PATH. */
export function startServer(options: ServerOptions): ServerProcess {
  const child = fork(join(options.project ?? projectFolder, 'src/main.ts'), [], {
    cwd: options.folder,
    execArgv: ['--import', endWithParent, '--import', loopDelay],
    env: {
      PATH: process.env.PATH,
      PORT: String(options.port),
      DATABASE_URL: `sqlite:${options.databasePath}`,
      DOJO_API_KEY: 'sk_sandbox_of_the_proofs',
      DOJO_CHECKOUT_ORIGIN: checkoutOrigin,
      DOJO_WEBHOOK_SECRETS: webhookSecret,
      SESSION_SECRET: 'the session secret of the proofs, 32+',
      CHECKOUT_RATE: '1000000',
      LOG_LEVEL: 'warn',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  const read = (chunk: Buffer): void => {
    output = (output + chunk).slice(-8_192);
  };
  child.stdout?.on('data', read);
  child.stderr?.on('data', read);

  const exited: ServerProcess['exited'] = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const ready = new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    void exited.then(() => reject(new Error(`The shop ended before it was open:\n${output}`)));
  });
  // A proof may kill a shop while it starts.
  ready.catch(() => undefined);

  return {
    ready,
    exited,
    output: () => output,
    loopDelay() {
      const answered = new Promise<LoopDelay>((resolve, reject) => {
        child.once('message', (delay) => resolve(delay as LoopDelay));
        void exited.then(() => reject(new Error(`The shop ended before it reported its delay:\n${output}`)));
      });
      child.send('loop-delay');
      return answered;
    },
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const { code, signal } = await exited;
      if (code !== 0) throw new Error(`The shop ended with ${signal ?? code}:\n${output}`);
    },
  };
}
