import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closeServer, createHttpServer, listen } from '../../src/http/server.ts';
import { contents, rows } from '../support/database.ts';
import { sendRaw, serve, statusLine } from '../support/raw-socket.ts';
import { type OpenShop, openShop } from '../support/shop.ts';
import { sign, statusUpdate } from '../support/webhook.ts';

let shop: OpenShop;
let served: Awaited<ReturnType<typeof serve>>;

beforeAll(async () => {
  shop = await openShop();
  served = await serve(shop);
});
afterAll(async () => {
  await served.close();
  await shop.close();
});

const body = statusUpdate({ paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' });
const signed = `Host: localhost\r\nConnection: close\r\ndojo-signature: ${sign(body)}\r\n`;

describe('a webhook on the wire', () => {
  test.each([
    ['in chunks', `Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`],
    ['without a Content-Type', `Content-Length: ${body.length}\r\n\r\n${body}`],
    ['as plain text', `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`],
    ['with an invalid Content-Type', `Content-Type: ;;\r\nContent-Length: ${body.length}\r\n\r\n${body}`],
  ])('is accepted %s', async (_how, rest) => {
    const response = await sendRaw(served.port, `POST /webhooks/dojo HTTP/1.1\r\n${signed}${rest}`);
    expect(statusLine(response)).toBe('HTTP/1.1 200 OK');
    expect(rows(shop, 'SELECT event_id FROM events')).toEqual([{ event_id: 'evt_T1' }]);
  });

  test('is refused when it is compressed, because the signature covers the bytes as they came', async () => {
    const zipped = gzipSync(body);
    const head = `POST /webhooks/dojo HTTP/1.1\r\nHost: x\r\nConnection: close\r\ndojo-signature: ${sign(zipped)}\r\nContent-Encoding: gzip\r\nContent-Length: ${zipped.length}\r\n\r\n`;
    const response = await sendRaw(served.port, Buffer.concat([Buffer.from(head), zipped]));
    expect(statusLine(response)).toBe('HTTP/1.1 415 Unsupported Media Type');
  });

  test('is accepted in any number of pieces', async () => {
    const socket = connect(served.port, '127.0.0.1');
    const delivery = statusUpdate(
      { paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' },
      { id: 'evt_pieces' },
    );
    const answer = text(socket);
    const head = `POST /webhooks/dojo HTTP/1.1\r\nHost: x\r\nConnection: close\r\ndojo-signature: ${sign(delivery)}\r\n`;
    socket.write(`${head}Content-Length: ${delivery.length}\r\n\r\n`);
    for (const piece of [delivery.slice(0, 1), delivery.slice(1, 90), delivery.slice(90)]) {
      await sleep(20);
      socket.write(piece);
    }
    expect(statusLine(await answer)).toBe('HTTP/1.1 200 OK');
    const kept = rows(shop, "SELECT body FROM events WHERE event_id = 'evt_pieces'");
    expect(Buffer.from(kept[0]?.body as Uint8Array).toString()).toBe(delivery);
  });

  test('is refused before it is sent when it announces too many bytes', async () => {
    const socket = connect(served.port, '127.0.0.1');
    socket.write(`POST /webhooks/dojo HTTP/1.1\r\n${signed}Content-Length: 65537\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    expect(statusLine(String(answer))).toBe('HTTP/1.1 413 Payload Too Large');
    socket.destroy();
  });

  test('is refused when its chunks grow too long, and its connection serves the next request', async () => {
    const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
    const head = 'POST /webhooks/dojo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const next = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const response = await sendRaw(served.port, `${head}${chunk.repeat(40)}0\r\n\r\n${next}`);
    expect(response.match(/HTTP\/1.1 .*/g)).toEqual(['HTTP/1.1 413 Payload Too Large', 'HTTP/1.1 200 OK']);
    expect(response).toMatch(/alive\n$/);
  });

  test('leaves nothing behind when its sender goes away, and logs no error', async () => {
    const before = contents(shop);
    const socket = connect(served.port, '127.0.0.1');
    socket.write(`POST /webhooks/dojo HTTP/1.1\r\n${signed}Content-Length: 500\r\n\r\n{"id":"evt`);
    // Once a later request on another connection is answered, the first half has arrived.
    await sendRaw(served.port, 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    socket.destroy();
    const isCut = (line: Record<string, unknown>) => line.path === '/webhooks/dojo' && line.status === 'cut';
    await expect.poll(() => shop.log.some(isCut)).toBe(true);
    expect(contents(shop)).toEqual(before);
    expect(shop.log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  test('is ended with 408 when it stalls, and leaves nothing behind', async () => {
    const before = contents(shop);
    const stalled = `POST /webhooks/dojo HTTP/1.1\r\n${signed}Content-Length: 500\r\n\r\n{"id":"evt`;
    expect(statusLine(await sendRaw(served.port, stalled))).toBe('HTTP/1.1 408 Request Timeout');
    expect(contents(shop)).toEqual(before);
  });
});

test('a shop with PUBLIC_URL refuses a request that names two hosts', async () => {
  const named = await openShop({ env: { PUBLIC_URL: 'http://localhost:3000' } });
  const door = await serve(named);
  const get = (hosts: string) => sendRaw(door.port, `GET / HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`);
  expect(statusLine(await get('Host: localhost:3000\r\n'))).toBe('HTTP/1.1 200 OK');
  const refused = await get('Host: localhost:3000\r\nHost: evil.example\r\n');
  expect(statusLine(refused)).toBe('HTTP/1.1 400 Bad Request');
  expect(refused).not.toContain('evil');
  await door.close();
  await named.close();
});

describe('a malformed request', () => {
  const head = 'POST /webhooks/dojo HTTP/1.1\r\nHost: localhost\r\n';
  const empty = 'Content-Length: 0\r\nConnection: close\r\n\r\n';
  const form = (body: string) =>
    Buffer.from(
      `POST /basket HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      'latin1',
    );
  test.each<[string, number, string | Uint8Array]>([
    ['an absolute URL instead of a path', 400, 'GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['half a URL', 400, 'GET http:// HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['two lengths', 400, `${head}Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello`],
    ['a length and chunks', 400, `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a signed length', 400, `${head}Content-Length: +2\r\n\r\nhi`],
    ['an unknown transfer encoding', 400, `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`],
    ['a folded header', 400, `${head}X-Long: one\r\n two\r\n\r\n`],
    ['a NUL in a header', 400, `${head}X-Nul: a\0b\r\n\r\n`],
    ['a bare line feed', 400, 'GET / HTTP/1.1\nHost: localhost\n\n'],
    ['a header of 17 kB', 431, `${head}X-Long: ${'a'.repeat(17 * 1024)}\r\n\r\n`],
    ['a URL of 17 kB', 431, `GET /${'a'.repeat(17 * 1024)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
    ['an unknown expectation', 417, `${head}Expect: foo\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`],
    ['one expectation beside another', 417, `${head}Expect: 100-continue, foo\r\n${empty}`],
    ['two expectations', 417, `${head}Expect: 100-continue\r\nExpect: foo\r\n${empty}`],
    ['chunks in HTTP/1.0', 400, `${head.replace('1.1', '1.0')}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['half a character in a form', 400, form('sku=mug&quantity=1&x=%ED%A0%80')],
    ['a broken character in a form', 400, form('sku=mug&quantity=1&x=%ff')],
    ['a broken byte in a form', 400, form(Buffer.from([0x78, 0x3d, 0xff]).toString('latin1'))],
    ['headers that never end', 408, 'GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: '],
  ])('with %s is answered with %i, and changes nothing', async (_what, status, bytes) => {
    const before = contents(shop);
    expect(statusLine(await sendRaw(served.port, bytes))).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(contents(shop)).toEqual(before);
  });

  test('an expectation that is met is answered as any other request', async () => {
    const rest = `Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const response = await sendRaw(served.port, `POST /webhooks/dojo HTTP/1.1\r\n${signed}${rest}`);
    expect(response.match(/HTTP\/1.1 .*/g)).toEqual(['HTTP/1.1 100 Continue', 'HTTP/1.1 200 OK']);
  });
});

test('a server that closes waits for no sender that has stopped, and finishes what it is doing', async () => {
  const release = Promise.withResolvers<void>();
  const working = Promise.withResolvers<void>();
  const server = createHttpServer(async (req, res) => {
    if (req.method === 'POST') return;
    working.resolve();
    await release.promise;
    res.setHeader('Connection', 'close').end('done');
  });
  await listen(server, { port: 0, host: '127.0.0.1' });
  const { port } = server.address() as AddressInfo;
  const stalled = [
    'GET / HTTP/1.1\r\nHost: x',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf',
    '',
  ].map((bytes) => sendRaw(port, bytes));
  const busy = sendRaw(port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await working.promise;
  const closed = closeServer(server, 90_000);
  // A server that waited for them would cut the busy one as well.
  await Promise.all(stalled);
  release.resolve();
  expect(await busy).toMatch(/done$/);
  await closed;
});
