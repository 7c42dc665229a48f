import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createSender } from '../../src/dojo/send.ts';
import {
  askCall,
  createCall,
  failing,
  failureOf,
  findClosedPort,
  okSchema,
  openSender,
  senderOptions,
  startAnswering,
  startServer,
} from './support.ts';

// Real servers throughout: nock's delays trigger no time-out of undici.

/** A busy machine can connect within it; far shorter than the sender's five seconds. */
const timeoutMs = 300;

describe('an answer that takes too long ends in a time-out', () => {
  test('when it never begins', async () => {
    const server = await startServer(() => {});
    const error = await tooSlow(openSender(server.url, { timeoutMs }).send(askCall));
    expect(error).toMatchObject({ status: null, isAmbiguous: true });
  });

  test('when it stops half way', async () => {
    const server = await startServer((response) => {
      response.writeHead(200, { 'content-length': '11' }).write('{"ok"');
    });
    await tooSlow(openSender(server.url, { timeoutMs }).send(askCall));
  });

  test('when it drips for ever, a byte at a time', async () => {
    const server = await startServer((response) => {
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
    });
    await tooSlow(openSender(server.url, { timeoutMs }).send(askCall));
  });

  test('when the caller has less time than the sender', async () => {
    const server = await startServer(() => {});
    await tooSlow(openSender(server.url).send({ ...askCall, timeoutMs }));
  });

  test.each([0, -1, 0.4, 99.5])('when the caller has %d ms left', async (remainingMs) => {
    const server = await startServer(() => {});
    await tooSlow(openSender(server.url).send({ ...createCall, timeoutMs: remainingMs }));
  });

  test('and creating is not repeated', async () => {
    const server = await startServer(() => {});
    await tooSlow(openSender(server.url, { timeoutMs }).send(createCall));
    expect(server.received).toHaveLength(1);
  });
});

describe('an answer of 64 MiB is refused after a few', () => {
  const size = 64 * 1024 * 1024;

  test.each([
    ['with a content-length', { 'content-length': String(size) }],
    ['without a content-length', {}],
  ])('%s', async (_name, headers: Record<string, string>) => {
    const chunk = Buffer.alloc(64 * 1024, ' ');
    let sent = 0;
    const closed = Promise.withResolvers<void>();
    const server = await startServer((response) => {
      response.writeHead(200, headers);
      const pump = () => {
        while (!response.destroyed && sent < size) {
          sent += chunk.length;
          if (!response.write(chunk)) return response.once('drain', pump);
        }
        return response.end();
      };
      response.on('close', closed.resolve);
      pump();
    });
    const before = process.memoryUsage();
    const error = await failing(openSender(server.url), 'malformed');
    const after = process.memoryUsage();
    expect(error.isAmbiguous).toBe(true);
    // The connection is cut; what was already sent is in the buffers of the two sockets.
    await closed.promise;
    expect(sent).toBeLessThan(size / 2);
    expect(server.received).toHaveLength(1);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(20 * 1024 * 1024);
  });

  test('one of a megabyte is accepted', async () => {
    const server = await startAnswering(200, `{"ok":true,"padding":"${'x'.repeat(1024 * 1024)}"}`);
    await expect(openSender(server.url).send(askCall)).resolves.toEqual({ ok: true });
  });
});

describe('a connection that breaks', () => {
  test('before the answer repeats a repeatable call once', async () => {
    const server = await startServer((_response, request) => request.socket.resetAndDestroy());
    const error = await failing(openSender(server.url), 'network');
    expect(error).toMatchObject({ status: null, isAmbiguous: true });
    expect(server.received).toHaveLength(2);
  });

  test('before the answer does not create anything twice', async () => {
    const server = await startServer((_response, request) => request.socket.resetAndDestroy());
    await failing(openSender(server.url), 'network', createCall);
    expect(server.received).toHaveLength(1);
  });

  test.each(['destroy', 'resetAndDestroy'] as const)(
    'within the answer is a network error (%s)',
    async (how) => {
      const server = await startServer((response, request) => {
        response.writeHead(200, { 'content-length': '11' }).write('{"ok"', () => request.socket[how]());
      });
      await failing(openSender(server.url), 'network', createCall);
      expect(server.received).toHaveLength(1);
    },
  );

  test('once does not matter when the second try is answered', async () => {
    let tries = 0;
    const server = await startServer((response, request) => {
      tries += 1;
      if (tries === 1) request.socket.resetAndDestroy();
      else response.end('{"ok":true}');
    });
    await expect(openSender(server.url).send(askCall)).resolves.toEqual({ ok: true });
  });

  test.each([
    ['not HTTP', 'SSH-2.0-hello\r\n\r\n'],
    ['of an impossible length', 'HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n'],
    ['all headers', `HTTP/1.1 200 OK\r\n${'x-more: x\r\n'.repeat(20_000)}\r\n`],
  ])('after an answer that is %s is malformed, and the call is not repeated', async (_name, bytes) => {
    const server = await startServer((_response, request) => request.socket.end(bytes));
    await failing(openSender(server.url), 'malformed');
    expect(server.received).toHaveLength(1);
  });
});

describe('nothing was sent', () => {
  test('when the connection is refused', async () => {
    const sender = openSender(`http://127.0.0.1:${await findClosedPort()}`);
    const error = await failing(sender, 'unreachable', createCall);
    expect(error).toMatchObject({ status: null, isAmbiguous: false });
    expect(error.message).toBe('Dojo POST /things got no usable answer (ECONNREFUSED).');
  });

  test('when the name does not resolve, within three seconds', async () => {
    const startedAt = performance.now();
    const error = await failing(openSender('http://name.invalid'), 'unreachable', createCall);
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(error.isAmbiguous).toBe(false);
  });

  test('when the certificate is self-signed, and the key stays here', async () => {
    const pem = readFileSync(new URL('../fixtures/self-signed-certificate.pem', import.meta.url));
    let requests = 0;
    const server = createTlsServer({ key: pem, cert: pem }, (_request, response) => {
      requests += 1;
      response.end('{"ok":true}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const sender = openSender(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const error = await failing(sender, 'unreachable', createCall);
    expect(error.message).toContain('SELF_SIGNED_CERT');
    expect(requests).toBe(0);
  });

  test('when the server does not speak TLS', async () => {
    const server = await startAnswering(200, '{"ok":true}');
    await failing(openSender(server.url.replace('http:', 'https:')), 'unreachable', createCall);
    expect(server.received).toEqual([]);
  });
});

test('closing waits for the running call', async () => {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const server = await startServer(async (response) => {
    arrived.resolve();
    await released.promise;
    response.end('{"ok":true}');
  });
  const sender = createSender(senderOptions(server.url));
  const reply = sender.send({ method: 'GET', path: '/thing', reply: okSchema });
  await arrived.promise;
  const closed = sender.close();
  released.resolve();
  await expect(reply).resolves.toEqual({ ok: true });
  await closed;
});

/** Ends in a time-out, and long before the sender's own limit of five seconds. */
async function tooSlow(promise: Promise<unknown>) {
  const startedAt = performance.now();
  const error = await failureOf(promise, 'timeout');
  expect(performance.now() - startedAt).toBeLessThan(3_000);
  return error;
}

describe('an answer that is not one to a plain request is unusable, and ends at once', () => {
  test.each([
    [
      'another protocol',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n',
      1,
    ],
    ['more interim responses than any need', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n', 100],
  ])('with %s', async (what, bytes, times) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        for (let time = 0; time < times; time += 1) socket.write(bytes);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const sender = openSender(`http://127.0.0.1:${port}`, { timeoutMs: 60_000 });
    const error = await failureOf(sender.send(createCall), 'malformed');
    expect(error.message).toBe(`Dojo POST /things answered with ${what}.`);
  });
});
