import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createEventIntake, type EventIntake } from './checkout/event-intake.ts';
import { type Config, ConfigError } from './config.ts';
import { createDojoClient, type DojoClient } from './dojo/client.ts';
import type { SenderOptions } from './dojo/send.ts';
import { logOrderNews } from './log.ts';
import { type Catalogue, CatalogueError, parseCatalogue } from './shop/catalogue.ts';
import { openStore } from './store/open-store.ts';
import { type OrderStore, StoreError, type StoreOptions } from './store/order-store.ts';

/** Everything a flow may touch, including the clock, randomness and waiting, so that tests can control them. */
export type Context = {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly store: OrderStore;
  readonly intake: EventIntake;
  /** The random name of this shop in the metadata of its intents: a Dojo account may serve others beside it. */
  readonly shopId: string;
  readonly dojo: DojoClient;
  readonly log: Logger;
  readonly now: () => Date;
  /** 24 characters of base64url from a cryptographic source. */
  readonly createSecret: () => string;
  /** A whole number from 0 to 2^32 - 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<unknown>;
};

/** The clock, randomness and waiting of this machine. */
const realEffects: Pick<Context, 'now' | 'createSecret' | 'random' | 'sleep'> = {
  now: () => new Date(),
  createSecret: () => randomBytes(18).toString('base64url'),
  random: () => randomInt(2 ** 32),
  sleep,
};

/**
 * Opens what the configuration names: catalogue, order store, Dojo. Rejects with `ConfigError` if one of them cannot
 * be used, and with `StoreError` if the database cannot be reached at the moment. `own` replaces parts of it.
 */
export async function openContext(
  config: Config,
  log: Logger,
  own: { catalogue?: Catalogue; store?: StoreOptions; dojo?: Partial<SenderOptions> } = {},
): Promise<{ context: Context; close(): Promise<void> }> {
  const catalogue = own.catalogue ?? readCatalogue(config);
  const store = await openConfiguredStore(config, {
    onNews: (news) => logOrderNews(log, news),
    ...own.store,
  });
  await assertSameDojo(config, store).catch(async (error) => {
    await store.close();
    throw error;
  });
  const shopId = await store.keepSetting('shop', realEffects.createSecret());
  const dojo = createDojoClient({ ...config.dojo, ...own.dojo });
  const intake = createEventIntake(store, log);
  return {
    context: { ...realEffects, config, catalogue, store, intake, shopId, dojo, log },
    async close() {
      await dojo.close();
      await store.close();
    },
  };
}

function readCatalogue(config: Config): Catalogue {
  const file = config.catalogueFile ?? new URL('./shop/sample-catalogue.json', import.meta.url);
  try {
    return parseCatalogue(readFileSync(file, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const problems = error instanceof CatalogueError ? why.split('\n') : [`cannot be read (${why})`];
    throw new ConfigError(problems.map((problem) => `CATALOGUE_FILE: ${problem}`));
  }
}

/**
 * Orders can be settled only with the Dojo that has their payments. The store remembers the first: sandbox or live, and the
 * account of the first webhook that changed an order.
 */
async function assertSameDojo(config: Config, store: OrderStore): Promise<void> {
  const kind = config.isTestShop ? 'sandbox' : 'live';
  const knownKind = await store.keepSetting('environment', kind);
  if (knownKind !== kind)
    throw new ConfigError([
      `DOJO_API_KEY: is a ${kind} key, and the database of DATABASE_URL was begun with a ${knownKind} key; use that key, or name another database`,
    ]);
  const { accountId } = config.dojo;
  const knownId = await store.findSetting('account');
  if (accountId !== null && knownId !== null && knownId !== accountId)
    throw new ConfigError([
      `DOJO_ACCOUNT_ID: is ${accountId}, and the orders of this database were paid to ${knownId}; unset it, name that account, or another database`,
    ]);
}

async function openConfiguredStore(config: Config, options: StoreOptions): Promise<OrderStore> {
  try {
    const { url, connections } = config.database;
    return await openStore(url, { connections, ...options });
  } catch (error) {
    if (error instanceof StoreError && !error.isUnreachable)
      throw new ConfigError([`DATABASE_URL: ${error.message}`]);
    throw error;
  }
}
