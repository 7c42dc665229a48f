import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { request } from 'undici';
import { expect, onTestFinished } from 'vitest';
import {
  createSimulator,
  type Simulator,
  type SimulatorOptions,
} from '../../src/simulator/create-simulator.ts';
import { type Clock, createClock } from '../../src/simulator/state/clock.ts';
import { loadOpenApi } from '../support/openapi.ts';

export const openApi = loadOpenApi();

export const apiHeaders = { authorization: 'Basic sk_sandbox_test_key', version: '2026-02-27' };

export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await createSimulator(options);
  onTestFinished(() => simulator.close());
  return simulator;
}

/** Stands still until the test moves it. */
export function createStoppedClock(startAt = '2026-11-22T10:00:00.000Z'): Clock {
  return createClock({ startAt: new Date(startAt), isStopped: true });
}

/** A file in a new folder, which is removed after the test. */
export function tempFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'simulator-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

export type ApiReply = {
  status: number;
  contentType: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests check the replies, and the specification their shape.
  body: any;
};

/** One call to the API. Checks every answer against Dojo's contract. */
export async function callApi(
  simulator: Simulator,
  call: { method: string; path: string; body?: unknown; headers?: Record<string, string>; offSpec?: boolean },
): Promise<ApiReply> {
  const hasBody = call.body !== undefined;
  const response = await request(simulator.url + call.path, {
    method: call.method as 'GET',
    headers: {
      ...(call.headers ?? apiHeaders),
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    body: hasBody ? (typeof call.body === 'string' ? call.body : JSON.stringify(call.body)) : null,
  });
  const text = await response.body.text();
  const body = text === '' ? undefined : JSON.parse(text);
  const reply = {
    status: response.statusCode,
    contentType: String(response.headers['content-type'] ?? ''),
    body,
  };
  if (!call.offSpec) expect(openApi.responseProblems({ ...call, status: reply.status, body })).toEqual([]);
  return reply;
}

export const minimalIntent = { amount: { value: 1234, currencyCode: 'GBP' }, reference: 'ORD-1001' };

export async function createIntent(simulator: Simulator, change: object = {}) {
  const reply = await callApi(simulator, {
    method: 'POST',
    path: '/payment-intents',
    body: { ...minimalIntent, ...change },
  });
  expect(reply.status).toBe(200);
  return reply.body;
}

export async function getIntent(simulator: Simulator, id: string) {
  const reply = await callApi(simulator, {
    method: 'GET',
    path: `/payment-intents/${id}?returnCanceled=true`,
  });
  expect(reply.status).toBe(200);
  return reply.body;
}

export type Page = { status: number; location: string | null; csp: string; html: string };

export async function openPage(simulator: Simulator, path: string): Promise<Page> {
  return fetchPage(simulator, path, null);
}

export async function submitForm(
  simulator: Simulator,
  path: string,
  fields: Record<string, string>,
): Promise<Page> {
  return fetchPage(simulator, path, new URLSearchParams(fields).toString());
}

async function fetchPage(simulator: Simulator, path: string, form: string | null): Promise<Page> {
  const response = await request(new URL(path, simulator.url), {
    method: form === null ? 'GET' : 'POST',
    headers: form === null ? {} : { 'content-type': 'application/x-www-form-urlencoded' },
    body: form,
  });
  const location = response.headers.location;
  return {
    status: response.statusCode,
    location: typeof location === 'string' ? location : null,
    csp: String(response.headers['content-security-policy'] ?? ''),
    html: await response.body.text(),
  };
}

export const cards = {
  success: {
    cardNumber: '5200 0000 0000 1005',
    expiryDate: '12/29',
    securityCode: '020',
    nameOnCard: 'A Shopper',
  },
  challenge: {
    cardNumber: '5200 0000 0000 1096',
    expiryDate: '12/29',
    securityCode: '020',
    nameOnCard: 'A Shopper',
  },
  decline: {
    cardNumber: '4456 5300 0000 1013',
    expiryDate: '12/29',
    securityCode: '341',
    nameOnCard: 'A Shopper',
  },
};

export type Delivered = { body: Buffer; headers: IncomingHttpHeaders };

/** A real endpoint that stores what it gets, and answers with the given statuses in turn, then 200. */
export async function startReceiver(statuses: (number | 'no answer')[] = []) {
  const waiting: ((delivered: Delivered) => void)[] = [];
  const arrived: Delivered[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const status = statuses.shift() ?? 200;
    if (status === 'no answer') incoming.socket.destroy();
    else outgoing.writeHead(status).end();
    const delivered = { body: Buffer.concat(chunks), headers: incoming.headers };
    const next = waiting.shift();
    if (next) next(delivered);
    else arrived.push(delivered);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    next: () => {
      const first = arrived.shift();
      return first ? Promise.resolve(first) : new Promise<Delivered>((done) => waiting.push(done));
    },
    /** Deliveries that `next` has not returned yet. */
    left: () => arrived.length,
  };
}

export async function subscribe(
  simulator: Simulator,
  url: string,
  events: string[] = ['payment_intent.status_updated'],
) {
  // The specification wants https; the simulator also accepts plain http to this machine.
  const reply = await callApi(simulator, {
    method: 'POST',
    path: '/webhooks',
    body: { events, url },
    offSpec: url.startsWith('http:'),
  });
  expect(reply.status).toBe(200);
  return reply.body;
}
