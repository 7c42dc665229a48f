import type { Money } from '../../dojo/schemas.ts';
import type { Settings } from '../settings.ts';
import type { CreateRequest } from './create-request.ts';
import {
  type Capture,
  type Collected,
  capturedAmount,
  dayMs,
  findChallenge,
  isPayable,
  type Movement,
  type PaymentAttempt,
  type PaymentIntent,
  type Refund,
  refundedAmount,
  reservedAmount,
  totalOf,
} from './payment-intent.ts';

export type RefusalReason =
  | 'not-payable'
  | 'unknown-challenge'
  | 'not-cancelable'
  | 'canceled-already'
  | 'not-changeable'
  | 'amount-is-fixed'
  | 'tips-not-allowed'
  | 'other-currency'
  | 'not-capturable'
  | 'not-refundable'
  | 'not-reversible'
  | 'too-old'
  | 'amount-too-large'
  | 'idempotency-key-used'
  | 'idempotency-key-reused';

/** The result of a transition. A refusal changes nothing. */
export type Transition = { kind: 'done'; intent: PaymentIntent } | { kind: 'refused'; reason: RefusalReason };

/** Whether a payment form takes money now: once, unless a setting lets a second tab take it again. */
export function takesPayment(intent: PaymentIntent, settings: Settings): boolean {
  const isSecond =
    settings.secondTab === 'charged' && intent.status === 'Captured' && intent.captureMode === 'Auto';
  return isPayable(intent) || isSecond;
}

/** The only way from unpaid to paid. The second attempt is refused, unless a setting allows it. */
export function pay(intent: PaymentIntent, attempt: PaymentAttempt, settings: Settings): Transition {
  if (!takesPayment(intent, settings)) return refused('not-payable');
  const isAuto = intent.captureMode === 'Auto';
  const status = isAuto ? 'Captured' : 'Authorized';
  return changed(intent, attempt.at, {
    status,
    payment: attempt,
    // If a second tab may pay, its challenge stays open.
    challenges: settings.secondTab === 'charged' ? intent.challenges : {},
    events: [...intent.events, { type: status, at: attempt.at, attempt }],
    movements: [
      ...intent.movements,
      movement(isAuto ? 'charged' : 'reserved', attempt.at, intent.total.value, attempt),
    ],
  });
}

/** There is no status for a decline: the intent stays payable. */
export function decline(intent: PaymentIntent, attempt: PaymentAttempt): Transition {
  if (!isPayable(intent)) return refused('not-payable');
  return changed(intent, attempt.at, {
    events: [...intent.events, { type: 'Declined', at: attempt.at, attempt: { ...attempt, authCode: '' } }],
  });
}

export function challenge(
  intent: PaymentIntent,
  attempt: PaymentAttempt,
  { challengeId, settings }: { challengeId: string; settings: Settings },
): Transition {
  if (!takesPayment(intent, settings)) return refused('not-payable');
  return changed(intent, attempt.at, {
    challenges: { ...intent.challenges, [challengeId]: attempt },
    events: [
      ...intent.events,
      { type: 'AuthChallenged', at: attempt.at, attempt: { ...attempt, authCode: '' } },
    ],
  });
}

export function answerChallenge(
  intent: PaymentIntent,
  answer: { challengeId: string; approved: boolean; now: Date },
  settings: Settings,
): Transition {
  const { [answer.challengeId]: _answered, ...challenges } = intent.challenges;
  const attempt = findChallenge(intent, answer.challengeId);
  if (!takesPayment(intent, settings)) return refused('not-payable');
  if (attempt === null) return refused('unknown-challenge');
  const settled = { ...attempt, at: answer.now, formKey: answer.challengeId };
  const unchallenged = { ...intent, challenges };
  return answer.approved ? pay(unchallenged, settled, settings) : decline(unchallenged, settled);
}

/** Keeps the details that the shopper typed besides the card. */
export function collect(intent: PaymentIntent, collected: Collected, now: Date): Transition {
  if (!isPayable(intent)) return refused('not-payable');
  return changed(intent, now, { collected });
}

export function cancel(intent: PaymentIntent, now: Date): Transition {
  if (intent.status === 'Canceled') return refused('canceled-already');
  if (intent.status !== 'Created') return refused('not-cancelable');
  return changed(intent, now, { status: 'Canceled', challenges: {} });
}

/**
 * Changes the amount of an unpaid intent, in the same currency. Lines that are not given stay. Starts a new client session,
 * since the old one was for another amount (docs.dojo.tech, change amount).
 */
export function changeAmount(
  intent: PaymentIntent,
  change: Pick<CreateRequest, 'amount' | 'itemLines' | 'taxLines'> & { clientSecret: string },
  now: Date,
): Transition {
  if (!intent.request.config?.payment?.customAmountAllowed) return refused('amount-is-fixed');
  if (!isPayable(intent)) return refused('not-changeable');
  if (change.amount.currencyCode !== intent.total.currencyCode) return refused('other-currency');
  const request = {
    ...intent.request,
    amount: change.amount,
    itemLines: change.itemLines ?? intent.request.itemLines,
    taxLines: change.taxLines ?? intent.request.taxLines,
  };
  const requestedAmount = intent.requestedAmount ?? intent.request.amount;
  // A shopper who is at the bank now would confirm the old amount.
  const changedIntent = { ...intent, request, requestedAmount, total: totalOf(request), challenges: {} };
  return startClientSession(changedIntent, change.clientSecret, now);
}

export function changeTips(intent: PaymentIntent, tipsAmount: Money, now: Date): Transition {
  if (!intent.request.config?.payment?.tipsAllowed) return refused('tips-not-allowed');
  if (!isPayable(intent)) return refused('not-changeable');
  if (tipsAmount.currencyCode !== intent.total.currencyCode) return refused('other-currency');
  const request = { ...intent.request, tipsAmount };
  return changed(intent, now, { request, total: totalOf(request), challenges: {} });
}

/** The new session replaces the old one. */
export function startClientSession(intent: PaymentIntent, secret: string, now: Date): Transition {
  if (!isPayable(intent)) return refused('not-changeable');
  const expireAt = new Date(now.getTime() + 30 * 60_000);
  return changed(intent, now, { clientSession: { secret, expireAt } });
}

/**
 * Partial captures are allowed up to the total; the first makes the intent Captured. A tip comes on top of the amount, as in
 * an intent, and both come out of the reservation: no card is charged more than the shopper agreed to.
 */
export function capture(intent: PaymentIntent, taken: Capture, settings: Settings): Transition {
  const capturable = intent.captureMode === 'Manual' && ['Authorized', 'Captured'].includes(intent.status);
  if (!capturable || intent.payment === null || reservedAmount(intent) === 0)
    return refused('not-capturable');
  const amount = taken.amount + (taken.tipsAmount ?? 0);
  const left = reservedAmount(intent) - amount;
  if (left < 0) return refused('amount-too-large');
  const isLast = settings.capturedRemainder === 'released' && left > 0;
  return changed(intent, taken.at, {
    status: 'Captured',
    captures: [...intent.captures, taken],
    events: [...intent.events, { type: 'Captured', at: taken.at, attempt: intent.payment }],
    movements: [
      ...intent.movements,
      movement('captured', taken.at, amount, intent.payment),
      ...(isLast ? [movement('released', taken.at, left, intent.payment)] : []),
    ],
  });
}

/** A repeat with the same key and amount moves no more money. A partial refund leaves the intent Captured. */
export function refund(intent: PaymentIntent, given: Refund, now: Date, settings: Settings): Transition {
  const earlier = intent.refunds.find(({ idempotencyKey }) => idempotencyKey === given.idempotencyKey);
  if (earlier !== undefined && earlier.amount !== given.amount) return refused('idempotency-key-reused');
  if (earlier !== undefined)
    return settings.refundReplay === 'same-refund'
      ? { kind: 'done', intent }
      : refused('idempotency-key-used');
  if (intent.status !== 'Captured' || intent.payment === null) return refused('not-refundable');
  const isTooOld = now.getTime() - intent.payment.at.getTime() > 180 * dayMs;
  if (settings.refundAge === '180-days' && isTooOld) return refused('too-old');
  const left = capturedAmount(intent) - refundedAmount(intent) - given.amount;
  if (left < 0) return refused('amount-too-large');
  return changed(intent, now, {
    status: left === 0 ? 'Refunded' : 'Captured',
    refunds: [...intent.refunds, given],
    events: [...intent.events, { type: 'Refunded', at: now, attempt: intent.payment }],
    movements: [
      ...intent.movements,
      ...giveBack(intent, { kind: 'refunded', at: now, amount: given.amount }),
    ],
  });
}

/** Gives everything back: a reservation, or a recent Auto payment. */
export function reverse(intent: PaymentIntent, now: Date, settings: Settings): Transition {
  const { payment } = intent;
  if (payment === null) return refused('not-reversible');
  const isRecent =
    intent.status === 'Captured' &&
    intent.captureMode === 'Auto' &&
    intent.refunds.length === 0 &&
    (settings.reversalWindow === 'same-day'
      ? londonDay(payment.at) === londonDay(now)
      : now.getTime() - payment.at.getTime() <= 7 * dayMs);
  if (intent.status !== 'Authorized' && !isRecent) return refused('not-reversible');
  if (intent.status === 'Authorized') return release(intent, now, settings);
  return changed(intent, now, {
    status: 'Reversed',
    events: [...intent.events, { type: 'Reversed', at: now, attempt: payment }],
    movements: [
      ...intent.movements,
      ...giveBack(intent, { kind: 'reversed', at: now, amount: capturedAmount(intent) }),
    ],
  });
}

/** Releases what is still reserved; captures stay. */
export function release(intent: PaymentIntent, now: Date, settings: Settings): Transition {
  const left = reservedAmount(intent);
  const { payment } = intent;
  if (payment === null || left === 0) return refused('not-reversible');
  const isReversed =
    intent.status === 'Authorized' ||
    (intent.status === 'Captured' && settings.releasedRemainder === 'reversed');
  return changed(intent, now, {
    status: isReversed ? 'Reversed' : intent.status,
    events: isReversed ? [...intent.events, { type: 'Reversed', at: now, attempt: payment }] : intent.events,
    movements: [...intent.movements, movement('released', now, left, payment)],
  });
}

/** Ends an intent that was not paid in time. */
export function expire(intent: PaymentIntent, now: Date, settings: Settings): Transition {
  if (!isPayable(intent)) return refused('not-cancelable');
  const status = settings.expiredIntent === 'stays-created' ? 'Created' : 'Canceled';
  return changed(intent, now, { status, isExpired: true, challenges: {} });
}

const londonDays = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/London', dateStyle: 'short' });

function londonDay(date: Date): string {
  return londonDays.format(date);
}

function movement(kind: Movement['kind'], at: Date, amount: number, { card }: PaymentAttempt): Movement {
  return { kind, at, amount, maskedNumber: card.maskedNumber, scheme: card.scheme };
}

/** The direction of money: 1 leaves the card, -1 comes back. */
const flows = Object.freeze({
  reserved: 0,
  released: 0,
  captured: 1,
  charged: 1,
  refunded: -1,
  reversed: -1,
} as const satisfies Record<Movement['kind'], -1 | 0 | 1>);

/** Gives money back to the cards that paid, the latest first. There are two if a setting lets a second tab pay. */
function giveBack(
  { movements }: PaymentIntent,
  { kind, at, amount }: Pick<Movement, 'kind' | 'at' | 'amount'>,
): Movement[] {
  const kept = new Map<string, { scheme: string; amount: number }>();
  for (const entry of movements.toReversed()) {
    const before = kept.get(entry.maskedNumber)?.amount ?? 0;
    kept.set(entry.maskedNumber, {
      scheme: entry.scheme,
      amount: before + flows[entry.kind] * entry.amount,
    });
  }
  let left = amount;
  return [...kept].flatMap(([maskedNumber, card]) => {
    const part = Math.min(left, card.amount);
    left -= part;
    return part > 0 ? [{ kind, at, amount: part, maskedNumber, scheme: card.scheme }] : [];
  });
}

function changed(intent: PaymentIntent, now: Date, change: Partial<PaymentIntent>): Transition {
  return { kind: 'done', intent: { ...intent, ...change, updatedAt: now } };
}

function refused(reason: RefusalReason): Transition {
  return { kind: 'refused', reason };
}
