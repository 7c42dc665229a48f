#!/usr/bin/env node
import { type Logger, pino } from 'pino';
import { createSimulator } from './create-simulator.ts';
import { configErrorCode, describeListenError, isLoopback } from './environment.ts';
import { help, parseOptions, type RunOptions } from './options.ts';
import { StateFileError } from './state/state-file.ts';

await main(process.argv.slice(2), process.env);

async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(args, env);
  if (parsed.kind === 'help') process.stdout.write(help);
  else if (parsed.kind === 'errors') fail(parsed.errors.join('\n'), configErrorCode);
  else await run(parsed.options);
}

async function run(options: RunOptions): Promise<void> {
  const { port, host } = options;
  const log = createLog();
  try {
    const simulator = await createSimulator({ ...options, ...defaultPublicUrl(options), log });
    const keys =
      options.apiKeys === undefined ? 'accepts any sk_sandbox_ key' : 'accepts only the given keys';
    log.info(`Pretend Pay simulator on ${simulator.publicUrl} (no money moves; ${keys}; control page at /)`);
    if (!isLoopback(host))
      log.warn(`--host ${host} is not a loopback address: anyone who can reach it can control the simulator`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // Not `once`: on Ctrl-C a second SIGINT comes from npm, and without a listener it would cut the closing short.
      process.on(signal, () => void simulator.close());
    }
  } catch (error) {
    if (error instanceof StateFileError)
      return fail(`--state: ${error.message}`, error.kind === 'in-use' ? 1 : configErrorCode);
    const message = describeListenError(error, { port, host, another: '--port or SIMULATOR_PORT' });
    if (message === null) throw error;
    fail(message, 1);
  }
}

/** Shoppers reach this machine as localhost, unless the server listens on an address that localhost does not cover. */
function defaultPublicUrl({ publicUrl, host, port }: RunOptions): { publicUrl?: string } {
  const isLocalhost = ['127.0.0.1', 'localhost', '0.0.0.0', '::'].includes(host);
  return publicUrl === undefined && isLocalhost && port !== 0
    ? { publicUrl: `http://localhost:${port}` }
    : {};
}

/** On a terminal, readable lines if pino-pretty is installed; otherwise JSON. */
function createLog(): Logger {
  return process.stdout.isTTY && isInstalled('pino-pretty')
    ? pino({ transport: { target: 'pino-pretty' } })
    : pino();
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}

function fail(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
