import { type Logger, pino } from 'pino';
import { createSimulator } from './create-simulator.ts';
import { configFaultCode, describeListenError, isLoopback } from './environment.ts';
import { help, parseOptions, type RunOptions } from './options.ts';
import { StateFileError } from './state/state-file.ts';

await main(process.argv.slice(2), process.env);

async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const parsed = parseOptions(args, env);
  if (parsed.kind === 'help') process.stdout.write(help);
  else if (parsed.kind === 'faults') stop(parsed.faults.join('\n'), configFaultCode);
  else await run(parsed.options);
}

async function run(options: RunOptions): Promise<void> {
  const { port, host } = options;
  const log = createLog();
  try {
    const simulator = await createSimulator({ ...options, ...defaultPublicUrl(options), log });
    const keys =
      options.apiKeys === undefined ? 'any sk_sandbox_ key will do' : 'the given keys alone are good';
    log.info(`Pretend Pay simulator on ${simulator.publicUrl} (no money moves; ${keys}; control page on /)`);
    if (!isLoopback(host))
      log.warn(`--host ${host} is no loopback address: whoever reaches it can use and control the simulator`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      // Not `once`: on Ctrl-C a second SIGINT comes from npm, and without a listener it would cut the closing short.
      process.on(signal, () => void simulator.close());
    }
  } catch (error) {
    if (error instanceof StateFileError)
      return stop(`--state: ${error.message}`, error.kind === 'in-use' ? 1 : configFaultCode);
    const message = describeListenError(error, { port, host, another: '--port or SIMULATOR_PORT' });
    if (message === null) throw error;
    stop(message, 1);
  }
}

/** Shoppers know this machine as localhost, unless it listens on one address that localhost is not. */
function defaultPublicUrl({ publicUrl, host, port }: RunOptions): { publicUrl?: string } {
  const isLocalhost = ['127.0.0.1', 'localhost', '0.0.0.0', '::'].includes(host);
  return publicUrl === undefined && isLocalhost && port !== 0
    ? { publicUrl: `http://localhost:${port}` }
    : {};
}

function createLog(): Logger {
  return process.stdout.isTTY ? pino({ transport: { target: 'pino-pretty' } }) : pino();
}

function stop(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
