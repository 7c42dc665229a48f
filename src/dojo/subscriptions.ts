import { z } from 'zod';
import {
  type OfferedEvents,
  offeredEventsSchema,
  type Subscription,
  type SubscriptionRequest,
  type SubscriptionUpdate,
  subscriptionSchema,
  type WebhookSecrets,
  webhookSecretsSchema,
} from './schemas.ts';
import type { Send } from './send.ts';

/** Webhook subscriptions and their secrets (docs.dojo.tech/development-resources/webhooks). */
export type SubscriptionCalls = {
  /** The events an account may subscribe to. Ask first: one unknown name fails a whole subscription with `invalid`. */
  listOfferedEvents(): Promise<OfferedEvents>;
  listSubscriptions(): Promise<Subscription[]>;
  /** Gives the first secret, active. A subscription for the same event is a `conflict`. */
  createSubscription(request: SubscriptionRequest): Promise<Subscription>;
  updateSubscription(id: string, update: SubscriptionUpdate): Promise<void>;
  deleteSubscription(id: string): Promise<void>;

  listWebhookSecrets(subscriptionId: string): Promise<WebhookSecrets>;
  /** Gives all secrets, including the new one, which is inactive until you activate it. */
  createWebhookSecret(subscriptionId: string): Promise<WebhookSecrets>;
  activateWebhookSecret(subscriptionId: string, secretId: string): Promise<void>;
  /** An unknown subscription may be `unauthorized`: Dojo's own tests expect 401. */
  deleteWebhookSecret(subscriptionId: string, secretId: string): Promise<void>;
};

export function createSubscriptionCalls(send: Send): SubscriptionCalls {
  const at = (id: string, rest = '') => `/webhooks/${encodeURIComponent(id)}${rest}`;
  const secretAt = (id: string, secretId: string, rest = '') =>
    at(id, `/secrets/${encodeURIComponent(secretId)}${rest}`);
  return {
    listOfferedEvents: () =>
      send({ method: 'GET', path: '/webhooks/events', reply: offeredEventsSchema, repeatable: true }),
    listSubscriptions: () =>
      send({ method: 'GET', path: '/webhooks', reply: z.array(subscriptionSchema), repeatable: true }),
    createSubscription: (body) =>
      send({ method: 'POST', path: '/webhooks', body, reply: subscriptionSchema }),
    // An early specification says 204 where the newest says 200, so the body is not read.
    updateSubscription: (id, body) => send({ method: 'PATCH', path: at(id), body, reply: null }),
    deleteSubscription: (id) => send({ method: 'DELETE', path: at(id), reply: null }),

    listWebhookSecrets: (id) =>
      send({ method: 'GET', path: at(id, '/secrets'), reply: webhookSecretsSchema, repeatable: true }),
    createWebhookSecret: (id) =>
      send({ method: 'POST', path: at(id, '/secrets'), reply: webhookSecretsSchema }),
    activateWebhookSecret: (id, secretId) =>
      send({ method: 'PUT', path: secretAt(id, secretId, '/activate'), reply: null }),
    deleteWebhookSecret: (id, secretId) =>
      send({ method: 'DELETE', path: secretAt(id, secretId), reply: null }),
  };
}
