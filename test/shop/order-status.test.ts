import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type AttemptFacts,
  deriveHolds,
  deriveStatus,
  factsFromStatus,
  type Hold,
  type IntentFacts,
  isDueForFulfilment,
  mergeFacts,
  noActs,
  noFacts,
  type OrderStatus,
} from '../../src/shop/order-status.ts';

const total = 1000;

/** Everything that can be heard of an intent: six statuses, one that nobody knows, and a observation after a part refund. */
const heard = [
  'Created',
  'Authorized',
  'Captured',
  'Reversed',
  'Refunded',
  'Canceled',
  'Settled',
  'Captured, 300 refunded',
] as const;
type Heard = (typeof heard)[number];

function factsOf(message: Heard): IntentFacts {
  return message === 'Captured, 300 refunded'
    ? { ...factsFromStatus('Captured'), refundedAmount: 300 }
    : factsFromStatus(message);
}

/** The rules of money, written out a second time: the highest of these that was heard decides. */
const rules: readonly (readonly [Heard, OrderStatus])[] = [
  ['Refunded', 'refunded'],
  ['Reversed', 'reversed'],
  ['Captured, 300 refunded', 'partly_refunded'],
  ['Captured', 'paid'],
  ['Authorized', 'authorized'],
  ['Canceled', 'canceled'],
];
function statusOfSet(set: ReadonlySet<Heard>): OrderStatus {
  return rules.find(([message]) => set.has(message))?.[1] ?? 'awaiting_payment';
}

/** From the least to the most that can have happened. */
const ladder: readonly OrderStatus[] = [
  'placed',
  'awaiting_payment',
  'expired',
  'canceled',
  'authorized',
  'paid',
  'partly_refunded',
  'reversed',
  'refunded',
];

describe('messages of Dojo in any order', () => {
  const facts = heard.map(factsOf);
  /** By the set of what was heard, one bit a message. */
  const expectedOf = Array.from({ length: 2 ** heard.length }, (_, set) =>
    statusOfSet(new Set(heard.filter((_message, bit) => set & (1 << bit)))),
  );

  test('end, in every sequence of up to six with any repeats, in the status of their set', () => {
    let sequences = 0;
    const wrong: string[] = [];
    const backwards: string[] = [];

    const walk = (known: IntentFacts, set: number, before: OrderStatus, path: readonly Heard[]): void => {
      for (const [bit, message] of heard.entries()) {
        const now = mergeFacts(known, facts[bit] ?? noFacts);
        const nowSet = set | (1 << bit);
        const status = deriveStatus([{ hasIntent: true, facts: now }], total);
        sequences += 1;
        if (status !== expectedOf[nowSet]) wrong.push(`${[...path, message].join(' > ')} gave ${status}`);
        if (ladder.indexOf(status) < ladder.indexOf(before))
          backwards.push(`${[...path, message].join(' > ')} went from ${before} to ${status}`);
        if (path.length < 5) walk(now, nowSet, status, [...path, message]);
      }
    };
    walk(noFacts, 0, 'awaiting_payment', []);

    expect(wrong.slice(0, 5)).toEqual([]);
    expect(backwards.slice(0, 5)).toEqual([]);
    expect(sequences).toBe(299_592);
  });

  test('leave the same facts however they are grouped, swapped or repeated', () => {
    const anyFacts: fc.Arbitrary<IntentFacts> = fc.record({
      authorized: fc.boolean(),
      captured: fc.boolean(),
      canceled: fc.boolean(),
      reversed: fc.boolean(),
      refunded: fc.boolean(),
      refundedAmount: fc.nat(2000),
      expired: fc.boolean(),
      unwanted: fc.boolean(),
      mismatched: fc.boolean(),
    });
    fc.assert(
      fc.property(anyFacts, anyFacts, anyFacts, (a, b, c) => {
        expect(mergeFacts(a, b)).toEqual(mergeFacts(b, a));
        expect(mergeFacts(mergeFacts(a, b), c)).toEqual(mergeFacts(a, mergeFacts(b, c)));
        expect(mergeFacts(a, a)).toEqual(a);
        expect(mergeFacts(a, noFacts)).toEqual(a);
      }),
    );
  });

  test('never move an order of several attempts a step back', () => {
    const history = fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...heard)), { maxLength: 12 });
    fc.assert(
      fc.property(history, (messages) => {
        const attempts = [noFacts, noFacts, noFacts];
        let before = 0;
        for (const [attempt, message] of messages) {
          attempts[attempt] = mergeFacts(attempts[attempt] ?? noFacts, factsOf(message));
          const status = deriveStatus(
            attempts.map((known) => ({ hasIntent: true, facts: known })),
            total,
          );
          expect(ladder.indexOf(status)).toBeGreaterThanOrEqual(before);
          before = ladder.indexOf(status);
        }
      }),
    );
  });
});

test.each([
  'Settled',
  'released',
  'captured',
  'CAPTURED',
  ' Captured',
  '',
  '__proto__',
  'constructor',
  'toString',
])('the status "%s" tells nothing', (status) => {
  expect(factsFromStatus(status)).toEqual(noFacts);
});

describe('the status of an order', () => {
  const table: [string, AttemptFacts[], OrderStatus][] = [
    ['without an attempt', [], 'placed'],
    ['whose attempt has no intent yet', [attempt({}, false)], 'placed'],
    ['with an intent', [attempt({})], 'awaiting_payment'],
    ['that was authorized', [attempt({ authorized: true })], 'authorized'],
    ['that was captured', [attempt({ captured: true })], 'paid'],
    ['captured after it was authorized', [attempt({ authorized: true, captured: true })], 'paid'],
    ['canceled', [attempt({ canceled: true })], 'canceled'],
    ['given up by us', [attempt({ expired: true })], 'expired'],
    ['voided after we gave it up', [attempt({ expired: true, canceled: true })], 'expired'],
    ['paid after we gave it up', [attempt({ expired: true, captured: true })], 'paid'],
    ['paid after it was canceled', [attempt({ canceled: true, captured: true })], 'paid'],
    ['refunded by 1', [attempt({ captured: true, refundedAmount: 1 })], 'partly_refunded'],
    ['refunded but for 1', [attempt({ captured: true, refundedAmount: 999 })], 'partly_refunded'],
    ['refunded to the last penny', [attempt({ captured: true, refundedAmount: 1000 })], 'refunded'],
    ['refunded beyond its total', [attempt({ captured: true, refundedAmount: 1001 })], 'refunded'],
    ['refunded, of which no amount was read', [attempt({ refunded: true })], 'refunded'],
    ['reversed', [attempt({ captured: true, reversed: true })], 'reversed'],
    [
      'reversed after part was refunded',
      [attempt({ captured: true, reversed: true, refundedAmount: 1 })],
      'reversed',
    ],
    ['refunded and reversed', [attempt({ refunded: true, reversed: true })], 'refunded'],
    ['that can be paid again after a cancel', [attempt({ canceled: true }), attempt({})], 'awaiting_payment'],
    ['tried again without an intent yet', [attempt({ canceled: true }), attempt({}, false)], 'canceled'],
    ['whose first attempt was paid late', [attempt({ captured: true }), attempt({ canceled: true })], 'paid'],
    ['whose first attempt was never made', [attempt({}, false), attempt({})], 'awaiting_payment'],
    ['canceled twice', [attempt({ canceled: true }), attempt({ canceled: true })], 'canceled'],
    [
      'paid twice and refunded in two halves',
      [attempt({ captured: true, refundedAmount: 500 }), attempt({ captured: true, refundedAmount: 500 })],
      'refunded',
    ],
  ];
  test.each(table)('%s', (_name, attempts, status) => {
    expect(deriveStatus(attempts, total)).toBe(status);
  });
});

describe('a person has to look at an order', () => {
  const table: [string, AttemptFacts[], Hold[]][] = [
    ['never before there is an attempt', [], []],
    ['not when it was paid', [attempt({ captured: true })], []],
    ['not when it was canceled', [attempt({ canceled: true })], []],
    ['not when it lapsed', [attempt({ expired: true })], []],
    ['paid after a cancel', [attempt({ captured: true, canceled: true })], ['captured_after_cancel']],
    ['paid after it lapsed', [attempt({ captured: true, expired: true })], ['late_payment']],
    ['paid twice', [attempt({ captured: true }), attempt({ captured: true })], ['paid_twice']],
    ['paid with another amount', [attempt({ captured: true, mismatched: true })], ['amount_mismatch']],
    [
      'authorized with another amount',
      [attempt({ authorized: true, mismatched: true })],
      ['amount_mismatch'],
    ],
    [
      'before it is paid when its intent holds another amount',
      [attempt({ mismatched: true })],
      ['amount_mismatch'],
    ],
    [
      'not for an unpaid intent that nobody was shown',
      [{ ...attempt({ mismatched: true }), hasIntent: false }],
      [],
    ],
    [
      'when it was paid although we had asked to cancel it',
      [attempt({ captured: true, unwanted: true })],
      ['captured_after_cancel'],
    ],
    [
      'when money went back that we did not send',
      [attempt({ captured: true, refunded: true })],
      ['refunded_before_fulfilment'],
    ],
    [
      'when a part went back that we did not send',
      [attempt({ captured: true, refundedAmount: 1 })],
      ['refunded_before_fulfilment'],
    ],
    [
      'when a payment was reversed by somebody else',
      [attempt({ captured: true, reversed: true })],
      ['refunded_before_fulfilment'],
    ],
    ['not when a reservation was released', [attempt({ authorized: true, reversed: true })], []],
    [
      'not when one attempt was canceled and another paid',
      [attempt({ canceled: true }), attempt({ captured: true })],
      [],
    ],
    [
      'for every reason at once',
      [
        attempt({ captured: true, canceled: true, expired: true, mismatched: true }),
        attempt({ captured: true }),
      ],
      ['amount_mismatch', 'captured_after_cancel', 'late_payment', 'paid_twice'],
    ],
  ];
  test.each(table)('%s', (_name, attempts, expected) => {
    expect(deriveHolds(attempts, 1000, noActs)).toEqual(expected);
  });

  test('however the two messages came', () => {
    for (const [first, second] of [
      ['Captured', 'Canceled'],
      ['Canceled', 'Captured'],
    ] as const) {
      const facts = mergeFacts(factsFromStatus(first), factsFromStatus(second));
      expect(deriveHolds([{ hasIntent: true, facts }], 1000, noActs)).toEqual(['captured_after_cancel']);
    }
  });

  test.each([
    ['we sent it ourselves', { refundedByUs: 400, isReversedByUs: false, isFulfilled: false }],
    ['the goods are out', { refundedByUs: 0, isReversedByUs: false, isFulfilled: true }],
  ])('not when money went back and %s', (_why, acts) => {
    const facts = { ...noFacts, captured: true, refundedAmount: 400 };
    expect(deriveHolds([{ hasIntent: true, facts }], 1000, acts)).toEqual([]);
  });

  test('not when we reversed the payment ourselves', () => {
    const facts = { ...noFacts, captured: true, reversed: true };
    const acts = { ...noActs, isReversedByUs: true };
    expect(deriveHolds([{ hasIntent: true, facts }], 1000, acts)).toEqual([]);
  });

  test('for as long as it stands: what comes later takes no hold away', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...heard), { maxLength: 8 }), (messages) => {
        let facts = noFacts;
        let before: Hold[] = [];
        for (const message of messages) {
          facts = mergeFacts(facts, factsOf(message));
          const now = deriveHolds([{ hasIntent: true, facts }], 1000, noActs);
          expect(now).toEqual(expect.arrayContaining(before));
          before = now;
        }
      }),
    );
  });
});

describe('goods go out', () => {
  test('for a paid order and for no other', () => {
    expect(ladder.filter((status) => isDueForFulfilment(status, []))).toEqual(['paid']);
  });

  test.each([
    'amount_mismatch',
    'captured_after_cancel',
    'late_payment',
    'paid_twice',
    'refunded_before_fulfilment',
  ] as const)('not while %s stands', (hold) => {
    expect(isDueForFulfilment('paid', [hold])).toBe(false);
  });
});

function attempt(facts: Partial<IntentFacts>, hasIntent = true): AttemptFacts {
  return { hasIntent, facts: { ...noFacts, ...facts } };
}
