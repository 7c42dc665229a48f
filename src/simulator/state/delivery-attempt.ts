import { createWebhookSecret, signWebhook } from '../../dojo/webhook.ts';
import type { Faults } from '../active-faults.ts';
import type { WebhookFaultKind } from '../faults.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { type AttemptReason, attemptReasons, type Delivery, type DeliveryAttempt } from './delivery.ts';
import { corruptBody } from './event-body.ts';
import type { SubscriptionStore } from './subscription-store.ts';
import type { WebhookSender } from './webhook-post.ts';

const timeoutsMs = {
  '10-seconds': 10_000,
  '2-seconds': 2_000,
  '30-seconds': 30_000,
} as const satisfies Record<Settings['webhookTimeout'], number>;

const attemptFaults = ['wrong-secret', 'old-secret', 'corrupt-byte'] as const satisfies WebhookFaultKind[];
type AttemptFault = (typeof attemptFaults)[number];

/** Makes one attempt: signs the body anew with the secret of that moment, and posts it. Never rejects. */
export function createAttemptMaker(options: {
  clock: Clock;
  settings: () => Settings;
  faults: Faults;
  subscriptions: SubscriptionStore;
  sender: WebhookSender;
  /** In place of the setting. A real shop needs real time, so this does not run on the simulator's clock. */
  timeoutMs?: number;
}) {
  const { clock, settings, faults, subscriptions, sender } = options;

  async function post(delivery: Delivery, met: readonly AttemptFault[], signal: AbortSignal) {
    const { body, paymentIntentId, subscriptionId } = delivery;
    const subscription = subscriptions.find(subscriptionId);
    if (subscription === null) return { status: null, error: 'the subscription is deleted' };
    const secret = findSecret(subscriptionId, met);
    return sender.post({
      url: subscription.url,
      body: met.includes('corrupt-byte') ? corruptBody(body, paymentIntentId) : body,
      signature: secret && signWebhook(body, createWebhookSecret(secret)),
      timeoutMs: options.timeoutMs ?? timeoutsMs[settings().webhookTimeout],
      signal,
    });
  }

  /** Null where no secret is active: nothing signs then. */
  function findSecret(subscriptionId: string, met: readonly AttemptFault[]): string | null {
    const oldest = subscriptions.find(subscriptionId)?.secrets.at(-1);
    if (met.includes('old-secret') && oldest !== undefined) return oldest.value;
    const active = subscriptions.useSigningSecret(subscriptionId);
    if (met.includes('wrong-secret')) return `not ${active?.value ?? 'a secret'}`;
    return active?.value ?? null;
  }

  return async (delivery: Delivery, reason: AttemptReason, signal: AbortSignal): Promise<DeliveryAttempt> => {
    const { paymentIntentId, amount, number, attempts } = delivery;
    // Attempts for other reasons may be under way, so each reason has every third number to itself.
    const before = attempts.filter((made) => made.reason === reason).length;
    const attempt = before * attemptReasons.length + attemptReasons.indexOf(reason);
    const draw = { event: number, attempt };
    const met = [...faults.forAttempt(attemptFaults, { paymentIntentId, amount }, draw).keys()];
    const at = clock.now();
    const startedMs = performance.now();
    const answer = await post(delivery, met, signal);
    return { at, reason, ...answer, latencyMs: Math.round(performance.now() - startedMs), faults: met };
  };
}
