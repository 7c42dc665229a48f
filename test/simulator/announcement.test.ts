import { expect, test } from 'vitest';
import { defaultSettings, type Settings } from '../../src/simulator/settings.ts';
import {
  createPaymentIntent,
  type PaymentAttempt,
  type PaymentIntent,
} from '../../src/simulator/state/payment-intent.ts';
import {
  cancel,
  capture,
  challenge,
  decline,
  expire,
  pay,
  refund,
  release,
  reverse,
  type Transition,
} from '../../src/simulator/state/transitions.ts';
import { findAnnouncement } from '../../src/simulator/state/webhook-events.ts';

const now = new Date('2026-11-22T10:00:00Z');
const amount = { value: 1_000, currencyCode: 'GBP' as const };
const attempt: PaymentAttempt = {
  transactionId: '442d5df3-5935-4ed9-a821-096b9698da48',
  at: now,
  authCode: '123456',
  formKey: null,
  paymentMethodId: null,
  card: { maskedNumber: '52000000****1005', expiryDate: '2029-12-31', scheme: 'MASTERCARD', name: 'A' },
};

function done(transition: Transition): PaymentIntent {
  if (transition.kind === 'refused') throw new Error(transition.reason);
  return transition.intent;
}

function create(captureMode: 'Auto' | 'Manual'): PaymentIntent {
  return createPaymentIntent({ amount, reference: 'R', captureMode }, 'pi_sandbox_1', now);
}

const settings = defaultSettings;
const paid = (captureMode: 'Auto' | 'Manual') => done(pay(create(captureMode), attempt, settings));
const given = (value: number) => ({
  id: 'rfnd_1',
  amount: value,
  idempotencyKey: 'k',
  reason: null,
  notes: null,
});
const taken = (id: string, value: number) => ({ id, amount: value, tipsAmount: null, at: now });

type Row = [
  what: string,
  before: PaymentIntent,
  act: (before: PaymentIntent, settings: Settings) => Transition,
  isSent: boolean,
  change?: Partial<Settings>,
];

test.each<Row>([
  ['a payment', create('Auto'), (before) => pay(before, attempt, settings), true],
  ['a reservation', create('Manual'), (before) => pay(before, attempt, settings), true],
  [
    'a reservation',
    create('Manual'),
    (before) => pay(before, attempt, settings),
    false,
    { authorizedEvent: 'none' },
  ],
  [
    'a payment',
    create('Auto'),
    (before) => pay(before, attempt, settings),
    true,
    { authorizedEvent: 'none' },
  ],
  ['a decline', create('Auto'), (before) => decline(before, attempt), false],
  ['a decline', create('Auto'), (before) => decline(before, attempt), true, { declineEvent: 'sent' }],
  [
    'a challenge',
    create('Auto'),
    (before) => challenge(before, attempt, { challengeId: 'ch_1', settings }),
    false,
  ],
  [
    'a second payment',
    paid('Auto'),
    (before, chosen) => pay(before, attempt, chosen),
    true,
    { secondTab: 'charged' },
  ],
  ['a cancellation', create('Auto'), (before) => cancel(before, now), true],
  ['an expiry', create('Auto'), (before, chosen) => expire(before, now, chosen), true],
  [
    'an expiry',
    create('Auto'),
    (before, chosen) => expire(before, now, chosen),
    false,
    { expiredIntent: 'canceled-silently' },
  ],
  [
    'an expiry',
    create('Auto'),
    (before, chosen) => expire(before, now, chosen),
    false,
    { expiredIntent: 'stays-created' },
  ],
  ['a full capture', paid('Manual'), (before) => capture(before, taken('cp_1', 1_000), settings), true],
  ['a partial capture', paid('Manual'), (before) => capture(before, taken('cp_1', 100), settings), true],
  [
    'a further capture',
    done(capture(paid('Manual'), taken('cp_1', 100), settings)),
    (before) => capture(before, taken('cp_2', 100), settings),
    true,
  ],
  [
    'the release of a remainder',
    done(capture(paid('Manual'), taken('cp_1', 100), settings)),
    (before) => release(before, now, settings),
    false,
  ],
  ['the release of a reservation', paid('Manual'), (before) => release(before, now, settings), true],
  ['a full refund', paid('Auto'), (before) => refund(before, given(1_000), now, settings), true],
  [
    'a full refund',
    paid('Auto'),
    (before) => refund(before, given(1_000), now, settings),
    true,
    { partialRefundEvent: 'none' },
  ],
  ['a partial refund', paid('Auto'), (before) => refund(before, given(1), now, settings), true],
  [
    'a partial refund',
    paid('Auto'),
    (before) => refund(before, given(1), now, settings),
    false,
    { partialRefundEvent: 'none' },
  ],
  ['a reversal', paid('Auto'), (before) => reverse(before, now, settings), true],
  [
    'another amount',
    create('Auto'),
    (before) => ({ kind: 'done', intent: { ...before, total: { ...amount, value: 2_000 } } }),
    false,
  ],
])('%s sends an event if Dojo or a setting says so', (_what, before, act, isSent, change = {}) => {
  const chosen = { ...settings, ...change };
  const event = findAnnouncement(done(act(before, chosen)), before, chosen);
  expect(event).toBe(isSent ? 'payment_intent.status_updated' : null);
});

test('a new intent has its own event', () => {
  expect(findAnnouncement(create('Auto'), null, settings)).toBe('payment_intent.created');
});
