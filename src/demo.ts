import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createDojoClient } from './dojo/client.ts';
import { statusUpdatedEvent } from './dojo/webhook.ts';
import { createSimulator, type Simulator } from './simulator/create-simulator.ts';
import {
  configErrorCode,
  describeListenError,
  findEnvironmentErrors,
  readPort,
} from './simulator/environment.ts';

const apiKey = 'sk_sandbox_demo';

await main(process.env);

/** The shop and the simulator with one command: two processes and a subscription, without account, key or network. */
async function main(env: NodeJS.ProcessEnv): Promise<void> {
  const shopPort = env.PORT || '3000';
  const simulatorPort = env.SIMULATOR_PORT || '4000';
  const errors = [...findEnvironmentErrors(env), ...findPortErrors(shopPort, simulatorPort)];
  if (errors.length > 0) {
    process.stderr.write(`${errors.join('\n')}\n`);
    process.exitCode = configErrorCode;
    return;
  }
  const simulator = await startSimulator(simulatorPort);
  if (simulator === null) return;

  const secret = await subscribe(simulator.url, `http://127.0.0.1:${shopPort}/webhooks/dojo`);
  const shop = startShop({
    ...env,
    // Every variable is set, even if empty, so that the .env of a real shop does not reach the demo.
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    PORT: shopPort,
    PUBLIC_URL: '',
    DOJO_API_KEY: apiKey,
    DOJO_API_URL: simulator.url,
    DOJO_API_VERSION: '',
    DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
    DOJO_WEBHOOK_SECRETS: secret,
    DOJO_ACCOUNT_ID: '',
    DATABASE_CONNECTIONS: '',
    DATABASE_URL: env.DATABASE_URL || 'sqlite:data/demo.db',
    // Worthless outside the demo: it only keeps baskets across restarts.
    SESSION_SECRET: 'the-demo-keeps-its-baskets-with-this',
    TRUST_PROXY: '',
    CAPTURE_MODE: env.CAPTURE_MODE ?? '',
    CATALOGUE_FILE: env.CATALOGUE_FILE ?? '',
    CHECKOUT_RATE: env.CHECKOUT_RATE ?? '',
    DOJO_ALLOW_SANDBOX: '',
    DOJO_CALLS_PER_SECOND: '',
    DOJO_CONNECTIONS: '',
    DOJO_TIMEOUT_MS: '',
    FULFILMENT_SECRET: env.FULFILMENT_SECRET ?? '',
    FULFILMENT_URL: env.FULFILMENT_URL ?? '',
    LOG_LEVEL: env.LOG_LEVEL ?? '',
    SECURITY_CONTACT: '',
    SHIP_SECRET: env.SHIP_SECRET ?? '',
    PAYMENT_EXPIRY_MINUTES: env.PAYMENT_EXPIRY_MINUTES ?? '',
    PAYMENT_METHODS: env.PAYMENT_METHODS ?? '',
    PERSONAL_DATA_DAYS: '',
  });
  shop.once('message', () => process.stdout.write(welcome(`http://localhost:${shopPort}`, simulator)));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => shop.kill('SIGTERM'));

  const [code] = await once(shop, 'exit');
  await simulator.close();
  process.exitCode = code ?? 1;
}

/** Shop and simulator must find each other, so port 0 is not allowed. */
function findPortErrors(...ports: string[]): string[] {
  const isUsable = ports.every((port) => (readPort(port) ?? 0) > 0) && new Set(ports).size === ports.length;
  return isUsable ? [] : ['PORT and SIMULATOR_PORT must be two different port numbers, 1 to 65535.'];
}

async function startSimulator(port: string): Promise<Simulator | null> {
  try {
    return await createSimulator({ port: Number(port), publicUrl: `http://localhost:${port}` });
  } catch (error) {
    const at = { port: Number(port), host: '127.0.0.1', another: 'SIMULATOR_PORT' };
    const message = describeListenError(error, at);
    if (message === null) throw error;
    process.stderr.write(`${message}\n`);
    process.exitCode = 1;
    return null;
  }
}

/** As `npm run shop -- webhooks subscribe` does for a real account. */
async function subscribe(apiUrl: string, url: string): Promise<string> {
  const dojo = createDojoClient({
    apiUrl,
    apiKey,
    apiVersion: '2026-02-27',
    timeoutMs: 5_000,
    connections: 1,
  });
  try {
    const { secrets } = await dojo.createSubscription({ events: [statusUpdatedEvent], url });
    return secrets.map((secret) => secret.value).join(',');
  } finally {
    await dojo.close();
  }
}

function startShop(env: NodeJS.ProcessEnv): ChildProcess {
  const main = fileURLToPath(new URL('./main.ts', import.meta.url));
  return spawn(process.execPath, [main], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

function welcome(shopUrl: string, simulator: Simulator): string {
  return `
  The shop          ${shopUrl}
  The pretend Dojo  ${simulator.publicUrl}   control page: payments, webhooks, faults, clock, settings

  Test cards        5200 0000 0000 1005   12/29   020   pays
                    5200 0000 0000 1096   12/29   020   asks "Confirm it is you", then pays
                    4456 5300 0000 1013   12/29   341   is declined

  Ctrl-C ends both. Orders stay in data/.

`;
}
