import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import {
  atDojo,
  changeOrders,
  json,
  manual,
  openPaid,
  openWithOrder,
  storedRefunds,
} from './order-scenario.ts';
import { refusal } from './run-shop.ts';

describe('orders show', () => {
  test('prints an order for a person, whose reference may be in small letters', async () => {
    const { run, reference, intentId } = await openWithOrder();
    const shown = await run(['orders', 'show', ` ${reference.toLowerCase()} `]);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toBe(
      [
        `${reference}  awaiting_payment`,
        '  total £13.95: 1 × Mug',
        '  received £0.00, returned £0.00, kept £0.00',
        `  payment 1: ${intentId}, Created`,
        '',
      ].join('\n'),
    );
  });

  test('prints an order as JSON, in minor units and ISO 8601, before and after a refund', async () => {
    const { run, shop, reference, intentId } = await openWithOrder();
    const unpaid = await run(['orders', 'show', reference, '--json']);
    expect(unpaid).toMatchObject({ code: 0, stderr: '' });
    const moment = shop.now().toISOString();
    expect(json(unpaid)).toEqual({
      reference,
      status: 'awaiting_payment',
      holds: [],
      currencyCode: 'GBP',
      total: 1395,
      money: { received: 0, returned: 0, kept: 0 },
      payments: [{ number: 1, paymentIntentId: intentId, status: 'Created', received: 0, returned: 0 }],
      createdAt: moment,
      updatedAt: moment,
      paidAt: null,
      sentAt: null,
    });

    await shop.pay(intentId);
    await shop.handAll();
    const refunded = await run(['orders', 'refund', reference, '--amount', '3.95', '--json']);
    expect(refunded).toMatchObject({ code: 0, stderr: '' });
    expect(json(refunded)).toMatchObject({
      status: 'partly_refunded',
      money: { received: 1395, returned: 395, kept: 1000 },
      payments: [{ number: 1, status: 'Captured', received: 1395, returned: 395 }],
    });
    expect(json(await run(['orders', 'show', '--json', reference]))).toEqual(json(refunded));
  });

  test('counts what Dojo took, not what the order came to, and holds the order', async () => {
    const { run, shop, reference, intentId } = await openWithOrder();
    await shop.pay(intentId);
    shop.simulator.faults.add({ kind: 'wrong-amount', operation: 'get-payment-intent' });
    changeOrders(shop, 'next_check_at = 0');
    expect((await run(['reconcile'])).code).toBe(0);
    expect(json(await run(['orders', 'show', reference, '--json']))).toMatchObject({
      holds: ['amount_mismatch'],
      total: 1395,
      money: { received: 1396, returned: 0, kept: 1396 },
    });
    expect((await run(['orders', 'show', reference])).stdout).toContain('received £13.96');
  });
});

describe('orders cancel', () => {
  test('cancels an unpaid order at Dojo, once', async () => {
    const { run, shop, reference } = await openWithOrder();
    const cancelled = await run(['orders', 'cancel', reference]);
    expect(cancelled).toMatchObject({ code: 0, stderr: '' });
    expect(cancelled.stdout).toMatch(/^Cancelled: /);
    expect(cancelled.stdout).toContain(`${reference}  canceled`);
    expect(atDojo(shop).status).toBe('Canceled');
    expect(await run(['orders', 'cancel', reference])).toEqual(
      refusal(/cannot be cancelled: it is canceled/),
    );
  });

  test('is refused when the shopper has paid meanwhile, and names the hold', async () => {
    const { run, shop, reference, intentId } = await openWithOrder();
    await shop.pay(intentId);
    const { code, stdout, stderr } = await run(['orders', 'cancel', reference]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^\S+: order held\nToo late.*captured_after_cancel\.\n$/);
    expect(atDojo(shop)).toMatchObject({ status: 'Captured', charged: 1395, refunded: 0 });
  });
});

describe('orders capture', () => {
  test('takes the whole reservation, once', async () => {
    const { run, shop, reference } = await openPaid(manual);
    expect(atDojo(shop)).toMatchObject({ charged: 0, reserved: 1395 });
    const captured = await run(['orders', 'capture', reference]);
    expect(captured).toMatchObject({ code: 0, stderr: '' });
    expect(captured.stdout).toMatch(/^Captured £13\.95\.\n/);
    expect(await run(['orders', 'capture', reference])).toEqual(refusal(/no reserved money.*it is paid/));
    expect(atDojo(shop)).toMatchObject({ captures: [1395], charged: 1395, reserved: 0 });
  });

  test('says how to go on when Dojo gives no answer, and then takes the money once', async () => {
    const { run, shop, reference } = await openPaid(manual);
    shop.simulator.faults.add({
      kind: 'status',
      operation: 'create-capture',
      takesEffect: true,
      status: 503,
      times: 1,
    });
    const unanswered = await run(['orders', 'capture', reference]);
    expect(unanswered).toMatchObject({ code: 69, stdout: '' });
    expect(unanswered.stderr).toMatch(/^Dojo is unavailable: .*503.*safe to run this command again\.\n$/);
    const found = await run(['orders', 'capture', reference]);
    expect(found).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Captured £13\.95\.\n/) });
    expect(await run(['orders', 'capture', reference])).toEqual(refusal(/it is paid/));
    expect(atDojo(shop).captures).toEqual([1395]);
  });
});

describe('orders refund', () => {
  test('sends exactly the amount that was typed, with a key that the store keeps', async () => {
    const catalogue = parseCatalogue(
      JSON.stringify({
        ...catalogueFile,
        products: catalogueFile.products.map((product) => ({ ...product, price: 20_000 })),
      }),
    );
    const { run, shop, reference } = await openPaid({ catalogue });
    const amounts = { '19.99': 1999, '12.5': 1250, '12.50': 1250, '12': 1200, '0.29': 29 };
    for (const [text, minorUnits] of Object.entries(amounts)) {
      const before = atDojo(shop).refunded;
      const refunded = await run([
        'orders',
        'refund',
        reference,
        '--amount',
        text,
        '--reason',
        `For ${text}`,
      ]);
      expect(refunded).toMatchObject({ code: 0, stderr: '' });
      expect(refunded.stdout).toMatch(`Refunded £${(minorUnits / 100).toFixed(2)}.\n`);
      expect(atDojo(shop).refunded - before).toBe(minorUnits);
    }
    const { refunds } = atDojo(shop);
    expect(refunds?.map(({ amount, reason }) => [reason, amount])).toEqual(
      Object.entries(amounts).map(([text, minorUnits]) => [`For ${text}`, minorUnits]),
    );
    expect(refunds?.map(({ idempotencyKey }) => idempotencyKey).sort()).toEqual(
      storedRefunds(shop)
        .map(({ id }) => id)
        .sort(),
    );
    expect(storedRefunds(shop).every(({ state }) => state === 'done')).toBe(true);
  });

  test('prints amounts of a shop in Ireland in euros', async () => {
    const catalogue = parseCatalogue(JSON.stringify({ ...catalogueFile, currency: 'EUR' }));
    const { run, reference } = await openPaid({ catalogue });
    const refunded = await run(['orders', 'refund', reference, '--amount', '3.95']);
    expect(refunded.stdout).toMatch(/^Refunded €3\.95\.\n/);
    expect(await run(['orders', 'refund', reference, '--amount', '10.01'])).toEqual(
      refusal(/Only €10\.00 of .* is left/),
    );
  });

  test('is refused above what is left, and before anything is paid', async () => {
    const paid = await openPaid();
    expect((await paid.run(['orders', 'refund', paid.reference, '--amount', '3.95'])).code).toBe(0);
    expect(await paid.run(['orders', 'refund', paid.reference, '--amount', '10.01'])).toEqual(
      refusal(/Only £10\.00 of .* is left/),
    );
    expect(atDojo(paid.shop).refunds).toMatchObject([{ amount: 395, reason: 'Refunded by the shop' }]);
    const unpaid = await openWithOrder();
    expect(await unpaid.run(['orders', 'refund', unpaid.reference, '--amount', '1'])).toEqual(
      refusal(/no money to return: it is awaiting_payment/),
    );
  });

  test('is refused while an earlier refund has no answer, so that the money goes back once', async () => {
    const { run, shop, reference } = await openPaid();
    // Twice, since the client repeats a call that has an idempotency key.
    shop.simulator.faults.add({
      kind: 'status',
      operation: 'create-refund',
      takesEffect: true,
      status: 503,
      times: 2,
    });
    const unanswered = await run(['orders', 'refund', reference, '--amount', '3.95']);
    expect(unanswered).toMatchObject({ code: 69, stdout: '' });
    expect(unanswered.stderr).toMatch(/^Dojo is unavailable: .*503.*Do not repeat it; run reconcile\.\n$/);
    expect(await run(['orders', 'refund', reference, '--amount', '3.95'])).toEqual(
      refusal(/another refund that Dojo has not confirmed/),
    );
    expect(atDojo(shop)).toMatchObject({ charged: 1395, refunded: 395 });
    expect(storedRefunds(shop)).toMatchObject([{ amount: 395, state: 'asked' }]);
  });

  test('says why Dojo refuses, and exits 1', async () => {
    const { run, shop, reference } = await openPaid();
    shop.simulator.faults.add({ kind: 'status', operation: 'create-refund', status: 400 });
    const refused = await run(['orders', 'refund', reference, '--amount', '3.95']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/answered 400.*\n.*Dojo refused to return the money/);
    expect(atDojo(shop).refunded).toBe(0);
  });
});

describe('orders undo', () => {
  test('returns everything on the day of the payment, once', async () => {
    const { run, shop, reference } = await openPaid();
    const undone = await run(['orders', 'undo', reference]);
    expect(undone).toMatchObject({ code: 0, stderr: '' });
    expect(undone.stdout).toContain(`${reference}  reversed`);
    expect(atDojo(shop)).toMatchObject({ status: 'Reversed', charged: 1395, refunded: 1395 });
    expect(await run(['orders', 'undo', reference])).toEqual(
      refusal(/nothing left to return: it is reversed/),
    );
  });

  test('returns the rest after a refund', async () => {
    const { run, shop, reference } = await openPaid();
    await run(['orders', 'refund', reference, '--amount', '3.95']);
    const undone = await run(['orders', 'undo', reference, '--json']);
    expect(undone.code).toBe(0);
    expect(json(undone)).toMatchObject({
      status: 'refunded',
      money: { received: 1395, returned: 1395, kept: 0 },
    });
    expect(atDojo(shop).refunds).toMatchObject([
      { amount: 395 },
      { amount: 1000, reason: 'Undone by the shop' },
    ]);
  });

  test('releases what is reserved', async () => {
    const { run, shop, reference } = await openPaid(manual);
    const undone = await run(['orders', 'undo', reference, '--json']);
    expect(undone.code).toBe(0);
    expect(json(undone)).toMatchObject({ status: 'reversed', money: { received: 0, returned: 0, kept: 0 } });
    expect(atDojo(shop)).toMatchObject({ charged: 0, refunded: 0, reserved: 0 });
  });
});

describe('an unknown reference', () => {
  test.each(['show', 'cancel', 'capture', 'undo', 'refund'])('is refused by orders %s', async (verb) => {
    const { run, shop } = await openWithOrder();
    const amount = verb === 'refund' ? ['--amount', '3'] : [];
    expect(await run(['orders', verb, 'ORD-00000-000000', ...amount, '--json'])).toEqual(
      refusal(/There is no order "ORD-00000-000000"/),
    );
    expect(atDojo(shop).status).toBe('Created');
  });
});

describe('on PostgreSQL', () => {
  let postgres: PostgresServer;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres.stop());

  test('a refund moves exactly what was typed, and never more than is left', async () => {
    const { run, shop, reference } = await openPaid({ databaseUrl: await postgres.createDatabase() });
    const refunded = await run(['orders', 'refund', reference, '--amount', '9.99', '--json']);
    expect(refunded).toMatchObject({ code: 0, stderr: '' });
    expect(json(refunded)).toMatchObject({ money: { received: 1395, returned: 999, kept: 396 } });
    expect(await run(['orders', 'refund', reference, '--amount', '3.97'])).toEqual(
      refusal(/Only £3\.96 of .* is left/),
    );
    expect(atDojo(shop)).toMatchObject({ charged: 1395, refunded: 999, refunds: [{ amount: 999 }] });
  });
});
