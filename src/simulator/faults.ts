import { z } from 'zod';
import { type Operation, operations } from './api/operations.ts';

/** What can go wrong on demand: on the way of an API call, and on the way of a webhook. */

export const apiFaultTable = Object.freeze({
  latency: 'the call takes effect at once, its answer comes after `delayMs`',
  status: 'the answer is `status`, a problem; nothing has happened unless `takesEffect`',
  'pascal-case-error':
    'the answer is `status` with `Status` and `Detail` for names; nothing has happened unless `takesEffect`',
  'rate-limit':
    'the answer is 429 with `Retry-After: retryAfterSeconds`; nothing has happened unless `takesEffect`',
  hang: 'no answer comes, though the call takes effect unless `takesEffect` is false',
  reset: 'the connection is reset, though the call takes effect unless `takesEffect` is false',
  drip: 'the answer comes a byte at a time, `delayMs` apart',
  'malformed-json': 'the answer ends in the middle of its JSON',
  'oversized-json': 'the answer is 64 MiB longer than it should be, and still JSON',
  'wrong-amount': 'every intent in the answer has an amount that is 1 too high',
  'wrong-reference': 'every intent in the answer has another reference',
  'evil-link': 'the `paymentLink` in the answer leads to a host whose name only begins like Dojo’s',
  'script-link': 'the `paymentLink` in the answer is a `javascript:` address',
} as const);

export const webhookFaultTable = Object.freeze({
  duplicate: 'the event comes twice at the same moment, the same bytes',
  reorder: 'the event comes after the next one about its intent, or after `delayMs` where none comes',
  delay: 'the event comes after `delayMs`; later ones about its intent do not wait for it',
  drop: 'the event never comes, unless it is delivered by hand',
  'wrong-secret': 'the delivery is signed with a secret that nobody has',
  'old-secret':
    'the delivery is signed with the oldest secret that the subscription still has, active or not',
  'corrupt-byte':
    'a byte of the body is changed after signing: another intent is named, and it is still JSON',
  'unknown-event': 'an event of a type and with a status that no document mentions comes besides',
  'extra-fields': 'the event has members that no document mentions',
  'before-reply': 'the answer to the API call that caused the event comes after the event',
} as const);

export type ApiFaultKind = keyof typeof apiFaultTable;
export type WebhookFaultKind = keyof typeof webhookFaultTable;
export type FaultKind = ApiFaultKind | WebhookFaultKind;

export const apiFaultKinds = Object.keys(apiFaultTable) as ApiFaultKind[];
export const webhookFaultKinds = Object.keys(webhookFaultTable) as WebhookFaultKind[];
export const faultKinds: readonly FaultKind[] = [...apiFaultKinds, ...webhookFaultKinds];

/** Those that change an intent in the answer, and so can happen only where one is in it. */
const intentFaultKinds: readonly FaultKind[] = [
  'wrong-amount',
  'wrong-reference',
  'evil-link',
  'script-link',
];
const intentOperations: readonly Operation[] = [
  'create-payment-intent',
  'search-payment-intents',
  'get-payment-intent',
  'cancel-payment-intent',
  'set-amount',
  'set-tips-amount',
  'refresh-client-session-secret',
];

const faultShape = z.strictObject({
  kind: z.enum(faultKinds),
  /** Which API calls; every one where it is missing. Webhooks know no operation. */
  operation: z.enum(operations).optional(),
  /** Whose calls and webhooks; everybody's where it is missing. */
  paymentIntentId: z.string().optional(),
  /** How likely it is each time. */
  chance: z.number().min(0).max(1).default(1),
  /** How often it happens in all; without end where it is missing. */
  times: z.int().positive().optional(),
  /** Whether the call takes effect all the same, where the kind leaves a choice; what the kind suggests where it is missing. */
  takesEffect: z.boolean().optional(),
  status: z.int().min(400).max(599).default(500),
  delayMs: z.int().min(0).max(600_000).default(1_000),
  retryAfterSeconds: z.int().min(0).max(86_400).default(1),
});

export const faultSchema = faultShape
  .refine(({ kind, operation }) => operation === undefined || kind in apiFaultTable, {
    path: ['operation'],
    error: 'A webhook belongs to no operation; leave it out, or name a paymentIntentId.',
  })
  .readonly();
export type FaultRequest = z.input<typeof faultSchema>;
export type Fault = z.output<typeof faultSchema>;

export const activeFaultSchema = faultShape.extend({ id: z.string(), happened: z.int() }).readonly();
/** A fault that is switched on, with how often it has happened. */
export type ActiveFault = z.output<typeof activeFaultSchema>;

/** Errors come in place of acting, silence after it, unless the fault says otherwise; a spoiled answer has to be one first. */
export function takesEffect({ kind, takesEffect: wanted }: Fault): boolean {
  if (kind === 'status' || kind === 'pascal-case-error' || kind === 'rate-limit') return wanted ?? false;
  if (kind === 'hang' || kind === 'reset') return wanted ?? true;
  return true;
}

export type Sentinel = { readonly amount: number; readonly fault: Fault };

/** An intent of exactly this amount, in minor units, has this fault: for who can choose an amount and nothing else. */
export const sentinels: readonly Sentinel[] = Object.freeze(
  (
    [
      [4242_01, { kind: 'duplicate' }],
      [4242_02, { kind: 'reorder', delayMs: 5_000 }],
      [4242_03, { kind: 'delay', delayMs: 5_000 }],
      [4242_04, { kind: 'drop' }],
      [4242_05, { kind: 'wrong-secret' }],
      [4242_06, { kind: 'old-secret' }],
      [4242_07, { kind: 'corrupt-byte' }],
      [4242_08, { kind: 'unknown-event' }],
      [4242_09, { kind: 'extra-fields' }],
      [4242_10, { kind: 'before-reply' }],
      [4242_20, { kind: 'latency', delayMs: 3_000 }],
      [4242_21, { kind: 'status', status: 400, operation: 'create-payment-intent' }],
      [4242_22, { kind: 'status', status: 500, operation: 'create-payment-intent' }],
      [4242_23, { kind: 'status', status: 500, operation: 'create-payment-intent', takesEffect: true }],
      [4242_24, { kind: 'status', status: 503, operation: 'get-payment-intent' }],
      [4242_25, { kind: 'pascal-case-error', status: 400, operation: 'create-refund' }],
      [4242_26, { kind: 'rate-limit', operation: 'create-payment-intent' }],
      [4242_27, { kind: 'hang', operation: 'create-payment-intent' }],
      [4242_28, { kind: 'reset', operation: 'create-payment-intent' }],
      [4242_29, { kind: 'drip', delayMs: 500, operation: 'create-payment-intent' }],
      [4242_30, { kind: 'malformed-json', operation: 'create-payment-intent' }],
      [4242_31, { kind: 'oversized-json', operation: 'create-payment-intent' }],
      [4242_32, { kind: 'wrong-amount' }],
      [4242_33, { kind: 'wrong-reference' }],
      [4242_34, { kind: 'evil-link', operation: 'create-payment-intent' }],
      [4242_35, { kind: 'hang', operation: 'get-payment-intent' }],
      [4242_36, { kind: 'hang', operation: 'create-refund' }],
      [4242_37, { kind: 'script-link', operation: 'create-payment-intent' }],
      [4242_38, { kind: 'status', status: 401, operation: 'create-payment-intent' }],
      [4242_39, { kind: 'status', status: 403, operation: 'create-payment-intent' }],
      [4242_40, { kind: 'status', status: 404, operation: 'get-payment-intent' }],
      [4242_41, { kind: 'rate-limit', operation: 'get-payment-intent' }],
      [4242_42, { kind: 'wrong-amount', operation: 'get-payment-intent' }],
      [4242_43, { kind: 'status', status: 503, operation: 'cancel-payment-intent' }],
      [4242_44, { kind: 'reset', operation: 'cancel-payment-intent' }],
      [4242_45, { kind: 'status', status: 409, operation: 'create-capture' }],
      [4242_46, { kind: 'status', status: 500, operation: 'create-capture', takesEffect: true }],
      [4242_47, { kind: 'status', status: 409, operation: 'create-reversal' }],
      [4242_48, { kind: 'status', status: 500, operation: 'create-refund', takesEffect: true }],
      [4242_49, { kind: 'malformed-json', operation: 'create-refund' }],
    ] satisfies [number, FaultRequest][]
  ).map(([amount, fault]) => ({ amount, fault: faultSchema.parse(fault) })),
);

/** Whom a fault is looked up for: `amount` in minor units, null where the call is about no intent. */
export type FaultSubject = { readonly paymentIntentId: string | null; readonly amount: number | null };

export type Faults = {
  list(): readonly ActiveFault[];
  /** What the request leaves out has its default. Throws where there is no such fault. */
  add(fault: FaultRequest): ActiveFault;
  /** False where there is no such fault. */
  remove(id: string): boolean;
  /** Switches all of them off, and begins with numbers and chances anew. */
  reset(seed: number): void;
  seed(): number;
  /** Those that happen to this call, each time decided anew. */
  forCall(operation: Operation, subject: FaultSubject): readonly Fault[];
  /** Those among `kinds` that happen to this event or delivery, each time decided anew. */
  forWebhook<Kind extends WebhookFaultKind>(
    kinds: readonly Kind[],
    subject: FaultSubject,
  ): ReadonlyMap<Kind, Fault>;
};

/**
 * Every fault has a row of chances of its own, which begins with the seed and the fault's number: the same calls in the same
 * order meet the same faults, whatever happens to other calls and webhooks meanwhile.
 */
export function createFaults(options: {
  seed: number;
  active?: readonly ActiveFault[];
  onChange?: () => void;
}): Faults {
  let active: ActiveFault[] = [...(options.active ?? [])];
  let seed = options.seed;
  let lastNumber = Math.max(0, ...active.map(({ id }) => numberOf(id)));
  const rows = new Map<string, () => number>();

  function nextChance(id: string): number {
    const row = rows.get(id) ?? createRandom(seed ^ Math.imul(numberOf(id), 0x9e3779b9));
    rows.set(id, row);
    return row();
  }

  /** Whether it happens now; counts it if so. */
  function happens(fault: ActiveFault): boolean {
    if (fault.times !== undefined && fault.happened >= fault.times) return false;
    if (fault.chance < 1 && nextChance(fault.id) >= fault.chance) return false;
    active = active.map((entry) =>
      entry.id === fault.id ? { ...entry, happened: entry.happened + 1 } : entry,
    );
    options.onChange?.();
    return true;
  }

  function find(subject: FaultSubject, isMeant: (fault: Fault) => boolean): Fault[] {
    const bySentinel = sentinels.filter(({ amount, fault }) => amount === subject.amount && isMeant(fault));
    const switchedOn = active.filter(
      (fault) =>
        isMeant(fault) &&
        (fault.paymentIntentId === undefined || fault.paymentIntentId === subject.paymentIntentId) &&
        happens(fault),
    );
    return [...bySentinel.map(({ fault }) => fault), ...switchedOn];
  }

  return {
    list: () => active,
    add(fault) {
      const parsed = faultSchema.parse(fault);
      lastNumber += 1;
      const added = { ...parsed, id: `fault_${lastNumber}`, happened: 0 };
      active = [...active, added];
      options.onChange?.();
      return added;
    },
    remove(id) {
      const left = active.filter((fault) => fault.id !== id);
      const isRemoved = left.length < active.length;
      active = left;
      options.onChange?.();
      return isRemoved;
    },
    reset(newSeed) {
      active = [];
      seed = newSeed;
      lastNumber = 0;
      rows.clear();
      options.onChange?.();
    },
    seed: () => seed,
    forCall: (operation, subject) => find(subject, (fault) => isMeantFor(fault, operation)),
    forWebhook<Kind extends WebhookFaultKind>(kinds: readonly Kind[], subject: FaultSubject) {
      const found = find(subject, ({ kind }) => (kinds as readonly FaultKind[]).includes(kind));
      return new Map(found.map((fault) => [fault.kind as Kind, fault]));
    },
  };
}

function isMeantFor({ kind, operation: only }: Fault, operation: Operation): boolean {
  if (!(kind in apiFaultTable) || (only !== undefined && only !== operation)) return false;
  return !intentFaultKinds.includes(kind) || intentOperations.includes(operation);
}

function numberOf(faultId: string): number {
  return Number(faultId.slice('fault_'.length));
}

/** Mulberry32: numbers from 0 to 1, the same row for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
