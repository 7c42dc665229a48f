import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { faultSchema } from '../../src/simulator/faults.ts';
import { createPaymentIntent } from '../../src/simulator/state/payment-intent.ts';
import { openState } from '../../src/simulator/state/simulator-state.ts';
import {
  callApi,
  createIntent,
  createStoppedClock,
  type Delivered,
  startReceiver,
  startSimulator,
  subscribe,
} from './support.ts';
import { bothEvents, expectedSignature, startHoldingReceiver } from './wire.ts';

const request = { amount: { value: 1234, currencyCode: 'GBP' as const }, reference: 'ORD-1001' };

function parse({ body }: Delivered) {
  return JSON.parse(body.toString('utf8'));
}

describe('by hand', () => {
  async function openWith(statuses: number[], retryDelaysMs = [1_000]) {
    const clock = createStoppedClock();
    const simulator = await startSimulator({ clock, retryDelaysMs });
    const receiver = await startReceiver(statuses);
    const { id } = await subscribe(simulator, receiver.url, ['payment_intent.created']);
    await createIntent(simulator);
    const first = await receiver.next();
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toHaveLength(1));
    const eventId = simulator.deliveries()[0]?.id ?? '';
    return { clock, simulator, receiver, subscriptionId: id, first, eventId };
  }

  test('an event is sent again with the same bytes, signed with the current secret', async () => {
    const { simulator, receiver, subscriptionId, first, eventId } = await openWith([200]);
    const path = `/webhooks/${subscriptionId}/secrets`;
    const [fresh] = (await callApi(simulator, { method: 'POST', path })).body.secrets;
    await callApi(simulator, { method: 'PUT', path: `${path}/${fresh.id}/activate` });
    expect(await simulator.redeliver(eventId)).toMatchObject({ reason: 'by-hand', status: 200, error: null });
    const again = await receiver.next();
    expect(again.body).toEqual(first.body);
    expect(again.headers['dojo-signature']).toBe(expectedSignature(first.body, fresh.value));
    expect(again.headers['dojo-signature']).not.toBe(first.headers['dojo-signature']);
  });

  test('an acknowledged event stays so, whatever the answer', async () => {
    const { clock, simulator, eventId } = await openWith([200, 500]);
    expect(await simulator.redeliver(eventId)).toMatchObject({ status: 500 });
    clock.advance(3_600_000);
    expect(simulator.deliveries()[0]).toMatchObject({ state: 'delivered', dueAt: null });
    expect(simulator.deliveries()[0]?.tries).toHaveLength(2);
  });

  test('an event between two tries is delivered, and not tried again', async () => {
    const { clock, simulator, receiver, eventId } = await openWith([500, 200]);
    await simulator.redeliver(eventId);
    await receiver.next();
    expect(simulator.deliveries()[0]).toMatchObject({ state: 'delivered', dueAt: null });
    clock.advance(3_600_000);
    await createIntent(simulator);
    expect((await receiver.next()).body).toEqual(simulator.deliveries()[0]?.body);
    expect(simulator.deliveries()[1]?.tries).toHaveLength(2);
  });

  test('a failed try does not use up a scheduled one', async () => {
    const { clock, simulator, receiver, eventId } = await openWith([500, 500, 500, 200], [1_000, 1_000]);
    await simulator.redeliver(eventId);
    expect(simulator.deliveries()[0]).toMatchObject({
      state: 'pending',
      dueAt: new Date('2026-11-22T10:00:01Z'),
    });
    await receiver.next();
    for (const tries of [3, 4]) {
      clock.advance(1_000);
      await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toHaveLength(tries));
    }
    expect(simulator.deliveries()[0]?.state).toBe('delivered');
    expect(simulator.deliveries()[0]?.tries.map(({ reason }) => reason)).toEqual([
      'schedule',
      'by-hand',
      'schedule',
      'schedule',
    ]);
  });

  test('an event that was given up can still be delivered', async () => {
    const { clock, simulator, receiver, eventId } = await openWith([500, 500, 500]);
    clock.advance(1_000);
    await receiver.next();
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('given-up'));
    await simulator.redeliver(eventId);
    expect(simulator.deliveries()[0]?.state).toBe('given-up');
    await simulator.redeliver(eventId);
    expect(simulator.deliveries()[0]?.state).toBe('delivered');
  });

  test('an unknown event is not sent', async () => {
    const { simulator } = await openWith([200]);
    expect(await simulator.redeliver('evt_unknown')).toBeNull();
  });

  test('an event that is held back is delivered at once, and once only', async () => {
    const { clock, simulator, receiver } = await openWith([200]);
    simulator.faults.add({ kind: 'reorder', delayMs: 5_000, times: 1 });
    await createIntent(simulator);
    const [held] = simulator.deliveries();
    expect(await simulator.redeliver(held?.id ?? '')).toMatchObject({ reason: 'by-hand', status: 200 });
    expect((await receiver.next()).body).toEqual(held?.body);
    clock.advance(5_000);
    await createIntent(simulator);
    expect((await receiver.next()).body).toEqual(simulator.deliveries()[0]?.body);
    expect(receiver.left()).toBe(0);
    expect(simulator.deliveries()[1]).toMatchObject({
      state: 'delivered',
      tries: [{ reason: 'by-hand' }],
    });
  });

  test('an event of a deleted subscription is a try with an error', async () => {
    const { simulator, subscriptionId, eventId } = await openWith([200]);
    await callApi(simulator, { method: 'DELETE', path: `/webhooks/${subscriptionId}` });
    expect(await simulator.redeliver(eventId)).toMatchObject({
      status: null,
      error: 'the subscription is deleted',
    });
    expect(simulator.deliveries()[0]?.state).toBe('delivered');
  });
});

describe('a simulator restarted with its state file', () => {
  async function openTwice(
    between: (first: Simulator, shopUrl: string) => Promise<void>,
    statuses: number[],
  ) {
    const directory = mkdtempSync(join(tmpdir(), 'deliveries-'));
    const receiver = await startReceiver(statuses);
    const options = { stateFile: join(directory, 'state.db'), retryDelaysMs: [60_000, 60_000] };
    const first = await createSimulator({ ...options, clock: createStoppedClock() });
    await subscribe(first, receiver.url, bothEvents);
    await between(first, receiver.url);
    const before = first.deliveries();
    await first.close();
    const clock = createStoppedClock('2026-11-22T10:00:30Z');
    const second = await createSimulator({ ...options, clock });
    onTestFinished(async () => {
      await second.close();
      rmSync(directory, { recursive: true });
    });
    return { before, clock, second, receiver };
  }

  test('knows all deliveries, and repeats each when due', async () => {
    const { before, clock, second, receiver } = await openTwice(
      async (first) => {
        await createIntent(first);
        await vi.waitFor(() => expect(first.deliveries()[0]?.tries).toHaveLength(1));
      },
      [500],
    );
    expect(second.deliveries()).toEqual(before);
    const [pending] = before;
    expect((await receiver.next()).body.equals(pending?.body ?? Buffer.alloc(0))).toBe(true);
    clock.advance(29_999);
    expect(second.deliveries()[0]?.dueAt).toEqual(new Date('2026-11-22T10:01:00Z'));
    clock.advance(1);
    expect((await receiver.next()).body.equals(pending?.body ?? Buffer.alloc(0))).toBe(true);
    await vi.waitFor(() => expect(second.deliveries()[0]?.state).toBe('delivered'));
  });

  test('sends interrupted deliveries, in order', async () => {
    const hung = await startHoldingReceiver();
    let id = '';
    const { second, receiver } = await openTwice(async (first, shopUrl) => {
      const [{ id: subscriptionId }] = (
        await callApi(first, { method: 'GET', path: '/webhooks', offSpec: true })
      ).body;
      const path = `/webhooks/${subscriptionId}`;
      await callApi(first, { method: 'PATCH', path, body: { url: hung.url }, offSpec: true });
      id = (await createIntent(first)).id;
      await callApi(first, { method: 'DELETE', path: `/payment-intents/${id}` });
      await vi.waitFor(() => expect(hung.waiting()).toBe(1));
      await callApi(first, { method: 'PATCH', path, body: { url: shopUrl }, offSpec: true });
    }, []);
    const events = [parse(await receiver.next()), parse(await receiver.next())];
    expect(events.map(({ data }) => data)).toMatchObject([
      { paymentIntentId: id, paymentStatus: 'Created' },
      { paymentIntentId: id, paymentStatus: 'Canceled' },
    ]);
    await vi.waitFor(() =>
      expect(second.deliveries().map(({ state }) => state)).toEqual(['delivered', 'delivered']),
    );
  });

  test.each(['delay', 'reorder'] as const)('keeps a %s', async (kind) => {
    const { clock, second, receiver } = await openTwice(async (first) => {
      first.faults.add({ kind, delayMs: 60_000 });
      await createIntent(first);
    }, []);
    clock.advance(29_999);
    expect(second.deliveries()[0]).toMatchObject({ state: 'pending', tries: [], faults: [kind] });
    clock.advance(1);
    expect(parse(await receiver.next()).data.paymentStatus).toBe('Created');
  });
});

test('5,000 events come once each over at most 16 connections, and the list stays fast', async () => {
  const state = openState(
    { clock: createStoppedClock() },
    { log: pino({ level: 'silent' }), publicUrl: () => '' },
  );
  onTestFinished(() => state.close());
  const open = new Set<unknown>();
  const seen = new Map<string, number>();
  const server = createServer(async (incoming, outgoing) => {
    open.add(incoming.socket);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { id } = JSON.parse(Buffer.concat(chunks).toString());
    seen.set(id, (seen.get(id) ?? 0) + 1);
    outgoing.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  state.subscriptions.create({ events: bothEvents, url });
  for (let count = 0; count < 5_000; count += 1)
    state.intents.add(createPaymentIntent(request, `pi_sandbox_${count}`, state.clock.now()));
  await vi.waitFor(() => expect(seen.size).toBe(5_000), { interval: 200 });
  await vi.waitFor(() =>
    expect(state.deliveries.list().every(({ state }) => state === 'delivered')).toBe(true),
  );
  expect([...seen.values()].every((times) => times === 1)).toBe(true);
  expect(open.size).toBeLessThanOrEqual(16);
  const [newest] = state.deliveries.list({ limit: 20 });
  expect(newest?.paymentIntentId).toBe('pi_sandbox_4999');
  expect(state.deliveries.list({ limit: 20 })).toHaveLength(20);
});

test('the last 10,000 finished deliveries are kept, and all pending ones', async () => {
  const clock = createStoppedClock();
  const state = openState({ clock }, { log: pino({ level: 'silent' }), publicUrl: () => '' });
  onTestFinished(() => state.close());
  state.subscriptions.create({ events: bothEvents, url: 'http://127.0.0.1:1/' });
  const add = (id: string) => state.intents.add(createPaymentIntent(request, id, clock.now()));
  state.faults.add(faultSchema.parse({ kind: 'delay', times: 1 }));
  add('pi_pending');
  state.faults.add(faultSchema.parse({ kind: 'drop' }));
  for (let count = 0; count <= 10_000; count += 1) add(`pi_${count}`);
  const kept = state.deliveries.list().map(({ paymentIntentId }) => paymentIntentId);
  expect(kept).toHaveLength(10_001);
  expect([kept.at(0), kept.at(-2), kept.at(-1)]).toEqual(['pi_10000', 'pi_1', 'pi_pending']);
});

test('a deleted event is no longer delivered, even if it was on its way', async () => {
  const state = openState({ retryDelaysMs: [1] }, { log: pino({ level: 'silent' }), publicUrl: () => '' });
  onTestFinished(() => state.close());
  const receiver = await startHoldingReceiver();
  state.subscriptions.create({ events: bothEvents, url: receiver.url });
  for (const id of ['pi_1', 'pi_2']) state.intents.add(createPaymentIntent(request, id, state.clock.now()));
  await vi.waitFor(() => expect(receiver.waiting()).toBe(2));
  state.clear();
  receiver.answer();
  expect(state.deliveries.list()).toEqual([]);
  state.subscriptions.create({ events: bothEvents, url: receiver.url });
  state.intents.add(createPaymentIntent(request, 'pi_3', state.clock.now()));
  await vi.waitFor(() => expect(receiver.arrived()).toBe(3));
  expect(state.deliveries.list().map(({ paymentIntentId }) => paymentIntentId)).toEqual(['pi_3']);
});
