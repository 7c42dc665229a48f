import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDojoClient } from '../../src/dojo/client.ts';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import type { FaultRequest } from '../../src/simulator/faults.ts';
import { type Operation, operations } from '../../src/simulator/operations.ts';
import {
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  minimalIntent,
  startSimulator,
  submitForm,
} from './support.ts';
import { type Call, openCall, readAnswer } from './wire.ts';

const create: Call = { method: 'POST', path: '/payment-intents', body: minimalIntent };

function openClient(simulator: Simulator, timeoutMs = 10_000) {
  const client = createDojoClient({
    apiUrl: simulator.url,
    apiKey: 'sk_sandbox_test_key',
    apiVersion: '2026-02-27',
    timeoutMs,
    connections: 2,
  });
  onTestFinished(() => client.close());
  return client;
}

/** A call of each operation that does not answer 404 for its path. */
const calls: Record<Operation, Call> = {
  'create-payment-intent': create,
  'search-payment-intents': { method: 'POST', path: '/payment-intents/search', body: {} },
  'get-refund': { method: 'GET', path: '/payment-intents/refunds/rfnd_1' },
  'get-payment-intent': { method: 'GET', path: '/payment-intents/pi_sandbox_1' },
  'cancel-payment-intent': { method: 'DELETE', path: '/payment-intents/pi_sandbox_1' },
  'create-capture': { method: 'POST', path: '/payment-intents/pi_sandbox_1/captures', body: { amount: 1 } },
  'create-refund': { method: 'POST', path: '/payment-intents/pi_sandbox_1/refunds', body: { amount: 1 } },
  'create-reversal': { method: 'POST', path: '/payment-intents/pi_sandbox_1/reversal/' },
  'set-amount': { method: 'POST', path: '/payment-intents/pi_sandbox_1/amount', body: {} },
  'set-tips-amount': { method: 'POST', path: '/payment-intents/pi_sandbox_1/tips-amount', body: {} },
  'send-receipt': { method: 'POST', path: '/payment-intents/pi_sandbox_1/receipt', body: {} },
  'refresh-client-session-secret': {
    method: 'POST',
    path: '/payment-intents/pi_sandbox_1/refresh-client-session-secret',
  },
  'list-webhook-events': { method: 'GET', path: '/webhooks/events' },
  'list-webhooks': { method: 'GET', path: '/webhooks/' },
  'create-webhook': { method: 'POST', path: '/webhooks', body: {} },
  'update-webhook': { method: 'PATCH', path: '/webhooks/ws_1', body: {} },
  'delete-webhook': { method: 'DELETE', path: '/webhooks/ws_1' },
  'list-webhook-secrets': { method: 'GET', path: '/webhooks/ws_1/secrets' },
  'create-webhook-secret': { method: 'POST', path: '/webhooks/ws_1/secrets' },
  'activate-webhook-secret': { method: 'PUT', path: '/webhooks/ws_1/secrets/sc_1/activate' },
  'delete-webhook-secret': { method: 'DELETE', path: '/webhooks/ws_1/secrets/sc_1' },
  'create-customer': { method: 'POST', path: '/customers', body: {} },
  'search-customers': { method: 'POST', path: '/customers/search', body: {} },
  'get-customers': { method: 'GET', path: '/customers/cust_1' },
  'update-customer': { method: 'PATCH', path: '/customers/cust_1', body: {} },
  'delete-customer': { method: 'DELETE', path: '/customers/cust_1' },
  'create-customer-secret': { method: 'POST', path: '/customers/cust_1/create-secret' },
  'list-payment-methods': { method: 'GET', path: '/customers/public/cust_1/payment-methods' },
  'delete-payment-method': { method: 'DELETE', path: '/customers/public/cust_1/payment-methods/pm_1' },
};

describe.each(operations)('%s', (operation) => {
  test('can fail with an error, a reset, a slow answer and broken JSON, and no other operation does', async () => {
    const simulator = await startSimulator();
    const other = operation === 'list-webhooks' ? 'list-webhook-events' : 'list-webhooks';
    const happen = async (fault: FaultRequest) => {
      simulator.faults.add({ ...fault, operation, times: 1 });
      const bystander = await readAnswer(simulator, calls[other]);
      expect([bystander.ending, bystander.status]).toEqual(['closed', 200]);
      expect(JSON.parse(bystander.body)).toEqual(expect.anything());
      return readAnswer(simulator, calls[operation]);
    };

    const failed = await happen({ kind: 'status', status: 503 });
    expect(failed.status).toBe(503);
    expect(JSON.parse(failed.body)).toMatchObject({ status: 503, title: expect.any(String) });
    expect((await happen({ kind: 'reset' })).ending).toBe('reset');
    const cut = await happen({ kind: 'malformed-json' });
    expect(cut.ending).toBe('closed');
    expect(cut.head).toContain(`\r\nContent-Length: ${Buffer.byteLength(cut.body)}`);
    expect(() => JSON.parse(cut.body)).toThrow();
    const whole = await readAnswer(simulator, calls[operation]);
    simulator.faults.add({ kind: 'drip', delayMs: 60_000, operation, times: 1 });
    const dripping = openCall(simulator, calls[operation]);
    const length = Buffer.byteLength(whole.body);
    await vi.waitFor(() => expect(dripping.received()).toContain(`\r\nContent-Length: ${length}\r\n`));
    expect(dripping.received()).toMatch(/\r\n\r\n$/);
    dripping.leave();
    expect(simulator.faults.list().map(({ happened }) => happened)).toEqual([1, 1, 1, 1]);
  });
});

test('an error in Dojo’s other spelling has the members Status and Detail', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'pascal-case-error', status: 400 });
  const reply = await callApi(simulator, { ...create, offSpec: true });
  expect(reply).toEqual({
    status: 400,
    contentType: 'application/json; charset=utf-8',
    body: { Status: 400, Detail: expect.any(String) },
  });
});

test('a rate limit says when to try again', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'rate-limit', retryAfterSeconds: 7 });
  await expect(openClient(simulator).createPaymentIntent(minimalIntent)).rejects.toMatchObject({
    kind: 'rate-limited',
    retryAfterMs: 7_000,
  });
  expect(simulator.paymentIntents()).toEqual([]);
});

test.each<[fault: FaultRequest, isCreated: boolean]>([
  [{ kind: 'status', status: 500 }, false],
  [{ kind: 'status', status: 500, takesEffect: true }, true],
  [{ kind: 'pascal-case-error', status: 400 }, false],
  [{ kind: 'pascal-case-error', status: 400, takesEffect: true }, true],
  [{ kind: 'rate-limit' }, false],
  [{ kind: 'rate-limit', takesEffect: true }, true],
  [{ kind: 'reset' }, true],
  [{ kind: 'reset', takesEffect: false }, false],
  [{ kind: 'malformed-json' }, true],
  [{ kind: 'wrong-amount', takesEffect: false }, true],
])('after %o the intent exists: %s', async (fault, isCreated) => {
  const simulator = await startSimulator();
  simulator.faults.add(fault);
  await readAnswer(simulator, create);
  expect(simulator.paymentIntents()).toHaveLength(isCreated ? 1 : 0);
});

test.each([
  ['takes effect by default', undefined],
  ['takes effect', true],
  ['takes no effect', false],
])('a call that hangs %s, and is never answered', async (_says, wish) => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'hang', times: 1, ...(wish !== undefined && { takesEffect: wish }) });
  const hung = openCall(simulator, create);
  await vi.waitFor(() => expect(simulator.faults.list()[0]?.happened).toBe(1));
  expect(await createIntent(simulator)).toBeDefined();
  expect(simulator.paymentIntents()).toHaveLength(wish === false ? 1 : 2);
  expect(hung.received()).toBe('');
  hung.leave();
  await vi.waitFor(() => expect(simulator.apiCalls()).toHaveLength(2));
  expect(simulator.apiCalls()[0]).toMatchObject({ status: null, problem: null, faults: ['hang'] });
});

test('our client reports a hung call as a timeout, and a reset as a broken connection', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'hang', operation: 'create-payment-intent' });
  simulator.faults.add({ kind: 'reset', operation: 'cancel-payment-intent' });
  const client = openClient(simulator, 100);
  await expect(client.createPaymentIntent(minimalIntent)).rejects.toMatchObject({ kind: 'timeout' });
  await expect(client.cancelPaymentIntent('pi_sandbox_1')).rejects.toMatchObject({ kind: 'network' });
});

test('a delayed call takes effect at once, and its answer comes after the delay', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'latency', delayMs: 400, operation: 'create-payment-intent' });
  const late = openCall(simulator, create);
  await vi.waitFor(() => expect(simulator.paymentIntents()).toHaveLength(1));
  expect(late.received()).toBe('');
  await late.over;
  expect(late.received()).toMatch(/^HTTP\/1.1 200 /);
  expect(simulator.apiCalls()[0]).toMatchObject({ status: 200, faults: ['latency'] });
});

test('a dripping answer arrives byte by byte', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'drip', delayMs: 250 });
  const dripping = openCall(simulator, { method: 'GET', path: '/webhooks' });
  await vi.waitFor(() => expect(dripping.received()).toContain('Content-Length: 2\r\n'));
  expect(dripping.received()).not.toMatch(/\[\]$/);
  await dripping.over;
  expect(dripping.received()).toMatch(/\r\n\r\n\[\]$/);
});

test('an oversized answer is still JSON, and our client stops reading it', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'oversized-json', operation: 'create-payment-intent' });
  const response = await fetch(`${simulator.url}/payment-intents`, {
    method: 'POST',
    headers: { authorization: 'Basic sk_sandbox_test_key', version: '2026-02-27' },
    body: JSON.stringify(minimalIntent),
  });
  const text = await response.text();
  expect(text.length).toBeGreaterThan(64 * 1024 * 1024);
  expect(JSON.parse(text)).toMatchObject({ reference: 'ORD-1001' });
  await expect(openClient(simulator).createPaymentIntent(minimalIntent)).rejects.toMatchObject({
    kind: 'malformed',
  });
});

test('an answer without a body is corrupted with an unexpected body', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const receipt = {
    method: 'POST',
    path: `/payment-intents/${id}/receipt`,
    body: { emails: ['a@shop.example'] },
  };
  expect((await readAnswer(simulator, receipt)).status).toBe(204);
  simulator.faults.add({ kind: 'malformed-json', times: 1 });
  expect(await readAnswer(simulator, receipt)).toMatchObject({ status: 200, body: '{' });
});

describe('an intent in an answer', () => {
  test.each<[kind: FaultRequest['kind'], change: (intent: Record<string, unknown>) => object]>([
    [
      'wrong-amount',
      () => ({
        amount: { value: 1235, currencyCode: 'GBP' },
        totalAmount: { value: 1235, currencyCode: 'GBP' },
      }),
    ],
    ['wrong-reference', () => ({ reference: 'ORD-1001-other' })],
    ['evil-link', ({ id }) => ({ paymentLink: `https://pay.dojo.tech.evil.example/checkout/${id}` })],
    ['script-link', () => ({ paymentLink: expect.stringMatching(/^javascript:/) })],
  ])(
    'can have a %s, alone and in search results, and the stored intent is unchanged',
    async (kind, change) => {
      const simulator = await startSimulator();
      const { id } = await createIntent(simulator);
      const before = await getIntent(simulator, id);
      simulator.faults.add({ kind });
      const changed = { ...before, ...change(before) };
      expect(await getIntent(simulator, id)).toEqual(changed);
      const search = { method: 'POST', path: '/payment-intents/search', body: {} };
      expect((await callApi(simulator, search)).body.data).toEqual([changed]);
      // A call without an intent in its answer does not use up the fault.
      await callApi(simulator, { method: 'GET', path: '/webhooks' });
      expect(simulator.faults.list()[0]?.happened).toBe(2);
      simulator.faults.reset(1);
      expect(await getIntent(simulator, id)).toEqual(before);
    },
  );

  test('with a reference of 60 characters gets another one of 60', async () => {
    const simulator = await startSimulator();
    simulator.faults.add({ kind: 'wrong-reference' });
    const { reference } = await createIntent(simulator, { reference: 'R'.repeat(60) });
    expect(reference).toBe(`${'R'.repeat(54)}-other`);
  });
});

test('several faults can meet in one call, and each happens', async () => {
  const simulator = await startSimulator();
  for (const fault of [
    { kind: 'latency', delayMs: 10 },
    { kind: 'wrong-amount' },
    { kind: 'wrong-reference' },
    { kind: 'drip', delayMs: 0 },
  ] as const)
    simulator.faults.add(fault);
  expect(await createIntent(simulator)).toMatchObject({
    amount: { value: 1235 },
    reference: 'ORD-1001-other',
  });
  expect(simulator.apiCalls()[0]?.faults).toEqual(['latency', 'wrong-amount', 'wrong-reference', 'drip']);
  simulator.faults.add({ kind: 'status', status: 502 });
  simulator.faults.add({ kind: 'status', status: 503 });
  expect((await readAnswer(simulator, create)).status).toBe(502);
});

test('a fault of one intent does not affect others', async () => {
  const simulator = await startSimulator();
  const mine = await createIntent(simulator);
  const other = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${mine.id}`, cards.success);
  const refunded = await callApi(simulator, {
    method: 'POST',
    path: `/payment-intents/${mine.id}/refunds`,
    headers: { authorization: 'Basic sk_sandbox_test_key', version: '2026-02-27', idempotencyKey: 'k' },
    body: { amount: 100 },
  });
  simulator.faults.add({ kind: 'status', paymentIntentId: mine.id });
  const statusOf = async (call: Call) => (await readAnswer(simulator, call)).status;
  expect(await statusOf({ method: 'GET', path: `/payment-intents/${mine.id}` })).toBe(500);
  expect(await statusOf({ method: 'GET', path: `/payment-intents/refunds/${refunded.body.refundId}` })).toBe(
    500,
  );
  expect(await statusOf({ method: 'GET', path: `/payment-intents/${other.id}` })).toBe(200);
  expect(await statusOf(create)).toBe(200);
});

test('stale answers show intents as they were, and no newer ones; calls that change an intent see the truth', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { id } = await createIntent(simulator);
  clock.advance(60_000);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const newer = await createIntent(simulator);
  clock.advance(20_000);
  simulator.faults.add({ kind: 'stale', delayMs: 30_000 });
  const statuses = ['Captured', 'Created'];
  const search = async (wanted: readonly string[]) => {
    const body = { statuses: wanted };
    const reply = await callApi(simulator, { method: 'POST', path: '/payment-intents/search', body });
    return reply.body.data.map((intent: { id: string; status: string }) => [intent.id, intent.status]);
  };
  expect((await getIntent(simulator, id)).status).toBe('Created');
  expect((await readAnswer(simulator, { method: 'GET', path: `/payment-intents/${newer.id}` })).status).toBe(
    404,
  );
  expect(await search(statuses)).toEqual([[id, 'Created']]);
  expect(await search(['Captured'])).toEqual([]);
  const deleted = { method: 'DELETE', path: `/payment-intents/${id}` };
  expect((await callApi(simulator, { ...deleted, offSpec: true })).status).toBe(400);

  clock.advance(10_000);
  expect(await search(statuses)).toEqual([
    [newer.id, 'Created'],
    [id, 'Captured'],
  ]);
});

test('a call that is unauthorised or unreadable meets no fault', async () => {
  const simulator = await startSimulator();
  simulator.faults.add({ kind: 'reset' });
  const headers = { authorization: 'Basic sk_prod_live', version: '2026-02-27' };
  expect((await readAnswer(simulator, { ...create, headers })).status).toBe(401);
  expect((await callApi(simulator, { ...create, body: '{', offSpec: true })).status).toBe(400);
  expect(simulator.faults.list()[0]?.happened).toBe(0);
});

test('closing the simulator while answers hang, drip, wait and swell ends all connections', async () => {
  const simulator = await startSimulator();
  const kinds = [
    { kind: 'hang' },
    { kind: 'latency', delayMs: 600_000 },
    { kind: 'drip', delayMs: 600_000 },
    { kind: 'oversized-json' },
  ] as const;
  const opened = [];
  for (const fault of kinds) {
    simulator.faults.add({ ...fault, times: 1 });
    const call = openCall(simulator, create);
    if (fault.kind === 'oversized-json') call.pause();
    opened.push(call);
    await vi.waitFor(() => expect(simulator.paymentIntents()).toHaveLength(opened.length));
  }
  await simulator.close();
  for (const call of opened.slice(0, 3)) await call.over;
  opened.at(-1)?.leave();
});

test('a process ends after its simulator is closed with calls under way', async () => {
  const program = `
    import { connect } from 'node:net';
    import { createSimulator } from '${new URL('../../src/simulator/create-simulator.ts', import.meta.url)}';
    const simulator = await createSimulator();
    const faults = ['hang', 'latency', 'drip'].map((kind) => ({ kind, chance: 1, times: 1, status: 500, delayMs: 600000, retryAfterSeconds: 1 }));
    for (const fault of faults) {
      simulator.faults.add(fault);
      const socket = connect(new URL(simulator.url).port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET /webhooks HTTP/1.1\\r\\nhost: a\\r\\nauthorization: Basic sk_sandbox_key\\r\\nversion: 2026-02-27\\r\\n\\r\\n');
      while (simulator.faults.list().at(-1).happened === 0) await new Promise((done) => setImmediate(done));
    }
    await simulator.close();
    console.log('closed');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program]);
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  onTestFinished(() => void child.kill());
  const [code] = await once(child, 'exit');
  expect([code, said]).toEqual([0, 'closed\n']);
});
