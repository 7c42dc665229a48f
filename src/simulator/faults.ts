import { z } from 'zod';
import { intentOperations, type Operation, operations } from './operations.ts';

/** The failures that can be injected into API calls. */
export const apiFaultTable = Object.freeze({
  latency: 'the call takes effect at once, the answer comes after `delayMs`',
  status: 'the answer is `status` with a problem; the call has no effect unless `takesEffect`',
  'pascal-case-error':
    'the answer is `status` with members `Status` and `Detail`; the call has no effect unless `takesEffect`',
  'rate-limit':
    'the answer is 429 with `Retry-After: retryAfterSeconds`; the call has no effect unless `takesEffect`',
  hang: 'no answer comes; the call takes effect unless `takesEffect` is false',
  reset: 'the connection is reset; the call takes effect unless `takesEffect` is false',
  drip: 'the answer comes one byte at a time, `delayMs` apart',
  stale:
    'the answer shows intents as they were `delayMs` ago, and none created since; `delayMs` is on the clock',
  'malformed-json': 'the answer ends in the middle of its JSON',
  'oversized-json': 'the answer is 64 MiB too long, and still JSON',
  'wrong-amount': 'every amount of an intent in the answer is 1 too high',
  'wrong-reference': 'every intent in the answer has another reference',
  'evil-link': 'the `paymentLink` in the answer leads to a host that only begins like Dojo’s',
  'script-link': 'the `paymentLink` in the answer is a `javascript:` address',
} as const);

/** The failures that can be injected into webhooks. */
export const webhookFaultTable = Object.freeze({
  duplicate: 'the event comes twice at once, with the same bytes',
  reorder: 'the event comes after the next event of its intent, or after `delayMs` if there is none',
  delay: 'the event comes after `delayMs`; later events of its intent do not wait for it',
  drop: 'the event never comes, unless it is sent by hand',
  'wrong-secret': 'the webhook is signed with a wrong secret',
  'old-secret': 'the webhook is signed with the oldest secret of the subscription, active or not',
  'corrupt-byte': 'one byte of the body changes after signing: it names another intent, and is still JSON',
  'unknown-event': 'another event comes too, whose type and `paymentStatus` are undocumented',
  'extra-fields': 'the event has undocumented members',
  'before-reply': 'the event comes before the answer to the API call that caused it',
} as const);

export type ApiFaultKind = keyof typeof apiFaultTable;
export type WebhookFaultKind = keyof typeof webhookFaultTable;
export type FaultKind = ApiFaultKind | WebhookFaultKind;

export const apiFaultKinds = Object.keys(apiFaultTable) as ApiFaultKind[];
export const webhookFaultKinds = Object.keys(webhookFaultTable) as WebhookFaultKind[];
const faultKinds: readonly FaultKind[] = [...apiFaultKinds, ...webhookFaultKinds];

/** These change an intent in the answer, so the answer must have one. */
const intentFaultKinds: readonly FaultKind[] = [
  'wrong-amount',
  'wrong-reference',
  'evil-link',
  'script-link',
];
const operationsWithIntent: readonly Operation[] = [
  'create-payment-intent',
  'search-payment-intents',
  'get-payment-intent',
  'cancel-payment-intent',
  'set-amount',
  'set-tips-amount',
  'refresh-client-session-secret',
];

/** These look back, so the call must only read. */
const operationsThatRead: readonly Operation[] = ['search-payment-intents', 'get-payment-intent'];

export const faultShape = z.strictObject({
  kind: z.enum(faultKinds),
  /** Which API calls; all if missing. Webhooks have no operation. */
  operation: z.enum(operations).optional(),
  /** Whose calls and webhooks; those of all intents if missing. */
  paymentIntentId: z.string().optional(),
  /** The probability each time. */
  chance: z.number().min(0).max(1).default(1),
  /** How often it happens in total; unlimited if missing. */
  times: z.int().positive().optional(),
  /** Whether the call still takes effect, for the kinds that leave a choice; the default of the kind if missing. */
  takesEffect: z.boolean().optional(),
  status: z.int().min(400).max(599).default(500),
  delayMs: z.int().min(0).max(600_000).default(1_000),
  retryAfterSeconds: z.int().min(0).max(86_400).default(1),
});

/** What switches a fault on. A fault that could never happen is refused. */
export const faultSchema = faultShape
  .refine(({ kind, operation }) => operation === undefined || kind in apiFaultTable, {
    path: ['operation'],
    error: 'must be left out for a webhook, which belongs to no call; give a paymentIntentId instead',
  })
  .refine(({ kind, operation }) => canMeet(kind, operation), {
    path: ['operation'],
    error: ({ input }) => `must be a call ${describeCalls((input as { kind: FaultKind }).kind)}`,
  })
  .refine(
    ({ operation, paymentIntentId }) =>
      paymentIntentId === undefined || operation === undefined || intentOperations.includes(operation),
    {
      path: ['paymentIntentId'],
      error: 'must be left out for an API call that names no intent',
    },
  )
  .readonly();
export type FaultRequest = z.input<typeof faultSchema>;
export type Fault = z.output<typeof faultSchema>;

function describeCalls(kind: FaultKind): string {
  return kind === 'stale'
    ? `that only reads intents: ${operationsThatRead.join(', ')}`
    : `whose answer has an intent: ${operationsWithIntent.join(', ')}`;
}

/** By default an error answer comes instead of the effect, silence after it. A corrupt answer needs an effect to report. */
export function doesCallTakeEffect({ kind, takesEffect: wanted }: Fault): boolean {
  if (kind === 'status' || kind === 'pascal-case-error' || kind === 'rate-limit') return wanted ?? false;
  if (kind === 'hang' || kind === 'reset') return wanted ?? true;
  return true;
}

export type Sentinel = { readonly amount: number; readonly fault: Fault };

/** An intent of exactly this amount, in minor units, has this fault: for a tester who can only choose an amount. */
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

/** Whether an API fault of this kind can happen to the operation; `undefined` means any operation. */
export function canMeet(kind: FaultKind, operation: Operation | undefined): boolean {
  if (operation === undefined) return true;
  if (kind === 'stale') return operationsThatRead.includes(operation);
  return !intentFaultKinds.includes(kind) || operationsWithIntent.includes(operation);
}

const delayed: readonly FaultKind[] = ['latency', 'drip', 'stale', 'reorder', 'delay'];
const answered: readonly FaultKind[] = ['status', 'pascal-case-error'];

/** `create-refund, status 500, takes effect`: what distinguishes a fault from others of its kind. */
export function listFaultDetails(fault: Fault): string {
  return [
    fault.operation,
    fault.paymentIntentId,
    answered.includes(fault.kind) ? `status ${fault.status}` : undefined,
    delayed.includes(fault.kind) ? `${fault.delayMs} ms` : undefined,
    fault.kind === 'rate-limit' ? `Retry-After ${fault.retryAfterSeconds} s` : undefined,
    ...listLimits(fault),
  ]
    .filter((detail) => detail !== undefined)
    .join(', ');
}

/** `the answer is 503 with a problem (get-payment-intent)`: what happens, in words. */
export function describeFault(fault: Fault): string {
  const values: Record<string, string> = {
    delayMs: `${fault.delayMs} ms`,
    status: String(fault.status),
    retryAfterSeconds: String(fault.retryAfterSeconds),
  };
  const text = { ...apiFaultTable, ...webhookFaultTable }[fault.kind]
    .replaceAll('`', '')
    .replace(/\b(?:delayMs|status|retryAfterSeconds)\b/g, (name) => values[name] ?? name);
  const limits = [
    fault.operation,
    ...listLimits(fault),
    fault.times === undefined ? undefined : `at most ${fault.times} times`,
  ].filter((limit) => limit !== undefined);
  return limits.length === 0 ? text : `${text} (${limits.join(', ')})`;
}

function listLimits({ chance, takesEffect }: Fault): (string | undefined)[] {
  const effect = takesEffect ? 'takes effect' : 'has no effect';
  return [chance < 1 ? `chance ${chance}` : undefined, takesEffect === undefined ? undefined : effect];
}
