import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { createApp } from '../../src/app.ts';
import { parseConfig } from '../../src/config.ts';
import { type Context, openContext } from '../../src/context.ts';
import { createLogger } from '../../src/log.ts';
import type { Catalogue } from '../../src/shop/catalogue.ts';
import { testCatalogue } from './catalogue.ts';

/** Where nock answers for Dojo; nothing listens there. */
export const dojoUrl = 'https://api.dojo.test';
export const checkoutOrigin = 'https://pay.dojo.test';
export const webhookSecret = 'ZGVtb19zZWNyZXQ';
export const apiKey = 'sk_sandbox_of_the_tests';

/** The environment of a test shop, valid as it stands. */
export const shopEnv: Readonly<Record<string, string>> = {
  DOJO_API_KEY: apiKey,
  DOJO_API_URL: dojoUrl,
  DOJO_CHECKOUT_ORIGIN: checkoutOrigin,
  DOJO_WEBHOOK_SECRETS: webhookSecret,
  DOJO_CONNECTIONS: '8',
  SESSION_SECRET: 'the session secret of the tests, 32+',
};

export type OpenShop = {
  readonly app: Express;
  readonly context: Context;
  readonly databasePath: string;
  readonly databaseUrl: string;
  /** Every line of the log, parsed. */
  readonly log: readonly Record<string, unknown>[];
  close(): Promise<void>;
};

export type ShopOptions = {
  /** Variables that replace those of `shopEnv`. */
  readonly env?: Readonly<Record<string, string>>;
  readonly context?: Partial<Pick<Context, 'now' | 'sleep' | 'random' | 'createSecret'>>;
  readonly dojo?: { apiUrl?: string; timeoutMs?: number; now?: () => number };
  readonly catalogue?: Catalogue;
  /** An existing file, for a shop that restarts. */
  readonly databasePath?: string;
  /** Another database than a SQLite file. */
  readonly databaseUrl?: string;
};

/** A whole shop without background work, on a new SQLite file unless another database is named. */
export async function openShop(options: ShopOptions = {}): Promise<OpenShop> {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'));
  const databasePath = options.databasePath ?? join(folder, 'orders.db');
  const lines: Record<string, unknown>[] = [];
  const log: Logger = createLogger({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const databaseUrl = options.databaseUrl ?? `sqlite:${databasePath}`;
  const config = parseConfig({ ...shopEnv, DATABASE_URL: databaseUrl, ...options.env });
  const { context: opened, close } = await openContext(config, log, {
    catalogue: options.catalogue ?? testCatalogue,
    store: { clock: 'caller' },
    dojo: { ...options.dojo },
  });
  const context: Context = { ...opened, ...options.context };
  return {
    app: createApp(context),
    context,
    databasePath,
    databaseUrl,
    log: lines,
    async close() {
      await close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
