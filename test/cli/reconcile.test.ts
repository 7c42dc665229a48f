import { describe, expect, test } from 'vitest';
import { changeOrders, json, openPaid, openWithOrder } from './order-scenario.ts';
import { refusal } from './run-shop.ts';

describe('reconcile', () => {
  // The simulator's clock stands still, so a warning about two clocks may be on stderr.
  test('hears of a payment whose webhook never came, also under its old name', async () => {
    for (const name of ['reconcile', 'sweep']) {
      const { run, shop, reference, intentId } = await openWithOrder();
      await shop.pay(intentId);
      changeOrders(shop, 'next_check_at = 0');
      const reconciled = await run([name, '--json']);
      expect(reconciled.code).toBe(0);
      expect(json(reconciled)).toEqual({ orders: 1, orphans: 0, refunds: 0 });
      expect(json(await run(['orders', 'show', reference, '--json']))).toMatchObject({
        status: 'paid',
        money: { received: 1395 },
      });
      expect(await run([name])).toEqual({
        code: 0,
        stdout: 'Orders checked: 0. Orphan intents checked: 0. Refunds finished: 0.\n',
        stderr: '',
      });
    }
  });

  test('is refused while another process reconciles', async () => {
    const { run, shop } = await openWithOrder();
    await shop.context.store.acquireLease('reconcile', 'another', new Date(), new Date(Date.now() + 60_000));
    expect(await run(['reconcile'])).toEqual(refusal(/Another process/));
  });

  test('exits 69 when Dojo cannot be reached, and what is due stays due', async () => {
    const { run, shop, reference } = await openWithOrder();
    changeOrders(shop, 'next_check_at = 0');
    const stopped = await run(['reconcile'], { DOJO_API_URL: 'http://127.0.0.1:9' });
    expect(stopped).toMatchObject({ code: 69, stdout: '' });
    expect(stopped.stderr).toMatch(/Dojo is unavailable: .*ECONNREFUSED.*What is due stays due\.\n$/);
    expect(json(await run(['orders', 'show', reference, '--json']))).toMatchObject({
      status: 'awaiting_payment',
    });
  });
});

describe('replay', () => {
  test('finds that every order is what was heard of it', async () => {
    const { run } = await openPaid();
    expect(await run(['replay', '--check'])).toMatchObject({ code: 0, stderr: '' });
    const checked = await run(['replay', '--check', '--json']);
    expect(checked.code).toBe(0);
    expect(json(checked)).toEqual({ orders: 1, different: [] });
  });

  test('names the order that is not what was heard of it', async () => {
    const { run, shop, reference } = await openWithOrder();
    changeOrders(shop, "status = 'paid'");
    expect(await run(['replay', '--check'])).toEqual(refusal(new RegExp(reference)));
  });
});
