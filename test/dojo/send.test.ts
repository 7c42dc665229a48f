import { describe, expect, test } from 'vitest';
import type { DojoErrorKind } from '../../src/dojo/errors.ts';
import {
  apiKey,
  askCall,
  createCall,
  failing,
  failureOf,
  openSender,
  startAnswering,
  startServer,
} from './support.ts';

const ok = '{"ok":true}';

describe('a request', () => {
  test('carries the key as it is, the version, and no body when there is none', async () => {
    const server = await startAnswering(200, ok);
    await expect(openSender(server.url).send(askCall)).resolves.toEqual({ ok: true });
    expect(server.received).toHaveLength(1);
    expect(server.received[0]).toMatchObject({ method: 'GET', url: '/thing', body: '' });
    expect(server.received[0]?.headers).toMatchObject({
      authorization: 'Basic sk_sandbox_never_in_a_log',
      version: '2026-02-27',
      accept: 'application/json',
    });
    expect(server.received[0]?.headers).not.toHaveProperty('content-type');
  });

  test('carries its body as JSON', async () => {
    const server = await startAnswering(200, ok);
    await openSender(server.url).send({ ...createCall, body: { note: 'café £5', none: undefined } });
    expect(server.received[0]).toMatchObject({ method: 'POST', body: '{"note":"café £5"}' });
    expect(server.received[0]?.headers['content-type']).toBe('application/json');
  });

  test('keeps the path of the API’s address', async () => {
    const server = await startAnswering(200, ok);
    await openSender(`${server.url}/pretend/`).send(askCall);
    expect(server.received[0]?.url).toBe('/pretend/thing');
  });

  test('uses at most the given number of connections, and reuses them', async () => {
    const sockets = new Set<unknown>();
    const server = await startServer((response, request) => {
      sockets.add(request.socket);
      response.end(ok);
    });
    const sender = openSender(server.url, { connections: 2 });
    await Promise.all(Array.from({ length: 20 }, () => sender.send(askCall)));
    expect(server.received).toHaveLength(20);
    expect(sockets.size).toBeLessThanOrEqual(2);
  });
});

describe('an answer', () => {
  test.each([200, 201, 202])('with status %i is accepted', async (status) => {
    const server = await startAnswering(status, ok);
    await expect(openSender(server.url).send(createCall)).resolves.toEqual({ ok: true });
  });

  test.each([
    [204, ''],
    [200, ''],
    [200, 'null'],
    [200, '<html>'],
  ])('whose body does not matter is accepted with status %i and "%s"', async (status, body) => {
    const server = await startAnswering(status, body);
    await expect(openSender(server.url).send({ ...createCall, reply: null })).resolves.toBeUndefined();
  });

  test('keeps its known members only', async () => {
    const server = await startAnswering(200, '{"ok":true,"extra":1,"__proto__":{"polluted":1}}');
    await expect(openSender(server.url).send(askCall)).resolves.toEqual({ ok: true });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test.each([
    ['HTML', '<!doctype html><h1>It works</h1>'],
    ['truncated JSON', '{"ok":tr'],
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['of another shape', '{"ok":"yes"}'],
    ['not UTF-8', '\xff\xfe'],
    ['JSON nested a hundred thousand deep', '['.repeat(100_000)],
  ])('that is %s is malformed, and the request is not repeated', async (_name, body) => {
    const server = await startAnswering(200, body);
    const error = await failing(openSender(server.url), 'malformed');
    expect(error).toMatchObject({ status: 200, isAmbiguous: true });
    expect(server.received).toHaveLength(1);
  });

  test.each([301, 302, 303, 307, 308])(
    'that redirects with %i is malformed, and not followed',
    async (status) => {
      const elsewhere = await startAnswering(200, ok);
      const server = await startAnswering(status, '', { location: `${elsewhere.url}/latest/meta-data` });
      const error = await failing(openSender(server.url), 'malformed');
      expect(error.status).toBe(status);
      expect(elsewhere.received).toEqual([]);
      expect(server.received).toHaveLength(1);
    },
  );
});

describe('a refusal', () => {
  const kinds: [number, DojoErrorKind][] = [
    [400, 'invalid'],
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not-found'],
    [405, 'invalid'],
    [409, 'conflict'],
    [422, 'invalid'],
    [429, 'rate-limited'],
  ];
  test.each(kinds)('with %i is %s, unambiguous, and not repeated', async (status, kind) => {
    const server = await startAnswering(status, '{"title":"No","detail":"Because","traceId":"00-1"}');
    const error = await failing(openSender(server.url), kind);
    expect(error).toMatchObject({
      status,
      traceId: '00-1',
      isAmbiguous: false,
      message: `Dojo GET /thing answered ${status}.`,
      reason: 'No; Because',
    });
    expect(server.received).toHaveLength(1);
  });

  test('names the invalid fields, also in the PascalCase of a live answer', async () => {
    const server = await startAnswering(400, '{"Status":400,"Errors":{"Reference":["is required"]}}');
    const error = await failing(openSender(server.url), 'invalid', createCall);
    expect(error.fieldErrors).toEqual({ Reference: ['is required'] });
    expect(error.message).toContain('Reference');
  });

  test.each([
    ['nothing', ''],
    ['HTML', '<h1>403</h1>'],
    ['null', 'null'],
    ['a list', '[1]'],
    ['unreadable members', '{"errors":{"A":[{"toString":1}]},"title":[]}'],
  ])('whose body is %s is still a refusal', async (_name, body) => {
    const server = await startAnswering(400, body);
    const error = await failing(openSender(server.url), 'invalid');
    expect(error.status).toBe(400);
    expect(server.received).toHaveLength(1);
  });

  test('of 100 kB makes a short message', async () => {
    const errors = Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`Field${index}`, ['bad']]));
    const server = await startAnswering(400, JSON.stringify({ detail: 'x'.repeat(100_000), errors }));
    const error = await failing(openSender(server.url), 'invalid');
    expect(error.message.length).toBeLessThan(1_100);
  });

  test.each([400, 401, 403, 429])('with %i that quotes the key does not reveal it', async (status) => {
    const quoted = `Basic ${apiKey} is wrong`;
    const body = { title: quoted, detail: quoted, traceId: apiKey, errors: { [apiKey]: [quoted] } };
    const server = await startAnswering(status, JSON.stringify(body));
    const error = await failureOf(
      openSender(server.url).send(createCall),
      kinds.find(([code]) => code === status)?.[1] ?? 'invalid',
    );
    expect(error.reason).toContain('[key] is wrong');
    expect(JSON.stringify(error)).not.toContain(apiKey);
    expect(error.message).not.toContain(apiKey);
  });

  test('keeps what Dojo wrote out of the message, which is for logs', async () => {
    const person = 'Ada Lovelace, ada@example.com';
    const body = { title: person, detail: person, errors: { Reference: [person], [person]: [person] } };
    const server = await startAnswering(400, JSON.stringify(body));
    const error = await failing(openSender(server.url), 'invalid');
    expect(error.message).toBe('Dojo GET /thing answered 400 about Reference.');
    expect(error.reason).toContain(person);
  });
});

test('a credential sent in place of the key is not revealed either', async () => {
  const credential = 'cs_sandbox_never_in_a_log';
  const server = await startAnswering(401, JSON.stringify({ title: `Basic ${credential} has expired` }));
  const call = { ...createCall, credential };
  const error = await failureOf(openSender(server.url).send(call), 'unauthorized');
  expect(server.received[0]?.headers.authorization).toBe(`Basic ${credential}`);
  expect(error.reason).toContain('[key] has expired');
  expect(JSON.stringify(server.received)).not.toContain(apiKey);
});

describe('a failure of Dojo', () => {
  test.each([408, 500, 502, 503, 504])(
    'with %i is repeated once, and may have taken effect',
    async (status) => {
      const server = await startAnswering(status, '<h1>oops</h1>');
      const error = await failing(openSender(server.url), 'unavailable');
      expect(error).toMatchObject({ status, isAmbiguous: true });
      expect(server.received).toHaveLength(2);
    },
  );

  test('does not matter once the second try is answered', async () => {
    let tries = 0;
    const server = await startServer((response) => {
      tries += 1;
      response.writeHead(tries === 1 ? 500 : 200).end(ok);
    });
    await expect(openSender(server.url).send(askCall)).resolves.toEqual({ ok: true });
    expect(tries).toBe(2);
  });

  test('while creating is not repeated', async () => {
    const server = await startAnswering(500, '');
    await failing(openSender(server.url), 'unavailable', createCall);
    expect(server.received).toHaveLength(1);
  });

  test('that took more than half a second is not repeated', async () => {
    let nowMs = 0;
    const server = await startServer((response) => {
      nowMs += 501;
      response.writeHead(500).end();
    });
    await failing(openSender(server.url, { now: () => nowMs }), 'unavailable');
    expect(server.received).toHaveLength(1);
  });
});

describe('when Dojo must not be called', () => {
  test('after five failures, calls fail at once, and one goes ahead after ten seconds', async () => {
    let nowMs = 0;
    let status = 500;
    const server = await startServer((response) => response.writeHead(status).end(ok));
    const sender = openSender(server.url, { now: () => nowMs });
    for (let count = 0; count < 5; count += 1) await failing(sender, 'unavailable', createCall);

    const startedAt = performance.now();
    const error = await failing(sender, 'paused', createCall);
    expect(performance.now() - startedAt).toBeLessThan(50);
    expect(error).toMatchObject({ retryAfterMs: 10_000, isAmbiguous: false, status: null });
    expect(server.received).toHaveLength(5);

    nowMs = 10_000;
    status = 200;
    await expect(sender.send(createCall)).resolves.toEqual({ ok: true });
    await expect(sender.send(createCall)).resolves.toEqual({ ok: true });
  });

  test('refusals of a request do not count as failures', async () => {
    const server = await startAnswering(400, '');
    const sender = openSender(server.url);
    for (let count = 0; count < 8; count += 1) await failing(sender, 'invalid', createCall);
  });

  test('because Dojo asks for an hour, nothing is sent for two minutes', async () => {
    let nowMs = 0;
    const server = await startAnswering(429, '', { 'retry-after': '3600' });
    const sender = openSender(server.url, { now: () => nowMs });
    expect((await failing(sender, 'rate-limited')).retryAfterMs).toBe(120_000);
    nowMs = 119_999;
    expect((await failing(sender, 'paused')).retryAfterMs).toBe(1);
    expect(server.received).toHaveLength(1);
    nowMs = 120_000;
    await failing(sender, 'rate-limited');
    expect(server.received).toHaveLength(2);
  });

  test.each([
    ['in a minute', 60_000, 60_000],
    ['in a year', 365 * 86_400_000, 120_000],
  ])('because Dojo names a date %s, the wait ends then, or after two minutes', async (_when, ms, mostMs) => {
    const server = await startAnswering(429, '', { 'retry-after': new Date(Date.now() + ms).toUTCString() });
    const { retryAfterMs } = await failing(openSender(server.url), 'rate-limited');
    expect(retryAfterMs).toBeGreaterThan(mostMs - 30_000);
    expect(retryAfterMs).toBeLessThanOrEqual(mostMs);
  });

  test.each([
    ['reading', askCall, createCall],
    ['selling', createCall, askCall],
  ])(
    'because of failures in %s, other calls are sent all the same',
    async (_what, failingCall, otherCall) => {
      let status = 429;
      const server = await startServer((response) => response.writeHead(status).end(ok));
      const sender = openSender(server.url);
      await failing(sender, 'rate-limited', { ...failingCall, isSale: failingCall === createCall });
      status = 200;
      const other = { ...otherCall, isSale: otherCall === createCall };
      await expect(sender.send(other)).resolves.toEqual({ ok: true });
      await failing(sender, 'paused', { ...failingCall, isSale: failingCall === createCall });
    },
  );

  test.each(['', 'soon', '-5', '1.5', '0', 'Mon, 01 Jan 2024 00:00:00 GMT', '9'.repeat(400)])(
    'the Retry-After "%s" is ignored',
    async (header) => {
      const server = await startAnswering(429, '', { 'retry-after': header });
      expect((await failing(openSender(server.url), 'rate-limited')).retryAfterMs).toBe(null);
    },
  );
});
