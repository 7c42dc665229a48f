import type { CaptureMode } from '../dojo/schemas.ts';
import { noFacts, sameFacts } from './intent-facts.ts';
import { nextCheck } from './next-check.ts';
import { isPayable, type OrderFacts, type PaymentAttempt } from './order.ts';
import {
  applyStatuses,
  factsOf,
  factsOfObservation,
  mergeInto,
  type Observation,
  planCheck,
} from './order-events.ts';

export type AttachedIntent = {
  readonly id: string;
  readonly paymentLink: string;
  readonly expireAt: Date | null;
};

const maxAttempts = 3;

export type BegunAttemptKind = 'begun' | 'attached' | 'under-way' | 'settled' | 'superseded' | 'exhausted';

/** What a new attempt is made of. */
export type AttemptStart = {
  readonly leaseUntil: Date;
  readonly createdAt: Date;
  readonly captureMode: CaptureMode;
};

/**
 * Begins a further attempt unless the order has one that is payable or under way, is settled, or had three. An attempt
 * whose lease has ended counts as ambiguous: the process that made it is gone.
 */
export function beginAttempt(
  order: OrderFacts,
  { now, ...start }: AttemptStart & { now: Date },
): { readonly kind: BegunAttemptKind; readonly number: number; readonly after: OrderFacts } {
  const expired = order.attempts.map((attempt) =>
    attempt.state === 'sending' && attempt.leaseUntil <= now
      ? { ...attempt, state: 'ambiguous' as const, nextCheckAt: now }
      : attempt,
  );
  const after = { ...order, attempts: expired };
  // A refused attempt created nothing, so its number is free again.
  const number = expired.filter(({ state }) => state !== 'refused').length + 1;
  const live = expired.find(({ state }) => state === 'sending' || state === 'attached');
  if (order.supersededBy !== null) return { kind: 'superseded', number, after };
  if (!isPayable(order)) return { kind: 'settled', number, after };
  if (live !== undefined) return { kind: live.state === 'sending' ? 'under-way' : 'attached', number, after };
  if (number > maxAttempts) return { kind: 'exhausted', number, after };
  const begun = newAttempt(number, start);
  const others = expired.filter((attempt) => attempt.number !== number);
  return { kind: 'begun', number, after: { ...order, attempts: [...others, begun] } };
}

/** Under way, and to be checked when its lease ends: by then the process that made it is gone. */
export function newAttempt(
  number: number,
  { leaseUntil, createdAt, captureMode }: AttemptStart,
): PaymentAttempt {
  return {
    number,
    state: 'sending',
    captureMode,
    paymentIntentId: null,
    paymentLink: null,
    expireAt: null,
    leaseUntil,
    createdAt,
    checks: 0,
    nextCheckAt: leaseUntil,
    hasIntent: false,
    facts: noFacts,
  };
}

/** Gives an attempt its intent and applies what was heard of it before; null if the attempt is no longer under way. */
export function attachIntent(
  order: OrderFacts,
  number: number,
  intent: AttachedIntent,
  { waiting, now }: { waiting: readonly (string | null)[]; now: Date },
): OrderFacts | null {
  const attempt = order.attempts.find((entry) => entry.number === number);
  if (attempt?.state !== 'sending') return null;
  const { id: paymentIntentId, paymentLink, expireAt } = intent;
  const attached = changeAttempt(order, number, {
    state: 'attached',
    hasIntent: true,
    paymentIntentId,
    paymentLink,
    expireAt,
    nextCheckAt: null,
  });
  const heard = applyStatuses(attached, number, waiting, now);
  if (heard.status !== 'awaiting_payment') return heard;
  // One that was superseded meanwhile is cancelled at once.
  return { ...heard, nextCheckAt: heard.supersededBy === null ? nextCheck(heard, now) : now };
}

/**
 * Ends an attempt without an intent to pay, or a check of an orphan intent. What was observed and heard of its intent is
 * merged at once, since money means something else in an intent that we had given up.
 */
export function settleAttempt(
  order: OrderFacts,
  number: number,
  end: Pick<PaymentAttempt, 'state' | 'paymentIntentId' | 'nextCheckAt'>,
  known: {
    readonly waiting: readonly (string | null)[];
    readonly observation: Observation | null;
    readonly now: Date;
  },
): { readonly after: OrderFacts; readonly isNews: boolean } {
  const facts = { ...noFacts, mismatched: end.state === 'mismatched' };
  const ended = mergeInto(changeAttempt(order, number, end), number, facts);
  const observed =
    known.observation === null ? ended : mergeInto(ended, number, factsOfObservation(known.observation));
  return {
    // Money in it is read again later, as that of any other payment.
    after: planCheck(applyStatuses(observed, number, known.waiting, known.now), { seen: null }, known.now),
    isNews: !sameFacts(factsOf(ended, number), factsOf(observed, number)),
  };
}

function changeAttempt(order: OrderFacts, number: number, change: Partial<PaymentAttempt>): OrderFacts {
  const attempts = order.attempts.map((attempt) =>
    attempt.number === number ? { ...attempt, ...change } : attempt,
  );
  return { ...order, attempts };
}
