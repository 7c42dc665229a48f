import { z } from 'zod';
import type { SubscriptionRequest, SubscriptionUpdate } from '../../dojo/schemas.ts';
import { statusUpdatedEvent } from '../../dojo/webhook.ts';
import type { Ids } from '../ids.ts';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { instantSchema } from './instant.ts';
import type { StateFile } from './state-file.ts';
import { createdEvent } from './webhook-events.ts';

/** The specification's examples subscribe to the last two. No document describes them, so they are never sent. */
export const offeredEvents = Object.freeze([
  { model: 'PaymentIntent', events: [createdEvent, statusUpdatedEvent] },
  { model: 'Payment', events: ['payment.successful'] },
  { model: 'Order', events: ['order.created'] },
]);

const webhookSecretSchema = z
  .object({
    id: z.string(),
    value: z.string(),
    createdAt: instantSchema,
    /** Null until it is activated. */
    activatedAt: instantSchema.nullable(),
    lastUsedAt: instantSchema.nullable(),
  })
  .readonly();
export type WebhookSecret = z.output<typeof webhookSecretSchema>;

const subscriptionSchema = z
  .object({
    id: z.string(),
    events: z.array(z.string()).readonly(),
    url: z.string(),
    description: z.string().nullable(),
    /** Newest first. */
    secrets: z.array(webhookSecretSchema).readonly(),
    createdAt: instantSchema,
    updatedAt: instantSchema,
  })
  .readonly();
export type Subscription = z.output<typeof subscriptionSchema>;

export type SubscriptionOutcome =
  | { kind: 'done'; subscription: Subscription }
  | { kind: 'unknown' }
  | { kind: 'event-not-offered'; event: string }
  | { kind: 'event-taken'; event: string }
  | { kind: 'too-many-secrets' };

/** Dojo's maximum is not published; its examples show two. */
const maxSecrets = 5;

export type SubscriptionStore = {
  list(): Subscription[];
  find(id: string): Subscription | null;
  findByEvent(event: string): Subscription | null;
  create(request: SubscriptionRequest): SubscriptionOutcome;
  update(id: string, update: SubscriptionUpdate): SubscriptionOutcome;
  remove(id: string): boolean;
  addSecret(id: string): SubscriptionOutcome;
  activateSecret(id: string, secretId: string): SubscriptionOutcome;
  removeSecret(id: string, secretId: string): SubscriptionOutcome;
  /** The secret that was activated last, or first if a setting says so; null if none is active. Records its use. */
  useSigningSecret(id: string): WebhookSecret | null;
  clear(): void;
};

export function createSubscriptionStore(options: {
  file: StateFile;
  clock: Clock;
  settings: () => Settings;
  ids: Ids;
}): SubscriptionStore {
  const { file, ids } = options;
  const { now } = options.clock;
  const subscriptions = new Map(
    z
      .array(subscriptionSchema)
      .parse(file.load('subscription'))
      .map((subscription) => [subscription.id, subscription]),
  );
  const find = (id: string) => subscriptions.get(id) ?? null;
  const findByEvent = (event: string) =>
    [...subscriptions.values()].find(({ events }) => events.includes(event)) ?? null;

  function put(subscription: Subscription): SubscriptionOutcome {
    file.keep('subscription', subscription.id, () => z.encode(subscriptionSchema, subscription));
    subscriptions.set(subscription.id, subscription);
    return { kind: 'done', subscription };
  }

  /** Dojo: "1 webhook per event", so each event type belongs to one subscription. */
  function refuseEvents(events: readonly string[], ownId: string | null): SubscriptionOutcome | null {
    const offered = offeredEvents.flatMap((group) => group.events);
    const unoffered = events.find((event) => !offered.includes(event));
    if (unoffered !== undefined) return { kind: 'event-not-offered', event: unoffered };
    const taken = events.find((event) => (findByEvent(event)?.id ?? ownId) !== ownId);
    return taken === undefined ? null : { kind: 'event-taken', event: taken };
  }

  function createSecret(activatedAt: Date | null): WebhookSecret {
    return {
      id: ids.next('sc_'),
      value: ids.webhookSecret(),
      createdAt: now(),
      activatedAt,
      lastUsedAt: null,
    };
  }

  function changeSecret(
    id: string,
    secretId: string,
    change: (secret: WebhookSecret) => WebhookSecret[],
  ): SubscriptionOutcome {
    const subscription = find(id);
    if (!subscription?.secrets.some((secret) => secret.id === secretId)) return { kind: 'unknown' };
    const secrets = subscription.secrets.flatMap((secret) =>
      secret.id === secretId ? change(secret) : [secret],
    );
    return put({ ...subscription, secrets, updatedAt: now() });
  }

  /** Not a change of the subscription, so `updatedAt` stays. */
  function recordUse(id: string, secretId: string): void {
    const subscription = find(id);
    if (subscription === null) return;
    const secrets = subscription.secrets.map((secret) =>
      secret.id === secretId ? { ...secret, lastUsedAt: now() } : secret,
    );
    put({ ...subscription, secrets });
  }

  return {
    list: () => [...subscriptions.values()],
    find,
    findByEvent,
    create(request) {
      const refusal = refuseEvents(request.events, null);
      if (refusal !== null) return refusal;
      return put({
        id: ids.next('ws_sandbox_'),
        events: [...new Set(request.events)],
        url: request.url,
        description: request.description ?? null,
        secrets: [createSecret(now())],
        createdAt: now(),
        updatedAt: now(),
      });
    },
    update(id, update) {
      const subscription = find(id);
      if (subscription === null) return { kind: 'unknown' };
      const refusal = refuseEvents(update.events ?? [], id);
      if (refusal !== null) return refusal;
      return put({
        ...subscription,
        events: update.events ? [...new Set(update.events)] : subscription.events,
        url: update.url ?? subscription.url,
        description: update.description ?? subscription.description,
        updatedAt: now(),
      });
    },
    remove(id) {
      file.drop('subscription', id);
      return subscriptions.delete(id);
    },
    addSecret(id) {
      const subscription = find(id);
      if (subscription === null) return { kind: 'unknown' };
      if (subscription.secrets.length >= maxSecrets) return { kind: 'too-many-secrets' };
      return put({
        ...subscription,
        secrets: [createSecret(null), ...subscription.secrets],
        updatedAt: now(),
      });
    },
    activateSecret: (id, secretId) =>
      changeSecret(id, secretId, (secret) => [{ ...secret, activatedAt: now() }]),
    removeSecret: (id, secretId) => changeSecret(id, secretId, () => []),
    useSigningSecret(id) {
      const active = (find(id)?.secrets ?? []).filter(({ activatedAt }) => activatedAt !== null);
      // A stopped clock may activate several at the same time; then the order of creation decides.
      const oldestFirst = active
        .toReversed()
        .toSorted((a, b) => Number(a.activatedAt) - Number(b.activatedAt));
      const secret = options.settings().signingSecret === 'oldest' ? oldestFirst.at(0) : oldestFirst.at(-1);
      if (secret === undefined) return null;
      recordUse(id, secret.id);
      return secret;
    },
    clear: () => subscriptions.clear(),
  };
}
