import { z } from 'zod';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { parseTimespan } from './instant.ts';
import {
  dayMs,
  isPayable,
  type PaymentIntent,
  paymentIntentSchema,
  reservedAmount,
} from './payment-intent.ts';
import { type Cursor, createSequence, type Page } from './sequence.ts';
import type { StateFile } from './state-file.ts';
import { capture, expire, release, type Transition } from './transitions.ts';

/** Called after every change; `before` is null for a new intent. */
type OnIntentChange = (intent: PaymentIntent, before: PaymentIntent | null) => void;

export type PaymentIntentStore = {
  add(intent: PaymentIntent): void;
  find(id: string): PaymentIntent | null;
  /** The intent as it was then; null if it did not exist. Ten minutes are kept, in memory only. */
  asOf(intent: PaymentIntent, time: Date): PaymentIntent | null;
  findByRefund(refundId: string): PaymentIntent | null;
  /** The intent whose refund used the key. */
  findByIdempotencyKey(key: string): PaymentIntent | null;
  count(): number;
  /** Newest first. */
  list(options?: { limit?: number }): PaymentIntent[];
  /** One page of the matches, newest first; null for an unknown cursor. */
  page(cursor: Cursor, matches: (intent: PaymentIntent) => boolean): Page<PaymentIntent> | null;
  /** Applies a pure transition synchronously, so that the second of two competing ones sees the first. */
  update(id: string, transition: (intent: PaymentIntent) => Transition): Transition | { kind: 'unknown' };
  /** Sets all timers again, since settings decide some of them. */
  resetTimers(): void;
  clear(): void;
};

/** The largest `delayMs` of a fault. */
const keptMs = 600_000;

/** Holds all intents, and voids, releases and captures them when due. */
export function createPaymentIntentStore(options: {
  file: StateFile;
  clock: Clock;
  settings: () => Settings;
  onChange: OnIntentChange;
}): PaymentIntentStore {
  const { file, clock, settings } = options;
  const intents = createSequence<PaymentIntent>();
  const timers = new Map<string, () => void>();
  /** What intents were before their latest changes, oldest first. */
  const former = new Map<string, PaymentIntent[]>();
  const byRefund = new Map<string, string>();
  const byIdempotencyKey = new Map<string, string>();
  for (const intent of z.array(paymentIntentSchema).parse(file.load('intent'))) remember(intent);

  function remember(intent: PaymentIntent): void {
    intents.put(intent);
    for (const refund of intent.refunds) {
      byRefund.set(refund.id, intent.id);
      byIdempotencyKey.set(refund.idempotencyKey, intent.id);
    }
    setTimer(intent);
  }

  function put(intent: PaymentIntent, before: PaymentIntent | null): void {
    // The change and its webhook survive a crash together, or neither does.
    file.together(() => {
      // The file first: what cannot be stored has not happened.
      file.keep('intent', intent.id, () => z.encode(paymentIntentSchema, intent));
      remember(intent);
      if (before !== null) keepFormer(before);
      options.onChange(intent, before);
    });
  }

  function keepFormer(before: PaymentIntent): void {
    const kept = [...(former.get(before.id) ?? []), before];
    const oldest = clock.now().getTime() - keptMs;
    // One that was replaced before then is not asked for any more.
    former.set(
      before.id,
      kept.filter((_, place) => (kept[place + 1]?.updatedAt.getTime() ?? oldest) >= oldest),
    );
  }

  function setTimer(intent: PaymentIntent): void {
    timers.get(intent.id)?.();
    timers.delete(intent.id);
    const deadline = findDeadline(intent, settings());
    if (deadline === null) return;
    const act = () => {
      timers.delete(intent.id);
      update(intent.id, (current) => deadline.transition(current, clock.now()));
    };
    timers.set(intent.id, clock.setTimer(act, deadline.at.getTime() - clock.now().getTime()));
  }

  function update(id: string, transition: (intent: PaymentIntent) => Transition) {
    const intent = intents.find(id);
    if (intent === null) return { kind: 'unknown' } as const;
    const outcome = transition(intent);
    if (outcome.kind === 'done' && outcome.intent !== intent) put(outcome.intent, intent);
    return outcome;
  }

  const findThrough = (index: ReadonlyMap<string, string>, key: string) => intents.find(index.get(key) ?? '');

  return {
    add: (intent) => put(intent, null),
    find: intents.find,
    asOf(intent, time) {
      if (intent.createdAt > time) return null;
      const versions = [...(former.get(intent.id) ?? []), intent];
      return versions.findLast(({ updatedAt }) => updatedAt <= time) ?? versions[0] ?? null;
    },
    findByRefund: (refundId) => findThrough(byRefund, refundId),
    findByIdempotencyKey: (key) => findThrough(byIdempotencyKey, key),
    count: intents.count,
    list: ({ limit } = {}) => intents.list(limit),
    page: intents.page,
    update,
    resetTimers() {
      for (const intent of intents.values()) setTimer(intent);
    },
    clear() {
      for (const cancel of timers.values()) cancel();
      for (const index of [intents, timers, former, byRefund, byIdempotencyKey]) index.clear();
    },
  };
}

type Deadline = {
  readonly at: Date;
  readonly transition: (intent: PaymentIntent, now: Date) => Transition;
};

/** What time does to an intent, and when; null if nothing is left to happen. */
function findDeadline(intent: PaymentIntent, settings: Settings): Deadline | null {
  if (isPayable(intent)) {
    return { at: intent.expireAt, transition: (before, now) => expire(before, now, settings) };
  }
  if (intent.payment === null || reservedAmount(intent) === 0) return null;
  const { autoExpireIn, autoExpireAction } = intent.request;
  const releaseRest = (before: PaymentIntent, now: Date) => release(before, now, settings);
  const seconds = autoExpireIn ? parseTimespan(autoExpireIn) : null;
  // By default a reservation is released after seven days (docs.dojo.tech, capture).
  if (seconds === null) {
    return { at: new Date(intent.payment.at.getTime() + 7 * dayMs), transition: releaseRest };
  }
  const start = settings.autoExpireFrom === 'creation' ? intent.createdAt : intent.payment.at;
  return {
    at: new Date(start.getTime() + seconds * 1000),
    transition:
      autoExpireAction === 'Capture' ? (before, now) => captureRest(before, now, settings) : releaseRest,
  };
}

function captureRest(intent: PaymentIntent, now: Date, settings: Settings): Transition {
  // A full refund of what was captured so far ends the intent before its reservation ends.
  if (intent.status === 'Refunded') return release(intent, now, settings);
  const amount = reservedAmount(intent);
  return capture(intent, { id: `cp_rest_of_${intent.id}`, amount, tipsAmount: null, at: now }, settings);
}
