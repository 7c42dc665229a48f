import { Agent, request } from 'undici';
import { createWebhookSecret, signatureHeader, signWebhook } from '../../dojo/webhook.ts';
import type { Faults } from '../active-faults.ts';
import type { WebhookFaultKind } from '../faults.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { type Delivery, type DeliveryTry, type TryReason, tryReasons } from './delivery.ts';
import type { SubscriptionStore } from './subscription-store.ts';
import { corruptEvent } from './webhook-events.ts';

const timeoutsMs = {
  '10-seconds': 10_000,
  '2-seconds': 2_000,
  '30-seconds': 30_000,
} as const satisfies Record<Settings['webhookTimeout'], number>;

const tryFaults = ['wrong-secret', 'old-secret', 'corrupt-byte'] as const satisfies WebhookFaultKind[];
type TryFault = (typeof tryFaults)[number];

/** Makes one try: signs the body with the current secret, and posts it. Never rejects. */
export function createDeliverer(options: {
  clock: Clock;
  settings: () => Settings;
  faults: Faults;
  subscriptions: SubscriptionStore;
  sender: WebhookSender;
  /** Instead of the setting. In real time, since a real shop answers. */
  timeoutMs?: number;
}) {
  const { clock, settings, faults, subscriptions, sender } = options;

  async function post(delivery: Delivery, met: readonly TryFault[], signal: AbortSignal) {
    const { body, paymentIntentId, subscriptionId } = delivery;
    const subscription = subscriptions.find(subscriptionId);
    if (subscription === null) return { status: null, error: 'the subscription is deleted' };
    const secret = findSecret(subscriptionId, met);
    return sender.post({
      url: subscription.url,
      body: met.includes('corrupt-byte') ? corruptEvent(body, paymentIntentId) : body,
      signature: secret && signWebhook(body, createWebhookSecret(secret)),
      timeoutMs: options.timeoutMs ?? timeoutsMs[settings().webhookTimeout],
      signal,
    });
  }

  /** Null if no secret is active; then the webhook is not signed. */
  function findSecret(subscriptionId: string, met: readonly TryFault[]): string | null {
    const oldest = subscriptions.find(subscriptionId)?.secrets.at(-1);
    if (met.includes('old-secret') && oldest !== undefined) return oldest.value;
    const active = subscriptions.useSigningSecret(subscriptionId);
    if (met.includes('wrong-secret')) return `not ${active?.value ?? 'a secret'}`;
    return active?.value ?? null;
  }

  return async (delivery: Delivery, reason: TryReason, signal: AbortSignal): Promise<DeliveryTry> => {
    const { paymentIntentId, amount, number, tries } = delivery;
    // Tries for other reasons may be under way, so each reason has every third number.
    const before = tries.filter((made) => made.reason === reason).length;
    const deliveryTry = before * tryReasons.length + tryReasons.indexOf(reason);
    const draw = { event: number, deliveryTry };
    const met = [...faults.forDeliveryTry(tryFaults, { paymentIntentId, amount }, draw).keys()];
    const at = clock.now();
    const startedMs = performance.now();
    const answer = await post(delivery, met, signal);
    return { at, reason, ...answer, latencyMs: Math.round(performance.now() - startedMs), faults: met };
  };
}

const seconds = (waits: readonly number[]) => waits.map((wait) => wait * 1000);

const retrySchedules = {
  'eleven-in-an-hour': seconds([1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800]),
  'three-in-a-minute': seconds([5, 15, 40]),
  none: [],
} as const satisfies Record<Settings['webhookRetries'], readonly number[]>;

export type RetryRules = {
  readonly now: Date;
  readonly settings: Settings;
  /** The waits between tries, instead of the setting. */
  readonly retryDelaysMs?: readonly number[] | undefined;
  /** False if the subscription is deleted; then there is no other try. */
  readonly isSubscribed: boolean;
};

/** Settles the last try, and says when the next is due; null for never. A try outside the schedule can only improve the state. */
export function settleTry(
  tried: Delivery,
  rules: RetryRules,
): { readonly delivery: Delivery; readonly retryInMs: number | null } {
  const last = tried.tries.at(-1);
  if (last !== undefined && isAcknowledged(last, rules.settings))
    return { delivery: { ...tried, state: 'delivered', dueAt: null }, retryInMs: null };
  if (last === undefined || !isScheduled(last) || tried.state !== 'pending')
    return { delivery: tried, retryInMs: null };
  const retryInMs = findWaitMs(tried, last, rules);
  if (retryInMs === null) return { delivery: { ...tried, state: 'given-up', dueAt: null }, retryInMs: null };
  return { delivery: { ...tried, dueAt: new Date(rules.now.getTime() + retryInMs) }, retryInMs };
}

export function isScheduled({ reason }: DeliveryTry): boolean {
  return reason === 'schedule';
}

/** Null after the last try. */
function findWaitMs({ tries }: Delivery, { status }: DeliveryTry, rules: RetryRules): number | null {
  const isRefused = status !== null && status >= 400 && status < 500;
  if (isRefused && rules.settings.webhookRefusal === 'given-up') return null;
  if (!rules.isSubscribed) return null;
  const waitsMs = rules.retryDelaysMs ?? retrySchedules[rules.settings.webhookRetries];
  return waitsMs[tries.filter(isScheduled).length - 1] ?? null;
}

function isAcknowledged({ status }: DeliveryTry, settings: Settings): boolean {
  return status !== null && status >= 200 && status < (settings.webhookRedirect === 'success' ? 400 : 300);
}

/** Sockets to one shop, and tries under way at once. */
const connections = 16;

type WebhookPost = {
  readonly url: string;
  readonly body: Uint8Array;
  /** Null sends no signature. */
  readonly signature: string | null;
  /** From the connection to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type WebhookSender = {
  /** Never rejects. Without an answer, `error` is the code or name of the error. Follows no redirects. */
  post(call: WebhookPost): Promise<{ readonly status: number | null; readonly error: string | null }>;
  close(): Promise<void>;
};

export function createWebhookSender(): WebhookSender {
  const agent = new Agent({ connections, pipelining: 1 });
  const enter = createGate(connections);

  return {
    // Waits at the gate instead of in the agent, so that the time limit only runs while it is served.
    post: ({ url, body, signature, timeoutMs, signal }) =>
      enter(async () => {
        try {
          const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
          limit.throwIfAborted();
          const response = await request(url, {
            method: 'POST',
            headers: {
              'content-type': 'application/json; charset=utf-8',
              ...(signature !== null && { [signatureHeader]: signature }),
            },
            body,
            dispatcher: agent,
            signal: limit,
          });
          await response.body.dump({ limit: 64 * 1024 });
          // undici reports a body that the limit cut off as read.
          limit.throwIfAborted();
          return { status: response.statusCode, error: null };
        } catch (error) {
          return { status: null, error: nameOfError(error) };
        }
      }),
    close: () => agent.destroy(),
  };
}

/** Lets `limit` tasks run at once, the others in order of arrival. */
function createGate(limit: number) {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

function nameOfError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
