import { type Response, Router } from 'express';
import { z } from 'zod';
import { subscriptionRequestSchema } from '../../dojo/schemas.ts';
import { isLoopback } from '../environment.ts';
import type { Parts } from '../parts.ts';
import { accountId } from '../state/event-body.ts';
import { formatInstant } from '../state/instant.ts';
import {
  offeredEvents,
  type Subscription,
  type SubscriptionOutcome,
  type WebhookSecret,
} from '../state/subscription-store.ts';
import { type Problem, sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';

// Dojo takes https alone. A shop under test has no certificate, so plain http is good within this machine.
const addressSchema = z.string().refine(
  (value) => {
    // A parser mends what the specification's pattern refuses: blanks, one slash, none.
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

export function createWebhookRouter({ subscriptions }: Parts): Router {
  const router = Router();

  router.get('/events', (_request, response) => {
    response.json(offeredEvents);
  });
  router.get('/', (_request, response) => {
    response.json(subscriptions.list().map(presentSubscription));
  });
  router.post('/', (request, response) => {
    const body = parseBody(requestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    answer(response, subscriptions.create(body.data), presentSubscription);
  });
  router.patch('/:id', (request, response) => {
    const body = parseBody(updateSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const { events, url, description } = body.data;
    const update = {
      ...(events && { events }),
      ...(url && { url }),
      ...(typeof description === 'string' && { description }),
    };
    answer(response, subscriptions.update(request.params.id, update), presentSubscription);
  });
  router.delete('/:id', (request, response) => {
    if (subscriptions.remove(request.params.id)) response.status(204).end();
    else sendProblem(response, unknown(404));
  });

  router.get('/:id/secrets', (request, response) => {
    const subscription = subscriptions.find(request.params.id);
    if (subscription === null) sendProblem(response, unknown(404));
    else response.json(presentSecrets(subscription));
  });
  router.post('/:id/secrets', (request, response) => {
    answer(response, subscriptions.addSecret(request.params.id), presentSecrets);
  });
  router.put('/:id/secrets/:secretId/activate', (request, response) => {
    answer(response, subscriptions.activateSecret(request.params.id, request.params.secretId), null);
  });
  router.delete('/:id/secrets/:secretId', (request, response) => {
    // Dojo's own tests expect 401, not 404, for the secret of an unknown subscription.
    if (subscriptions.find(request.params.id) === null) return sendProblem(response, unknown(401));
    answer(response, subscriptions.removeSecret(request.params.id, request.params.secretId), null);
  });
  return router;
}

function answer(
  response: Response,
  outcome: SubscriptionOutcome,
  present: ((subscription: Subscription) => unknown) | null,
): void {
  if (outcome.kind !== 'done') sendProblem(response, describeRefusal(outcome));
  else if (present === null) response.status(204).end();
  else response.json(present(outcome.subscription));
}

function describeRefusal(outcome: Exclude<SubscriptionOutcome, { kind: 'done' }>): Problem {
  switch (outcome.kind) {
    case 'unknown':
      return unknown(404);
    case 'event-not-offered':
      return {
        status: 400,
        errors: { Events: ['An event is not offered; GET /webhooks/events lists them.'] },
      };
    case 'event-taken':
      return { status: 409, detail: `There is a subscription for ${outcome.event} already.` };
    case 'too-many-secrets':
      return { status: 409, detail: 'The subscription has as many secrets as it may.' };
  }
}

function unknown(status: 401 | 404): Problem {
  return { status, detail: 'There is no such subscription or secret.' };
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
