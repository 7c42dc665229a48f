import { DojoError } from './errors.ts';

export type Breaker = {
  /** Throws `DojoError` `paused` while Dojo must not be called. */
  enter(): void;
  succeeded(): void;
  failed(error: DojoError): void;
};

/** A `Retry-After` that asks for hours, or names a date far away, would close the checkout for as long. */
export const longestPauseMs = 2 * 60_000;

/**
 * Saves Dojo's and the shopper's time while calls cannot succeed: pauses for `pauseMs` after `failureLimit` failures in
 * a row, and after a 429 for as long as its `Retry-After` asks. Then one call goes ahead as a probe and decides for the rest.
 */
export function createBreaker(options: {
  failureLimit: number;
  pauseMs: number;
  now: () => number;
}): Breaker {
  let failures = 0;
  let pausedUntil = 0;
  let probing = false;

  return {
    enter() {
      // No pause is longer: the clock was set back.
      if (pausedUntil - options.now() > longestPauseMs) pausedUntil = options.now();
      const remainingMs = pausedUntil - options.now();
      if (remainingMs > 0) throw paused(remainingMs);
      if (pausedUntil === 0) return;
      if (probing) throw paused(options.pauseMs);
      probing = true;
    },
    succeeded() {
      // An answer to a call from before the pause does not end the pause.
      if (pausedUntil > options.now()) return;
      failures = 0;
      pausedUntil = 0;
      probing = false;
    },
    failed(error) {
      failures += 1;
      const askedMs = error.kind === 'rate-limited' ? (error.retryAfterMs ?? options.pauseMs) : 0;
      const ownMs = probing || failures >= options.failureLimit ? options.pauseMs : 0;
      probing = false;
      const pauseMs = Math.min(Math.max(askedMs, ownMs), longestPauseMs);
      if (pauseMs > 0) pausedUntil = Math.max(pausedUntil, options.now() + pauseMs);
    },
  };
}

function paused(retryAfterMs: number): DojoError {
  return new DojoError(
    'paused',
    'Dojo is not called for now, because it failed repeatedly or asked us to wait.',
    { retryAfterMs },
  );
}
