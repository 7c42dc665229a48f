import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { cards, startSimulator, submitForm } from './support.ts';

/** Plain HTTP as Dojo's samples send it: these headers in this spelling, without our client. */
type Sent = { method: string; path: string; headers?: string[]; body?: string };

const sampleHeaders = [
  'Content-Type',
  'application/json',
  'Version',
  '2024-02-05',
  'Authorization',
  'Basic sk_sandbox_c8oLGaI__msxsXbpBDpdtwJEz',
];
const bareHeaders = sampleHeaders.slice(2);

async function send(simulator: Simulator, { method, path, headers = sampleHeaders, body }: Sent) {
  const { hostname, port } = new URL(simulator.url);
  const length = body === undefined ? [] : ['Content-Length', String(Buffer.byteLength(body))];
  const sent = request({
    hostname,
    port,
    method,
    path,
    headers: ['Host', `${hostname}:${port}`, ...headers, ...length],
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return readReply(answer);
}

async function readReply(answer: IncomingMessage) {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return {
    status: answer.statusCode,
    headers: answer.headers,
    // biome-ignore lint/suspicious/noExplicitAny: each test checks what its sample reads of the reply.
    json: (text === '' ? null : JSON.parse(text)) as any,
  };
}

const order = JSON.stringify({ amount: { value: 1000, currencyCode: 'GBP' }, reference: 'Order 234' });

async function createPaid(simulator: Simulator, body = order): Promise<string> {
  const { json } = await send(simulator, { method: 'POST', path: '/payment-intents/', body });
  await submitForm(simulator, `/checkout/${json.id}`, cards.success);
  return json.id;
}

test('a sample that takes a payment by a link, captures it in part, and refunds it', async () => {
  const simulator = await startSimulator();
  const body = JSON.stringify({
    amount: { value: 1000, currencyCode: 'GBP' },
    reference: 'Order 234',
    description: 'Demo payment intent',
    captureMode: 'Manual',
    autoExpireAction: 'Release',
    autoExpireAt: '2022-05-30T18:14:36.5310219+00:00',
    userAgent: 'retired',
    config: { redirectUrl: 'http://site.example/checkout/success_pay', tradingName: 'retired' },
  });
  const id = await createPaid(simulator, body);
  const path = `/payment-intents/${id}`;
  const reserved = await send(simulator, { method: 'GET', path, headers: bareHeaders });
  expect(reserved.json.status).toBe('Authorized');
  const capture = await send(simulator, {
    method: 'POST',
    path: `${path}/captures`,
    body: JSON.stringify({ amount: 900 }),
  });
  expect(capture).toMatchObject({
    status: 200,
    json: { captureId: expect.stringMatching(/^cp_/) },
  });
  const refund = await send(simulator, {
    method: 'POST',
    path: `${path}/refunds`,
    headers: [...sampleHeaders, 'IdempotencyKey', '0f8fad5b-d9cb-469f-a165-70867728950e'],
    body: JSON.stringify({ amount: 10, refundReason: 'Demo refund' }),
  });
  expect(refund).toMatchObject({
    status: 200,
    json: { paymentIntentId: id, refundId: expect.stringMatching(/^rfnd_/), refundReason: 'Demo refund' },
  });
  const left = await send(simulator, { method: 'GET', path: `${path}/`, headers: bareHeaders });
  expect(left.json).toMatchObject({ status: 'Captured', refundedAmount: 10 });
});

test('a sample that cancels', async () => {
  const simulator = await startSimulator();
  const { json } = await send(simulator, { method: 'POST', path: '/payment-intents/', body: order });
  const canceled = await send(simulator, {
    method: 'DELETE',
    path: `/payment-intents/${json.id}`,
    headers: ['version', '2022-04-07', ...bareHeaders.slice(2)],
  });
  expect(canceled).toMatchObject({ status: 200, json: { id: json.id, status: 'Canceled' } });
});

test.each([
  ['an empty body', '', sampleHeaders],
  ['no body at all', undefined, bareHeaders],
  ['an empty object', '{}', sampleHeaders],
  ['null for a body', 'null', sampleHeaders],
])('a sample that reverses with %s', async (_name, body, headers) => {
  const simulator = await startSimulator();
  const id = await createPaid(simulator);
  const path = `/payment-intents/${id}/reversal`;
  const reply = await send(simulator, {
    method: 'POST',
    path,
    headers,
    ...(body !== undefined && { body }),
  });
  expect(reply).toMatchObject({ status: 200, json: { reversalId: expect.stringMatching(/^rvs_/) } });
});

test('a sample of the first release, with captions, still reads its reply', async () => {
  const simulator = await startSimulator();
  const reply = await send(simulator, {
    method: 'POST',
    path: '/payment-intents',
    headers: [
      'content-type',
      'application/json',
      'version',
      '2022-01-03',
      'Authorization',
      'Basic sk_sandbox_a',
    ],
    body: JSON.stringify({
      Amount: { Value: 1000, CurrencyCode: 'GBP' },
      Reference: 'Order-0001',
      ItemLines: [{ Caption: 'Prod 1', Quantity: 2, AmountTotal: { Value: 1000, CurrencyCode: 'GBP' } }],
    }),
  });
  expect(reply).toMatchObject({
    status: 200,
    json: { status: 'Created', itemLines: [{ caption: 'Prod 1', quantity: 2 }] },
  });
});

test('a sample that creates customers and gives a browser their secret', async () => {
  const simulator = await startSimulator();
  const created = await send(simulator, {
    method: 'POST',
    path: '/customers/',
    body: JSON.stringify({ name: 'Alex', emailAddress: 'alex@shop.example', marketing: true }),
  });
  expect(created).toMatchObject({ status: 200, json: { name: 'Alex', documentVersion: 0 } });
  const { id } = created.json;
  const made = await send(simulator, {
    method: 'POST',
    path: `/customers/${id}/create-secret`,
    headers: bareHeaders,
  });
  expect(made).toMatchObject({ status: 200, json: { secret: expect.any(String) } });
  const cardsOf = await send(simulator, {
    method: 'GET',
    path: `/customers/public/${id}/payment-methods`,
    headers: ['Version', '2024-02-05', 'Authorization', `Basic ${made.json.secret}`],
  });
  expect(cardsOf.json.savedPaymentMethods).toEqual([]);
  const unknown = await send(simulator, { method: 'POST', path: '/customers/cust_unknown/create-secret' });
  expect(unknown.status).toBe(404);
});

test('a sample that walks through all payments with a cursor', async () => {
  const simulator = await startSimulator();
  const created: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    const { json } = await send(simulator, { method: 'POST', path: '/payment-intents', body: order });
    created.unshift(json.id);
  }
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const body = JSON.stringify({ statuses: ['Created'], cursor: { limit: 2, after } });
    const { json } = await send(simulator, { method: 'POST', path: '/payment-intents/search', body });
    seen.push(...json.data.map(({ id }: { id: string }) => id));
    after = json.after;
  } while (after !== null);
  expect(seen).toEqual(created);
});

test.each([
  ['with a character set', ['Content-Type', 'application/json; charset=utf-8']],
  ['with another spelling of it', ['CONTENT-TYPE', 'application/json;charset="UTF-8"']],
  ['of another kind', ['Content-Type', 'text/plain']],
  ['of a form, as curl names it', ['Content-Type', 'application/x-www-form-urlencoded']],
  ['of none', []],
])('a body with a Content-Type %s is read as JSON', async (_name, contentType) => {
  const simulator = await startSimulator();
  const reply = await send(simulator, {
    method: 'POST',
    path: '/payment-intents',
    headers: [...contentType, ...bareHeaders],
    body: order,
  });
  expect(reply).toMatchObject({ status: 200, json: { reference: 'Order 234' } });
});

test('a client that waits for 100 Continue gets it', async () => {
  const simulator = await startSimulator();
  const { hostname, port } = new URL(simulator.url);
  const headers = ['Host', hostname, ...sampleHeaders, 'Expect', '100-continue'];
  const sent = request({ hostname, port, method: 'POST', path: '/payment-intents', headers });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.end(order);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  expect(await readReply(answer)).toMatchObject({ status: 200, json: { reference: 'Order 234' } });
});

test('a chunked body is read', async () => {
  const simulator = await startSimulator();
  const { hostname, port } = new URL(simulator.url);
  const headers = ['Host', hostname, ...sampleHeaders, 'Transfer-Encoding', 'chunked'];
  const sent = request({ hostname, port, method: 'POST', path: '/payment-intents', headers });
  // Cut through the pound sign.
  const bytes = Buffer.from(order.replace('Order 234', 'Order £234'));
  const cut = bytes.indexOf(0xc2) + 1;
  sent.write(bytes.subarray(0, cut));
  sent.end(bytes.subarray(cut));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  expect((await readReply(answer)).json.reference).toBe('Order £234');
});

test('a compressed body is read, and a client that accepts compression can read the answer', async () => {
  const simulator = await startSimulator();
  const { hostname, port } = new URL(simulator.url);
  const body = gzipSync(order);
  const headers = [
    ...sampleHeaders,
    'Content-Encoding',
    'gzip',
    'Accept-Encoding',
    'gzip, deflate, br',
    'Accept',
    '*/*',
  ];
  const sent = request({
    hostname,
    port,
    method: 'POST',
    path: '/payment-intents',
    headers: ['Host', hostname, ...headers, 'Content-Length', String(body.length)],
  });
  sent.end(body);
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const reply = await readReply(answer);
  expect(reply).toMatchObject({ status: 200, json: { reference: 'Order 234' } });
  expect(reply.headers['content-encoding']).toBeUndefined();
  expect(reply.headers['content-type']).toBe('application/json; charset=utf-8');
});

/** The answer to exactly these bytes, once the connection is closed. */
async function sendBytes(simulator: Simulator, bytes: string): Promise<string> {
  const { hostname, port } = new URL(simulator.url);
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(received).toString();
}

test('an HTTP/1.0 client gets a length, and the connection closes', async () => {
  const simulator = await startSimulator();
  const answer = await sendBytes(
    simulator,
    `POST /payment-intents HTTP/1.0\r\nversion: 2024-02-05\r\nAUTHORIZATION: Basic sk_sandbox_a\r\nContent-Length: ${order.length}\r\n\r\n${order}`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(answer).toMatch(/\r\nContent-Length: \d+\r\n/);
  expect(answer).not.toMatch(/transfer-encoding/i);
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).reference).toBe('Order 234');
});

test('a call without a body or a length counts as an empty request', async () => {
  const simulator = await startSimulator();
  const ask = (path: string) =>
    sendBytes(
      simulator,
      `POST ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nversion: 2024-02-05\r\nAuthorization: Basic sk_sandbox_a\r\n\r\n`,
    );
  expect(await ask('/payment-intents/search')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(await ask('/customers')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  const refused = await ask('/payment-intents');
  expect(refused).toMatch(/^HTTP\/1\.1 400 /);
  expect(refused).toContain('The Reference field is required.');
});
