import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DojoError } from '../src/dojo/errors.ts';
import { createLogger } from '../src/log.ts';

/** The lines that one use of the log writes, as text. */
function written(use: (log: ReturnType<typeof createLogger>) => void, level = 'info'): string[] {
  let text = '';
  const write = (line: string) => {
    text += line;
  };
  use(createLogger({ level }, { write }));
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text.split('\n').slice(0, -1);
}

function logged(members: unknown): Record<string, unknown> {
  const [line = '{}', ...more] = written((log) => log.info(members, 'It happened'));
  expect(more).toEqual([]);
  return JSON.parse(line);
}

test('an event is one line of JSON with its level, time, words and fields', () => {
  expect(logged({ orderReference: 'ORD-1', count: 2, none: null, at: new Date(0) })).toEqual({
    level: 'info',
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    msg: 'It happened',
    orderReference: 'ORD-1',
    count: 2,
    none: null,
    at: '1970-01-01T00:00:00.000Z',
  });
});

test('words alone make a line', () => {
  expect(JSON.parse(written((log) => log.info('Hello'))[0] ?? '')).toMatchObject({ msg: 'Hello' });
});

test('nothing below the level is written', () => {
  const use = (log: ReturnType<typeof createLogger>) => {
    log.info('one');
    log.warn('two');
  };
  expect(written(use, 'warn')).toHaveLength(1);
  expect(written(use, 'silent')).toEqual([]);
});

describe('the log never holds', () => {
  const names = [
    'authorization',
    'cookie',
    'set-cookie',
    'dojo-signature',
    'apiKey',
    'secret',
    'secrets',
    'password',
    'email',
    'emailAddress',
    'phoneNumber',
    'billingAddress',
    'shippingDetails',
    'address',
    'cardNumber',
    'pan',
    'token',
    'clientSessionSecret',
  ];
  const spellings = names.flatMap((name) => [
    name,
    name.toUpperCase(),
    name[0]?.toUpperCase() + name.slice(1),
  ]);

  test.each([...spellings, 'Set-Cookie', 'Dojo-Signature'])('the value of %s, at any depth', (name) => {
    let holder: unknown = { [name]: 'hush' };
    for (let depth = 0; depth < 8; depth += 1) {
      expect(written((log) => log.info(holder, 'x')).join()).not.toContain('hush');
      expect(written((log) => log.child(holder as object).info('x')).join()).not.toContain('hush');
      holder = depth % 2 === 0 ? { part: holder } : { part: [holder] };
    }
  });

  test.each(['hush', ['hush'], { value: 'hush' }, 7_777_777])('a cookie that is %j', (secret) => {
    expect(logged({ req: { headers: { cookie: secret, accept: 'text/html' } } })).toMatchObject({
      req: { headers: { cookie: '[redacted]', accept: 'text/html' } },
    });
  });

  test('what a library hangs on its error', () => {
    const error = Object.assign(new Error('It failed'), {
      request: { headers: { authorization: 'Basic hush' } },
      config: { key: 'hush' },
    });
    const lines = written((log) => {
      log.error(error);
      log.error({ err: error }, 'x');
      log.error({ error, list: [error] }, 'x');
    });
    expect(lines).toHaveLength(3);
    for (const line of lines) {
      expect(line).toContain('It failed');
      expect(line).not.toContain('hush');
    }
  });

  test('the headers of a request, or what else an object of a class holds', () => {
    class Client {
      key = 'hush';
      rawHeaders = ['Cookie', 'hush'];
    }
    for (const line of written((log) => log.warn({ client: new Client(), list: [new Client()] }, 'x')))
      expect(line).not.toContain('hush');
    expect(logged({ body: Buffer.from('hush') }).body).toBe('[object]');
  });

  test('a card number, alone or among words, in any grouping', () => {
    for (const number of ['4456530000001013', '4456 5300 0000 1013', '4456-5300-0000-1013']) {
      const line = JSON.stringify(logged({ note: `paid by ${number}!`, list: [number] }));
      expect(line).not.toMatch(/0000.?1013/);
      expect(line).toContain('paid by [card number]!');
    }
    expect(logged({ list: ['4222222222222'] }).list).toEqual(['[card number]']);
    const words = 'card:4456530000001013,';
    const lines = written((log) => {
      log.info(words);
      log.error(new Error(words));
      log.child({ words }).warn('x');
    });
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toContain('1013');
  });
});

describe('the log keeps whole', () => {
  test('digits that are no card number', () => {
    expect(logged({ note: '4456530000001014' }).note).toBe('4456530000001014');
  });

  test('ids, although one UUID in 460 has digits that pass for a card number', () => {
    for (let number = 0; number < 20_000; number += 1) {
      const hex = createHash('sha256').update(String(number)).digest('hex');
      const uuid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, '$1-$2-$3-$4-$5');
      const traceId = `00-${hex.slice(0, 32)}-${hex.slice(32, 48)}-01`;
      expect(logged({ requestId: uuid, note: `of ${uuid}.`, traceId })).toMatchObject({
        requestId: uuid,
        note: `of ${uuid}.`,
        traceId,
      });
    }
  });

  test.each([
    ['orderReference', 'ORD-44565-300000'],
    ['paymentIntentId', 'pi_sandbox_4456530000001013'],
    ['eventId', 'evt_4456530000001013'],
    ['amount', 4_456_530_000_001_013],
    ['nextTryAt', '2026-11-22T10:00:00.000Z'],
  ])('%s', (name, value) => {
    expect(logged({ [name]: value })[name]).toBe(value);
  });
});

describe('an error', () => {
  test('is logged with its type, words and stack', () => {
    expect(logged({ err: new TypeError('It failed') }).err).toEqual({
      type: 'TypeError',
      message: 'It failed',
      stack: expect.stringContaining('log.test.ts'),
    });
  });

  test('of Dojo is logged with its kind, status and trace id, without its cause', () => {
    const error = new DojoError('unavailable', 'Dojo failed.', {
      status: 503,
      traceId: '00-1',
      fieldErrors: { Email: ['ada@shop.example'] },
      cause: new Error('the cause'),
    });
    expect(logged({ err: error }).err).toEqual({
      type: 'DojoError',
      message: 'Dojo failed.',
      kind: 'unavailable',
      status: 503,
      traceId: '00-1',
    });
    expect(written((log) => log.error(error))[0]).not.toContain('the cause');
  });

  test.each(['text', 7, null, undefined])('may be %j instead', (err) => {
    expect(logged({ err }).msg).toBe('It happened');
  });
});

describe('input cannot forge a line', () => {
  const injected = 'a\n{"level":60,"msg":"forged"}\r\n\u2028\0';

  test('as a field, a name, an error or the words', () => {
    const lines = written((log) => {
      log.info({ name: injected }, 'x');
      log.info({ [injected]: 1 }, 'x');
      log.info({ deep: { list: [injected] } }, 'x');
      log.error({ err: new Error(injected) }, 'x');
      log.info(injected);
      log.child({ name: injected }).info('x');
    });
    expect(lines).toHaveLength(6);
    for (const line of lines) expect(JSON.parse(line).level).toMatch(/^(info|error)$/);
  });
});

describe('a strange object is cut short and does no harm', () => {
  const circular: Record<string, unknown> = { name: 'round' };
  circular.self = circular;
  circular.list = [circular, circular];
  let deep: unknown = {};
  for (let depth = 0; depth < 100_000; depth += 1) deep = depth % 2 === 0 ? { deep } : [deep];
  // Twelve levels of three branches each.
  let bushy: unknown = 'leaf';
  for (let depth = 0; depth < 12; depth += 1)
    bushy = Object.fromEntries([...'abc'].map((name) => [name, bushy]));

  const objects: [string, unknown][] = [
    ['circular', circular],
    ['a hundred thousand deep', deep],
    ['of a hundred thousand entries', Array.from({ length: 100_000 }, (_, index) => index)],
    [
      'of a hundred thousand members',
      Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`k${index}`, 1])),
    ],
    ['branching to half a million leaves', bushy],
    [
      'whose getter throws',
      {
        get part() {
          throw new Error('no');
        },
      },
    ],
    [
      'whose toJSON throws',
      {
        toJSON() {
          throw new Error('no');
        },
      },
    ],
    ['with a number beyond JSON', { big: 10n ** 30n, not: Number.NaN }],
    ['without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['with a member that names its prototype', JSON.parse('{"__proto__":{"deep":1}}')],
    ['that is a function', () => 'x'],
    ['that is a symbol', Symbol('x')],
    ['that is a date of no day', new Date(Number.NaN)],
  ];
  test.each(objects)('%s', (_name, object) => {
    const [line = ''] = written((log) => log.info({ object }, 'It happened'));
    expect(JSON.parse(line).msg).toBe('It happened');
    expect(line.length).toBeLessThan(10_000);
    const [child = ''] = written((log) => log.child({ object }).info('x'));
    expect(JSON.parse(child).msg).toBe('x');
    expect(child.length).toBeLessThan(10_000);
  });

  test('at the top of the line, too', () => {
    for (const object of [circular, deep, bushy])
      expect(written((log) => log.info(object as object, 'x'))).toHaveLength(1);
  });
});
