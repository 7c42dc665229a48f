import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Hold } from '../../src/shop/decision.ts';
import { deriveStatus } from '../../src/shop/derive-status.ts';
import { findShipRefusal, standingHolds } from '../../src/shop/holds.ts';
import { factsFromStatus, type IntentFacts, mergeFacts, noFacts } from '../../src/shop/intent-facts.ts';
import type { OrderFacts, PaymentAttempt } from '../../src/shop/order.ts';
import { orderMoney } from '../../src/shop/order-money.ts';
import type { OrderStatus } from '../../src/shop/order-status.ts';
import { createAttempt, createOrder } from './builders.ts';

/** All that the shop can hear of an intent: Dojo's six statuses, an unknown one, and an observation after a partial refund. */
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

/** The rules, written out a second time: the first of these that was heard decides. */
const rules: readonly (readonly [Heard, OrderStatus])[] = [
  ['Refunded', 'refunded'],
  ['Reversed', 'reversed'],
  ['Captured, 300 refunded', 'partly_refunded'],
  ['Captured', 'paid'],
  ['Canceled', 'canceled'],
  ['Authorized', 'authorized'],
];
function statusOfSet(set: ReadonlySet<Heard>): OrderStatus {
  // Part of it by refund, the rest by reversal.
  if (set.has('Reversed') && set.has('Captured, 300 refunded')) return 'refunded';
  return rules.find(([message]) => set.has(message))?.[1] ?? 'awaiting_payment';
}

/** An order only ever moves towards the end of this list. */
const ladder: readonly OrderStatus[] = [
  'placed',
  'awaiting_payment',
  'expired',
  'authorized',
  'canceled',
  'paid',
  'partly_refunded',
  'reversed',
  'refunded',
];

describe('messages from Dojo', () => {
  const facts = heard.map(factsOf);
  /** The status for each set of messages, one bit a message. */
  const expectedOf = Array.from({ length: 2 ** heard.length }, (_, set) =>
    statusOfSet(new Set(heard.filter((_message, bit) => set & (1 << bit)))),
  );

  test('leave the status of their set in every sequence of up to six, with repeats', () => {
    let sequences = 0;
    const wrong: string[] = [];
    const backwards: string[] = [];

    const walk = (known: IntentFacts, set: number, before: OrderStatus, path: readonly Heard[]): void => {
      for (const [bit, message] of heard.entries()) {
        const now = mergeFacts(known, facts[bit] ?? noFacts);
        const nowSet = set | (1 << bit);
        const status = deriveStatus(withPayments([attempt(now)]));
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
      capturedAmount: fc.nat(2000),
      reversalObserved: fc.boolean(),
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

  test('leave an order of several payments the same in whatever order they come', () => {
    const history = fc.array(fc.tuple(fc.nat(2), fc.constantFrom(...heard)), { maxLength: 12 });
    const outcome = (messages: readonly (readonly [number, Heard])[]) => {
      const known = [noFacts, noFacts, noFacts];
      for (const [number, message] of messages)
        known[number] = mergeFacts(known[number] ?? noFacts, factsOf(message));
      const order = withPayments(known.map((each) => attempt(each)));
      return { status: deriveStatus(order), holds: holdsOf(order), ...orderMoney(order) };
    };
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (messages, random) => {
        const shuffled = messages
          .map((message) => ({ message, place: random.next().value }))
          .sort((one, other) => one.place - other.place)
          .map(({ message }) => message);
        expect(outcome(shuffled)).toEqual(outcome(messages));
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
])('the unknown status "%s" adds no facts', (status) => {
  expect(factsFromStatus(status)).toEqual(noFacts);
});

describe('the status of an order', () => {
  const table: [string, PaymentAttempt[], OrderStatus][] = [
    ['without an attempt', [], 'placed'],
    ['whose attempt has no intent yet', [attempt({}, false)], 'placed'],
    ['with an intent', [attempt({})], 'awaiting_payment'],
    ['that was authorised', [attempt({ authorized: true })], 'authorized'],
    ['that was captured', [attempt({ captured: true })], 'paid'],
    ['that was captured after it was authorised', [attempt({ authorized: true, captured: true })], 'paid'],
    ['that was cancelled', [attempt({ canceled: true })], 'canceled'],
    ['that expired', [attempt({ expired: true })], 'expired'],
    ['that was cancelled after it expired', [attempt({ expired: true, canceled: true })], 'expired'],
    ['that was paid after it expired', [attempt({ expired: true, captured: true })], 'paid'],
    ['that was paid after it was cancelled', [attempt({ canceled: true, captured: true })], 'paid'],
    ['that was refunded by 1', [attempt({ captured: true, refundedAmount: 1 })], 'partly_refunded'],
    ['that was refunded but for 1', [attempt({ captured: true, refundedAmount: 999 })], 'partly_refunded'],
    ['that was refunded to the last penny', [attempt({ captured: true, refundedAmount: 1000 })], 'refunded'],
    ['that was refunded beyond its total', [attempt({ captured: true, refundedAmount: 1001 })], 'refunded'],
    ['that was refunded by an unknown amount', [attempt({ refunded: true })], 'refunded'],
    ['that was reversed', [attempt({ captured: true, reversed: true })], 'reversed'],
    [
      'that was refunded in part and reversed',
      [attempt({ captured: true, reversed: true, refundedAmount: 1 })],
      'refunded',
    ],
    ['that was refunded and reversed', [attempt({ refunded: true, reversed: true })], 'refunded'],
    [
      'that can be paid again after a cancellation',
      [attempt({ canceled: true }), attempt({})],
      'awaiting_payment',
    ],
    [
      'that was tried again without an intent yet',
      [attempt({ canceled: true }), attempt({}, false)],
      'canceled',
    ],
    ['whose first attempt was paid late', [attempt({ captured: true }), attempt({ canceled: true })], 'paid'],
    ['whose first attempt was never made', [attempt({}, false), attempt({})], 'awaiting_payment'],
    ['that was cancelled twice', [attempt({ canceled: true }), attempt({ canceled: true })], 'canceled'],
    [
      'that was paid twice and refunded in two halves',
      [attempt({ captured: true, refundedAmount: 500 }), attempt({ captured: true, refundedAmount: 500 })],
      'paid',
    ],
    [
      'that was paid twice and of which one payment was refunded',
      [attempt({ captured: true }), attempt({ captured: true, refunded: true })],
      'paid',
    ],
    [
      'that was paid twice and of which less than one payment is kept',
      [attempt({ captured: true, refundedAmount: 100 }), attempt({ captured: true, refunded: true })],
      'partly_refunded',
    ],
    [
      'that was paid twice and of which one payment was refunded, the other reversed',
      [attempt({ captured: true, reversed: true }), attempt({ captured: true, refunded: true })],
      'refunded',
    ],
    [
      'of which one payment was refunded and another is reserved',
      [attempt({ captured: true, refunded: true }), attempt({ authorized: true }, 'Manual')],
      'authorized',
    ],
    ['whose reservation was released', [attempt({ authorized: true, reversed: true }, 'Manual')], 'reversed'],
    [
      'of which a part was taken and the rest released',
      [attempt({ authorized: true, captured: true, reversed: true, capturedAmount: 400 }, 'Manual')],
      'paid',
    ],
    [
      'of which a part was taken and refunded',
      [attempt({ captured: true, refunded: true, capturedAmount: 400 }, 'Manual')],
      'refunded',
    ],
  ];
  const cases = table.map(([name, attempts, status]) => [name, status, attempts] as const);
  test.each(cases)('%s is %s', (_name, status, attempts) => {
    expect(deriveStatus(withPayments(attempts))).toBe(status);
  });
});

describe('an order', () => {
  const table: [string, PaymentAttempt[], Hold[]][] = [
    ['is not held before its first attempt', [], []],
    ['is not held when it was paid', [attempt({ captured: true })], []],
    ['is not held when it was cancelled', [attempt({ canceled: true })], []],
    ['is not held when it expired', [attempt({ expired: true })], []],
    [
      'is held when it was paid after it was cancelled',
      [attempt({ captured: true, canceled: true })],
      ['captured_after_cancel'],
    ],
    [
      'is held when it was paid after it expired',
      [attempt({ captured: true, expired: true })],
      ['late_payment'],
    ],
    [
      'is held when it was paid twice',
      [attempt({ captured: true }), attempt({ captured: true })],
      ['paid_twice'],
    ],
    [
      'is held when it was paid with another amount',
      [attempt({ captured: true, mismatched: true })],
      ['amount_mismatch'],
    ],
    [
      'is held when it was authorised with another amount',
      [attempt({ authorized: true, mismatched: true })],
      ['amount_mismatch'],
    ],
    [
      'is held before it is paid when its intent has another amount',
      [attempt({ mismatched: true })],
      ['amount_mismatch'],
    ],
    ['is not held for an unpaid orphan intent', [{ ...attempt({ mismatched: true }), hasIntent: false }], []],
    [
      'is held when it was paid although we had asked to cancel it',
      [attempt({ captured: true, unwanted: true })],
      ['captured_after_cancel'],
    ],
    [
      'is held when it was refunded elsewhere',
      [attempt({ captured: true, refunded: true })],
      ['refunded_before_fulfilment'],
    ],
    [
      'is held when it was partly refunded elsewhere',
      [attempt({ captured: true, refundedAmount: 1 })],
      ['refunded_before_fulfilment'],
    ],
    [
      'is held when its payment was reversed elsewhere',
      [attempt({ captured: true, reversed: true })],
      ['refunded_before_fulfilment'],
    ],
    ['is not held when a reservation was released', [attempt({ authorized: true, reversed: true })], []],
    [
      'is not held when one attempt was cancelled and another paid',
      [attempt({ canceled: true }), attempt({ captured: true })],
      [],
    ],
    [
      'is held for every reason at once',
      [
        attempt({ captured: true, canceled: true, expired: true, mismatched: true }),
        attempt({ captured: true }),
      ],
      ['amount_mismatch', 'captured_after_cancel', 'late_payment', 'paid_twice'],
    ],
  ];
  test.each(table)('%s', (_name, attempts, expected) => {
    expect(holdsOf(withPayments(attempts))).toEqual(expected);
  });

  test('is held when it was captured and cancelled, in either order', () => {
    for (const [first, second] of [
      ['Captured', 'Canceled'],
      ['Canceled', 'Captured'],
    ] as const) {
      const facts = mergeFacts(factsFromStatus(first), factsFromStatus(second));
      expect(holdsOf(withPayments([attempt(facts)]))).toEqual(['captured_after_cancel']);
    }
  });

  test.each<[string, Partial<OrderFacts>]>([
    ['we asked for it', { refunds: [refund(400)] }],
    ['the goods are out', { sentAt: new Date() }],
  ])('is not held when money went back and %s', (_why, acts) => {
    const facts = { captured: true, refundedAmount: 400 };
    expect(holdsOf({ ...withPayments([attempt(facts)]), ...acts })).toEqual([]);
  });

  test('is not held when we reversed the payment ourselves', () => {
    const order = withPayments([attempt({ captured: true, reversed: true })]);
    expect(holdsOf({ ...order, refunds: [{ ...refund(1000), kind: 'reversal' }] })).toEqual([]);
  });

  test('is not held when the shopper bought otherwise, and this payment came although it was cancelled', () => {
    const order = withPayments([attempt({ captured: true, canceled: true })]);
    expect(holdsOf({ ...order, supersededBy: 9 })).toEqual([]);
    const unwanted = withPayments([attempt({ captured: true, unwanted: true })]);
    expect(holdsOf({ ...unwanted, supersededBy: 9 })).toEqual(['captured_after_cancel']);
  });

  test('is held while no one knows what went back of a captured reservation, and not once Dojo says: nothing', () => {
    const reversed = { authorized: true, captured: true, capturedAmount: 1000, reversed: true };
    expect(holdsOf(withPayments([attempt(reversed, 'Manual')]))).toEqual(['refunded_before_fulfilment']);
    expect(holdsOf(withPayments([attempt({ ...reversed, reversalObserved: true }, 'Manual')]))).toEqual([]);
  });

  test('is held for money in an intent that no one was shown and that does not match, reserved or taken', () => {
    for (const money of [{ authorized: true }, { captured: true }])
      expect(holdsOf(withPayments([attempt({ ...money, mismatched: true }, false)]))).toEqual([
        'amount_mismatch',
      ]);
    expect(holdsOf(withPayments([attempt({ mismatched: true }, false)]))).toEqual([]);
  });

  test('stays held until all went back that a person decided to refund, reservations too', () => {
    const late = { captured: true, expired: true };
    const held = (second: PaymentAttempt, payment: number | null = null): Hold[] => {
      const order = withPayments([attempt({ ...late, refunded: true }), second]);
      const settles = standingHolds(order);
      const decision = {
        number: 1,
        action: 'refund' as const,
        payment,
        settles,
        decidedBy: 'x',
        reason: 'x',
      };
      const refunds = [refund(1000)];
      return holdsOf({ ...order, refunds, decisions: [{ ...decision, decidedAt: new Date() }] });
    };
    expect(held(attempt({ captured: true }))).toContain('late_payment');
    expect(held(attempt({ authorized: true }, 'Manual'))).toContain('late_payment');
    expect(held(attempt({ captured: true }), 1)).not.toContain('late_payment');
    expect(held(attempt({ captured: true }), 2)).toContain('late_payment');
    expect(held(attempt({}))).not.toContain('late_payment');
  });

  test('is held again when more went back elsewhere than a person accepted', () => {
    const order = withPayments([attempt({ captured: true, refundedAmount: 100 })]);
    const settles = standingHolds(order);
    const why = { payment: null, decidedBy: 'x', reason: 'x', decidedAt: new Date() };
    const accepted = { ...order, decisions: [{ ...why, number: 1, action: 'accept' as const, settles }] };
    expect(holdsOf(accepted)).toEqual([]);
    const { attempts } = withPayments([attempt({ captured: true, refundedAmount: 200 })]);
    expect(holdsOf({ ...accepted, attempts })).toEqual(['refunded_before_fulfilment']);
  });

  test('keeps its holds whatever comes later', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...heard), { maxLength: 8 }), (messages) => {
        let facts = noFacts;
        let before: Hold[] = [];
        for (const message of messages) {
          facts = mergeFacts(facts, factsOf(message));
          const now = holdsOf(withPayments([attempt(facts)]));
          expect(now).toEqual(expect.arrayContaining(before));
          before = now;
        }
      }),
    );
  });
});

test('until Dojo says how much it took, what it accepted to take was received, or else the whole', () => {
  const order = withPayments([attempt({ authorized: true, captured: true }, 'Manual')]);
  const { facts } = attempt({ authorized: true, captured: true, capturedAmount: 500 }, 'Manual');
  const [payment] = order.attempts;
  const capture = (id: number, state: 'asked' | 'done', number = 1) => ({
    id: `capture-${id}`,
    attempt: number,
    amount: 200,
    state,
    askedAt: new Date(),
  });
  const received = (captures: OrderFacts['captures'], attempts = order.attempts) =>
    orderMoney({ ...order, captures, attempts }).received;
  expect(received([])).toBe(1000);
  expect(received([capture(1, 'asked')])).toBe(1000);
  expect(received([capture(1, 'done'), capture(2, 'done'), capture(3, 'asked'), capture(4, 'done', 2)])).toBe(
    400,
  );
  expect(received([capture(1, 'done')], payment && [{ ...payment, facts }])).toBe(500);
});

describe('goods go out', () => {
  test.each<[string, boolean, Partial<OrderFacts>]>([
    ['for a paid order', true, withPayments([attempt({ captured: true })])],
    ['not for an unpaid one', false, withPayments([attempt({})])],
    ['not for a reservation', false, withPayments([attempt({ authorized: true }, 'Manual')])],
    [
      'not for a captured reservation before Dojo says how much was taken',
      false,
      withPayments([attempt({ authorized: true, captured: true }, 'Manual')]),
    ],
    [
      'for a captured reservation of which a part was taken',
      true,
      withPayments([attempt({ authorized: true, captured: true, capturedAmount: 400 }, 'Manual')]),
    ],
    ['not twice', false, { ...withPayments([attempt({ captured: true })]), sentAt: new Date() }],
    [
      'not while a refund is under way',
      false,
      { ...withPayments([attempt({ captured: true })]), refunds: [{ ...refund(400), state: 'asked' }] },
    ],
    [
      'after a partial refund of ours',
      true,
      {
        ...withPayments([attempt({ captured: true, refundedAmount: 400 })]),
        refunds: [refund(400)],
      },
    ],
    [
      'not after a full refund of ours',
      false,
      { ...withPayments([attempt({ captured: true, refunded: true })]), refunds: [refund(1000)] },
    ],
    [
      'not after a partial refund elsewhere',
      false,
      withPayments([attempt({ captured: true, refundedAmount: 1 })]),
    ],
    ['not for money that came late', false, withPayments([attempt({ captured: true, expired: true })])],
    [
      'not for money that came twice',
      false,
      withPayments([attempt({ captured: true }), attempt({ captured: true })]),
    ],
  ])('%s', (_name, expected, members) => {
    const order = createOrder(members);
    expect(findShipRefusal(order, holdsOf(order)) === null).toBe(expected);
  });
});

function refund(amount: number) {
  const kind: 'refund' | 'reversal' = 'refund';
  const state: 'asked' | 'done' = 'done';
  return { id: `refund-${amount}`, attempt: 1, kind, state, amount, askedAt: new Date() } as const;
}

/** An order of 1000 with these payments, numbered from 1. */
function withPayments(payments: readonly PaymentAttempt[]): OrderFacts {
  return createOrder({ attempts: payments.map((payment, index) => ({ ...payment, number: index + 1 })) });
}

function holdsOf(order: OrderFacts): Hold[] {
  return Object.keys(standingHolds(order)) as Hold[];
}

function attempt(facts: Partial<IntentFacts>, mode: boolean | 'Manual' = true): PaymentAttempt {
  return createAttempt({
    hasIntent: mode !== false,
    captureMode: mode === 'Manual' ? 'Manual' : 'Auto',
    facts: { ...noFacts, ...facts },
  });
}
