import { expect, test } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { rows } from '../support/database.ts';
import { openScenario } from '../support/scenario.ts';

test('reconciling alone makes a thousand orders paid whose webhooks never come, with one call each', async () => {
  const shop = await openScenario();
  for (let order = 0; order < 1_000; order += 1) {
    const placed = await shop.place(`key-${order}`);
    if (placed.kind === 'ready') await shop.pay(placed.paymentIntentId);
  }
  expect(rows(shop.shop, "SELECT count(*) AS n FROM orders WHERE status = 'paid'")).toEqual([{ n: 0 }]);

  let calls = 0;
  const ask = shop.context.dojo.getPaymentIntent;
  const counting: typeof ask = (...args) => {
    calls += 1;
    return ask(...args);
  };
  Object.assign(shop.context.dojo, { getPaymentIntent: counting });
  const startedAt = shop.now().getTime();
  shop.pass(120_000);
  for (let days = 0; days < 2; days += 1) {
    await reconcile(shop.context, 'reconciler');
    shop.pass(24 * 60 * 60_000);
  }
  expect(rows(shop.shop, "SELECT count(*) AS n FROM orders WHERE status = 'paid' AND holds = ''")).toEqual([
    { n: 1_000 },
  ]);
  expect(rows(shop.shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1_000 }]);
  expect(calls).toBe(1_000);
  // Two requests a second leave room for other calls.
  expect(shop.now().getTime() - startedAt).toBeGreaterThan(1_000 * 500);
  await shop.close();
}, 300_000);
