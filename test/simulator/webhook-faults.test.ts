import { describe, expect, test, vi } from 'vitest';
import { parseWebhookEvent } from '../../src/dojo/webhook.ts';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import type { FaultRequest } from '../../src/simulator/faults.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  type Delivered,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
  tempFile,
} from './support.ts';
import { bothEvents, createRandomBytes, expectedSignature, startHoldingReceiver } from './wire.ts';

function read({ body }: Delivered) {
  const { event, data } = JSON.parse(body.toString('utf8'));
  return { event, intent: data.paymentIntentId, status: data.paymentStatus };
}

/** A simulator with a stopped clock, a shop that gets every event, and two reserved intents: the fault is for `mine`. */
async function open(fault: FaultRequest, statuses: number[] = []) {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const receiver = await startReceiver([200, 200, ...statuses]);
  const mine = await createIntent(simulator, { captureMode: 'Manual' });
  const other = await createIntent(simulator, { captureMode: 'Manual' });
  const subscription = await subscribe(simulator, receiver.url);
  for (const { id } of [mine, other]) {
    await submitForm(simulator, `/checkout/${id}`, cards.success);
    await receiver.next();
  }
  simulator.faults.add({ ...fault, paymentIntentId: mine.id });
  const secret: string = subscription.secrets[0].value;
  return { clock, simulator, receiver, secret, subscription, mine: mine.id, other: other.id };
}

const capture = (simulator: Simulator, id: string, amount: number) =>
  callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/captures`, body: { amount } });
const reverse = (simulator: Simulator, id: string) =>
  callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/reversal` });

describe('an event', () => {
  test('can come twice at once, with the same bytes and id', async () => {
    const { simulator, receiver, mine, other, secret } = await open({ kind: 'duplicate' });
    await reverse(simulator, mine);
    const [first, second] = [await receiver.next(), await receiver.next()];
    expect(second.body).toEqual(first.body);
    for (const { headers } of [first, second])
      expect(headers['dojo-signature']).toBe(expectedSignature(first.body, secret));
    await reverse(simulator, other);
    expect(read(await receiver.next()).intent).toBe(other);
    await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
    expect(receiver.left()).toBe(0);
    const [, doubled] = simulator.deliveries();
    expect(doubled?.faults).toEqual(['duplicate']);
    expect(doubled?.tries.map(({ reason }) => reason).toSorted()).toEqual(['duplicate', 'schedule']);
  });

  test('can come after the next event of its intent, and only then', async () => {
    const { simulator, receiver, mine, other } = await open({ kind: 'reorder', delayMs: 60_000 });
    await capture(simulator, mine, 100);
    await reverse(simulator, other);
    expect(read(await receiver.next())).toMatchObject({ intent: other, status: 'Reversed' });
    await capture(simulator, mine, 200);
    const came = [(await receiver.next()).body, (await receiver.next()).body];
    const [later, , earlier] = simulator.deliveries();
    expect(came).toEqual([later?.body, earlier?.body]);
    expect(earlier?.faults).toEqual(['reorder']);
    expect(later?.faults).toEqual([]);
  });

  test('that is held back for the next one comes after its delay if there is none', async () => {
    const { clock, simulator, receiver, mine } = await open({ kind: 'reorder', delayMs: 5_000 });
    await reverse(simulator, mine);
    expect(simulator.deliveries()[0]).toMatchObject({
      state: 'pending',
      dueAt: new Date('2026-11-22T10:00:05Z'),
    });
    clock.advance(4_999);
    expect(simulator.deliveries()[0]?.dueAt).not.toBeNull();
    clock.advance(1);
    expect(simulator.deliveries()[0]?.dueAt).toBeNull();
    expect(read(await receiver.next())).toMatchObject({ intent: mine, status: 'Reversed' });
  });

  test('can come late on the simulator’s clock, and later ones overtake it', async () => {
    const { clock, simulator, receiver, mine } = await open({ kind: 'delay', delayMs: 5_000, times: 1 });
    await capture(simulator, mine, 100);
    await capture(simulator, mine, 200);
    const [later, late] = simulator.deliveries();
    expect((await receiver.next()).body).toEqual(later?.body);
    clock.advance(4_999);
    expect(simulator.deliveries()[1]).toMatchObject({ tries: [], state: 'pending' });
    clock.advance(1);
    expect((await receiver.next()).body).toEqual(late?.body);
  });

  test('can be dropped, and stays in the log until it is sent by hand', async () => {
    const { clock, simulator, receiver, mine, other } = await open({ kind: 'drop' });
    await reverse(simulator, mine);
    await reverse(simulator, other);
    expect(read(await receiver.next()).intent).toBe(other);
    clock.advance(7 * 24 * 3_600_000);
    const [, dropped] = simulator.deliveries();
    expect(dropped).toMatchObject({ state: 'dropped', tries: [], faults: ['drop'], dueAt: null });
    await simulator.redeliver(dropped?.id ?? '');
    expect(read(await receiver.next())).toMatchObject({ intent: mine, status: 'Reversed' });
    expect(simulator.deliveries()[1]?.state).toBe('delivered');
  });

  test('can come with another of an unknown type', async () => {
    const { simulator, receiver, mine, other, secret } = await open({ kind: 'unknown-event' });
    await reverse(simulator, mine);
    expect(read(await receiver.next())).toMatchObject({ event: 'payment_intent.status_updated' });
    const strange = await receiver.next();
    expect(strange.headers['dojo-signature']).toBe(expectedSignature(strange.body, secret));
    expect(parseWebhookEvent(strange.body)).toMatchObject({
      event: 'payment_intent.undocumented',
      change: { paymentIntentId: mine, paymentStatus: 'Undocumented' },
    });
    await reverse(simulator, other);
    expect(read(await receiver.next()).intent).toBe(other);
    expect(receiver.left()).toBe(0);
  });

  test('can have undocumented members', async () => {
    const { simulator, receiver, mine, other, secret } = await open({ kind: 'extra-fields' });
    await reverse(simulator, mine);
    const rich = await receiver.next();
    expect(rich.headers['dojo-signature']).toBe(expectedSignature(rich.body, secret));
    expect(parseWebhookEvent(rich.body)).toMatchObject({
      event: 'payment_intent.status_updated',
      change: { paymentIntentId: mine, paymentStatus: 'Reversed' },
    });
    await reverse(simulator, other);
    const plain = await receiver.next();
    const namesOf = ({ body }: Delivered) => Object.keys(JSON.parse(body.toString('utf8')));
    expect(namesOf(plain)).toEqual(['id', 'event', 'accountId', 'createdAt', 'data']);
    expect(namesOf(rich)).toEqual(expect.arrayContaining([...namesOf(plain), 'schemaVersion', 'extra']));
  });

  test.each(['wrong-secret', 'old-secret', 'corrupt-byte'] as const)(
    'that is refused for %s comes again intact',
    async (kind) => {
      const opened = await open({ kind, times: 1 }, [401]);
      const { clock, simulator, receiver, subscription, mine, secret } = opened;
      const path = `/webhooks/${subscription.id}/secrets`;
      const { secrets } = (await callApi(simulator, { method: 'POST', path })).body;
      const fresh = secrets.find(({ value }: { value: string }) => value !== secret);
      await callApi(simulator, { method: 'PUT', path: `${path}/${fresh.id}/activate` });
      await reverse(simulator, mine);
      const bad = await receiver.next();
      await vi.waitFor(() => expect(simulator.deliveries()[0]?.tries).toHaveLength(1));
      clock.advance(1_000);
      const good = await receiver.next();
      const signature = expectedSignature(good.body, fresh.value);
      expect(good.headers['dojo-signature']).toBe(signature);
      if (kind === 'corrupt-byte') {
        const changed = [...bad.body].filter((byte, place) => byte !== good.body[place]);
        expect(changed).toHaveLength(1);
        expect(bad.headers['dojo-signature']).toBe(signature);
        expect(read(bad)).toMatchObject({ status: 'Reversed', intent: expect.not.stringMatching(mine) });
      } else {
        expect(bad.body).toEqual(good.body);
        expect(bad.headers['dojo-signature']).toMatch(/^sha256=([0-9A-F]{2}-){31}[0-9A-F]{2}$/);
        expect(bad.headers['dojo-signature']).not.toBe(signature);
        expect(bad.headers['dojo-signature'] === expectedSignature(bad.body, secret)).toBe(
          kind === 'old-secret',
        );
      }
      await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
      expect(simulator.deliveries()[0]?.tries.map(({ faults, status }) => ({ faults, status }))).toEqual([
        { faults: [kind], status: 401 },
        { faults: [], status: 200 },
      ]);
    },
  );
});

describe('the event comes before the answer for', () => {
  async function openHeld() {
    const simulator = await startSimulator();
    const receiver = await startHoldingReceiver();
    await subscribe(simulator, receiver.url, bothEvents);
    const acknowledge = async () => {
      await vi.waitFor(() => expect(receiver.waiting()).toBe(1));
      receiver.answer();
    };
    const prepare = async (stage: 'unpaid' | 'Auto' | 'Manual'): Promise<string> => {
      const { id } = await createIntent(simulator, stage === 'unpaid' ? {} : { captureMode: stage });
      await acknowledge();
      if (stage === 'unpaid') return id;
      await submitForm(simulator, `/checkout/${id}`, cards.success);
      await acknowledge();
      return id;
    };
    return { simulator, receiver, prepare };
  }

  const idempotent = { ...apiHeaders, idempotencyKey: 'key' };
  test.each<
    [
      call: string,
      stage: 'unpaid' | 'Auto' | 'Manual' | null,
      method: string,
      rest: string,
      body: object | undefined,
    ]
  >([
    ['a creation', null, 'POST', '', { amount: { value: 100, currencyCode: 'GBP' }, reference: 'R' }],
    ['a cancellation', 'unpaid', 'DELETE', '', undefined],
    ['a capture', 'Manual', 'POST', '/captures', { amount: 100 }],
    ['a refund', 'Auto', 'POST', '/refunds', { amount: 100 }],
    ['a reversal', 'Manual', 'POST', '/reversal', undefined],
  ])('%s', async (_name, stage, method, rest, body) => {
    const { simulator, receiver, prepare } = await openHeld();
    const id = stage === null ? null : await prepare(stage);
    simulator.faults.add({ kind: 'before-reply' });
    const path = `/payment-intents${id === null ? '' : `/${id}`}${rest}`;
    let isAnswered = false;
    const call = callApi(simulator, { method, path, headers: idempotent, ...(body && { body }) }).then(
      (reply) => {
        isAnswered = true;
        return reply;
      },
    );
    await vi.waitFor(() => expect(receiver.waiting()).toBe(1));
    // Only the call that caused the event waits, so the shop can make calls before it acknowledges.
    await callApi(simulator, { method: 'POST', path: '/payment-intents/search', body: {} });
    expect(isAnswered).toBe(false);
    receiver.answer();
    expect((await call).status).toBe(200);
  });

  test('a reversal, even if the shop refuses it and gets it again later', async () => {
    const { simulator, receiver, mine } = await open({ kind: 'before-reply' }, [500]);
    expect((await reverse(simulator, mine)).status).toBe(200);
    expect(receiver.left()).toBe(1);
    expect(simulator.deliveries()[0]).toMatchObject({ state: 'pending', tries: [{ status: 500 }] });
  });

  test('no call without an event, or whose event is held back or dropped', async () => {
    const { simulator, mine } = await open({ kind: 'delay', delayMs: 600_000 });
    simulator.faults.add({ kind: 'before-reply' });
    simulator.faults.add({ kind: 'drop', chance: 1 });
    expect((await reverse(simulator, mine)).status).toBe(200);
    expect((await callApi(simulator, { method: 'GET', path: `/payment-intents/${mine}` })).status).toBe(200);
  });

  test('a call that is under way when the simulator closes, which still ends', async () => {
    const { simulator, receiver } = await openHeld();
    simulator.faults.add({ kind: 'before-reply' });
    const call = createIntent(simulator).catch(() => 'cut off');
    await vi.waitFor(() => expect(receiver.waiting()).toBe(1));
    await simulator.close();
    expect(await call).toBe('cut off');
  });
});

/** Every byte that one shop gets of twelve purchases with faults by chance. */
async function story(seeds: { bytes: number; faults: number }): Promise<string[]> {
  const simulator = await startSimulator({
    clock: createStoppedClock(),
    randomBytes: createRandomBytes(seeds.bytes),
    seed: seeds.faults,
    publicUrl: 'https://pay.example',
  });
  const receiver = await startReceiver();
  await subscribe(simulator, receiver.url, bothEvents);
  for (const kind of ['drop', 'wrong-secret', 'corrupt-byte', 'extra-fields', 'unknown-event'] as const)
    simulator.faults.add({ kind, chance: 0.5 });
  simulator.faults.add({ kind: 'status', status: 503, operation: 'get-payment-intent', chance: 0.5 });
  const seen: string[] = [];
  for (let count = 0; count < 12; count += 1) {
    const intent = await createIntent(simulator);
    const found = await callApi(simulator, {
      method: 'GET',
      path: `/payment-intents/${intent.id}`,
      offSpec: true,
    });
    seen.push(JSON.stringify([intent, found]));
    await vi.waitFor(() =>
      expect(simulator.deliveries().some(({ state }) => state === 'pending')).toBe(false),
    );
    while (receiver.left() > 0) {
      const { body, headers } = await receiver.next();
      seen.push(`${headers['dojo-signature']} ${body}`);
    }
  }
  return seen;
}

test('two runs with the same seeds are equal to the byte, and another seed gives another run', async () => {
  const first = await story({ bytes: 5, faults: 7 });
  expect(await story({ bytes: 5, faults: 7 })).toEqual(first);
  expect(await story({ bytes: 5, faults: 8 })).not.toEqual(first);
  expect(await story({ bytes: 6, faults: 7 })).not.toEqual(first);
});

test('the same seed and calls give every delivery try the same faults, in whatever order the shop answers', async () => {
  const kinds = ['wrong-secret', 'old-secret', 'corrupt-byte'] as const;
  async function run(order: 'first come' | 'last come', seed: number) {
    const simulator = await startSimulator({ clock: createStoppedClock(), seed });
    const receiver = await startHoldingReceiver();
    for (const kind of kinds) simulator.faults.add({ kind, chance: 0.5 });
    await subscribe(simulator, receiver.url, bothEvents);
    for (let count = 0; count < 8; count += 1) {
      const { id } = await createIntent(simulator);
      await submitForm(simulator, `/checkout/${id}`, cards.success);
    }
    await vi.waitFor(() => expect(receiver.waiting()).toBe(8));
    for (let answered = 0; answered < 16; answered += 1) {
      await vi.waitFor(() => expect(receiver.waiting()).toBeGreaterThan(0));
      if (order === 'first come') receiver.answer();
      else receiver.answerLatest();
    }
    await vi.waitFor(() =>
      expect(simulator.deliveries().every(({ state }) => state === 'delivered')).toBe(true),
    );
    return simulator.deliveries().map(({ tries }) => tries.map(({ faults }) => faults.join('+')));
  }
  const first = await run('first come', 7);
  expect(new Set(first.flat()).size).toBeGreaterThan(3);
  expect(await run('last come', 7)).toEqual(first);
  expect(await run('first come', 8)).not.toEqual(first);
});

test('the faults of delivery tries continue after a restart, and start again with a seed', async () => {
  const stateFile = tempFile('dojo.state');
  const receiver = await startReceiver();
  /** The faults of the next events, each sent before the next is made. */
  async function listFaults(simulator: Simulator, count: number): Promise<string[]> {
    const met: string[] = [];
    while (met.length < count) {
      await createIntent(simulator);
      await receiver.next();
      await vi.waitFor(() => expect(simulator.deliveries()[0]?.state).toBe('delivered'));
      met.push(simulator.deliveries()[0]?.tries[0]?.faults.join() ?? '');
    }
    return met;
  }
  const fault = { kind: 'wrong-secret', chance: 0.5 } as const;
  const before = await createSimulator({ stateFile });
  before.faults.add(fault);
  await subscribe(before, receiver.url, ['payment_intent.created']);
  const inParts = await listFaults(before, 6);
  await before.close();
  const after = await startSimulator({ stateFile });
  inParts.push(...(await listFaults(after, 6)));
  after.faults.reset(after.faults.seed());
  after.faults.add(fault);
  expect(await listFaults(after, 12)).toEqual(inParts);
  expect(inParts.slice(6)).not.toEqual(inParts.slice(0, 6));
});
