import { Agent, request } from 'undici';
import { createWebhookSecret, signatureHeader, signWebhook } from '../../dojo/webhook.ts';
import type { Faults } from '../faults.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { formatInstant } from './instant.ts';
import type { PaymentIntent } from './payment-intent.ts';
import type { StateFile } from './state-file.ts';
import type { SubscriptionStore } from './subscription-store.ts';

export type DeliveryAttempt = {
  readonly at: Date;
  /** Null where no answer came. */
  readonly status: number | null;
  readonly error: string | null;
  readonly latencyMs: number;
};

export type Delivery = {
  /** The event's own id, `evt_…`. */
  readonly id: string;
  readonly event: string;
  readonly paymentIntentId: string;
  readonly subscriptionId: string;
  /** The exact bytes that are signed and sent, every time. */
  readonly body: Uint8Array;
  readonly createdAt: Date;
  readonly attempts: readonly DeliveryAttempt[];
  readonly state: 'pending' | 'delivered' | 'given-up';
};

export type DeliveryOptions = {
  readonly file: StateFile;
  readonly settings: () => Settings;
  readonly faults: Faults;
  readonly subscriptions: SubscriptionStore;
  readonly ids: Ids;
  readonly clock: Clock;
  /** In place of the setting: the waits between tries; one try more than there are waits. */
  readonly retryDelaysMs?: readonly number[];
  /** In place of the setting: for a whole try, from connecting to the last byte of the answer. */
  readonly timeoutMs?: number;
  readonly onAttempt: (delivery: Delivery, attempt: DeliveryAttempt) => void;
};

export type Deliveries = {
  /** Queues the event where somebody subscribed to it, and returns at once. */
  send(event: string, intent: PaymentIntent): void;
  /** Newest first. */
  list(options?: { limit?: number }): Delivery[];
  clear(): void;
  /** Ends all timers and connections; what was pending is never sent. */
  close(): Promise<void>;
};

const seconds = (waits: readonly number[]) => waits.map((wait) => wait * 1000);

const retrySchedules = {
  'eleven-in-an-hour': seconds([1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800]),
  'three-in-a-minute': seconds([5, 15, 40]),
  none: [],
} as const satisfies Record<Settings['webhookRetries'], readonly number[]>;

const timeoutsMs = {
  '10-seconds': 10_000,
  '2-seconds': 2_000,
  '30-seconds': 30_000,
} as const satisfies Record<Settings['webhookTimeout'], number>;

export const accountId = 'acc_simulator';

/** Sends signed events until a 2xx comes. Dojo repeats after any other answer and after none (docs.dojo.tech, webhooks). */
export function createDeliveries(options: DeliveryOptions): Deliveries {
  const { subscriptions, ids } = options;
  const { now, setTimer } = options.clock;
  const deliveries = new Map<string, Delivery>();
  const timers = new Map<string, () => void>();
  const closing = new AbortController();
  const agent = new Agent({ connections: 16, pipelining: 1 });

  function schedule(id: string, delayMs: number): void {
    timers.set(
      id,
      setTimer(() => {
        timers.delete(id);
        void attempt(id);
      }, delayMs),
    );
  }

  async function attempt(id: string): Promise<void> {
    const delivery = deliveries.get(id);
    const subscription = delivery && subscriptions.find(delivery.subscriptionId);
    if (!delivery || closing.signal.aborted) return;
    if (!subscription) {
      deliveries.set(id, { ...delivery, state: 'given-up' });
      return;
    }
    const at = now();
    const startedMs = performance.now();
    const answer = await post(subscription.url, delivery);
    if (closing.signal.aborted) return;
    const made = { at, ...answer, latencyMs: Math.round(performance.now() - startedMs) };
    const attempts = [...delivery.attempts, made];
    const isDelivered = made.status !== null && made.status >= 200 && made.status < 300;
    const waitMs = (options.retryDelaysMs ?? retrySchedules[options.settings().webhookRetries])[
      attempts.length - 1
    ];
    const state = isDelivered ? 'delivered' : waitMs === undefined ? 'given-up' : 'pending';
    const updated = { ...delivery, attempts, state } as const;
    deliveries.set(id, updated);
    if (state === 'pending' && waitMs !== undefined) schedule(id, waitMs);
    options.onAttempt(updated, made);
  }

  async function post(
    url: string,
    delivery: Delivery,
  ): Promise<{ status: number | null; error: string | null }> {
    const secret = subscriptions.useSigningSecret(delivery.subscriptionId);
    const signature = secret && signWebhook(delivery.body, createWebhookSecret(secret.value));
    try {
      const response = await request(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          ...(signature && { [signatureHeader]: signature }),
        },
        body: delivery.body,
        dispatcher: agent,
        signal: AbortSignal.any([
          closing.signal,
          AbortSignal.timeout(options.timeoutMs ?? timeoutsMs[options.settings().webhookTimeout]),
        ]),
      });
      await response.body.dump({ limit: 64 * 1024 });
      return { status: response.statusCode, error: null };
    } catch (error) {
      return { status: null, error: nameOfFault(error) };
    }
  }

  return {
    send(event, intent) {
      const subscription = subscriptions.findByEvent(event);
      if (subscription === null) return;
      const id = ids.next('evt_');
      const createdAt = now();
      const body = Buffer.from(JSON.stringify(createEvent({ id, event, createdAt, intent })));
      deliveries.set(id, {
        id,
        event,
        paymentIntentId: intent.id,
        subscriptionId: subscription.id,
        body,
        createdAt,
        attempts: [],
        state: 'pending',
      });
      schedule(id, 0);
    },
    list: ({ limit = Number.POSITIVE_INFINITY } = {}) => [...deliveries.values()].reverse().slice(0, limit),
    clear() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
      deliveries.clear();
    },
    async close() {
      closing.abort();
      for (const cancel of timers.values()) cancel();
      timers.clear();
      await agent.destroy();
    },
  };
}

function createEvent(fact: { id: string; event: string; createdAt: Date; intent: PaymentIntent }) {
  return {
    id: fact.id,
    event: fact.event,
    accountId,
    createdAt: formatInstant(fact.createdAt),
    data: {
      paymentIntentId: fact.intent.id,
      paymentStatus: fact.intent.status,
      captureMode: fact.intent.captureMode,
    },
  };
}

function nameOfFault(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
