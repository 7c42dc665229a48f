import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createWebhookSecret, signWebhook } from '../../src/dojo/webhook.ts';
import type { Settings } from '../../src/simulator/settings.ts';
import type { Clock } from '../../src/simulator/state/clock.ts';
import {
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  type Delivered,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';
import { bothEvents, expectedSignature, startHoldingReceiver } from './wire.ts';

function parse({ body }: Delivered) {
  return JSON.parse(body.toString('utf8'));
}

const demoBody =
  '{"id":"evt_demo1","event":"payment_intent.status_updated","accountId":"acc_demo","createdAt":"2026-11-22T10:00:00.1234567Z","data":{"paymentIntentId":"pi_sandbox_demo","paymentStatus":"Captured","captureMode":"Auto"}}';

test.each([
  [
    'ZGVtb19zZWNyZXQ',
    demoBody,
    '34-E2-D9-00-8A-CE-F5-13-BB-92-E2-6B-3D-20-82-FF-43-90-42-12-B1-80-6C-D7-FF-46-F5-EA-E8-F4-D4-2D',
  ],
  [
    'ZGVtb19zZWNyZXQ',
    '{ "id":"evt_demo2", "note":"café £5" }\n',
    '87-B1-46-A8-24-EE-DE-69-D5-E4-80-D5-38-F6-EB-9F-97-A9-7F-84-6D-9D-2C-24-4E-4F-4E-BA-B7-A1-52-79',
  ],
  [
    'clé-secrète',
    demoBody,
    '52-06-F8-B0-7F-6B-B9-A7-35-21-C2-95-88-50-83-30-20-32-ED-B1-47-0C-A5-BE-DF-0E-17-CD-D7-47-03-3D',
  ],
])('the published example with secret %s gives its signature', (secret, body, pairs) => {
  expect(signWebhook(Buffer.from(body), createWebhookSecret(secret))).toBe(`sha256=${pairs}`);
  expect(expectedSignature(Buffer.from(body), secret)).toBe(`sha256=${pairs}`);
});

test('a payment sends a webhook that is signed over its exact bytes', async () => {
  const simulator = await startSimulator();
  const receiver = await startReceiver();
  const { secrets } = await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const delivered = await receiver.next();
  expect(delivered.headers['dojo-signature']).toBe(expectedSignature(delivered.body, secrets[0].value));
  expect(delivered.headers['content-type']).toContain('application/json');
  expect(parse(delivered)).toEqual({
    id: expect.stringMatching(/^evt_/),
    event: 'payment_intent.status_updated',
    accountId: expect.stringMatching(/^acc_/),
    createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/),
    data: { paymentIntentId: id, paymentStatus: 'Captured', captureMode: 'Auto' },
  });
});

test('a reservation and a cancellation send webhooks, but a decline does not', async () => {
  const simulator = await startSimulator();
  const receiver = await startReceiver();
  await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  await submitForm(simulator, `/checkout/${id}`, cards.decline);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(parse(await receiver.next()).data).toMatchObject({
    paymentStatus: 'Authorized',
    captureMode: 'Manual',
  });
  const other = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${other.id}` });
  expect(parse(await receiver.next()).data).toMatchObject({
    paymentIntentId: other.id,
    paymentStatus: 'Canceled',
  });
  expect(receiver.left()).toBe(0);
});

test('a new intent sends a webhook to its subscriber', async () => {
  const simulator = await startSimulator();
  const receiver = await startReceiver();
  await subscribe(simulator, receiver.url, ['payment_intent.created']);
  const { id } = await createIntent(simulator);
  expect(parse(await receiver.next())).toMatchObject({
    event: 'payment_intent.created',
    data: { paymentIntentId: id, paymentStatus: 'Created' },
  });
});

test('a delivery is repeated, byte for byte, until a 2xx comes', async () => {
  const simulator = await startSimulator({ retryDelaysMs: [1, 1, 1, 1] });
  const receiver = await startReceiver([500, 401, 302, 'no answer', 204]);
  await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const bodies = [];
  for (let count = 0; count < 5; count += 1) bodies.push((await receiver.next()).body.toString('utf8'));
  expect(new Set(bodies).size).toBe(1);
  await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
  const [delivery] = simulator.deliveries();
  expect(delivery?.tries.map(({ status }) => status)).toEqual([500, 401, 302, null, 204]);
  expect(delivery?.paymentIntentId).toBe(id);
});

describe('a shop that does not acknowledge', () => {
  /** Fails every try of an event, and returns the waits between the tries in seconds. */
  async function waitsOf(webhookRetries: Settings['webhookRetries']) {
    const clock = createStoppedClock();
    const simulator = await startSimulator({ clock, settings: { webhookRetries } });
    const receiver = await startReceiver(Array.from({ length: 20 }, () => 500));
    await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    for (let tries = 1; ; tries += 1) {
      await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toHaveLength(tries));
      const dueAt = simulator.deliveries()[0]?.dueAt;
      if (!dueAt) break;
      clock.set(new Date(dueAt.getTime() - 1));
      expect(simulator.deliveries()[0]?.dueAt).toEqual(dueAt);
      clock.advance(1);
    }
    expect(simulator.deliveries()[0]?.state).toBe('given-up');
    const times = simulator.deliveries()[0]?.tries.map(({ at }) => at.getTime() / 1000) ?? [];
    return times.slice(1).map((time, index) => time - (times[index] ?? 0));
  }

  test.each<[Settings['webhookRetries'], number[]]>([
    ['eleven-in-an-hour', [1, 2, 5, 10, 20, 40, 80, 160, 300, 600, 1800]],
    ['three-in-a-minute', [5, 15, 40]],
    ['none', []],
  ])('gets the webhook again with growing waits on the simulator’s clock: %s', async (choice, waits) => {
    expect(await waitsOf(choice)).toEqual(waits);
  });

  test.each<[Partial<Settings>, status: number, state: string]>([
    [{}, 401, 'pending'],
    [{ webhookRefusal: 'given-up' }, 401, 'given-up'],
    [{ webhookRefusal: 'given-up' }, 499, 'given-up'],
    [{ webhookRefusal: 'given-up' }, 500, 'pending'],
    [{ webhookRefusal: 'given-up' }, 302, 'pending'],
    [{}, 302, 'pending'],
    [{ webhookRedirect: 'success' }, 302, 'delivered'],
    [{ webhookRedirect: 'success' }, 401, 'pending'],
    [{ webhookRedirect: 'success' }, 500, 'pending'],
    [{}, 200, 'delivered'],
    [{}, 299, 'delivered'],
  ])('with %o answers %i, which leaves the event %s', async (settings, status, state) => {
    const simulator = await startSimulator({ clock: createStoppedClock(), settings });
    const receiver = await startReceiver([status]);
    await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toMatchObject([{ status }]));
    expect(simulator.deliveries()[0]?.state).toBe(state);
  });

  test.each<[Settings['webhookTimeout'], number]>([
    ['2-seconds', 2_000],
    ['10-seconds', 10_000],
    ['30-seconds', 30_000],
  ])('has %s to answer', async (webhookTimeout, timeoutMs) => {
    const { timeout } = AbortSignal;
    // The test checks the limit asked for and shortens it, since timers may fire a little early.
    const asked = vi
      .spyOn(AbortSignal, 'timeout')
      .mockImplementation((ms) => timeout.call(AbortSignal, ms / 100));
    onTestFinished(() => asked.mockRestore());
    const simulator = await startSimulator({ settings: { webhookTimeout, webhookRetries: 'none' } });
    const receiver = await startHoldingReceiver();
    await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('given-up'));
    expect(simulator.deliveries()[0]?.tries).toMatchObject([{ status: null, error: 'TimeoutError' }]);
    expect(asked.mock.calls).toEqual([[timeoutMs]]);
  });

  test('because its answer never ends counts as not answering', async () => {
    const simulator = await startSimulator({ deliveryTimeoutMs: 100, retryDelaysMs: [] });
    const server = createServer((_incoming, outgoing) => outgoing.writeHead(200).write('so far'));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    await subscribe(simulator, `http://127.0.0.1:${port}/`, ['payment_intent.created']);
    await createIntent(simulator);
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('given-up'));
    expect(simulator.deliveries()[0]?.tries).toMatchObject([{ status: null, error: 'TimeoutError' }]);
  });

  test.each([
    ['resolves nowhere', 'https://nowhere.invalid/', /^(ENOTFOUND|EAI_AGAIN)$/],
    ['has no listener', 'http://127.0.0.1:1/', /^(ECONNREFUSED|UND_ERR_\w+)$/],
    ['is not one that can be called', 'http://127.0.0.1:0/', /./],
  ])('because its address %s causes a failed try', async (_name, url, error) => {
    const simulator = await startSimulator({ retryDelaysMs: [] });
    await subscribe(simulator, url, ['payment_intent.created']);
    await createIntent(simulator);
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('given-up'));
    expect(simulator.deliveries()[0]?.tries).toMatchObject([
      { status: null, error: expect.stringMatching(error) },
    ]);
  });

  test('because it has unsubscribed gets no more webhooks', async () => {
    const simulator = await startSimulator({ retryDelaysMs: [10, 60_000] });
    const receiver = await startReceiver([500]);
    const { id } = await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    await receiver.next();
    await callApi(simulator, { method: 'DELETE', path: `/webhooks/${id}` });
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('given-up'));
    expect(receiver.left()).toBe(0);
  });
});

test('events of one intent wait for each other’s first try, but not for other intents', async () => {
  const simulator = await startSimulator();
  const receiver = await startHoldingReceiver();
  await subscribe(simulator, receiver.url, bothEvents);
  const { id } = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  await createIntent(simulator);
  await vi.waitFor(() => expect(receiver.waiting()).toBe(2));
  expect(receiver.arrived()).toBe(2);
  receiver.answer();
  await vi.waitFor(() => expect(receiver.arrived()).toBe(3));
  receiver.answer();
  receiver.answer();
  await vi.waitFor(() =>
    expect(simulator.deliveries().map(({ state }) => state)).toEqual(['delivered', 'delivered', 'delivered']),
  );
});

test('after a failed first try the next event leaves, and the failed one is repeated behind it', async () => {
  const simulator = await startSimulator({ clock: createStoppedClock() });
  const receiver = await startReceiver([500]);
  await subscribe(simulator, receiver.url, bothEvents);
  const { id } = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  const statuses = [];
  for (let count = 0; count < 2; count += 1) statuses.push(parse(await receiver.next()).data.paymentStatus);
  simulator.clock.advance(1_000);
  statuses.push(parse(await receiver.next()).data.paymentStatus);
  expect(statuses).toEqual(['Created', 'Canceled', 'Created']);
});

test('a shop that never answers does not delay the shopper', async () => {
  const simulator = await startSimulator({ deliveryTimeoutMs: 20, retryDelaysMs: [60_000] });
  const receiver = await startReceiver(['no answer']);
  await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator, { config: { redirectUrl: 'https://shop.example/r' } });
  const paid = await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(paid.status).toBe(303);
  expect(simulator.deliveries()[0]?.tries).toEqual([]);
  await receiver.next();
});

test('the secret that was activated last signs', async () => {
  const simulator = await startSimulator();
  const receiver = await startReceiver();
  const { id: subscriptionId } = await subscribe(simulator, receiver.url);
  const path = `/webhooks/${subscriptionId}/secrets`;
  const [fresh] = (await callApi(simulator, { method: 'POST', path })).body.secrets;
  const pay = async () => {
    const { id } = await createIntent(simulator);
    await submitForm(simulator, `/checkout/${id}`, cards.success);
    const delivered = await receiver.next();
    return delivered.headers['dojo-signature'] === expectedSignature(delivered.body, fresh.value);
  };
  expect(await pay()).toBe(false);
  await callApi(simulator, { method: 'PUT', path: `${path}/${fresh.id}/activate` });
  expect(await pay()).toBe(true);
});

test('closing without a state file drops pending deliveries', async () => {
  const simulator = await startSimulator({ retryDelaysMs: [60_000] });
  const receiver = await startReceiver([500]);
  await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  await receiver.next();
  await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toHaveLength(1));
  const startedMs = performance.now();
  await simulator.close();
  expect(performance.now() - startedMs).toBeLessThan(30_000);
});

test('an event resent by hand when it is due does not block those behind it', async () => {
  const inner = createStoppedClock();
  const turns = new Set<() => void>();
  let isHolding = false;
  const clock: Clock = {
    ...inner,
    setTimer(task, delayMs) {
      if (!isHolding || delayMs > 0) return inner.setTimer(task, delayMs);
      turns.add(task);
      return () => void turns.delete(task);
    },
  };
  const simulator = await startSimulator({ clock });
  const receiver = await startHoldingReceiver();
  await subscribe(simulator, receiver.url, bothEvents);
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  await vi.waitFor(() => expect(receiver.waiting()).toBe(1));
  isHolding = true;
  const [second] = simulator.deliveries();
  const byHand = simulator.redeliver(second?.id ?? '');
  await vi.waitFor(() => expect(receiver.waiting()).toBe(2));
  receiver.answer();
  await vi.waitFor(() => expect(turns.size).toBe(1));
  receiver.answer();
  expect(await byHand).toMatchObject({ status: 200, reason: 'by-hand' });
  isHolding = false;
  for (const turn of turns) turn();
  await callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/reversal` });
  await vi.waitFor(() => expect(receiver.waiting()).toBe(1));
  expect(receiver.arrived()).toBe(3);
  receiver.answer();
});
