import type { Logger } from 'pino';
import type { DojoClient } from '../dojo/client.ts';
import type { CaptureMode } from '../dojo/schemas.ts';
import type { WebhookSecret } from '../dojo/webhook.ts';
import type { Catalogue } from '../shop/catalogue.ts';
import type { OrderStore } from '../store/order-store.ts';

/** All that a flow may touch. The clock, randomness and waiting are among it, so that tests can own them. */
export type CheckoutDeps = {
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
  /** Events of another account are not ours; null where every account's are taken. */
  readonly accountId: string | null;
};
