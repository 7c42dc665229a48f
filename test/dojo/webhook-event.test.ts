import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseWebhookEvent } from '../../src/dojo/webhook.ts';

type Members = Record<string, unknown>;

const validData: Members = {
  paymentIntentId: 'pi_sandbox_T1',
  paymentStatus: 'Captured',
  captureMode: 'Auto',
};
const understood = {
  id: 'evt_T1',
  event: 'payment_intent.status_updated',
  accountId: 'acc_test',
  change: { paymentIntentId: 'pi_sandbox_T1', paymentStatus: 'Captured' },
};

test('a status update is read', () => {
  expect(parse(event())).toEqual(understood);
});

test('unknown members are ignored', () => {
  expect(parse(event({ extra: { deep: [1] } }, { extra: null }))).toEqual(understood);
});

test('an account and a capture mode may be missing', () => {
  expect(parse(event({ accountId: undefined }, { captureMode: undefined }))).toEqual({
    ...understood,
    accountId: null,
  });
  expect(parse(event({ accountId: null }))?.accountId).toBe(null);
});

test.each(['Created', 'Authorized', 'Reversed', 'Refunded', 'Canceled', 'Settled', 'released'])(
  'the status %s is passed on as it came',
  (paymentStatus) => {
    expect(parse(event({}, { paymentStatus }))?.change?.paymentStatus).toBe(paymentStatus);
  },
);

test('an event of another kind is read, with a change if it names one', () => {
  expect(parse(event({ event: 'payment_intent.created', data: undefined }))).toEqual({
    ...understood,
    event: 'payment_intent.created',
    change: null,
  });
  expect(parse(event({ event: 'payment_intent.created', data: 'text' }))?.change).toBe(null);
  expect(parse(event({ event: 'payment_intent.created' }))?.change).toEqual(understood.change);
});

describe('a delivery is not an event', () => {
  test.each([
    ['empty', ''],
    ['hello', 'hello'],
    ['a number', '1'],
    ['null', 'null'],
    ['true', 'true'],
    ['text', '"evt_T1"'],
    ['a list', '[]'],
    ['a list that holds an event', `[${JSON.stringify(event())}]`],
    ['an empty object', '{}'],
    ['cut short', JSON.stringify(event()).slice(0, -1)],
    ['two events', JSON.stringify(event()).repeat(2)],
    ['after a byte order mark', `\ufeff${JSON.stringify(event())}`],
  ])('that is %s', (_name, text) => {
    expect(parseWebhookEvent(Buffer.from(text))).toBe(null);
  });

  test('that is not UTF-8', () => {
    const text = JSON.stringify(event({ note: '#' }));
    const bytes = Buffer.from(text);
    bytes[text.indexOf('#')] = 0xff;
    expect(parseWebhookEvent(bytes)).toBe(null);
    expect(parseWebhookEvent(Buffer.from(text, 'utf16le'))).toBe(null);
  });

  const unusable: [string, unknown][] = [
    ['missing', undefined],
    ['null', null],
    ['a number', 7],
    ['empty', ''],
    ['of 10 kB', 'e'.repeat(10_240)],
    ['with a space in it', 'evt T1'],
    ['with a line break in it', 'evt_T1\n'],
    ['with NUL in it', 'evt\0'],
    ['a list', ['evt_T1']],
  ];
  test.each(unusable)('whose id is %s', (_name, id) => {
    expect(parse(event({ id }))).toBe(null);
  });
  test.each(unusable)('whose kind is %s', (_name, kind) => {
    expect(parse(event({ event: kind }))).toBe(null);
  });
  test.each([
    ...unusable,
    ['a path out of the folder', 'pi_../../x'],
    ['an address', 'http://x'],
    ['of another kind', 'rfnd_1'],
    ['a bare prefix', 'pi_'],
  ])('whose intent is %s', (_name, paymentIntentId) => {
    expect(parse(event({}, { paymentIntentId }))).toBe(null);
  });
  test.each(unusable)('whose status is %s', (_name, paymentStatus) => {
    expect(parse(event({}, { paymentStatus }))).toBe(null);
  });
  test.each([null, undefined, [], 'text', 1])('that updates a status and whose data is %j', (data) => {
    expect(parse(event({ data }))).toBe(null);
  });
  test.each([7, ['acc_test'], {}])('whose account is %j', (accountId) => {
    expect(parse(event({ accountId }))).toBe(null);
  });
});

test.each(['yesterday', '', '2026-13-45T99:99:99Z', null, undefined, 0, 1e20, {}, []])(
  'an event whose time is %j is read all the same',
  (createdAt) => {
    expect(parse(event({ createdAt }))).toEqual(understood);
  },
);

test('the last of two members of one name counts', () => {
  const text = JSON.stringify(event()).replace(
    '"paymentStatus":"Captured"',
    '"paymentStatus":"Created","paymentStatus":"Captured"',
  );
  expect(parseWebhookEvent(Buffer.from(text))).toEqual(understood);
});

test('an event that names prototypes changes none', () => {
  const text = JSON.stringify(event()).replace(
    '{',
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},',
  );
  expect(parseWebhookEvent(Buffer.from(text))).toEqual(understood);
  expect(({} as { polluted?: number }).polluted).toBeUndefined();
});

test('members of a prototype are not members of the event', () => {
  const text = `{"__proto__":${JSON.stringify(event())}}`;
  expect(parseWebhookEvent(Buffer.from(text))).toBe(null);
});

test('four thousand members that look like numbers change nothing', () => {
  const many = Object.fromEntries(Array.from({ length: 4000 }, (_, index) => [String(index * 7919), 1]));
  const body = Buffer.from(JSON.stringify({ ...many, ...event({}, many) }));
  expect(parseWebhookEvent(body)).toEqual(understood);
});

test('an event nested thirty thousand deep is read without an error', () => {
  expect(parseWebhookEvent(Buffer.from('['.repeat(30_000) + ']'.repeat(30_000)))).toBe(null);
  const deep = JSON.stringify(event({ extra: '#' })).replace('"#"', '['.repeat(30_000) + ']'.repeat(30_000));
  expect(parseWebhookEvent(Buffer.from(deep))).toEqual(understood);
});

test('no bytes make the reader throw', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (body) => {
        expect(parseWebhookEvent(body)).toBe(null);
      },
    ),
    { numRuns: 1000 },
  );
});

function event(members: Members = {}, data: Members = {}): Members {
  return {
    id: 'evt_T1',
    event: 'payment_intent.status_updated',
    accountId: 'acc_test',
    createdAt: '2026-11-22T10:00:00.1234567Z',
    data: { ...validData, ...data },
    ...members,
  };
}

function parse(members: Members) {
  return parseWebhookEvent(Buffer.from(JSON.stringify(members)));
}
