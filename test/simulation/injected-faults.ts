import fc from 'fast-check';
import { type Fault, type FaultRequest, faultSchema } from '../../src/simulator/faults.ts';

/** What the pretend Dojo does wrong during a story, each fault with its own chance. */
export type InjectedFaults = { readonly seed: number; readonly faults: readonly Fault[] };

/**
 * No `drop`: only its event reports a refund made in Dojo's portal, so stories have a step that loses other events. No error
 * that falsely calls an intent unknown or in another status: that is no network fault but a lie about money, which no shop
 * could tell from the truth.
 */
const kinds: readonly FaultRequest[] = [
  { kind: 'duplicate' },
  { kind: 'reorder', delayMs: 60_000 },
  { kind: 'delay', delayMs: 300_000 },
  { kind: 'wrong-secret' },
  { kind: 'corrupt-byte' },
  { kind: 'unknown-event' },
  { kind: 'extra-fields' },
  { kind: 'before-reply' },
  { kind: 'status', status: 500 },
  { kind: 'status', status: 500, takesEffect: true },
  { kind: 'status', status: 503, takesEffect: true },
  { kind: 'status', status: 401 },
  { kind: 'pascal-case-error', status: 400, operation: 'create-payment-intent' },
  { kind: 'status', status: 409, operation: 'create-reversal' },
  { kind: 'status', status: 400, operation: 'create-refund' },
  { kind: 'rate-limit', retryAfterSeconds: 5 },
  { kind: 'rate-limit', retryAfterSeconds: 30, operation: 'get-payment-intent' },
  { kind: 'rate-limit', retryAfterSeconds: 30, operation: 'search-payment-intents' },
  { kind: 'stale', delayMs: 5_000 },
  { kind: 'stale', delayMs: 300_000, operation: 'search-payment-intents' },
  { kind: 'stale', delayMs: 60_000, operation: 'get-payment-intent' },
  { kind: 'status', status: 500, operation: 'create-capture', takesEffect: true },
  { kind: 'reset' },
  { kind: 'reset', takesEffect: false },
  { kind: 'hang', times: 1 },
  { kind: 'malformed-json' },
  { kind: 'oversized-json', times: 1 },
  { kind: 'wrong-amount', operation: 'create-payment-intent' },
  { kind: 'wrong-reference', operation: 'create-payment-intent' },
  { kind: 'evil-link' },
];

export const injectedFaults: fc.Arbitrary<InjectedFaults> = fc.record({
  seed: fc.nat(2 ** 31),
  faults: fc.array(
    fc
      .tuple(fc.constantFrom(...kinds), fc.constantFrom(0.2, 0.5, 1))
      .map(([fault, chance]) => faultSchema.parse({ ...fault, chance })),
    { maxLength: 3 },
  ),
});
