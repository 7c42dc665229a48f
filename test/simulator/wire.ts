import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { createRandom } from '../support/random.ts';
import { apiHeaders } from './support.ts';

export type Call = {
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** The Content-Length, if it is more than what is sent. */
  length?: number;
};

/** One call on its own socket: its bytes, and how its connection ends. */
export function openCall(simulator: Simulator, { method, path, body, headers, length }: Call) {
  const { port, hostname } = new URL(simulator.url);
  const text = body === undefined ? '' : JSON.stringify(body);
  const sent = { host: hostname, connection: 'close', ...apiHeaders, ...headers };
  const lines = Object.entries({ ...sent, 'content-length': String(length ?? Buffer.byteLength(text)) });
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  let isReset = false;
  socket.on('data', (chunk: Buffer) => received.push(chunk));
  socket.on('error', (error: NodeJS.ErrnoException) => {
    isReset = error.code === 'ECONNRESET';
  });
  const over = new Promise<'closed' | 'reset'>((done) =>
    socket.on('close', () => done(isReset ? 'reset' : 'closed')),
  );
  socket.write(
    `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  );
  return {
    received: () => Buffer.concat(received).toString(),
    over,
    leave: () => socket.destroy(),
    /** Ends the request. */
    finish: () => socket.end(),
    pause: () => socket.pause(),
  };
}

/** Everything received until the connection closed. */
export async function readAnswer(simulator: Simulator, call: Call) {
  const opened = openCall(simulator, call);
  const ending = await opened.over;
  const text = opened.received();
  const head = text.slice(0, text.indexOf('\r\n\r\n'));
  return {
    ending,
    status: text === '' ? null : Number(text.slice(9, 12)),
    head,
    body: text.slice(head.length + 4),
  };
}

/** An endpoint that answers 200 when the test says so, and counts the waiting requests. */
export async function startHoldingReceiver() {
  const waiting: (() => void)[] = [];
  let most = 0;
  let arrived = 0;
  const server = createServer((incoming, outgoing) => {
    incoming.resume();
    arrived += 1;
    waiting.push(() => outgoing.writeHead(200).end());
    most = Math.max(most, waiting.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhooks`,
    waiting: () => waiting.length,
    arrived: () => arrived,
    most: () => most,
    /** Answers the oldest request. */
    answer: () => waiting.shift()?.(),
    /** Answers the latest request. */
    answerLatest: () => waiting.pop()?.(),
  };
}

/** The same bytes for the same seed. */
export function createRandomBytes(seed: number) {
  const random = createRandom(seed);
  return (size: number) => Uint8Array.from({ length: size }, () => random.below(256));
}

/** Independent of the code under test: 32 upper-case pairs joined by dashes. */
export function expectedSignature(body: Buffer, secret: string): string {
  const hex = createHmac('sha256', secret).update(body).digest('hex').toUpperCase();
  return `sha256=${hex.replace(/(..)(?=.)/g, '$1-')}`;
}

export const bothEvents = ['payment_intent.created', 'payment_intent.status_updated'];
