import { describe, expect, test, vi } from 'vitest';
import { parseWebhookEvent } from '../../src/dojo/webhook.ts';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { type FaultKind, faultSchema, listFaultDetails, sentinels } from '../../src/simulator/faults.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
  tempFile,
} from './support.ts';
import { type Call, openCall, readAnswer } from './wire.ts';

const gbp = (value: number) => ({ value, currencyCode: 'GBP' });
const ordinaryAmount = 1234;

const createOf = (amount: number): Call => ({
  method: 'POST',
  path: '/payment-intents',
  body: { amount: gbp(amount), reference: 'ORD-1' },
});
const headers = { ...apiHeaders, idempotencyKey: 'key' };
const money = {
  captures: { body: { amount: 100 } },
  refunds: { body: { amount: 100 }, headers },
  reversal: {},
};

/** What each sentinel amount does, in a new simulator. Every fault of the list is shown here. */
type Proof = (simulator: Simulator, amount: number) => Promise<void>;

/** Creating an intent of the amount gets this answer, and any other amount the usual one. */
const onCreate =
  (expected: object, isCreated: boolean): Proof =>
  async (simulator, amount) => {
    expect(await readAnswer(simulator, createOf(amount))).toMatchObject(expected);
    expect(simulator.paymentIntents()).toHaveLength(isCreated ? 1 : 0);
    expect(await readAnswer(simulator, createOf(ordinaryAmount))).toMatchObject({ status: 200 });
  };

/** A call about an unpaid intent of that amount. */
const onUnpaid =
  (method: string, expected: object, status: string): Proof =>
  async (simulator, amount) => {
    const { id } = await createIntent(simulator, { amount: gbp(amount) });
    expect(await readAnswer(simulator, { method, path: `/payment-intents/${id}` })).toMatchObject(expected);
    expect(simulator.paymentIntents()[0]?.status).toBe(status);
    const other = await createIntent(simulator);
    const answer = await readAnswer(simulator, { method, path: `/payment-intents/${other.id}` });
    expect(answer.status).toBe(200);
  };

/** A call about a paid intent of that amount, and what is captured and refunded after it. */
const onPaid =
  (
    call: keyof typeof money,
    expected: object,
    after: { captured?: number; refunded?: number; status?: string },
  ): Proof =>
  async (simulator, amount) => {
    const captureMode = call === 'refunds' ? 'Auto' : 'Manual';
    const ids: string[] = [];
    for (const value of [amount, ordinaryAmount]) {
      const { id } = await createIntent(simulator, { amount: gbp(value), captureMode });
      await submitForm(simulator, `/checkout/${id}`, cards.success);
      ids.push(id);
    }
    const callAbout = (id: string | undefined) =>
      readAnswer(simulator, { method: 'POST', path: `/payment-intents/${id}/${call}`, ...money[call] });
    expect(await callAbout(ids[0])).toMatchObject(expected);
    const intent = simulator.paymentIntents().at(1);
    expect(intent?.captures.length ?? 0).toBe(after.captured ?? 0);
    expect(intent?.refunds.length ?? 0).toBe(after.refunded ?? 0);
    if (call !== 'refunds') expect(intent?.status).toBe(after.status ?? 'Authorized');
    expect((await callAbout(ids[1])).status).toBe(200);
  };

/** No answer comes, while another call gets one. */
async function expectSilence(simulator: Simulator, call: Call): Promise<void> {
  const hung = openCall(simulator, call);
  await callApi(simulator, { method: 'GET', path: '/webhooks' });
  expect(hung.received()).toBe('');
  hung.leave();
  await vi.waitFor(() =>
    expect(simulator.apiCalls().some(({ status, faults }) => status === null && faults[0] === 'hang')).toBe(
      true,
    ),
  );
}

/** Events of an intent of the amount and of another intent, as a shop gets them that accepts everything. */
async function hear(simulator: Simulator, amount: number) {
  const receiver = await startReceiver();
  const subscription = await subscribe(simulator, receiver.url, [
    'payment_intent.created',
    'payment_intent.status_updated',
  ]);
  const createAndCancel = async (value: number) => {
    const { id } = await createIntent(simulator, { amount: gbp(value) });
    await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  };
  await createAndCancel(ordinaryAmount);
  const ordinary = [await receiver.next(), await receiver.next()];
  expect(ordinary.map(({ body }) => parseWebhookEvent(body)?.change?.paymentStatus)).toEqual([
    'Created',
    'Canceled',
  ]);
  await createAndCancel(amount);
  const statuses = async (count: number) => {
    const heard: (string | undefined)[] = [];
    while (heard.length < count)
      heard.push(parseWebhookEvent((await receiver.next()).body)?.change?.paymentStatus);
    expect(receiver.left()).toBe(0);
    return heard;
  };
  return { receiver, subscription, ordinary, statuses };
}

/** Every delivery try of such an intent has the fault. */
const onAttempts =
  (kind: FaultKind): Proof =>
  async (simulator, amount) => {
    const { statuses } = await hear(simulator, amount);
    await statuses(2);
    await vi.waitFor(() =>
      expect(simulator.deliveries().map(({ tries }) => tries.map(({ faults }) => faults))).toEqual([
        [[kind]],
        [[kind]],
        [[]],
        [[]],
      ]),
    );
  };

const proofs: Record<number, Proof> = {
  424201: async (simulator, amount) => {
    const { statuses } = await hear(simulator, amount);
    expect((await statuses(4)).toSorted()).toEqual(['Canceled', 'Canceled', 'Created', 'Created']);
  },
  424202: async (simulator, amount) => {
    const { statuses } = await hear(simulator, amount);
    expect(await statuses(2)).toEqual(['Canceled', 'Created']);
  },
  424203: async (simulator, amount) => {
    const { receiver, statuses } = await hear(simulator, amount);
    expect(
      simulator
        .deliveries()
        .map(({ state }) => state)
        .slice(0, 2),
    ).toEqual(['pending', 'pending']);
    simulator.clock.advance(4_999);
    expect(receiver.left()).toBe(0);
    expect(simulator.deliveries()[0]?.dueAt).not.toBeNull();
    simulator.clock.advance(1);
    expect(await statuses(2)).toEqual(['Created', 'Canceled']);
  },
  424204: async (simulator, amount) => {
    const { receiver } = await hear(simulator, amount);
    simulator.clock.advance(24 * 3_600_000);
    expect(
      simulator
        .deliveries()
        .map(({ state }) => state)
        .slice(0, 2),
    ).toEqual(['dropped', 'dropped']);
    expect(receiver.left()).toBe(0);
  },
  424205: onAttempts('wrong-secret'),
  424206: onAttempts('old-secret'),
  424207: onAttempts('corrupt-byte'),
  424208: async (simulator, amount) => {
    const { statuses } = await hear(simulator, amount);
    expect((await statuses(4)).toSorted()).toEqual(['Canceled', 'Created', 'Undocumented', 'Undocumented']);
  },
  424209: async (simulator, amount) => {
    const { receiver, ordinary } = await hear(simulator, amount);
    const membersOf = ({ body }: { body: Buffer }) => Object.keys(JSON.parse(body.toString())).length;
    expect(membersOf(await receiver.next())).toBeGreaterThan(membersOf(ordinary[0] as { body: Buffer }));
  },
  424210: async (simulator, amount) => {
    const { receiver } = await hear(simulator, amount);
    expect(receiver.left()).toBe(2);
    expect(simulator.deliveries().slice(0, 2)).toMatchObject([
      { faults: ['before-reply'], state: 'delivered' },
      { faults: ['before-reply'], state: 'delivered' },
    ]);
  },
  424220: async (simulator, amount) => {
    const late = openCall(simulator, createOf(amount));
    await vi.waitFor(() => expect(simulator.paymentIntents()).toHaveLength(1));
    await createIntent(simulator);
    expect(late.received()).toBe('');
    late.leave();
    await vi.waitFor(() =>
      expect(simulator.apiCalls()[0]).toMatchObject({ status: null, faults: ['latency'] }),
    );
  },
  424221: onCreate({ status: 400 }, false),
  424222: onCreate({ status: 500 }, false),
  424223: onCreate({ status: 500 }, true),
  424224: onUnpaid('GET', { status: 503 }, 'Created'),
  424225: onPaid('refunds', { status: 400, body: expect.stringMatching(/^\{"Status":400,"Detail":/) }, {}),
  424226: onCreate({ status: 429, head: expect.stringContaining('\r\nRetry-After: 1\r\n') }, false),
  424227: async (simulator, amount) => {
    await expectSilence(simulator, createOf(amount));
    expect(simulator.paymentIntents()).toHaveLength(1);
  },
  424228: onCreate({ ending: 'reset' }, true),
  424229: async (simulator, amount) => {
    const dripping = openCall(simulator, createOf(amount));
    await vi.waitFor(() => expect(dripping.received()).toMatch(/\r\n\r\n\{$/), {
      interval: 20,
    });
    dripping.leave();
  },
  424230: async (simulator, amount) => {
    const { body, status } = await readAnswer(simulator, createOf(amount));
    expect(status).toBe(200);
    expect(() => JSON.parse(body)).toThrow();
  },
  424231: async (simulator, amount) => {
    const { body } = await readAnswer(simulator, createOf(amount));
    expect(body.length).toBeGreaterThan(64 * 1024 * 1024);
  },
  424232: async (simulator, amount) => {
    expect(JSON.parse((await readAnswer(simulator, createOf(amount))).body).amount.value).toBe(amount + 1);
  },
  424233: async (simulator, amount) => {
    expect(JSON.parse((await readAnswer(simulator, createOf(amount))).body).reference).toBe('ORD-1-other');
  },
  424234: onCreate(
    { body: expect.stringContaining('"https://pay.dojo.tech.evil.example/checkout/pi_') },
    true,
  ),
  424235: async (simulator, amount) => {
    const { id } = await createIntent(simulator, { amount: gbp(amount) });
    await expectSilence(simulator, { method: 'GET', path: `/payment-intents/${id}` });
  },
  424236: async (simulator, amount) => {
    const { id } = await createIntent(simulator, { amount: gbp(amount) });
    await submitForm(simulator, `/checkout/${id}`, cards.success);
    await expectSilence(simulator, {
      method: 'POST',
      path: `/payment-intents/${id}/refunds`,
      ...money.refunds,
    });
    expect(simulator.paymentIntents()[0]?.refunds).toHaveLength(1);
  },
  424237: onCreate({ body: expect.stringContaining('"paymentLink":"javascript:') }, true),
  424238: onCreate({ status: 401 }, false),
  424239: onCreate({ status: 403 }, false),
  424240: onUnpaid('GET', { status: 404 }, 'Created'),
  424241: onUnpaid('GET', { status: 429 }, 'Created'),
  424242: onUnpaid('GET', { body: expect.stringContaining('"amount":{"value":424243') }, 'Created'),
  424243: onUnpaid('DELETE', { status: 503 }, 'Created'),
  424244: onUnpaid('DELETE', { ending: 'reset' }, 'Canceled'),
  424245: onPaid('captures', { status: 409 }, {}),
  424246: onPaid('captures', { status: 500 }, { captured: 1, status: 'Captured' }),
  424247: onPaid('reversal', { status: 409 }, {}),
  424248: onPaid('refunds', { status: 500 }, { refunded: 1 }),
  424249: onPaid('refunds', { status: 200, body: expect.not.stringMatching(/\}$/) }, { refunded: 1 }),
};

describe('a sentinel amount', () => {
  test('is £4,242 and some pence, and each has a proof here', () => {
    expect(sentinels.map(({ amount }) => amount)).toEqual(Object.keys(proofs).map(Number));
    for (const { amount } of sentinels) expect(Math.floor(amount / 100)).toBe(4242);
  });

  test.each(
    sentinels.map(({ amount, fault }) => ({
      amount,
      says: [fault.kind, listFaultDetails(fault)].filter(Boolean).join(', '),
    })),
  )('$amount: $says', async ({ amount }) => {
    const simulator = await startSimulator({ clock: createStoppedClock(), retryDelaysMs: [] });
    await proofs[amount]?.(simulator, amount);
    expect(simulator.faults.list()).toEqual([]);
  });

  test('is read in any spelling of its member', async () => {
    const simulator = await startSimulator();
    const body = { Amount: { Value: 4242_22, CurrencyCode: 'GBP' }, Reference: 'R' };
    expect((await readAnswer(simulator, { ...createOf(0), body })).status).toBe(500);
  });
});

describe('a fault that is switched on', () => {
  const list: Call = { method: 'GET', path: '/webhooks' };
  const statuses = async (simulator: Simulator, count: number) => {
    const seen: (number | null)[] = [];
    while (seen.length < count) seen.push((await readAnswer(simulator, list)).status);
    return seen;
  };

  test('happens as often as it should, and is counted', async () => {
    const simulator = await startSimulator();
    simulator.faults.add({ kind: 'status', status: 500, times: 2 });
    expect(await statuses(simulator, 4)).toEqual([500, 500, 200, 200]);
    expect(simulator.faults.list()).toMatchObject([{ id: 'fault_1', happened: 2 }]);
  });

  test('with a chance repeats from the same seed, whatever other faults do', async () => {
    const run = async (simulator: Simulator, seed: number, others: number) => {
      simulator.faults.reset(seed);
      simulator.faults.add({ kind: 'status', status: 500, chance: 0.5, operation: 'list-webhooks' });
      simulator.faults.add({ kind: 'reset', chance: 0.5, operation: 'list-webhook-events' });
      const seen = [];
      for (let count = 0; count < 16; count += 1) {
        for (let other = 0; other < others; other += 1)
          await readAnswer(simulator, { method: 'GET', path: '/webhooks/events' });
        seen.push(...(await statuses(simulator, 1)));
      }
      return seen;
    };
    const first = await run(await startSimulator(), 7, 0);
    expect(new Set(first)).toEqual(new Set([200, 500]));
    const simulator = await startSimulator();
    expect(await run(simulator, 8, 0)).not.toEqual(first);
    expect(await run(simulator, 7, 1)).toEqual(first);
  });

  test('draws its own chances, not those of another fault', async () => {
    const simulator = await startSimulator();
    for (const kind of ['latency', 'drip'] as const) simulator.faults.add({ kind, chance: 0.5, delayMs: 0 });
    await statuses(simulator, 32);
    await vi.waitFor(() => expect(simulator.apiCalls()).toHaveLength(32));
    const met = new Set(simulator.apiCalls().map(({ faults }) => faults.join('+')));
    expect(met).toEqual(new Set(['', 'latency', 'drip', 'latency+drip']));
  });

  test('starts from the seed of the simulator', async () => {
    const seeds = [3, 3, 4];
    const runs = [];
    for (const seed of seeds) {
      const simulator = await startSimulator({ seed });
      expect(simulator.faults.seed()).toBe(seed);
      simulator.faults.add({ kind: 'status', chance: 0.5 });
      runs.push((await statuses(simulator, 16)).join());
    }
    expect(runs[1]).toBe(runs[0]);
    expect(runs[2]).not.toBe(runs[0]);
  });

  test('with a chance continues after a restart, and starts again with a seed', async () => {
    const stateFile = tempFile('dojo.state');
    const run = async (count: number, options: { seed?: number } = {}) => {
      const simulator = await createSimulator({ stateFile, ...options });
      if (simulator.faults.list().length === 0)
        simulator.faults.add({ kind: 'status', chance: 0.5, operation: 'list-webhooks' });
      const seen = await statuses(simulator, count);
      await simulator.close();
      return seen;
    };
    const inParts = [...(await run(6)), ...(await run(6))];
    const simulator = await startSimulator();
    simulator.faults.add({ kind: 'status', chance: 0.5, operation: 'list-webhooks' });
    expect(inParts).toEqual(await statuses(simulator, 12));
    expect(inParts.slice(6)).not.toEqual(inParts.slice(0, 6));
    expect(await run(6, { seed: 1 })).toEqual(inParts.slice(0, 6));
  });

  test('ends when it is removed, or all are', async () => {
    const simulator = await startSimulator();
    simulator.faults.add({ kind: 'status', status: 500 });
    simulator.faults.add({ kind: 'status', status: 502 });
    expect(simulator.faults.remove('fault_1')).toBe(true);
    expect(simulator.faults.remove('fault_1')).toBe(false);
    expect(await statuses(simulator, 1)).toEqual([502]);
    simulator.faults.reset(1);
    expect(await statuses(simulator, 1)).toEqual([200]);
  });

  test.each([
    [{ kind: 'nonsense' }, 'kind'],
    [{ kind: 'status', status: 200 }, 'status'],
    [{ kind: 'latency', delayMs: -1 }, 'delayMs'],
    [{ kind: 'status', chance: 1.1 }, 'chance'],
    [{ kind: 'status', times: 0 }, 'times'],
    [{ kind: 'duplicate', operation: 'create-payment-intent' }, 'operation'],
    [{ kind: 'status', operation: 'charge' }, 'operation'],
    [{ kind: 'wrong-amount', operation: 'create-refund' }, 'operation'],
    [{ kind: 'evil-link', operation: 'get-refund' }, 'operation'],
    [{ kind: 'hang', operation: 'create-payment-intent', paymentIntentId: 'pi_1' }, 'paymentIntentId'],
    [{ kind: 'hang', operation: 'search-payment-intents', paymentIntentId: 'pi_1' }, 'paymentIntentId'],
    [{ kind: 'hang', operation: 'create-webhook', paymentIntentId: 'pi_1' }, 'paymentIntentId'],
    [{ kind: 'status', colour: 'red' }, ''],
  ])('cannot be %o', (fault, field) => {
    const parsed = faultSchema.safeParse(fault);
    expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual([field]);
  });

  test('can name an intent, or a call whose answer has one', () => {
    const faults = [
      { kind: 'hang', operation: 'get-refund', paymentIntentId: 'pi_1' },
      { kind: 'wrong-amount', operation: 'search-payment-intents' },
      { kind: 'wrong-amount', paymentIntentId: 'pi_1' },
      { kind: 'drop', paymentIntentId: 'pi_1' },
    ];
    for (const fault of faults) expect([fault, faultSchema.safeParse(fault).success]).toEqual([fault, true]);
  });
});
