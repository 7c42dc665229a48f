import { type Logger, pino } from 'pino';
import { z } from 'zod';
import { createSimulator } from './create-simulator.ts';

/** sysexits.h: the configuration is at fault. */
const configFaultCode = 78;

const portSchema = z
  .string()
  .regex(/^\d{1,5}$/)
  .transform(Number)
  .pipe(z.int().max(65_535));

await main(process.env);

async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const fault = findFault(env);
  if (fault !== null) return stop(fault, configFaultCode);
  const port = portSchema.parse(env.SIMULATOR_PORT || '4000');
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

function findFault(env: NodeJS.ProcessEnv): string | null {
  if (env.NODE_ENV === 'production')
    return 'NODE_ENV=production: the simulator takes no money and must not stand in for Dojo in production.';
  if (env.DOJO_API_KEY?.startsWith('sk_prod_'))
    return 'DOJO_API_KEY is a live key (sk_prod_): use a key that begins with sk_sandbox_.';
  if (!portSchema.safeParse(env.SIMULATOR_PORT || '4000').success)
    return 'SIMULATOR_PORT must be a port number, 0 to 65535.';
  return null;
}

function createLog(): Logger {
  return process.stdout.isTTY ? pino({ transport: { target: 'pino-pretty' } }) : pino();
}

function stop(message: string, exitCode: number): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = exitCode;
}
