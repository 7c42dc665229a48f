import { expect, test } from 'vitest';
import { type CallRow, describeCalls, openScene, type Scene } from './simulator-scene.ts';

const unknown = 'ws_sandbox_unknown';
const events = ['payment_intent.status_updated'];
const url = 'https://shop.example/webhooks/dojo';
const some = (members: object) => expect.objectContaining(members);

async function subscribe({ dojo }: Scene): Promise<string[]> {
  const { id, secrets } = await dojo.createSubscription({ events, url });
  return [id, secrets[0]?.id ?? ''];
}

async function addSecret(scene: Scene): Promise<string[]> {
  const [id = '', first] = await subscribe(scene);
  const { secrets } = await scene.dojo.createWebhookSecret(id);
  return [id, secrets.find((secret) => secret.id !== first)?.id ?? ''];
}

const calls: CallRow[] = [
  {
    operation: 'list-webhook-events',
    name: 'listing the events on offer',
    call: (dojo) => dojo.listOfferedEvents(),
    arrives: () => ({ method: 'GET', url: '/webhooks/events' }),
    gives: expect.arrayContaining([some({ events: expect.arrayContaining(events) })]),
  },
  {
    operation: 'list-webhooks',
    name: 'listing subscriptions',
    prepare: subscribe,
    call: (dojo) => dojo.listSubscriptions(),
    arrives: () => ({ method: 'GET', url: '/webhooks' }),
    gives: [some({ events, url })],
  },
  {
    operation: 'create-webhook',
    name: 'subscribing',
    call: (dojo) => dojo.createSubscription({ events, url, description: 'The shop' }),
    arrives: () => ({
      method: 'POST',
      url: '/webhooks',
      body: { events, url, description: 'The shop' },
      headers: { 'content-type': 'application/json' },
    }),
    gives: some({
      id: expect.stringMatching(/^ws_/),
      description: 'The shop',
      secrets: [some({ isActive: true })],
    }),
    refusal: {
      call: (dojo) => dojo.createSubscription({ events: ['no.such.event'], url }),
      kind: 'invalid',
      status: 400,
    },
  },
  {
    operation: 'update-webhook',
    name: 'updating a subscription',
    prepare: subscribe,
    call: (dojo, [id = '']) => dojo.updateSubscription(id, { description: 'Another shop' }),
    arrives: ([id]) => ({ method: 'PATCH', url: `/webhooks/${id}`, body: { description: 'Another shop' } }),
    refusal: { call: (dojo) => dojo.updateSubscription(unknown, {}), kind: 'not-found', status: 404 },
  },
  {
    operation: 'delete-webhook',
    name: 'deleting a subscription',
    prepare: subscribe,
    call: (dojo, [id = '']) => dojo.deleteSubscription(id),
    arrives: ([id]) => ({ method: 'DELETE', url: `/webhooks/${id}` }),
    refusal: { call: (dojo) => dojo.deleteSubscription(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'list-webhook-secrets',
    name: 'listing secrets',
    prepare: subscribe,
    call: (dojo, [id = '']) => dojo.listWebhookSecrets(id),
    arrives: ([id]) => ({ method: 'GET', url: `/webhooks/${id}/secrets` }),
    gives: { secrets: [some({ isActive: true })] },
    refusal: { call: (dojo) => dojo.listWebhookSecrets(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'create-webhook-secret',
    name: 'creating a secret',
    prepare: subscribe,
    call: (dojo, [id = '']) => dojo.createWebhookSecret(id),
    arrives: ([id]) => ({ method: 'POST', url: `/webhooks/${id}/secrets` }),
    gives: {
      secrets: expect.toSatisfy(
        (secrets: { isActive: boolean }[]) =>
          secrets
            .map(({ isActive }) => isActive)
            .toSorted()
            .join() === 'false,true',
      ),
    },
    refusal: { call: (dojo) => dojo.createWebhookSecret(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'activate-webhook-secret',
    name: 'activating a secret',
    prepare: addSecret,
    call: (dojo, [id = '', secretId = '']) => dojo.activateWebhookSecret(id, secretId),
    arrives: ([id, secretId]) => ({ method: 'PUT', url: `/webhooks/${id}/secrets/${secretId}/activate` }),
    refusal: {
      call: (dojo) => dojo.activateWebhookSecret(unknown, 'sc_1'),
      kind: 'not-found',
      status: 404,
    },
  },
  {
    operation: 'delete-webhook-secret',
    name: 'deleting a secret',
    prepare: addSecret,
    call: (dojo, [id = '', secretId = '']) => dojo.deleteWebhookSecret(id, secretId),
    arrives: ([id, secretId]) => ({ method: 'DELETE', url: `/webhooks/${id}/secrets/${secretId}` }),
    refusal: {
      call: (dojo) => dojo.deleteWebhookSecret(unknown, 'sc_1'),
      kind: 'unauthorized',
      status: 401,
    },
  },
];

describeCalls(calls);

test('a second subscription for the same event is a conflict', async () => {
  const scene = await openScene();
  await subscribe(scene);
  await expect(scene.dojo.createSubscription({ events, url })).rejects.toMatchObject({ kind: 'conflict' });
});

test('a new secret replaces the first one', async () => {
  const scene = await openScene();
  const [id = '', first = ''] = await subscribe(scene);
  const { secrets } = await scene.dojo.createWebhookSecret(id);
  const second = secrets.find((secret) => secret.id !== first)?.id ?? '';
  await scene.dojo.activateWebhookSecret(id, second);
  await scene.dojo.deleteWebhookSecret(id, first);
  const { secrets: left } = await scene.dojo.listWebhookSecrets(id);
  expect(left).toMatchObject([{ id: second, isActive: true }]);
});
