import { DojoError } from '../../src/dojo/errors.ts';
import type { Order } from '../../src/shop/order.ts';
import type { Scenario } from './scenario.ts';
import { current, minutes, ordered, runReconcile } from './scenario-steps.ts';

/** The next intents that the shop creates exist at Dojo, and the answers are lost. */
export function loseNextAnswers(shop: Scenario, times = 1): void {
  const create = shop.context.dojo.createPaymentIntent;
  let calls = 0;
  Object.assign(shop.context.dojo, {
    createPaymentIntent: async (...args: Parameters<typeof create>) => {
      const intent = await create(...args);
      calls += 1;
      if (calls <= times) throw new DojoError('timeout', 'The answer was lost.');
      return intent;
    },
  });
}

/** An order whose first create call had no answer: `lost` is the intent that no one was shown. */
export async function loseFirstIntent(
  shop: Scenario,
): Promise<{ order: Order; lost: string; shown: string }> {
  loseNextAnswers(shop);
  const { order, intentId } = await ordered(shop);
  const lost = shop.simulator.paymentIntents().find(({ id }) => id !== intentId);
  if (lost === undefined) throw new Error('Dojo has no second intent.');
  return { order, lost: lost.id, shown: intentId };
}

/** An order that received money from two intents, and is held for it. The first payment is the one that no one was shown. */
export async function payTwice(shop: Scenario) {
  const { order, lost, shown } = await loseFirstIntent(shop);
  await shop.pay(lost);
  await shop.pay(shown);
  await shop.handAll();
  shop.pass(minutes);
  await runReconcile(shop);
  const numberOf = async (id: string) =>
    (await current(shop, order)).attempts.find(({ paymentIntentId }) => paymentIntentId === id)?.number ?? 0;
  return {
    order: await current(shop, order),
    first: await numberOf(lost),
    second: await numberOf(shown),
    intents: [lost, shown],
  };
}
