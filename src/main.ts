import { readFileSync } from 'node:fs';
import { config as readDotenv } from 'dotenv';
import { createApp } from './app.ts';
import type { CheckoutDeps } from './checkout/deps.ts';
import { realEffects } from './checkout/real-effects.ts';
import { repeat } from './checkout/repeat.ts';
import { sweepOrders } from './checkout/sweep-orders.ts';
import { type Config, ConfigError, parseConfig, webhookSecrets } from './config.ts';
import { createDojoClient } from './dojo/client.ts';
import { closeServer, createHttpServer, listen } from './http/server.ts';
import { createLogger } from './log.ts';
import { type Catalogue, CatalogueError, parseCatalogue } from './shop/catalogue.ts';
import { openStore } from './store/open-store.ts';
import { StoreError } from './store/order-store.ts';

/** sysexits.h: the configuration is at fault, so starting again will not help. */
const exitConfig = 78;
const finishWithinMs = 10_000;
const sweepEveryMs = 15_000;

await main();

async function main(): Promise<void> {
  readDotenv({ quiet: true });
  const config = orExit(() => parseConfig(process.env, { sqliteVersion: process.versions.sqlite ?? '0' }));
  const catalogue = orExit(() => readCatalogue(config));
  const log = createLogger({ level: config.LOG_LEVEL, pretty: process.stdout.isTTY && !config.isProduction });
  const store = await openStore(config.DATABASE_URL).catch((error: unknown) => {
    if (!(error instanceof StoreError)) throw error;
    return exit(exitConfig, [`DATABASE_URL: ${error.message}`]);
  });
  const dojo = createDojoClient({
    apiUrl: config.DOJO_API_URL,
    apiKey: config.DOJO_API_KEY,
    apiVersion: config.DOJO_API_VERSION,
    timeoutMs: config.DOJO_TIMEOUT_MS,
    connections: config.DOJO_CONNECTIONS,
  });
  const deps: CheckoutDeps = {
    ...realEffects,
    store,
    dojo,
    catalogue,
    log,
    settings: {
      publicUrl: config.publicUrl,
      checkoutOrigin: config.DOJO_CHECKOUT_ORIGIN,
      captureMode: config.CAPTURE_MODE,
      paymentMethods: config.PAYMENT_METHODS,
      paymentExpiryMinutes: config.PAYMENT_EXPIRY_MINUTES,
      webhookSecrets: webhookSecrets(config),
      accountId: config.DOJO_ACCOUNT_ID ?? null,
    },
  };
  warnOfGaps(config, log);
  const app = createApp(deps, {
    hasPublicUrl: config.hasPublicUrl,
    isTestShop: config.isTestShop,
    sessionSecret: config.SESSION_SECRET ?? deps.createSecret(),
    checkoutRate: config.CHECKOUT_RATE,
    trustProxy: config.TRUST_PROXY,
  });

  const server = createHttpServer(app);
  await listen(server, { port: config.PORT, host: config.HOST }).catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? 'is in use; stop what uses it, or choose another PORT' : error.message;
    return exit(1, [`PORT: ${config.HOST}:${config.PORT} ${why}`]);
  });
  log.info({ url: config.publicUrl, testShop: config.isTestShop }, 'The shop is open');
  // For whoever started this process and waits until it serves: a process manager, or the demo.
  process.send?.('ready');

  const holder = deps.createSecret();
  const sweep = repeat((stopped) => sweepOrders(deps, holder, stopped), sweepEveryMs, log);

  const signal = await new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info({ signal }, 'The shop is closing');
  await Promise.all([closeServer(server, finishWithinMs), sweep.stop()]);
  await dojo.close();
  await store.close();
  log.info('The shop is closed');
}

function readCatalogue(config: Config): Catalogue {
  const file = config.CATALOGUE_FILE ?? new URL('./shop/sample-catalogue.json', import.meta.url);
  try {
    return parseCatalogue(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (error instanceof CatalogueError)
      throw new ConfigError(why.split('\n').map((fault) => `CATALOGUE_FILE: ${fault}`));
    throw new ConfigError([`CATALOGUE_FILE: cannot be read (${why})`]);
  }
}

/** What may be missing while a developer tries the shop, and must not surprise. */
function warnOfGaps(config: Config, log: CheckoutDeps['log']): void {
  if (config.DOJO_WEBHOOK_SECRETS.length === 0) {
    log.warn('DOJO_WEBHOOK_SECRETS is not set: every webhook is refused, and no order becomes paid');
  }
  if (config.SESSION_SECRET === undefined) {
    log.warn('SESSION_SECRET is not set: baskets are lost when the shop is started again');
  }
}

function orExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ConfigError) return exit(exitConfig, error.faults);
    throw error;
  }
}

/** One line a fault, where people look for it, before there is a log. */
function exit(code: number, faults: readonly string[]): never {
  process.stderr.write(faults.map((fault) => `${fault}\n`).join(''));
  process.exit(code);
}
