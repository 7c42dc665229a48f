import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { inspect } from 'node:util';
import { expect, onTestFinished } from 'vitest';
import { z } from 'zod';
import type { DojoError, DojoErrorKind } from '../../src/dojo/errors.ts';
import { createSender, type DojoCall, type Sender, type SenderOptions } from '../../src/dojo/send.ts';

export const apiKey = 'sk_sandbox_never_in_a_log';
export const okSchema = z.object({ ok: z.literal(true) });

/** Repeated once when the first try breaks. */
export const askCall = { method: 'GET', path: '/thing', reply: okSchema, repeatable: true } as const;
/** Never repeated once it may have arrived. */
export const createCall = { method: 'POST', path: '/things', reply: okSchema, body: { name: 'a' } } as const;

export type Received = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

/** A real server on loopback that keeps its requests as they came. It stops with the test. */
export async function startServer(
  answer: (response: ServerResponse, request: IncomingMessage) => void,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const listener: RequestListener = async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    received.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
    answer(response, request);
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** A server that answers every request in the same way. */
export function startAnswering(status: number, body: string, headers: Record<string, string> = {}) {
  return startServer((response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  });
}

/** A port on loopback where nothing listens. */
export async function findClosedPort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function openSender(apiUrl: string, options: Partial<SenderOptions> = {}): Sender {
  const sender = createSender({ ...senderOptions(apiUrl), ...options });
  onTestFinished(() => sender.close());
  return sender;
}

export function senderOptions(apiUrl: string): SenderOptions {
  return { apiUrl, apiKey, apiVersion: '2026-02-27', timeoutMs: 5_000, connections: 4 };
}

/** The error that a call ends in. The key is nowhere in it. */
export async function failureOf(promise: Promise<unknown>, kind: DojoErrorKind): Promise<DojoError> {
  const error = await promise.then(
    (reply) => ({ unexpectedReply: reply }),
    (reason: unknown) => reason as DojoError,
  );
  expect(error).toMatchObject({ name: 'DojoError', kind });
  const everything = `${inspect(error, { depth: 12, showHidden: true })} ${JSON.stringify(error)} ${error}`;
  expect(everything).not.toContain(apiKey);
  return error as DojoError;
}

export function failing(
  sender: Sender,
  kind: DojoErrorKind,
  call: DojoCall<typeof okSchema> = askCall,
): Promise<DojoError> {
  return failureOf(sender.send(call), kind);
}
