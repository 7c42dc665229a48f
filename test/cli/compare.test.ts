import { describe, expect, test } from 'vitest';
import { createDojoClient } from '../../src/dojo/client.ts';
import { json, openPaid, openWithOrder } from './order-scenario.ts';
import { refusal, usageError } from './run-shop.ts';

// The clock of the simulator stands on this day.
const period = ['--from', '2026-11-22', '--to', '2026-11-22'];

describe('orders compare', () => {
  test('prints that nothing differs, and exits 0', async () => {
    const { run } = await openPaid();
    const compared = await run(['orders', 'compare', ...period]);
    expect(compared).toMatchObject({ code: 0, stdout: expect.stringContaining('No difference.') });
    expect(compared.stdout).toContain(
      'Dojo received £13.95, returned £0.00, kept £13.95; store received £13.95',
    );
    const report = json(await run(['orders', 'compare', ...period, '--json']));
    expect(report).toMatchObject({
      from: '2026-11-22T00:00:00.000Z',
      to: '2026-11-23T00:00:00.000Z',
      payments: 1,
      totals: [{ currencyCode: 'GBP', difference: 0 }],
      differences: [],
      foreign: 0,
    });
  });

  test('exits 1 when a payment differs, and prints it as a table, as JSON and as CSV', async () => {
    const { run, shop, reference, intentId } = await openWithOrder();
    await shop.pay(intentId);
    const till = createDojoClient({ apiUrl: shop.simulator.url, apiKey: 'sk_sandbox_till' });
    const amount = { value: 700, currencyCode: 'GBP' };
    await till.createPaymentIntent({ amount, reference: 'till-1' });
    const metadata = { shop: shop.context.shopId };
    const { id } = await till.createPaymentIntent({ amount, reference: '=cmd(),"x"', metadata });
    await till.close();
    await shop.pay(id);

    const table = await run(['orders', 'compare', ...period]);
    expect(table.code).toBe(1);
    expect(table.stdout).toContain('Different: 2');
    expect(table.stdout).toContain(`${reference}, payment 1, ${intentId}: Dojo received £13.95`);
    expect(table.stdout).toContain('Not ours: 1 ');

    const data = await run(['orders', 'compare', ...period, '--json']);
    expect(data.code).toBe(1);
    expect(json(data)).toMatchObject({
      totals: [{ currencyCode: 'GBP', difference: 2095 }],
      differences: [
        { reference: '=cmd(),"x"', number: null },
        { reference, number: 1, dojo: { received: 1395 }, store: { received: 0 } },
      ],
      foreign: 1,
    });

    const csv = await run(['orders', 'compare', ...period, '--csv']);
    expect(csv.code).toBe(1);
    expect(csv.stdout.split('\r\n')).toEqual([
      'reference,payment,paymentIntentId,currencyCode,dojoReceived,dojoReturned,storeReceived,storeReturned',
      `"'=cmd(),""x""",,${id},GBP,700,0,0,0`,
      `${reference},1,${intentId},GBP,1395,0,0,0`,
      'not ours: 1,,,,,,,',
      '',
    ]);
  });

  test('covers the last day unless it is told otherwise', async () => {
    const { run } = await openPaid();
    const report = json(await run(['orders', 'compare', '--json']));
    expect(Date.parse(report.to) - Date.parse(report.from)).toBe(24 * 3_600_000);
    expect(Math.abs(Date.now() - Date.parse(report.to))).toBeLessThan(60_000);
  });

  test('is refused for a period that cannot be read or is empty', async () => {
    const { run } = await openPaid();
    expect(await run(['orders', 'compare', '--from', 'yesterday'])).toEqual(usageError(/such as 2026-11-24/));
    expect(await run(['orders', 'compare', '--from', '2026-11-23', '--to', '2026-11-22'])).toEqual(
      usageError(/--from must be before --to/),
    );
    expect(await run(['orders', 'compare', '--csv', '--json'])).toEqual(usageError(/cannot be used with/));
  });

  test('exits 69 when Dojo cannot be reached', async () => {
    const { run } = await openPaid();
    const compared = await run(['orders', 'compare', ...period], { DOJO_API_URL: 'http://127.0.0.1:9' });
    expect(compared).toMatchObject({ code: 69, stdout: '' });
  });
});

describe('orders refresh', () => {
  test('learns of a payment and of a refund in the portal at once, whatever webhooks were lost', async () => {
    const { run, shop, reference, intentId } = await openWithOrder();
    await shop.pay(intentId);
    expect(json(await run(['orders', 'refresh', reference, '--json']))).toMatchObject({
      status: 'paid',
      money: { received: 1395, returned: 0 },
    });
    await shop.portalRefund(intentId, 395);
    const refreshed = await run(['orders', 'refresh', reference]);
    expect(refreshed).toMatchObject({ code: 0 });
    expect(refreshed.stdout).toContain('received £13.95, returned £3.95, kept £10.00');
  });

  test('is refused for an unknown order, and exits 69 when Dojo cannot be reached', async () => {
    const { run, reference } = await openWithOrder();
    expect(await run(['orders', 'refresh', 'ORD-00000-000000'])).toEqual(refusal(/no order/));
    const unreachable = await run(['orders', 'refresh', reference], { DOJO_API_URL: 'http://127.0.0.1:9' });
    expect(unreachable).toMatchObject({ code: 69, stdout: '' });
  });
});
