import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Express } from 'express';
import type { Logger } from 'pino';
import { type AppSettings, createApp } from '../../src/app.ts';
import type { CheckoutSettings, Context } from '../../src/context.ts';
import { realEffects } from '../../src/context.ts';
import { createDojoClient } from '../../src/dojo/client.ts';
import { createWebhookSecret } from '../../src/dojo/webhook.ts';
import { createLogger } from '../../src/log.ts';
import type { Catalogue } from '../../src/shop/catalogue.ts';
import { openStore } from '../../src/store/open-store.ts';
import { testCatalogue } from './catalogue.ts';

/** Where nock answers for Dojo; nothing listens there. */
export const dojoUrl = 'https://api.dojo.test';
export const checkoutOrigin = 'https://pay.dojo.test';
export const webhookSecret = 'ZGVtb19zZWNyZXQ';
export const apiKey = 'sk_sandbox_of_the_tests';

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
  readonly settings?: Partial<CheckoutSettings>;
  readonly app?: Partial<AppSettings>;
  readonly context?: Partial<Pick<Context, 'now' | 'sleep' | 'random' | 'createSecret'>>;
  readonly dojo?: { apiUrl?: string; timeoutMs?: number; now?: () => number };
  readonly catalogue?: Catalogue;
  /** An existing file, for a shop that is started again. */
  readonly databasePath?: string;
  /** Another database than a SQLite file. */
  readonly databaseUrl?: string;
};

/** A whole shop with a SQLite file of its own where no other database is named, as `src/main.ts` puts it together. */
export async function openShop(options: ShopOptions = {}): Promise<OpenShop> {
  const folder = mkdtempSync(join(tmpdir(), 'shop-'));
  const databasePath = options.databasePath ?? join(folder, 'orders.db');
  const lines: Record<string, unknown>[] = [];
  const log: Logger = createLogger({ level: 'info' }, { write: (line) => void lines.push(JSON.parse(line)) });
  const databaseUrl = options.databaseUrl ?? `sqlite:${databasePath}`;
  const store = await openStore(databaseUrl, { clock: 'caller' });
  const dojo = createDojoClient({
    apiUrl: options.dojo?.apiUrl ?? dojoUrl,
    apiKey,
    apiVersion: '2026-02-27',
    timeoutMs: options.dojo?.timeoutMs ?? 4_500,
    connections: 8,
    ...(options.dojo?.now !== undefined && { now: options.dojo.now }),
  });
  const context: Context = {
    ...realEffects,
    store,
    dojo,
    catalogue: options.catalogue ?? testCatalogue,
    log,
    ...options.context,
    settings: {
      publicUrl: 'http://localhost:3000',
      checkoutOrigin,
      captureMode: 'Auto',
      paymentMethods: ['Card'],
      paymentExpiryMinutes: 60,
      webhookSecrets: [createWebhookSecret(webhookSecret)],
      accountId: null,
      ...options.settings,
    },
  };
  const app = createApp(context, {
    hasPublicUrl: false,
    isTestShop: true,
    sessionSecret: 'the session secret of the tests, 32+',
    checkoutRate: 600,
    trustProxy: false,
    ...options.app,
  });
  return {
    app,
    context,
    databasePath,
    databaseUrl,
    log: lines,
    async close() {
      await dojo.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
