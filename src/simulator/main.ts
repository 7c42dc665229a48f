import { type Logger, pino } from 'pino';
import { createSimulator } from './create-simulator.ts';
import { configFaultCode, findFault, readPort } from './environment.ts';

await main(process.env);

async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const fault = findFault(env);
  if (fault !== null) return stop(fault, configFaultCode);
  const port = readPort(env.SIMULATOR_PORT || '4000') ?? 4000;
  const log = createLog();
  try {
    const simulator = await createSimulator({
      port,
      log,
      ...(port !== 0 && { publicUrl: `http://localhost:${port}` }),
    });
    log.info(`Pretend Pay simulator on ${simulator.publicUrl} (no money moves; any sk_sandbox_ key will do)`);
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => void simulator.close());
    }
  } catch (error) {
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
    if (!isTaken) throw error;
    stop(`Port ${port} is in use: end what listens there, or set SIMULATOR_PORT to another port.`, 1);
  }
}

function createLog(): Logger {
  return process.stdout.isTTY ? pino({ transport: { target: 'pino-pretty' } }) : pino();
}

function stop(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
