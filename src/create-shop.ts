import { readdirSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join, relative } from 'node:path';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { createApp, publicFolder } from './app.ts';
import { deliverMessages } from './checkout/deliver-messages.ts';
import { eraseCustomers } from './checkout/erase-customers.ts';
import { reconcile } from './checkout/reconcile.ts';
import { repeat } from './checkout/repeat.ts';
import { watchCheckouts } from './checkout/watch-checkouts.ts';
import { type Environment, parseConfig } from './config.ts';
import { type Context, openContext } from './context.ts';
import { createLogger, logEvent } from './log.ts';
import { createMerchantClient } from './outbox/merchant-client.ts';
import { schedule } from './shop/schedule.ts';

export type Shop = {
  /**
   * Answers the shop's own addresses and hands every other request on untouched. Mount it at the root of an Express 5
   * app, before `express.json()`: the signature of a webhook covers the bytes as they came.
   */
  readonly router: (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;
  /** The same shop as a whole app, which answers every other address with its 404 page. */
  readonly app: Express;
  readonly context: Context;
  /** Ends the background work, waits for `inFlight` (requests that still need the store), and closes the connections. */
  close(inFlight?: Promise<unknown>): Promise<void>;
};

/**
 * A shop that is open: its store is migrated, and its background work runs.
 * `settings` are the variables of `docs/configuration.md`; `process.env` will do.
 * Rejects with `ConfigError` if they cannot be used, and with `StoreError` if the database cannot be reached.
 */
export async function createShop(settings: Environment, options: { log?: Logger } = {}): Promise<Shop> {
  const config = parseConfig(settings);
  const isPretty = process.stdout.isTTY && !config.isProduction;
  const log = options.log ?? createLogger({ level: config.log.level, pretty: isPretty });
  const { context, close } = await openContext(config, log);
  warnOfGaps(context);
  const app = createApp(context);
  const work = startWork(context);
  return {
    router: createRouter(app),
    app,
    context,
    async close(inFlight) {
      await Promise.allSettled([work.stop(), inFlight]);
      await close();
    },
  };
}

function startWork(context: Context): { stop(): Promise<void> } {
  const { config, log } = context;
  const holder = context.createSecret();
  const merchant = config.fulfilment && createMerchantClient(config.fulfilment);
  const reconciling = repeat(
    (signal) => reconcile(context, holder, { signal, isPatient: true }),
    schedule.reconcile,
    log,
  );
  const erasing = repeat(() => eraseCustomers(context), schedule.claim, log);
  const watching = repeat(() => watchCheckouts(context), schedule.paidBy, log);
  const delivering =
    merchant && repeat((stopped) => deliverMessages(context, merchant, stopped), schedule.deliver, log);
  return {
    async stop() {
      await Promise.all([reconciling.stop(), erasing.stop(), watching.stop(), delivering?.stop()]);
      await merchant?.close();
    },
  };
}

/** The addresses that the shop takes from another app, in every method. A test keeps them equal to the routes. */
export const shopPaths: readonly string[] = [
  '/',
  '/basket',
  '/basket/:sku',
  '/basket/:sku/remove',
  '/checkout',
  '/checkout/success/:token',
  '/checkout/cancelled/:token',
  '/orders/:token',
  '/orders/:token/basket',
  '/webhooks/dojo',
  '/api/orders/:reference/ship',
  '/healthz',
  '/readyz',
];

/** Lets through what belongs to the shop. Not an Express router: that would decode an address before it is known whose it is. */
function createRouter(app: Express): Shop['router'] {
  const patterns = shopPaths.map((path) => path.replace(/:\w+/g, '[^/]+'));
  const shopPath = new RegExp(`^(?:${patterns.join('|')})/?$`, 'i');
  const files = new Set(publicFiles());
  return (req, res, next) => {
    const [path = ''] = (req.url ?? '').split('?', 1);
    if (shopPath.test(path) || files.has(path)) app(req, res);
    else next();
  };
}

/** The address of each file that the shop serves. */
function publicFiles(): string[] {
  return readdirSync(publicFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(publicFolder, join(parentPath, name)).replaceAll('\\', '/'))
    .map((file) => encodeURI(`/static/${file}`));
}

/** What a developer may leave out, and must not be surprised by. */
function warnOfGaps({ config, log }: Context): void {
  if (config.dojo.webhookSecrets.length === 0) logEvent(log, 'webhookSecretsMissing');
  // It may be right: one secret in Dojo's examples begins like this.
  if (config.dojo.webhookSecrets.some(({ key }) => key.export().toString().startsWith('ws_')))
    logEvent(log, 'webhookSecretSuspect');
  if (config.http.sessionSecret === undefined) logEvent(log, 'sessionSecretMissing');
}
