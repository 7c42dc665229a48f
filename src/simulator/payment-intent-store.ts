import { cancel, isExpired, type PaymentIntent, type Transition } from './payment-intent.ts';

/** Called after every change with the intent as it is now; `before` is null for a new one. */
export type OnIntentChange = (intent: PaymentIntent, before: PaymentIntent | null) => void;

export type PaymentIntentStore = {
  add(intent: PaymentIntent): void;
  /** What is true now: an unpaid intent past its `expireAt` is voided on the way. */
  find(id: string): PaymentIntent | null;
  /** Newest first, the way a list is read. */
  list(options?: { limit?: number }): PaymentIntent[];
  /** Applies a pure transition at once, so that of two that compete the second sees what the first did. */
  update(id: string, transition: (intent: PaymentIntent) => Transition): Transition | { kind: 'unknown' };
};

export function createPaymentIntentStore(options: {
  now: () => Date;
  onChange: OnIntentChange;
}): PaymentIntentStore {
  const intents = new Map<string, PaymentIntent>();

  function put(intent: PaymentIntent, before: PaymentIntent | null): void {
    intents.set(intent.id, intent);
    options.onChange(intent, before);
  }

  function current(intent: PaymentIntent): PaymentIntent {
    const now = options.now();
    // Dojo says that an expired intent is voided, not what its status is then; Canceled is the only one that fits.
    const voided = isExpired(intent, now) ? cancel(intent, now) : null;
    if (voided?.kind !== 'done') return intent;
    put(voided.intent, intent);
    return voided.intent;
  }

  function find(id: string): PaymentIntent | null {
    const intent = intents.get(id);
    return intent === undefined ? null : current(intent);
  }

  return {
    add: (intent) => put(intent, null),
    find,
    list: ({ limit = Number.POSITIVE_INFINITY } = {}) =>
      [...intents.values()].reverse().slice(0, limit).map(current),
    update(id, transition) {
      const intent = find(id);
      if (intent === null) return { kind: 'unknown' };
      const outcome = transition(intent);
      if (outcome.kind === 'done' && outcome.intent !== intent) put(outcome.intent, intent);
      return outcome;
    },
  };
}
