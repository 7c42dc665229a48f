import type { DojoClient } from '../../src/dojo/client.ts';

const counted = [
  'createPaymentIntent',
  'getPaymentIntent',
  'cancelPaymentIntent',
  'searchPaymentIntents',
] as const satisfies (keyof DojoClient)[];

/** Counts what a client asks Dojo from now on, by call; those that are not made are missing. */
export function countCalls(dojo: DojoClient): Partial<Record<(typeof counted)[number], number>> {
  const calls: Partial<Record<(typeof counted)[number], number>> = {};
  for (const name of counted) {
    const real = dojo[name] as (...args: unknown[]) => unknown;
    Object.assign(dojo, {
      [name]: (...args: unknown[]) => {
        calls[name] = (calls[name] ?? 0) + 1;
        return real(...args);
      },
    });
  }
  return calls;
}

export function totalOf(calls: ReturnType<typeof countCalls>): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}
