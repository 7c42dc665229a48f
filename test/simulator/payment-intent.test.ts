import { expect, test } from 'vitest';
import type { CaptureMode, PaymentIntentStatus } from '../../src/dojo/schemas.ts';
import { defaultSettings } from '../../src/simulator/settings.ts';
import {
  createPaymentIntent,
  type PaymentAttempt,
  type PaymentIntent,
} from '../../src/simulator/state/payment-intent.ts';
import {
  cancel,
  capture,
  decline,
  pay,
  refund,
  reverse,
  type Transition,
} from '../../src/simulator/state/transitions.ts';

const now = new Date('2026-11-22T10:00:00Z');
const attempt: PaymentAttempt = {
  transactionId: '442d5df3-5935-4ed9-a821-096b9698da48',
  at: now,
  authCode: '123456',
  formKey: null,
  paymentMethodId: null,
  card: { maskedNumber: '52000000****1005', expiryDate: '2029-12-31', scheme: 'MASTERCARD', name: 'A' },
};

const transitions: Record<string, (intent: PaymentIntent) => Transition> = {
  pay: (intent) => pay(intent, attempt, defaultSettings),
  decline: (intent) => decline(intent, attempt),
  cancel: (intent) => cancel(intent, now),
  capture: (intent) =>
    capture(intent, { id: 'cp_1', amount: 100, tipsAmount: null, at: now }, defaultSettings),
  refund: (intent) =>
    refund(
      intent,
      { id: 'rfnd_1', amount: 100, idempotencyKey: 'k', reason: null, notes: null },
      now,
      defaultSettings,
    ),
  reverse: (intent) => reverse(intent, now, defaultSettings),
};

/** The result of each transition in Dojo's table of states; all others are refused. */
const table: Record<CaptureMode, Record<PaymentIntentStatus, Record<string, PaymentIntentStatus>>> = {
  Auto: {
    Created: { pay: 'Captured', decline: 'Created', cancel: 'Canceled' },
    Authorized: {},
    Captured: { refund: 'Refunded', reverse: 'Reversed' },
    Reversed: {},
    Refunded: {},
    Canceled: {},
  },
  Manual: {
    Created: { pay: 'Authorized', decline: 'Created', cancel: 'Canceled' },
    Authorized: { capture: 'Captured', reverse: 'Reversed' },
    Captured: { refund: 'Refunded' },
    Reversed: {},
    Refunded: {},
    Canceled: {},
  },
};

/** The steps from a new intent to the status; null if the mode has no such status. */
const steps: Record<PaymentIntentStatus, (mode: CaptureMode) => string[] | null> = {
  Created: () => [],
  Authorized: (mode) => (mode === 'Manual' ? ['pay'] : null),
  Captured: (mode) => (mode === 'Manual' ? ['pay', 'capture'] : ['pay']),
  Reversed: () => ['pay', 'reverse'],
  Refunded: (mode) => (mode === 'Manual' ? ['pay', 'capture', 'refund'] : ['pay', 'refund']),
  Canceled: () => ['cancel'],
};

function apply(name: string, intent: PaymentIntent): Transition {
  const transition = transitions[name];
  if (transition === undefined) throw new Error(name);
  return transition(intent);
}

for (const captureMode of ['Auto', 'Manual'] as const) {
  for (const [status, outcomes] of Object.entries(table[captureMode])) {
    const way = steps[status as PaymentIntentStatus](captureMode);
    if (way === null) continue;
    test(`in ${captureMode} mode ${status} allows ${Object.keys(outcomes).join(', ') || 'nothing'}`, () => {
      const request = { amount: { value: 100, currencyCode: 'GBP' as const }, reference: 'r', captureMode };
      let intent = createPaymentIntent(request, 'pi_sandbox_1', now);
      for (const name of way) {
        const outcome = apply(name, intent);
        if (outcome.kind === 'done') intent = outcome.intent;
      }
      expect(intent.status).toBe(status);
      for (const name of Object.keys(transitions)) {
        // Another test covers a refund repeated with its key.
        if (name === 'refund' && status === 'Refunded') continue;
        const outcome = apply(name, intent);
        const became = outcome.kind === 'done' ? outcome.intent.status : undefined;
        expect({ [name]: became }).toEqual({ [name]: outcomes[name] });
      }
    });
  }
}
