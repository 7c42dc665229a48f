import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';

/** The slowest that a 429 makes the background work. */
const longestGapMs = 30_000;
/** Of the gap between two calls, after each call that Dojo did not refuse: it takes some forty to recover from one 429. */
const recovery = 0.98;

type Pace = { gapMs: number; nextAt: number };

/** How fast each client of this process may be used now; the next run of the reconciler goes on at that pace. */
const paces = new WeakMap<Context['dojo'], Pace>();

/**
 * The context of work that no one waits for: no more calls a second than `DOJO_CALLS_PER_SECOND`, however they are divided,
 * and half as many after each 429. The shoppers' own calls are not counted, and not held up.
 */
export function paceDojo(context: Context): Context {
  const { dojo, now, sleep, config } = context;
  const leastGapMs = 1_000 / config.dojo.callsPerSecond;
  const pace = paces.get(dojo) ?? { gapMs: leastGapMs, nextAt: 0 };
  paces.set(dojo, pace);

  const paced =
    <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      // Not for as long as a clock was set back.
      const waitMs = Math.min(pace.nextAt - now().getTime(), pace.gapMs);
      if (waitMs > 0) await sleep(waitMs);
      pace.nextAt = now().getTime() + pace.gapMs;
      try {
        const reply = await call(...args);
        pace.gapMs = Math.max(leastGapMs, pace.gapMs * recovery);
        return reply;
      } catch (error) {
        if (error instanceof DojoError && error.kind === 'rate-limited')
          pace.gapMs = Math.min(pace.gapMs * 2, longestGapMs);
        throw error;
      }
    };
  return {
    ...context,
    dojo: {
      ...dojo,
      getPaymentIntent: paced(dojo.getPaymentIntent),
      cancelPaymentIntent: paced(dojo.cancelPaymentIntent),
      searchPaymentIntents: paced(dojo.searchPaymentIntents),
      refundPaymentIntent: paced(dojo.refundPaymentIntent),
      reversePaymentIntent: paced(dojo.reversePaymentIntent),
    },
  };
}
