import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import { callsKept } from '../../src/simulator/api/call-log.ts';
import type { Simulator, SimulatorOptions } from '../../src/simulator/create-simulator.ts';
import { apiHeaders, createStoppedClock, minimalIntent, openPage, startSimulator } from './support.ts';
import { type Call, openCall, readAnswer } from './wire.ts';

const key = 'sk_sandbox_abcdefghijklmnop';
const headers = { authorization: `Basic ${key}`, version: '2024-02-05' };
const create: Call = { method: 'POST', path: '/payment-intents/', headers, body: minimalIntent };

/** A simulator and its log lines. */
async function start(options: SimulatorOptions = {}) {
  const lines: string[] = [];
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line));
      done();
    },
  });
  const simulator = await startSimulator({ ...options, log: pino(stream) });
  return { simulator, lines };
}

/** The record of the only call. */
async function only(simulator: Simulator) {
  await vi.waitFor(() => expect(simulator.apiCalls()).toHaveLength(1));
  return simulator.apiCalls()[0];
}

test('a call is recorded with its operation, version and key prefix', async () => {
  const { simulator, lines } = await start({ clock: createStoppedClock() });
  await readAnswer(simulator, create);
  expect(await only(simulator)).toEqual({
    at: new Date('2026-11-22T10:00:00Z'),
    method: 'POST',
    path: '/payment-intents/',
    operation: 'create-payment-intent',
    version: '2024-02-05',
    keyPrefix: 'sk_sandbox_abcd',
    status: 200,
    problem: null,
    faults: [],
    latencyMs: expect.any(Number),
  });
  await vi.waitFor(() => expect(lines).toHaveLength(1));
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    msg: 'call',
    method: 'POST',
    path: '/payment-intents/',
    key: 'sk_sandbox_abcd',
    status: 200,
  });
});

test.each<[name: string, call: Call, expected: object]>([
  [
    'without a key',
    { method: 'GET', path: '/webhooks', headers: { authorization: '' } },
    {
      status: 401,
      keyPrefix: null,
      operation: 'list-webhooks',
      problem: expect.stringContaining('Authorization'),
    },
  ],
  [
    'with a live key',
    { method: 'GET', path: '/webhooks', headers: { authorization: 'Basic sk_prod_abcdefgh' } },
    { status: 401, keyPrefix: 'sk_prod_' },
  ],
  [
    'with a version that is no date',
    { method: 'GET', path: '/customers/cust_1', headers: { version: 'newest' } },
    { status: 400, version: 'newest', problem: expect.stringMatching(/^Version: /) },
  ],
  [
    'to a path that does not exist',
    { method: 'POST', path: '/payment-intents/pi_1/settle' },
    { status: 404, operation: null, problem: 'Not Found' },
  ],
  [
    'to a path that Dojo has nothing under',
    { method: 'POST', path: '/v1/payment-intents' },
    { status: 404, operation: null },
  ],
  [
    'that is refused',
    { ...create, body: { amount: { value: 1, currencyCode: 'GBP' } } },
    { status: 400, problem: 'Reference: The Reference field is required.' },
  ],
  [
    'that has an API key for a name',
    { ...create, body: { metadata: { sk_prod_verysecret: 1 } } },
    { status: 400, problem: expect.not.stringContaining('verysecret') },
  ],
])('a call %s is recorded', async (_name, call, expected) => {
  const { simulator } = await start();
  await readAnswer(simulator, { ...call, headers: { ...apiHeaders, ...call.headers } });
  expect(await only(simulator)).toMatchObject(expected);
});

test('a call with an unreadable body is recorded', async () => {
  const { simulator } = await start();
  const response = await fetch(`${simulator.url}/payment-intents`, {
    method: 'POST',
    headers,
    body: '{"amount"',
  });
  expect(response.status).toBe(400);
  expect(await only(simulator)).toMatchObject({
    status: 400,
    operation: 'create-payment-intent',
    problem: 'The request could not be read.',
  });
});

test.each(['reset', 'hang'] as const)('a call that met a %s is recorded without an answer', async (kind) => {
  const { simulator, lines } = await start();
  simulator.faults.add({ kind });
  const call = openCall(simulator, create);
  if (kind === 'hang') {
    await vi.waitFor(() => expect(simulator.paymentIntents()).toHaveLength(1));
    expect(simulator.apiCalls()).toEqual([]);
    call.leave();
  }
  expect(await only(simulator)).toMatchObject({ status: null, problem: null, faults: [kind] });
  expect(JSON.parse(lines.find((line) => line.includes('"call"')) ?? '')).toMatchObject({ status: null });
});

test('a call that the client abandons in the middle of its body is recorded', async () => {
  const { simulator } = await start();
  const call = openCall(simulator, { ...create, length: 10_000 });
  call.finish();
  expect(await only(simulator)).toMatchObject({ operation: 'create-payment-intent', faults: [] });
  expect(simulator.paymentIntents()).toEqual([]);
});

test('an injected error says that it is injected, in either spelling', async () => {
  const { simulator } = await start();
  simulator.faults.add({ kind: 'status', status: 503, times: 1 });
  await readAnswer(simulator, create);
  simulator.faults.add({ kind: 'pascal-case-error', times: 1 });
  await readAnswer(simulator, create);
  await vi.waitFor(() => expect(simulator.apiCalls()).toHaveLength(2));
  expect(simulator.apiCalls()).toMatchObject([
    { status: 500, problem: 'This error is an injected fault.', faults: ['pascal-case-error'] },
    { status: 503, problem: 'This error is an injected fault.', faults: ['status'] },
  ]);
});

test('no key, secret or body is recorded or logged, wherever a client puts it', async () => {
  const { simulator, lines } = await start();
  const secret = 'a-customer-secret-of-some-length';
  const calls: Call[] = [
    { ...create, body: { ...minimalIntent, reference: 'private-reference', description: key } },
    { ...create, body: { reference: 'private-reference', metadata: { 'private-name': 1 } } },
    { method: 'GET', path: `/payment-intents/${key}?key=${key}`, headers },
    { method: 'GET', path: '/payment-intents/pi_1', headers: { ...headers, version: key } },
    {
      method: 'GET',
      path: '/customers/public/cust_1/payment-methods',
      headers: { ...headers, authorization: `Basic ${secret}` },
    },
    { ...create, headers: { ...headers, authorization: 'Basic sk_sandbox_demo' } },
  ];
  for (const call of calls) await readAnswer(simulator, call);
  await vi.waitFor(() => expect(simulator.apiCalls()).toHaveLength(calls.length));
  const kept = JSON.stringify(simulator.apiCalls()) + lines.join('');
  for (const word of [key, 'abcde', secret, 'private', 'sk_sandbox_demo']) expect(kept).not.toContain(word);
});

test('pages do not count as API calls', async () => {
  const { simulator } = await start();
  await openPage(simulator, '/');
  await openPage(simulator, '/checkout/pi_unknown');
  expect(simulator.apiCalls()).toEqual([]);
});

test('the newest calls come first, and only the latest thousand stay', async () => {
  const { simulator } = await start();
  for (let count = 0; count <= callsKept; count += 1)
    await (await fetch(`${simulator.url}/webhooks/${count}`, { headers })).text();
  await vi.waitFor(() => expect(simulator.apiCalls()[0]?.path).toBe(`/webhooks/${callsKept}`));
  expect(simulator.apiCalls()).toHaveLength(callsKept);
  expect(simulator.apiCalls().at(-1)?.path).toBe('/webhooks/1');
});
