import { z } from 'zod';
import { intentOperations, type Operation, operations } from './operations.ts';

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
const faultKinds: readonly FaultKind[] = [...apiFaultKinds, ...webhookFaultKinds];

/** Those that change an intent in the answer, and so happen only where one is in it. */
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

export const faultShape = z.strictObject({
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

/** What a fault may be switched on with: one that could never happen is refused. */
export const faultSchema = faultShape
  .refine(({ kind, operation }) => operation === undefined || kind in apiFaultTable, {
    path: ['operation'],
    error: 'must be left out for a webhook, which belongs to no call; name a paymentIntentId instead',
  })
  .refine(({ kind, operation }) => canMeet(kind, operation), {
    path: ['operation'],
    error: `must be one whose answer has an intent: ${operationsWithIntent.join(', ')}`,
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

/** Errors come in place of acting, silence after it, unless the fault says otherwise; a spoiled answer has to be one first. */
export function doesCallTakeEffect({ kind, takesEffect: wanted }: Fault): boolean {
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

/** Whether a fault of an API call can happen to this operation; any operation, where none is named. */
export function canMeet(kind: FaultKind, operation: Operation | undefined): boolean {
  return (
    operation === undefined || !intentFaultKinds.includes(kind) || operationsWithIntent.includes(operation)
  );
}
