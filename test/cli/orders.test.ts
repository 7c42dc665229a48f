import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCatalogue } from '../../src/shop/catalogue.ts';
import { catalogueFile } from '../support/catalogue.ts';
import { rows } from '../support/database.ts';
import { customer } from '../support/details.ts';
import { type PostgresServer, startPostgres } from '../support/postgres.ts';
import {
  atDojo,
  changeOrders,
  json,
  keptAtDojo,
  manual,
  openPaid,
  openPaidTwice,
  openWithOrder,
  storedRefunds,
} from './order-scenario.ts';
import { refusal, usageError } from './run-shop.ts';

describe('orders erase', () => {
  test('forgets who an order is for, keeps its money, and warns when the goods have not gone out', async () => {
    const { run, shop, reference } = await openPaid();
    const erased = await run(['orders', 'erase', reference]);
    expect(erased).toMatchObject({ code: 0, stderr: '' });
    expect(erased.stdout).toContain(`Erased who it is for.\n${reference} was not sent`);
    expect(erased.stdout).toContain('received £13.95');
    expect(erased.stdout).not.toMatch(/Ada|Square/);
    expect(rows(shop.shop, 'SELECT * FROM customers')).toEqual([]);
    const shown = json(await run(['orders', 'show', reference, '--json']));
    expect(shown).toMatchObject({ customer: null, erasedAt: expect.any(String), money: { received: 1395 } });
    expect(await run(['replay', '--check'])).toMatchObject({ code: 0 });
    const again = await run(['orders', 'erase', reference, '--json']);
    expect(json(again)).toMatchObject({ erasedAt: (shown as { erasedAt: string }).erasedAt });
  });
});

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
        '  for Ada Lovelace, ada@example.com',
        '  to Ada Lovelace, 12 St James’s Square, London, SW1Y 4JH, GB',
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
      erasedAt: null,
      customer,
    });

    await shop.pay(intentId);
    await shop.handAll();
    const refunded = await run(['orders', 'refund', reference, '--amount', '3.95', '--json']);
    expect(refunded).toMatchObject({ code: 0, stderr: '' });
    expect(json(refunded)).toMatchObject({
      status: 'partly_refunded',
      money: { received: 1395, returned: 395, kept: 1000 },
      payments: [{ number: 1, status: 'Captured', received: 1395, returned: 395 }],
      paidAt: moment,
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

describe('orders capture --amount', () => {
  test('takes a part of a reservation, and says what was not taken', async () => {
    const { run, shop, reference, intentId } = await openPaid(manual);
    expect(await run(['orders', 'capture', reference, '--amount', '13.96'])).toEqual(
      refusal(/Less than that is reserved.*total is £13\.95/),
    );
    const captured = await run(['orders', 'capture', reference, '--amount', '8.95']);
    expect(captured).toMatchObject({ code: 0, stderr: '' });
    expect(captured.stdout).toMatch(/^Captured £8\.95\.\n/);
    expect(captured.stdout).toContain('  received £8.95, returned £0.00, kept £8.95\n');
    expect(captured.stdout).toContain(`  payment 1: ${intentId}, Captured, £5.00 not taken\n`);
    expect(atDojo(shop)).toMatchObject({ captures: [895], charged: 895 });
  });
});

describe('an order that was paid twice', () => {
  test('is refunded only if the payment is named, and shows each payment', async () => {
    const { run, shop, reference, intents } = await openPaidTwice();
    const refund = ['orders', 'refund', reference, '--amount', '5'];
    expect(await run(refund)).toEqual(
      refusal(/several payments with money \(payment 1: £13\.95, payment 2: £13\.95\).*--payment/),
    );
    const refunded = await run([...refund, '--payment', '2', '--json']);
    expect(refunded).toMatchObject({ code: 0, stderr: '' });
    expect(json(refunded)).toMatchObject({
      status: 'paid',
      holds: ['late_payment', 'paid_twice'],
      money: { received: 2790, returned: 500, kept: 2290 },
      payments: [
        { number: 1, paymentIntentId: intents[0], received: 1395, returned: 0 },
        { number: 2, paymentIntentId: intents[1], received: 1395, returned: 500 },
      ],
    });
    expect((await run(['orders', 'show', reference])).stdout).toContain(
      `  payment 2: ${intents[1]}, Captured, received £13.95, returned £5.00, kept £8.95\n`,
    );
    expect(keptAtDojo(shop)).toBe(2290);
  });

  test('has both payments returned by one undo, which prints each amount', async () => {
    const { run, shop, reference } = await openPaidTwice();
    await run(['orders', 'refund', reference, '--amount', '3.95', '--payment', '2']);
    const undone = await run(['orders', 'undo', reference]);
    expect(undone).toMatchObject({ code: 0, stderr: '' });
    expect(undone.stdout).toMatch(/^Payment 1: reversed £13\.95\.\nPayment 2: refunded £10\.00\.\n/);
    expect(keptAtDojo(shop)).toBe(0);
  });

  test('whose undo is refused in part exits 1 and lists the amounts', async () => {
    const { run, shop, reference, intents } = await openPaidTwice();
    for (const operation of ['create-reversal', 'create-refund'] as const)
      shop.simulator.faults.add({ kind: 'status', status: 400, operation, paymentIntentId: intents[1] });
    const undone = await run(['orders', 'undo', reference]);
    expect(undone).toMatchObject({ code: 1, stdout: '' });
    expect(undone.stderr).toMatch(
      /\nPayment 1: reversed £13\.95\.\nPayment 2: £13\.95 not returned\. Dojo refused [^\n]+\n$/,
    );
    expect(keptAtDojo(shop)).toBe(1395);
  });
});

describe('orders decide', () => {
  test('settles the holds that are named and no other', async () => {
    const { run, reference } = await openPaidTwice();
    const decide = ['orders', 'decide', reference];
    const why = ['--reason', 'We have the goods'];
    expect(await run([...decide, 'accept', ...why])).toEqual(
      refusal(/Several holds stand: late_payment, paid_twice\. .*--hold/),
    );
    expect(await run([...decide, 'accept', '--hold', 'amount_mismatch', ...why])).toEqual(
      refusal(/not held for amount_mismatch, but for late_payment, paid_twice/),
    );
    const decided = await run([...decide, 'accept', '--hold', 'late_payment', ...why]);
    expect(decided).toMatchObject({ code: 0, stderr: '' });
    expect(decided.stdout).toMatch(/^Settled: late_payment\.\n.*paid, held: paid_twice\n/);
    expect(decided.stdout).toMatch(
      / command line \(.+\) decided to accept \(late_payment\): We have the goods\n/,
    );
  });

  test('refunds one payment, and the order goes out for the other', async () => {
    const { run, shop, reference } = await openPaidTwice();
    const decided = await run([
      ...['orders', 'decide', reference, 'refund', '--payment', '1'],
      ...['--hold', 'late_payment', 'paid_twice', '--reason', 'Paid twice'],
    ]);
    expect(decided).toMatchObject({ code: 0, stderr: '' });
    expect(decided.stdout).toMatch(
      /^Payment 1: reversed £13\.95\.\nSettled: late_payment, paid_twice\.\n.*paid\n/,
    );
    expect(keptAtDojo(shop)).toBe(1395);
    expect(rows(shop.shop, 'SELECT may_ship FROM orders')).toEqual([{ may_ship: 1 }]);
    expect(await run(['orders', 'decide', reference, 'accept', '--reason', 'Again'])).toEqual(
      refusal(/is not held: it is paid/),
    );
  });

  test('needs an action that it knows, and a reason', async () => {
    const { run, reference } = await openPaidTwice();
    expect((await run(['orders', 'decide', reference, 'forget', '--reason', 'x'])).code).toBe(64);
    expect((await run(['orders', 'decide', reference, 'dismiss', '--hold', 'paid_twice'])).code).toBe(64);
    for (const action of ['accept', 'dismiss']) {
      const decide = ['orders', 'decide', reference, action, '--hold', 'paid_twice', '--reason', 'x'];
      expect(await run([...decide, '--payment', '1'])).toEqual(usageError(/--payment goes with refund/));
    }
  });
});

describe('an unknown reference', () => {
  test.each(['show', 'cancel', 'capture', 'undo', 'refund', 'decide'])(
    'is refused by orders %s',
    async (verb) => {
      const { run, shop } = await openWithOrder();
      const more = { refund: ['--amount', '3'], decide: ['accept', '--reason', 'x'] };
      const options = more[verb as keyof typeof more] ?? [];
      expect(await run(['orders', verb, 'ORD-00000-000000', ...options, '--json'])).toEqual(
        refusal(/There is no order "ORD-00000-000000"/),
      );
      expect(atDojo(shop).status).toBe('Created');
    },
  );
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
