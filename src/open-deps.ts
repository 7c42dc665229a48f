import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import type { CheckoutDeps } from './checkout/deps.ts';
import { realEffects } from './checkout/real-effects.ts';
import { type Config, ConfigError, webhookSecrets } from './config.ts';
import { createDojoClient } from './dojo/client.ts';
import { type Catalogue, CatalogueError, parseCatalogue } from './shop/catalogue.ts';
import { openStore } from './store/open-store.ts';
import { type OrderStore, StoreError } from './store/order-store.ts';

/** Opens what a configuration names: catalogue, order store, Dojo. Rejects with `ConfigError` where one cannot be used, and with `StoreError` where the database is not there just now. */
export async function openDeps(
  config: Config,
  log: Logger,
): Promise<{ deps: CheckoutDeps; close(): Promise<void> }> {
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
    deps: { ...realEffects, store, dojo, catalogue, log, settings },
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
