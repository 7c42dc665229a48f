import { config as readDotenv } from 'dotenv';
import type { Logger } from 'pino';
import { createApp } from './app.ts';
import { notifyFulfilment } from './checkout/notify-fulfilment.ts';
import { reconcile } from './checkout/reconcile.ts';
import { repeat } from './checkout/repeat.ts';
import { type Config, ConfigError, parseConfig } from './config.ts';
import { openContext } from './context.ts';
import { closeServer, createHttpServer, listen } from './http/server.ts';
import { createLogger, logEvent } from './log.ts';
import { createMerchantClient, type MerchantClient } from './outbox/merchant-client.ts';

/** sysexits.h: the configuration is at fault, so starting again will not help. */
const exitConfig = 78;
const finishWithinMs = 10_000;
const reconcileEveryMs = 15_000;
const notifyEveryMs = 5_000;

try {
  await main();
} catch (error) {
  if (error instanceof ConfigError) exit(exitConfig, error.faults);
  // A database that is not there just now: a process manager may try again.
  if (error instanceof Error && error.name === 'StoreError') exit(1, [`DATABASE_URL: ${error.message}`]);
  throw error;
}

async function main(): Promise<void> {
  readDotenv({ quiet: true });
  const config = parseConfig(process.env, { sqliteVersion: process.versions.sqlite ?? '0' });
  const log = createLogger({ level: config.LOG_LEVEL, pretty: process.stdout.isTTY && !config.isProduction });
  const { context, close } = await openContext(config, log);
  warnOfGaps(config, log);
  const app = createApp(context, {
    hasPublicUrl: config.hasPublicUrl,
    isTestShop: config.isTestShop,
    sessionSecret: config.SESSION_SECRET ?? context.createSecret(),
    checkoutRate: config.CHECKOUT_RATE,
    trustProxy: config.TRUST_PROXY,
  });

  const server = createHttpServer(app);
  await listen(server, { port: config.PORT, host: config.HOST }).catch((error: NodeJS.ErrnoException) => {
    const why =
      error.code === 'EADDRINUSE' ? 'is in use; stop what uses it, or choose another PORT' : error.message;
    exit(1, [`PORT: ${config.HOST}:${config.PORT} ${why}`]);
  });
  logEvent(log, 'shopOpened', { url: config.publicUrl, testShop: config.isTestShop });
  // For whoever started this process and waits until it serves: a process manager, or the demo.
  process.send?.('ready');

  const holder = context.createSecret();
  const sweep = repeat((stopped) => reconcile(context, holder, stopped), reconcileEveryMs, log);
  const merchant = createMerchant(config);
  const notify =
    merchant && repeat((stopped) => notifyFulfilment(context, merchant, stopped), notifyEveryMs, log);

  const signal = await new Promise<string>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  logEvent(log, 'shopClosing', { signal });
  await Promise.all([closeServer(server, finishWithinMs), sweep.stop(), notify?.stop()]);
  await merchant?.close();
  await close();
  logEvent(log, 'shopClosed');
}

function createMerchant({ FULFILMENT_URL: url, FULFILMENT_SECRET: secret }: Config): MerchantClient | null {
  return url === undefined || secret === undefined ? null : createMerchantClient({ url, secret });
}

/** What may be missing while a developer tries the shop, and must not surprise. */
function warnOfGaps(config: Config, log: Logger): void {
  if (config.DOJO_WEBHOOK_SECRETS.length === 0) {
    logEvent(log, 'webhookSecretsMissing');
  }
  if (config.SESSION_SECRET === undefined) {
    logEvent(log, 'sessionSecretMissing');
  }
}

/** One line a fault, where people look for it, before there is a log. */
function exit(code: number, faults: readonly string[]): never {
  process.stderr.write(faults.map((fault) => `${fault}\n`).join(''));
  process.exit(code);
}
