import type { SubscriptionRequest, SubscriptionUpdate } from '../dojo/schemas.ts';
import type { Ids } from './ids.ts';

export const offeredEvents = Object.freeze([
  { model: 'PaymentIntent', events: ['payment_intent.created', 'payment_intent.status_updated'] },
]);

export type WebhookSecret = {
  readonly id: string;
  readonly value: string;
  readonly createdAt: Date;
  /** Null while it waits to be activated. */
  readonly activatedAt: Date | null;
  readonly lastUsedAt: Date | null;
};

export type Subscription = {
  readonly id: string;
  readonly events: readonly string[];
  readonly url: string;
  readonly description: string | null;
  /** Newest first. */
  readonly secrets: readonly WebhookSecret[];
  readonly createdAt: Date;
  readonly updatedAt: Date;
};

export type SubscriptionOutcome =
  | { kind: 'done'; subscription: Subscription }
  | { kind: 'unknown' }
  | { kind: 'event-not-offered'; event: string }
  | { kind: 'event-taken'; event: string }
  | { kind: 'too-many-secrets' };

/** Dojo has a maximum that nobody has published; its examples show two. */
export const maxSecrets = 5;

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
  /** The active secret that was activated last; null where none is active. Notes that it was used. */
  useSigningSecret(id: string): WebhookSecret | null;
};

export function createSubscriptionStore({ now, ids }: { now: () => Date; ids: Ids }): SubscriptionStore {
  const subscriptions = new Map<string, Subscription>();
  const find = (id: string) => subscriptions.get(id) ?? null;
  const findByEvent = (event: string) =>
    [...subscriptions.values()].find(({ events }) => events.includes(event)) ?? null;

  function put(subscription: Subscription): SubscriptionOutcome {
    subscriptions.set(subscription.id, subscription);
    return { kind: 'done', subscription };
  }

  /** Dojo: "1 webhook per event", so an event type belongs to one subscription of the account. */
  function refuseEvents(events: readonly string[], ownId: string | null): SubscriptionOutcome | null {
    const offered = offeredEvents.flatMap((group) => group.events);
    const strange = events.find((event) => !offered.includes(event));
    if (strange !== undefined) return { kind: 'event-not-offered', event: strange };
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
    remove: (id) => subscriptions.delete(id),
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
      const [secret] = active.toSorted((a, b) => Number(b.activatedAt) - Number(a.activatedAt));
      if (secret === undefined) return null;
      changeSecret(id, secret.id, () => [{ ...secret, lastUsedAt: now() }]);
      return secret;
    },
  };
}
