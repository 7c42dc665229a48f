import type { CaptureMode, Money, PaymentIntentStatus } from '../dojo/schemas.ts';
import type { CreateRequest } from './create-request.ts';

/** One try to pay, as the bank saw it. Holds no whole card number and no security code. */
export type Attempt = {
  readonly transactionId: string;
  readonly at: Date;
  readonly authCode: string;
  /** Names the form that was sent, so that a second click on it is no second attempt; null where it had no name. */
  readonly formKey: string | null;
  readonly card: {
    readonly maskedNumber: string;
    /** `2029-12-31`. */
    readonly expiryDate: string;
    readonly scheme: string;
    readonly name: string;
  };
};

export type PaymentEventType =
  | 'AuthChallenged'
  | 'Declined'
  | 'Authorized'
  | 'Captured'
  | 'Reversed'
  | 'Refunded';
export type PaymentEvent = { readonly type: PaymentEventType; readonly at: Date; readonly attempt: Attempt };

export type Capture = { readonly id: string; readonly amount: number; readonly at: Date };
export type Refund = {
  readonly id: string;
  readonly amount: number;
  readonly idempotencyKey: string;
  readonly reason: string | null;
  readonly notes: string | null;
};

export type PaymentIntent = {
  readonly id: string;
  readonly status: PaymentIntentStatus;
  readonly captureMode: CaptureMode;
  readonly request: CreateRequest;
  /** The amount with tips, cashback and service charge: what the card is charged. */
  readonly total: Money;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** Unpaid at that time, the intent is void. */
  readonly expireAt: Date;
  /** Oldest first. */
  readonly events: readonly PaymentEvent[];
  /** The attempt that took or reserved the money; null while there is none. */
  readonly payment: Attempt | null;
  /** Attempts that wait for the shopper to pass 3-D Secure, by challenge id. */
  readonly challenges: ReadonlyMap<string, Attempt>;
  readonly captures: readonly Capture[];
  readonly refunds: readonly Refund[];
};

export type RefusalReason =
  | 'not-payable'
  | 'unknown-challenge'
  | 'not-cancelable'
  | 'not-capturable'
  | 'not-refundable'
  | 'not-reversible'
  | 'amount-too-large'
  | 'idempotency-key-reused';

/** What a transition makes of an intent. A refusal changes nothing. */
export type Transition = { kind: 'done'; intent: PaymentIntent } | { kind: 'refused'; reason: RefusalReason };

const thirtyDaysMs = 30 * 24 * 3600 * 1000;

export function createPaymentIntent(request: CreateRequest, id: string, now: Date): PaymentIntent {
  const extras = [request.tipsAmount, request.cashbackAmount, request.serviceChargeAmount];
  const total = extras.reduce((sum, extra) => sum + (extra?.value ?? 0), request.amount.value);
  return {
    id,
    status: 'Created',
    captureMode: request.captureMode ?? 'Auto',
    request,
    total: { value: total, currencyCode: request.amount.currencyCode },
    createdAt: now,
    updatedAt: now,
    expireAt: request.expireAt ? new Date(request.expireAt) : new Date(now.getTime() + thirtyDaysMs),
    events: [],
    payment: null,
    challenges: new Map(),
    captures: [],
    refunds: [],
  };
}

export function refundedAmount(intent: PaymentIntent): number {
  return sum(intent.refunds);
}

/** What was taken: all of it in Auto mode, what was captured in Manual. */
export function capturedAmount(intent: PaymentIntent): number {
  if (intent.captureMode === 'Manual') return sum(intent.captures);
  return intent.payment === null ? 0 : intent.total.value;
}

/** The one way from unpaid to paid; whoever comes second is refused. */
export function pay(intent: PaymentIntent, attempt: Attempt): Transition {
  if (intent.status !== 'Created') return refused('not-payable');
  const status = intent.captureMode === 'Auto' ? 'Captured' : 'Authorized';
  return changed(intent, attempt.at, {
    status,
    payment: attempt,
    challenges: new Map(),
    events: [...intent.events, { type: status, at: attempt.at, attempt }],
  });
}

/** A decline has no status of its own: the intent stays payable. */
export function decline(intent: PaymentIntent, attempt: Attempt): Transition {
  if (intent.status !== 'Created') return refused('not-payable');
  return changed(intent, attempt.at, {
    events: [...intent.events, { type: 'Declined', at: attempt.at, attempt: { ...attempt, authCode: '' } }],
  });
}

export function challenge(intent: PaymentIntent, attempt: Attempt, challengeId: string): Transition {
  if (intent.status !== 'Created') return refused('not-payable');
  return changed(intent, attempt.at, {
    challenges: new Map(intent.challenges).set(challengeId, attempt),
    events: [
      ...intent.events,
      { type: 'AuthChallenged', at: attempt.at, attempt: { ...attempt, authCode: '' } },
    ],
  });
}

export function answerChallenge(
  intent: PaymentIntent,
  answer: { challengeId: string; approved: boolean; now: Date },
): Transition {
  if (intent.status !== 'Created') return refused('not-payable');
  const attempt = intent.challenges.get(answer.challengeId);
  if (attempt === undefined) return refused('unknown-challenge');
  const challenges = new Map(intent.challenges);
  challenges.delete(answer.challengeId);
  const settled = { ...attempt, at: answer.now, formKey: answer.challengeId };
  const unchallenged = { ...intent, challenges };
  return answer.approved ? pay(unchallenged, settled) : decline(unchallenged, settled);
}

export function cancel(intent: PaymentIntent, now: Date): Transition {
  if (intent.status !== 'Created') return refused('not-cancelable');
  return changed(intent, now, { status: 'Canceled', challenges: new Map() });
}

export function isExpired(intent: PaymentIntent, now: Date): boolean {
  return intent.status === 'Created' && intent.expireAt <= now;
}

/** Partial captures are allowed up to the total; the first one makes the intent Captured. */
export function capture(intent: PaymentIntent, taken: Capture): Transition {
  const capturable = intent.captureMode === 'Manual' && ['Authorized', 'Captured'].includes(intent.status);
  if (!capturable || intent.payment === null) return refused('not-capturable');
  if (sum(intent.captures) + taken.amount > intent.total.value) return refused('amount-too-large');
  return changed(intent, taken.at, {
    status: 'Captured',
    captures: [...intent.captures, taken],
    events: [...intent.events, { type: 'Captured', at: taken.at, attempt: intent.payment }],
  });
}

/** A repeat with the same key and amount moves nothing more; a part of the amount leaves the intent Captured. */
export function refund(intent: PaymentIntent, given: Refund, now: Date): Transition {
  const earlier = intent.refunds.find(({ idempotencyKey }) => idempotencyKey === given.idempotencyKey);
  if (earlier !== undefined)
    return earlier.amount === given.amount ? { kind: 'done', intent } : refused('idempotency-key-reused');
  if (intent.status !== 'Captured' || intent.payment === null) return refused('not-refundable');
  const refunded = refundedAmount(intent) + given.amount;
  if (refunded > capturedAmount(intent)) return refused('amount-too-large');
  return changed(intent, now, {
    status: refunded === capturedAmount(intent) ? 'Refunded' : 'Captured',
    refunds: [...intent.refunds, given],
    events: [...intent.events, { type: 'Refunded', at: now, attempt: intent.payment }],
  });
}

/** Gives all of it back: a reservation, or what Auto took on the same day as London counts days. */
export function reverse(intent: PaymentIntent, now: Date): Transition {
  const reservation = intent.status === 'Authorized';
  const takenToday =
    intent.status === 'Captured' &&
    intent.captureMode === 'Auto' &&
    intent.refunds.length === 0 &&
    intent.payment !== null &&
    londonDay(intent.payment.at) === londonDay(now);
  if (intent.payment === null || !(reservation || takenToday)) return refused('not-reversible');
  return changed(intent, now, {
    status: 'Reversed',
    events: [...intent.events, { type: 'Reversed', at: now, attempt: intent.payment }],
  });
}

const londonDays = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', dateStyle: 'short' });

function londonDay(date: Date): string {
  return londonDays.format(date);
}

function sum(parts: readonly { amount: number }[]): number {
  return parts.reduce((total, { amount }) => total + amount, 0);
}

function changed(intent: PaymentIntent, now: Date, change: Partial<PaymentIntent>): Transition {
  return { kind: 'done', intent: { ...intent, ...change, updatedAt: now } };
}

function refused(reason: RefusalReason): Transition {
  return { kind: 'refused', reason };
}
