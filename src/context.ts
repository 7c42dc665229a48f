import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, ConfigError, webhookSecrets } from './config.ts';
import { createDojoClient, type DojoClient } from './dojo/client.ts';
import type { CaptureMode } from './dojo/schemas.ts';
import type { WebhookSecret } from './dojo/webhook.ts';
import { type Catalogue, CatalogueError, parseCatalogue } from './shop/catalogue.ts';
import { openStore } from './store/open-store.ts';
import { type OrderStore, StoreError } from './store/order-store.ts';

/** Everything a flow may touch, including the clock, randomness and waiting, so that tests can control them. */
export type Context = {
  readonly store: OrderStore;
  readonly dojo: DojoClient;
  readonly catalogue: Catalogue;
  readonly log: Logger;
  readonly now: () => Date;
  /** 24 characters of base64url from a cryptographic source. */
  readonly createSecret: () => string;
  /** A whole number from 0 to 2^32 - 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly settings: CheckoutSettings;
};

export type CheckoutSettings = {
  /** Our own origin, for the addresses that Dojo sends the browser back to. */
  readonly publicUrl: string;
  /** The only origin that a payment link may have. */
  readonly checkoutOrigin: string;
  readonly captureMode: CaptureMode;
  readonly paymentMethods: readonly string[];
  readonly paymentExpiryMinutes: number;
  readonly webhookSecrets: readonly WebhookSecret[];
  /** Webhooks of any other account are quarantined; null accepts every account. */
  readonly accountId: string | null;
};

/** The clock, randomness and waiting of this machine. */
export const realEffects: Pick<Context, 'now' | 'createSecret' | 'random' | 'sleep'> = {
  now: () => new Date(),
  createSecret: () => randomBytes(18).toString('base64url'),
  random: () => randomInt(2 ** 32),
  sleep,
};

/** Opens what a configuration names: catalogue, order store, Dojo. Rejects with `ConfigError` where one cannot be used, and with `StoreError` where the database is not there just now. */
export async function openContext(
  config: Config,
  log: Logger,
): Promise<{ context: Context; close(): Promise<void> }> {
  const catalogue = readCatalogue(config);
  const store = await openConfiguredStore(config);
  const dojo = createDojoClient({
    apiUrl: config.DOJO_API_URL,
    apiKey: config.DOJO_API_KEY,
    apiVersion: config.DOJO_API_VERSION,
    timeoutMs: config.DOJO_TIMEOUT_MS,
    connections: config.DOJO_CONNECTIONS,
  });
  const settings = {
    publicUrl: config.publicUrl,
    checkoutOrigin: config.DOJO_CHECKOUT_ORIGIN,
    captureMode: config.CAPTURE_MODE,
    paymentMethods: config.PAYMENT_METHODS,
    paymentExpiryMinutes: config.PAYMENT_EXPIRY_MINUTES,
    webhookSecrets: webhookSecrets(config),
    accountId: config.DOJO_ACCOUNT_ID ?? null,
  };
  return {
    context: { ...realEffects, store, dojo, catalogue, log, settings },
    async close() {
      await dojo.close();
      await store.close();
    },
  };
}

function readCatalogue(config: Config): Catalogue {
  const file = config.CATALOGUE_FILE ?? new URL('./shop/sample-catalogue.json', import.meta.url);
  try {
    return parseCatalogue(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const faults = error instanceof CatalogueError ? why.split('\n') : [`cannot be read (${why})`];
    throw new ConfigError(faults.map((fault) => `CATALOGUE_FILE: ${fault}`));
  }
}

async function openConfiguredStore(config: Config): Promise<OrderStore> {
  try {
    return await openStore(config.DATABASE_URL);
  } catch (error) {
    if (error instanceof StoreError && !error.isUnreachable)
      throw new ConfigError([`DATABASE_URL: ${error.message}`]);
    throw error;
  }
}
