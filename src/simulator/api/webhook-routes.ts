import { Router } from 'express';
import { z } from 'zod';
import { subscriptionRequestSchema } from '../../dojo/schemas.ts';
import { isLoopback } from '../environment.ts';
import { formatInstant } from '../state/instant.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import {
  offeredEvents,
  type Subscription,
  type SubscriptionOutcome,
  type WebhookSecret,
} from '../state/subscription-store.ts';
import { accountId } from '../state/webhook-events.ts';
import { parseBody } from './parse-request.ts';
import { Problem } from './problem.ts';

// Dojo accepts https only. A shop under test has no certificate, so plain http works within this machine.
const addressSchema = z.string().refine(
  (value) => {
    // The URL parser repairs spaces and missing slashes, which the specification's pattern refuses.
    const url = /^https?:\/\/\S+$/.test(value) ? URL.parse(value) : null;
    return url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url.hostname));
  },
  { error: 'The url must begin with https:// (here also http:// for localhost).' },
);

const requestSchema = subscriptionRequestSchema.extend({ url: addressSchema });
const updateSchema = z.object({
  events: requestSchema.shape.events.nullish(),
  url: addressSchema.nullish(),
  description: z.string().nullish(),
});

export function createWebhookRouter({ subscriptions }: SimulatorState): Router {
  const router = Router();

  router.get('/events', (_req, res) => {
    res.json(offeredEvents);
  });
  router.get('/', (_req, res) => {
    res.json(subscriptions.list().map(presentSubscription));
  });
  router.post('/', (req, res) => {
    const request = parseBody(requestSchema, req.body);
    res.json(presentSubscription(done(subscriptions.create(request))));
  });
  router.patch('/:id', (req, res) => {
    const { events, url, description } = parseBody(updateSchema, req.body);
    const update = {
      ...(events && { events }),
      ...(url && { url }),
      ...(typeof description === 'string' && { description }),
    };
    res.json(presentSubscription(done(subscriptions.update(req.params.id, update))));
  });
  router.delete('/:id', (req, res) => {
    if (!subscriptions.remove(req.params.id)) throw unknown(404);
    res.status(204).end();
  });

  router.get('/:id/secrets', (req, res) => {
    const subscription = subscriptions.find(req.params.id);
    if (subscription === null) throw unknown(404);
    res.json(presentSecrets(subscription));
  });
  router.post('/:id/secrets', (req, res) => {
    res.json(presentSecrets(done(subscriptions.addSecret(req.params.id))));
  });
  router.put('/:id/secrets/:secretId/activate', (req, res) => {
    done(subscriptions.activateSecret(req.params.id, req.params.secretId));
    res.status(204).end();
  });
  router.delete('/:id/secrets/:secretId', (req, res) => {
    // For an unknown subscription, Dojo's own tests expect 401, not 404.
    if (subscriptions.find(req.params.id) === null) throw unknown(401);
    done(subscriptions.removeSecret(req.params.id, req.params.secretId));
    res.status(204).end();
  });
  return router;
}

/** The changed subscription. Throws Problem for any other outcome. */
function done(outcome: SubscriptionOutcome): Subscription {
  switch (outcome.kind) {
    case 'done':
      return outcome.subscription;
    case 'unknown':
      throw unknown(404);
    case 'event-not-offered':
      throw new Problem(400, { Events: ['An event is not offered; GET /webhooks/events lists them.'] });
    case 'event-taken':
      throw new Problem(409, `There is a subscription for ${outcome.event} already.`);
    case 'too-many-secrets':
      throw new Problem(409, 'The subscription has the maximum number of secrets.');
  }
}

function unknown(status: 401 | 404): Problem {
  return new Problem(status, 'There is no such subscription or secret.');
}

function presentSubscription(subscription: Subscription) {
  return {
    id: subscription.id,
    accountId,
    events: subscription.events,
    url: subscription.url,
    ...(subscription.description !== null && { description: subscription.description }),
    secrets: subscription.secrets.map(presentSecret),
    createdAt: formatInstant(subscription.createdAt),
    updatedAt: formatInstant(subscription.updatedAt),
  };
}

function presentSecrets({ id, secrets }: Subscription) {
  return { id, secrets: secrets.map(presentSecret) };
}

function presentSecret(secret: WebhookSecret) {
  return {
    id: secret.id,
    value: secret.value,
    createdAt: formatInstant(secret.createdAt),
    ...(secret.lastUsedAt !== null && { lastUsedAt: formatInstant(secret.lastUsedAt) }),
    isActive: secret.activatedAt !== null,
  };
}
