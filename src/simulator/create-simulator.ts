import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { type Logger, pino } from 'pino';
import { createApp } from './app.ts';
import { createDeliveries, type Delivery, type SetTimer } from './delivery.ts';
import { createIds, type RandomBytes } from './ids.ts';
import type { PaymentIntent } from './payment-intent.ts';
import { createPaymentIntentStore, type OnIntentChange } from './payment-intent-store.ts';
import { createSubscriptionStore } from './subscription-store.ts';

export type SimulatorOptions = {
  /** 0 takes any free port. */
  readonly port?: number;
  readonly host?: string;
  /** Where shoppers reach the hosted page, when that is not where the server listens. */
  readonly publicUrl?: string;
  readonly log?: Logger;
  readonly now?: () => Date;
  readonly randomBytes?: RandomBytes;
  readonly setTimer?: SetTimer;
  /** The waits between the tries to deliver a webhook; one try more than there are waits. */
  readonly retryDelaysMs?: readonly number[];
  /** How long one try to deliver a webhook may take. */
  readonly deliveryTimeoutMs?: number;
};

export type Simulator = {
  /** `http://127.0.0.1:4000`: the API, and unless `publicUrl` says otherwise the hosted page. No trailing slash. */
  readonly url: string;
  readonly publicUrl: string;
  /** Newest first, as they are now. */
  paymentIntents(): PaymentIntent[];
  /** Newest first, each with its attempts. */
  deliveries(): Delivery[];
  /** Stops listening, and drops what was still to be delivered. */
  close(): Promise<void>;
};

/** Twelve tries in about an hour. Dojo publishes neither count nor spacing; one integrator saw twelve. */
export const defaultRetryDelaysMs: readonly number[] = Object.freeze(
  [1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800].map((seconds) => seconds * 1000),
);

/** A pretend Dojo on a real port: API, hosted page and signed webhooks, all state in memory. Rejects when it cannot listen. */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const now = options.now ?? (() => new Date());
  const log = options.log ?? pino({ level: 'silent' });
  const host = options.host ?? '127.0.0.1';
  const ids = createIds(options.randomBytes);
  const subscriptions = createSubscriptionStore({ now, ids });
  const deliveries = createDeliveries({
    subscriptions,
    ids,
    now,
    setTimer: options.setTimer ?? setRealTimer,
    retryDelaysMs: options.retryDelaysMs ?? defaultRetryDelaysMs,
    timeoutMs: options.deliveryTimeoutMs ?? 10_000,
    onAttempt: ({ id, event, paymentIntentId, state }, { status, error, latencyMs }) =>
      log.info({ eventId: id, event, paymentIntentId, state, status, error, latencyMs }, 'delivery'),
  });
  const intents = createPaymentIntentStore({ now, onChange: announceChanges(deliveries.send) });

  let url = '';
  const publicUrl = () => options.publicUrl?.replace(/\/+$/, '') ?? url;
  const app = createApp({ intents, subscriptions, deliveries, ids, now, publicUrl }, log);
  const server = app.listen(options.port ?? 0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;

  return {
    url,
    publicUrl: publicUrl(),
    paymentIntents: () => intents.list(),
    deliveries: () => deliveries.list(),
    async close() {
      const closed = once(server, 'close');
      server.close();
      await deliveries.close();
      // An answer takes milliseconds; only a client that stalls is cut off.
      const cutOff = setTimeout(() => server.closeAllConnections(), 500);
      await closed;
      clearTimeout(cutOff);
    },
  };
}

/** Dojo tells of a creation, and of money that was taken, reserved or given back; a decline sends nothing. */
function announceChanges(send: (event: string, intent: PaymentIntent) => void): OnIntentChange {
  return (intent, before) => {
    if (before === null) return send('payment_intent.created', intent);
    const moved = intent.status !== before.status || intent.refunds.length !== before.refunds.length;
    if (moved) send('payment_intent.status_updated', intent);
  };
}

function setRealTimer(task: () => void, delayMs: number): () => void {
  const timer = setTimeout(task, delayMs);
  return () => clearTimeout(timer);
}
