import { expect, test } from 'vitest';
import {
  callApi,
  createIntent,
  createStoppedClock,
  startReceiver,
  startSimulator,
  subscribe,
} from './support.ts';

const shopUrl = 'https://shop.example/webhooks/dojo';

test('every offered event can be subscribed to, with an active first secret', async () => {
  const simulator = await startSimulator();
  const offered = await callApi(simulator, { method: 'GET', path: '/webhooks/events' });
  expect(offered.body).toEqual([
    { model: 'PaymentIntent', events: ['payment_intent.created', 'payment_intent.status_updated'] },
    { model: 'Payment', events: ['payment.successful'] },
    { model: 'Order', events: ['order.created'] },
  ]);
  const created = await subscribe(simulator, shopUrl, offered.body[0].events);
  expect(created).toMatchObject({
    id: expect.stringMatching(/^ws_/),
    accountId: expect.stringMatching(/^acc_/),
    events: offered.body[0].events,
    url: shopUrl,
    secrets: [{ id: expect.stringMatching(/^sc_/), isActive: true }],
  });
  const listed = await callApi(simulator, { method: 'GET', path: '/webhooks' });
  expect(listed.body).toEqual([created]);
});

test('an event type belongs to one subscription', async () => {
  const simulator = await startSimulator();
  await subscribe(simulator, shopUrl);
  const second = await callApi(simulator, {
    method: 'POST',
    path: '/webhooks',
    body: { events: ['payment_intent.created', 'payment_intent.status_updated'], url: shopUrl },
  });
  expect(second.status).toBe(409);
  const other = await subscribe(simulator, shopUrl, ['payment_intent.created']);
  const patch = await callApi(simulator, {
    method: 'PATCH',
    path: `/webhooks/${other.id}`,
    body: { events: ['payment_intent.status_updated'] },
  });
  expect(patch.status).toBe(409);
});

test.each([
  ['an unknown event', { events: ['payment_intent.paid'], url: shopUrl }, 'Events'],
  ['no event', { events: [], url: shopUrl }, 'Events'],
  ['plain http to elsewhere', { events: ['payment_intent.created'], url: 'http://shop.example/' }, 'Url'],
  [
    'a host that begins like this machine',
    { events: ['payment_intent.created'], url: 'http://localhost.shop.example/' },
    'Url',
  ],
  ['another scheme', { events: ['payment_intent.created'], url: 'ftp://shop.example/' }, 'Url'],
  ['no url', { events: ['payment_intent.created'] }, 'Url'],
])('a subscription with %s is a 400 problem', async (_name, body, field) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'POST', path: '/webhooks', body });
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([field]);
});

test.each(['http://localhost:3000/w', 'http://127.0.0.1:3000/w', 'http://[::1]:3000/w'])(
  'a shop on this machine can subscribe %s',
  async (url) => {
    const simulator = await startSimulator();
    expect((await subscribe(simulator, url)).url).toBe(url);
  },
);

test('a subscription is changed and deleted', async () => {
  const simulator = await startSimulator();
  const { id, secrets } = await subscribe(simulator, shopUrl);
  const moved = await callApi(simulator, {
    method: 'PATCH',
    path: `/webhooks/${id}/`,
    body: { url: `${shopUrl}/2`, description: 'Moved', events: null },
  });
  expect(moved).toMatchObject({
    status: 200,
    body: {
      id,
      url: `${shopUrl}/2`,
      description: 'Moved',
      events: ['payment_intent.status_updated'],
      secrets,
    },
  });
  expect((await callApi(simulator, { method: 'DELETE', path: `/webhooks/${id}` })).status).toBe(204);
  expect((await callApi(simulator, { method: 'DELETE', path: `/webhooks/${id}` })).status).toBe(404);
  expect((await callApi(simulator, { method: 'GET', path: '/webhooks' })).body).toEqual([]);
});

test('a new secret is created and activated, and the old one deleted', async () => {
  const simulator = await startSimulator();
  const { id, secrets } = await subscribe(simulator, shopUrl);
  const path = `/webhooks/${id}/secrets`;
  const [old] = secrets;
  const made = await callApi(simulator, { method: 'POST', path });
  const fresh = made.body.secrets.find((secret: { id: string }) => secret.id !== old.id);
  expect(made.status).toBe(200);
  expect(fresh.isActive).toBe(false);
  expect(fresh.value).not.toBe(old.value);
  const activated = await callApi(simulator, { method: 'PUT', path: `${path}/${fresh.id}/activate` });
  expect(activated.status).toBe(204);
  expect((await callApi(simulator, { method: 'DELETE', path: `${path}/${old.id}` })).status).toBe(204);
  const left = await callApi(simulator, { method: 'GET', path });
  expect(left.body).toEqual({ id, secrets: [{ ...fresh, isActive: true }] });
});

test('a sixth secret is refused', async () => {
  const simulator = await startSimulator();
  const { id } = await subscribe(simulator, shopUrl);
  for (let count = 2; count <= 5; count += 1)
    expect((await callApi(simulator, { method: 'POST', path: `/webhooks/${id}/secrets` })).status).toBe(200);
  expect((await callApi(simulator, { method: 'POST', path: `/webhooks/${id}/secrets` })).status).toBe(409);
});

test.each([
  ['GET', '/webhooks/ws_unknown/secrets', 404],
  ['POST', '/webhooks/ws_unknown/secrets', 404],
  ['PUT', '/webhooks/ws_unknown/secrets/sc_unknown/activate', 404],
  ['DELETE', '/webhooks/ws_unknown/secrets/sc_unknown', 401],
])('%s %s answers %i', async (method, path, status) => {
  const simulator = await startSimulator();
  expect((await callApi(simulator, { method, path })).status).toBe(status);
});

test.each([
  ' https://shop.example/',
  'https:shop.example',
  'https://shop.example/a b',
  'https://shop.ex\nample/',
])('an address that a parser would repair is refused: %j', async (url) => {
  const simulator = await startSimulator();
  const body = { events: ['payment_intent.created'], url };
  const refused = await callApi(simulator, { method: 'POST', path: '/webhooks', body, offSpec: true });
  expect(refused).toMatchObject({ status: 400, body: { errors: { Url: [expect.any(String)] } } });
});

test('a description can be removed, and a delivery records the use of its secret without an update', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const receiver = await startReceiver();
  const { id } = await subscribe(simulator, receiver.url, ['payment_intent.created']);
  const path = `/webhooks/${id}`;
  for (const description of ['For the shop', '']) {
    const { body } = await callApi(simulator, {
      method: 'PATCH',
      path,
      body: { description },
      offSpec: true,
    });
    expect(body.description).toBe(description);
  }
  clock.advance(1_000);
  await createIntent(simulator);
  await receiver.next();
  const [listed] = (await callApi(simulator, { method: 'GET', path: '/webhooks', offSpec: true })).body;
  expect(listed.updatedAt).toBe('2026-11-22T10:00:00.0000000Z');
  expect(listed.secrets[0].lastUsedAt).toBe('2026-11-22T10:00:01.0000000Z');
});
