import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';

/** With less time left, a call is not worth making. */
export const minimumCallMs = 1_000;

/**
 * The context of a request that a shopper waits for: each call to Dojo takes what is left until the deadline at most (and
 * never more than `DOJO_TIMEOUT_MS`), and none starts with less than a second left.
 */
export function limitDojo(context: Context, deadline: number): Context {
  const { dojo, now } = context;
  const limited =
    <Given, Result>(call: (given: Given, options: { timeoutMs: number }) => Promise<Result>) =>
    async (given: Given): Promise<Result> => {
      const timeoutMs = deadline - now().getTime();
      if (timeoutMs < minimumCallMs)
        throw new DojoError('paused', 'Dojo was not asked: too little time is left.');
      return call(given, { timeoutMs });
    };
  return {
    ...context,
    dojo: {
      ...dojo,
      createPaymentIntent: limited(dojo.createPaymentIntent),
      getPaymentIntent: limited(dojo.getPaymentIntent),
      cancelPaymentIntent: limited(dojo.cancelPaymentIntent),
    },
  };
}
