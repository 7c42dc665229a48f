import { expect, test } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { schedule } from '../../src/shop/schedule.ts';
import { countCalls, totalOf } from '../support/count-calls.ts';
import { rows } from '../support/database.ts';
import { openScenario } from '../support/scenario.ts';

test('reconciling alone makes a thousand orders paid within ten minutes whose webhooks never come, with a call for fifty', async () => {
  const shop = await openScenario();
  for (let order = 0; order < 1_000; order += 1) {
    const placed = await shop.place(`key-${order}`);
    if (placed.kind === 'ready') await shop.pay(placed.paymentIntentId);
    shop.pass(50);
  }
  expect(rows(shop.shop, "SELECT count(*) AS n FROM orders WHERE status = 'paid'")).toEqual([{ n: 0 }]);

  const calls = countCalls(shop.context.dojo);
  const paidAt = shop.now().getTime();
  while (shop.now().getTime() < paidAt + 10 * 60_000) {
    await reconcile(shop.context, 'reconciler', { isPatient: true });
    shop.pass(schedule.reconcile);
  }
  expect(rows(shop.shop, "SELECT count(*) AS n FROM orders WHERE status = 'paid' AND holds = ''")).toEqual([
    { n: 1_000 },
  ]);
  expect(rows(shop.shop, 'SELECT count(*) AS n FROM fulfilments')).toEqual([{ n: 1_000 }]);
  expect(totalOf(calls)).toBeLessThanOrEqual(20);
  await shop.close();
}, 300_000);
