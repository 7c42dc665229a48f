import { z } from 'zod';
import type { Settings } from '../settings.ts';
import type { Clock } from './clock.ts';
import { findDeadline } from './deadlines.ts';
import { type PaymentIntent, paymentIntentSchema } from './payment-intent.ts';
import { type Cursor, createSequence, type Page } from './sequence.ts';
import type { StateFile } from './state-file.ts';
import type { Transition } from './transitions.ts';

/** Called after every change with the intent as it is now; `before` is null for a new one. */
type OnIntentChange = (intent: PaymentIntent, before: PaymentIntent | null) => void;

export type PaymentIntentStore = {
  add(intent: PaymentIntent): void;
  find(id: string): PaymentIntent | null;
  findByRefund(refundId: string): PaymentIntent | null;
  /** The intent that has used the key; null while none has. */
  findByIdempotencyKey(key: string): PaymentIntent | null;
  count(): number;
  /** Newest first, the way a list is read. */
  list(options?: { limit?: number }): PaymentIntent[];
  /** One page of those that match, newest first; null for a cursor that names no intent. */
  page(cursor: Cursor, matches: (intent: PaymentIntent) => boolean): Page<PaymentIntent> | null;
  /** Applies a pure transition at once, so that of two that compete the second sees what the first did. */
  update(id: string, transition: (intent: PaymentIntent) => Transition): Transition | { kind: 'unknown' };
  /** Sets every timer again: a setting decides what some of them are. */
  resetTimers(): void;
  clear(): void;
};

/** Holds every intent, and does what is due by its own timers: voiding, releasing, capturing. */
export function createPaymentIntentStore(options: {
  file: StateFile;
  clock: Clock;
  settings: () => Settings;
  onChange: OnIntentChange;
}): PaymentIntentStore {
  const { file, clock, settings } = options;
  const intents = createSequence<PaymentIntent>();
  const timers = new Map<string, () => void>();
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
    // The webhook that tells of a change outlives a crash with it, or neither does.
    file.together(() => {
      // First the file: what can not be kept has not happened.
      file.keep('intent', intent.id, () => z.encode(paymentIntentSchema, intent));
      remember(intent);
      options.onChange(intent, before);
    });
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
      for (const index of [intents, timers, byRefund, byIdempotencyKey]) index.clear();
    },
  };
}
