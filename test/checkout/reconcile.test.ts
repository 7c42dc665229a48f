import { describe, expect, test } from 'vitest';
import { placeOrder } from '../../src/checkout/place-order.ts';
import { reconcile } from '../../src/checkout/reconcile.ts';
import { refundOrder, undoOrder } from '../../src/checkout/refund-order.ts';
import { DojoError, type DojoErrorKind } from '../../src/dojo/errors.ts';
import { countCalls, totalOf } from '../support/count-calls.ts';
import { customer } from '../support/details.ts';
import { loseNextAnswers } from '../support/pay-twice.ts';
import type { Scenario } from '../support/scenario.ts';
import {
  current,
  due,
  hours,
  logged,
  minutes,
  ordered,
  runReconcile,
  start,
  statusAtDojo,
} from '../support/scenario-steps.ts';

describe('the reconciler', () => {
  test('makes an order whose webhook never came paid and due, and reads it again after a day', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    expect((await runReconcile(shop)).orders).toBe(0);
    shop.pass(2 * minutes);
    expect((await runReconcile(shop)).orders).toBe(1);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', holds: [] });
    expect(due(shop)).toHaveLength(1);
    shop.pass(20 * hours);
    expect((await runReconcile(shop)).orders).toBe(0);
    shop.pass(5 * hours);
    expect((await runReconcile(shop)).orders).toBe(1);
  });

  test('verifies a paid order soon, and holds it when Dojo has another amount', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const ask = shop.context.dojo.getPaymentIntent;
    const lie: typeof ask = async (id, options) => ({
      ...(await ask(id, options)),
      amount: { value: 1, currencyCode: 'GBP' },
    });
    Object.assign(shop.context.dojo, { getPaymentIntent: lie });
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', holds: ['amount_mismatch'] });
    expect(logged(shop, 'orderMismatched')).toMatchObject([
      { orderReference: order.reference, paymentIntentId: intentId },
    ]);
    expect(logged(shop, 'reconcileFinished')).toMatchObject([{ orders: 1, orphans: 0, refunds: 0 }]);
    shop.pass(20 * hours);
    expect((await runReconcile(shop)).orders).toBe(0);
  });

  test('never counts money of another currency as that of the order', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    const ask = shop.context.dojo.getPaymentIntent;
    const inEuro: typeof ask = async (id) => ({
      ...(await ask(id)),
      amount: { value: 99_999, currencyCode: 'EUR' },
    });
    const nothing = async () => ({ data: [] });
    Object.assign(shop.context.dojo, { getPaymentIntent: inEuro, searchPaymentIntents: nothing });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ received: 1395, holds: ['amount_mismatch'] });
  });

  test('counts of a reservation only what a capture took', async () => {
    const shop = await start({ env: { CAPTURE_MODE: 'Manual' } });
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.portalCapture(intentId, 895);
    const ask = shop.context.dojo.getPaymentIntent;
    const withFailed: typeof ask = async (id) => {
      const intent = await ask(id);
      return { ...intent, captures: [...(intent.captures ?? []), { amount: 500, status: 'Failed' }] };
    };
    const nothing = async () => ({ data: [] });
    Object.assign(shop.context.dojo, { getPaymentIntent: withFailed, searchPaymentIntents: nothing });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', received: 895, mayShip: true });
  });

  test('goes on checking an order that Dojo does not know, every six hours', async () => {
    const shop = await start();
    const { order } = await ordered(shop);
    Object.assign(shop.context.dojo, {
      getPaymentIntent: () => Promise.reject(new DojoError('not-found', 'Dojo does not know it.')),
    });
    const checkedAfter: number[] = [];
    for (let hour = 1; hour <= 40; hour += 1) {
      shop.pass(hours);
      if ((await runReconcile(shop)).orders > 0) checkedAfter.push(hour);
    }
    expect(checkedAfter).toEqual([1, 2, 7, 13, 19, 25, 31, 37]);
    expect((await current(shop, order)).status).toBe('awaiting_payment');
  });

  test('expires an order that is not paid in time, and cancels its intent so that no one can pay it', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    shop.pass(59 * minutes);
    await runReconcile(shop);
    expect((await current(shop, order)).status).toBe('awaiting_payment');
    shop.pass(8 * minutes);
    await runReconcile(shop);
    expect((await current(shop, order)).status).toBe('expired');
    expect(statusAtDojo(shop, intentId)).toBe('Canceled');
    expect(await shop.pay(intentId)).not.toBe(303);
  });

  test.each([-120_001, 120_001])(
    'expires nothing while the shop’s clock and Dojo’s differ by %i ms',
    async (skewMs) => {
      const shop = await start();
      const { order } = await ordered(shop);
      Object.assign(shop.context.dojo, { clockSkewMs: () => skewMs });
      const ask = shop.context.dojo.getPaymentIntent;
      const open = await ask((await current(shop, order)).attempts[0]?.paymentIntentId ?? '');
      Object.assign(shop.context.dojo, { getPaymentIntent: async () => open });
      shop.pass(9 * hours);
      await runReconcile(shop);
      expect((await current(shop, order)).status).toBe('awaiting_payment');
      expect(logged(shop, 'clockSkewed')).toContainEqual(expect.objectContaining({ skewMs }));
    },
  );

  test.each([-120_000, 120_000])('expires an order while the two clocks differ by %i ms', async (skewMs) => {
    const shop = await start();
    const { order } = await ordered(shop);
    Object.assign(shop.context.dojo, { clockSkewMs: () => skewMs });
    shop.pass(9 * hours);
    await runReconcile(shop);
    expect((await current(shop, order)).status).toBe('expired');
  });

  test('expires an order that a late payment then makes paid and held', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    shop.pass(8 * hours);
    await runReconcile(shop);
    expect((await current(shop, order)).status).toBe('expired');
    const { sign, statusUpdate } = await import('../support/webhook.ts');
    const body = statusUpdate({ paymentIntentId: intentId, paymentStatus: 'Captured' });
    const secret = (await shop.context.dojo.listSubscriptions())[0]?.secrets[0]?.value ?? '';
    await shop.hand({ body: Buffer.from(body), signature: sign(body, secret) });
    expect(await current(shop, order)).toMatchObject({
      status: 'paid',
      holds: ['captured_after_cancel', 'late_payment'],
    });
    expect(due(shop)).toHaveLength(0);
  });

  test('finds and cancels the intent of a call whose answer was lost, and leaves the order’s other intent alone', async () => {
    const shop = await start();
    loseNextAnswers(shop);
    const { order, intentId } = await ordered(shop);
    expect(shop.simulator.paymentIntents()).toHaveLength(2);
    shop.pass(minutes);
    expect((await runReconcile(shop)).orphans).toBe(1);
    const other = shop.simulator.paymentIntents().find((intent) => intent.id !== intentId);
    expect(other?.status).toBe('Canceled');
    expect(logged(shop, 'orphanFound')).toMatchObject([
      { orderReference: order.reference, paymentIntentId: other?.id, paymentStatus: 'Canceled' },
    ]);
    expect(statusAtDojo(shop, intentId)).toBe('Created');
    expect((await current(shop, order)).status).toBe('awaiting_payment');
    await shop.pay(intentId);
    await shop.handAll();
    expect(await current(shop, order)).toMatchObject({ status: 'paid', holds: [] });
  });

  test('finds an orphan intent that Dojo was slow to create, once searches work again', async () => {
    const shop = await start();
    const { createPaymentIntent, searchPaymentIntents } = shop.context.dojo;
    const slow: typeof createPaymentIntent = async (...args) => {
      shop.pass(9_000);
      await createPaymentIntent(...args);
      throw new DojoError('timeout', 'The answer was lost.');
    };
    const broken = () => Promise.reject(new DojoError('invalid', 'No search today.'));
    Object.assign(shop.context.dojo, { createPaymentIntent: slow, searchPaymentIntents: broken });
    shop.simulator.changeSettings({ expiredIntent: 'stays-created' });
    const statuses = () => new Set(shop.simulator.paymentIntents().map(({ status }) => status));
    await shop.place();
    for (let quarter = 0; quarter < 4; quarter += 1) {
      shop.pass(15 * minutes);
      await runReconcile(shop);
    }
    expect(statuses()).toEqual(new Set(['Created']));
    Object.assign(shop.context.dojo, { searchPaymentIntents });
    shop.pass(hours);
    await runReconcile(shop);
    expect(statuses()).toEqual(new Set(['Canceled']));
  });

  test('tries again to cancel an orphan intent that Dojo did not cancel', async () => {
    const shop = await start();
    loseNextAnswers(shop);
    const { intentId } = await ordered(shop);
    const lost = shop.simulator.paymentIntents().find(({ id }) => id !== intentId)?.id ?? '';
    shop.simulator.faults.add({ kind: 'status', status: 409, operation: 'cancel-payment-intent', times: 1 });
    shop.pass(minutes);
    await runReconcile(shop);
    expect(statusAtDojo(shop, lost)).toBe('Created');
    shop.pass(5 * minutes);
    await runReconcile(shop);
    expect(statusAtDojo(shop, lost)).toBe('Canceled');
  });

  test('holds an order when an orphan intent was paid', async () => {
    const shop = await start();
    const create = shop.context.dojo.createPaymentIntent;
    Object.assign(shop.context.dojo, {
      createPaymentIntent: async (...args: Parameters<typeof create>) => {
        await create(...args);
        throw new DojoError('timeout', 'The answer was lost.');
      },
    });
    expect((await shop.place()).kind).toBe('dojo-unavailable');
    for (const intent of shop.simulator.paymentIntents()) await shop.pay(intent.id);
    shop.pass(minutes);
    expect((await runReconcile(shop)).orphans).toBe(2);
    const order = await shop.context.store.findOrderByCheckoutKey('key-1');
    expect(order).toMatchObject({ status: 'paid', holds: ['late_payment', 'paid_twice'] });
    expect(due(shop)).toHaveLength(0);
  });

  test('stops searching for an intent that was never created', async () => {
    const shop = await start();
    Object.assign(shop.context.dojo, {
      createPaymentIntent: () => Promise.reject(new DojoError('timeout', 'Nothing came.')),
    });
    await shop.place();
    for (const pause of [1, 4, 10, 60, 600]) {
      shop.pass(pause * minutes);
      await runReconcile(shop);
    }
    const order = await shop.context.store.findOrderByCheckoutKey('key-1');
    expect(order?.attempts.map(({ state, checks }) => [state, checks])).toEqual([
      ['absent', 3],
      ['absent', 3],
    ]);
  });

  test('cancels the intent of an answer that was not what was asked for', async () => {
    const shop = await start();
    shop.simulator.faults.add({ kind: 'wrong-amount', operation: 'create-payment-intent', times: 1 });
    expect((await shop.place()).kind).toBe('dojo-refused');
    shop.pass(minutes);
    await runReconcile(shop);
    expect(shop.simulator.paymentIntents().map((intent) => intent.status)).toEqual(['Canceled']);
    expect((await shop.place()).kind).toBe('ready');
  });

  test('cancels the intent that a dead process left behind', async () => {
    const shop = await start();
    const died = { ...shop.context.store, attachIntent: () => Promise.reject(new Error('The server died.')) };
    const purchase = {
      items: [{ sku: 'mug', quantity: 1 }],
      checkoutKey: 'key-1',
      shopperId: 'shopper-1',
      customer,
    };
    await expect(placeOrder({ ...shop.context, store: died }, purchase)).rejects.toThrow('died');
    shop.pass(minutes);
    await runReconcile(shop);
    expect(shop.simulator.paymentIntents().map((intent) => intent.status)).toEqual(['Canceled']);
    expect((await shop.place()).kind).toBe('ready');
  });

  test('runs in one process at a time, and another takes over from one that died', async () => {
    const shop = await start();
    await ordered(shop);
    shop.pass(2 * minutes);
    expect(
      await shop.context.store.acquireLease(
        'reconcile',
        'dead',
        shop.now(),
        new Date(shop.now().getTime() + minutes),
      ),
    ).toBe(true);
    expect((await runReconcile(shop)).ran).toBe(false);
    shop.pass(minutes);
    expect(await runReconcile(shop)).toMatchObject({ ran: true, orders: 1 });
  });

  test('keeps others away for as long as its run takes', async () => {
    const shop = await start();
    for (const key of ['key-1', 'key-2', 'key-3']) await ordered(shop, key);
    const ask = shop.context.dojo.getPaymentIntent;
    const others: boolean[] = [];
    const slow: typeof ask = async (id) => {
      shop.pass(40_000);
      others.push((await reconcile(shop.context, 'another')).ran);
      return ask(id);
    };
    const nothing = async () => ({ data: [] });
    Object.assign(shop.context.dojo, { getPaymentIntent: slow, searchPaymentIntents: nothing });
    shop.pass(2 * minutes);
    expect((await runReconcile(shop)).orders).toBe(3);
    expect(others).toEqual([false, false, false]);
  });

  test('ends after the call under way when the shop closes, and checks the rest in the next run', async () => {
    const shop = await start();
    for (const key of ['key-1', 'key-2', 'key-3']) await ordered(shop, key);
    const closing = new AbortController();
    const { getPaymentIntent, searchPaymentIntents } = shop.context.dojo;
    const ask: typeof getPaymentIntent = (id) => {
      closing.abort();
      return getPaymentIntent(id);
    };
    const nothing = async () => ({ data: [] });
    Object.assign(shop.context.dojo, { getPaymentIntent: ask, searchPaymentIntents: nothing });
    shop.pass(2 * minutes);
    expect((await reconcile(shop.context, 'closing', { signal: closing.signal })).orders).toBe(1);
    Object.assign(shop.context.dojo, { getPaymentIntent, searchPaymentIntents });
    expect((await runReconcile(shop)).orders).toBe(2);
  });

  test('stops at once when Dojo cannot be called, and checks in the next run what was due', async () => {
    const shop = await start();
    const one = await ordered(shop, 'key-1');
    await ordered(shop, 'key-2');
    await shop.pay(one.intentId);
    const { getPaymentIntent, searchPaymentIntents } = shop.context.dojo;
    const paused = () => Promise.reject(new DojoError('paused', 'Dojo is not called for now.'));
    Object.assign(shop.context.dojo, { getPaymentIntent: paused, searchPaymentIntents: paused });
    shop.pass(2 * minutes);
    expect(await runReconcile(shop)).toMatchObject({ ran: true, orders: 0 });
    expect(logged(shop, 'reconcileStopped')).toMatchObject([{ err: { kind: 'paused' } }]);
    Object.assign(shop.context.dojo, { getPaymentIntent, searchPaymentIntents });
    shop.pass(2 * minutes);
    expect((await runReconcile(shop)).orders).toBe(2);
    expect((await current(shop, one.order)).status).toBe('paid');
  });
});

describe('the reconciler, whatever Dojo answers,', () => {
  /** Replaces the next calls of one method; the calls after them are real. */
  function once<Name extends keyof Scenario['context']['dojo']>(
    shop: Scenario,
    name: Name,
    ...replacements: Scenario['context']['dojo'][Name][]
  ): void {
    const real = shop.context.dojo[name] as (...args: unknown[]) => unknown;
    const next = (...args: unknown[]) => ((replacements.shift() as typeof real | undefined) ?? real)(...args);
    Object.assign(shop.context.dojo, { [name]: next });
  }
  const fails = (kind: DojoErrorKind) => () => Promise.reject(new DojoError(kind, 'No usable answer.'));

  test('still checks an order after searching for its orphan intent', async () => {
    const shop = await start();
    once(shop, 'createPaymentIntent', fails('timeout'));
    const { order, intentId } = await ordered(shop);
    shop.pass(minutes);
    expect((await runReconcile(shop)).orphans).toBe(1);
    await shop.pay(intentId);
    shop.pass(hours);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'paid', holds: [] });
  });

  test('never releases goods for a paid orphan intent, even when its webhook comes first', async () => {
    const shop = await start();
    const create = shop.context.dojo.createPaymentIntent;
    const lost = async (...args: Parameters<typeof create>) => {
      await create(...args);
      throw new DojoError('timeout', 'The answer was lost.');
    };
    once(shop, 'createPaymentIntent', lost, lost);
    await shop.place();
    for (const intent of shop.simulator.paymentIntents()) await shop.pay(intent.id);
    await shop.handAll();
    shop.pass(minutes);
    await runReconcile(shop);
    expect(due(shop)).toEqual([]);
    expect((await shop.context.store.findOrderByCheckoutKey('key-1'))?.holds).toContain('late_payment');
  });

  test('keeps asking while Dojo’s amount lags behind a refund, and lets no form refund it again', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const before = await shop.context.dojo.getPaymentIntent(intentId);
    once(
      shop,
      'getPaymentIntent',
      async () => before,
      async () => before,
    );
    const request = { amount: 500, reason: 'Broken', payment: null, expectedReturned: 0 };
    expect((await refundOrder(shop.context, await current(shop, order), { ...request, id: 'r1' })).kind).toBe(
      'done',
    );
    expect((await refundOrder(shop.context, await current(shop, order), { ...request, id: 'r2' })).kind).toBe(
      'stale',
    );
    for (let minute = 0; minute < 12; minute += 1) {
      shop.pass(minutes);
      await runReconcile(shop);
    }
    expect(await current(shop, order)).toMatchObject({ status: 'partly_refunded', holds: [] });
  });

  test.each([500, 1395])(
    'keeps goods back while the outcome of a refund of %i is unknown',
    async (amount) => {
      const shop = await start();
      const { order, intentId } = await ordered(shop);
      await shop.pay(intentId);
      await shop.handAll();
      once(shop, 'refundPaymentIntent', fails('timeout'));
      const request = { id: 'r1', amount, reason: '', payment: null, expectedReturned: 0 };
      await expect(refundOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
      expect((await current(shop, order)).mayShip).toBe(false);
    },
  );

  test('keeps goods back after a full refund while Dojo’s amount lags behind', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const before = await shop.context.dojo.getPaymentIntent(intentId);
    once(shop, 'getPaymentIntent', async () => before);
    const request = { id: 'r1', amount: 1395, reason: '', payment: null, expectedReturned: 0 };
    const refund = await refundOrder(shop.context, await current(shop, order), request);
    expect(refund).toMatchObject({ kind: 'done', order: { status: 'paid' } });
    expect((await current(shop, order)).mayShip).toBe(false);
  });

  test('finishes the refunds behind one that never gets a usable answer', async () => {
    const shop = await start();
    const one = await ordered(shop, 'key-1');
    const two = await ordered(shop, 'key-2');
    for (const { intentId } of [one, two]) await shop.pay(intentId);
    await shop.handAll();
    const send = shop.context.dojo.refundPaymentIntent;
    let isLost = true;
    const stubborn: typeof send = (id, refund) =>
      isLost || id === one.intentId
        ? Promise.reject(new DojoError('malformed', 'Nonsense.'))
        : send(id, refund);
    Object.assign(shop.context.dojo, { refundPaymentIntent: stubborn });
    for (const { order } of [one, two]) {
      const request = { id: `r-${order.id}`, amount: 500, reason: '', payment: null, expectedReturned: 0 };
      await expect(refundOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
    }
    isLost = false;
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect((await current(shop, two.order)).status).toBe('partly_refunded');
  });

  test('asks for a refund without a usable answer again and again, under one key, less and less often', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const asked: { minute: number; key: string; amount: number }[] = [];
    let minute = 0;
    const send: Scenario['context']['dojo']['refundPaymentIntent'] = (
      _id,
      { idempotencyKey: key, amount },
    ) => {
      asked.push({ minute, key, amount });
      return Promise.reject(new DojoError('malformed', 'Nonsense.'));
    };
    Object.assign(shop.context.dojo, { refundPaymentIntent: send });
    const request = { id: 'r1', amount: 500, reason: '', payment: null, expectedReturned: 0 };
    await expect(refundOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
    for (minute = 1; minute <= 60; minute += 1) {
      shop.pass(minutes);
      await runReconcile(shop);
    }
    expect(asked).toEqual([0, 1, 2, 6, 15, 31, 56].map((at) => ({ minute: at, key: 'r1', amount: 500 })));
  });

  test('finds the orphan intent of an attempt whose number was used before', async () => {
    const shop = await start();
    once(shop, 'createPaymentIntent', fails('unreachable'));
    expect((await shop.place()).kind).toBe('dojo-unavailable');
    shop.pass(2 * hours);
    const create = shop.context.dojo.createPaymentIntent;
    once(shop, 'createPaymentIntent', async (...args) => {
      await create(...args);
      throw new DojoError('timeout', 'The answer was lost.');
    });
    await shop.place();
    shop.pass(minutes);
    await runReconcile(shop);
    expect(
      shop.simulator
        .paymentIntents()
        .map((intent) => intent.status)
        .sort(),
    ).toEqual(['Canceled', 'Created']);
  });

  test('asks again after an answer with an unknown status, or about another order', async () => {
    for (const odd of [{ status: 'Processing' }, { reference: 'ORD-other' }]) {
      const shop = await start();
      const { order, intentId } = await ordered(shop);
      const open = await shop.context.dojo.getPaymentIntent(intentId);
      once(shop, 'getPaymentIntent', async () => ({ ...open, ...odd }));
      shop.pass(2 * minutes);
      await runReconcile(shop);
      await shop.pay(intentId);
      shop.pass(2 * hours);
      await runReconcile(shop);
      expect((await current(shop, order)).status).toBe('paid');
    }
  });

  test('refunds what an interrupted reversal can no longer give back', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    once(shop, 'reversePaymentIntent', fails('timeout'));
    const request = { id: 'undo-1', payment: null, reason: 'Sold out' };
    await expect(undoOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
    shop.pass(48 * hours);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'refunded', holds: [] });
  });

  test('knows an interrupted reversal for its own once Dojo shows the money gone', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const reverse = shop.context.dojo.reversePaymentIntent;
    once(shop, 'reversePaymentIntent', async (id) => {
      await reverse(id);
      throw new DojoError('timeout', 'The answer was lost.');
    });
    const request = { id: 'undo-1', payment: null, reason: 'Sold out' };
    await expect(undoOrder(shop.context, await current(shop, order), request)).rejects.toThrow(DojoError);
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({
      status: 'reversed',
      holds: [],
      refunds: [{ kind: 'reversal', state: 'done', amount: 1395 }],
    });
    expect(logged(shop, 'refundRefused')).toEqual([]);
  });

  test('checks the other orders although one never gets a usable answer, and checks that one no more often than the schedule says', async () => {
    const shop = await start();
    const bad = await ordered(shop, 'key-1');
    const good = await ordered(shop, 'key-2');
    await shop.pay(good.intentId);
    const ask = shop.context.dojo.getPaymentIntent;
    let asked = 0;
    const partly: typeof ask = (id, options) => {
      if (id !== bad.intentId) return ask(id, options);
      asked += 1;
      return Promise.reject(new DojoError('malformed', 'Nonsense.'));
    };
    Object.assign(shop.context.dojo, { getPaymentIntent: partly });
    shop.pass(2 * minutes);
    await runReconcile(shop);
    expect((await current(shop, good.order)).status).toBe('paid');
    for (let hour = 0; hour < 100; hour += 1) {
      shop.pass(hours);
      await runReconcile(shop);
    }
    // After one and two hours, then every six.
    expect(asked).toBeLessThanOrEqual(18);
  });

  test('checks again when the webhook of a refund comes during a check', async () => {
    const shop = await start();
    const { order, intentId } = await ordered(shop);
    await shop.pay(intentId);
    await shop.handAll();
    const before = await shop.context.dojo.getPaymentIntent(intentId);
    once(shop, 'getPaymentIntent', async () => {
      await shop.portalRefund(intentId, 500);
      await shop.handAll();
      return before;
    });
    shop.pass(minutes);
    await runReconcile(shop);
    shop.pass(minutes);
    await runReconcile(shop);
    expect(await current(shop, order)).toMatchObject({ status: 'partly_refunded' });
  });

  test('can run in another process as soon as it has ended', async () => {
    const shop = await start();
    expect((await reconcile(shop.context, 'one')).ran).toBe(true);
    expect((await reconcile(shop.context, 'two')).ran).toBe(true);
  });

  test.each(['1', '2', '20'])(
    'makes at most DOJO_CALLS_PER_SECOND=%s calls a second, whatever they are for',
    async (perSecond) => {
      const shop = await start({ env: { DOJO_CALLS_PER_SECOND: perSecond } });
      shop.simulator.changeSettings({ expiredIntent: 'stays-created' });
      for (let order = 0; order < 5; order += 1) await ordered(shop, `key-${order}`);
      shop.pass(8 * hours);
      const calls = countCalls(shop.context.dojo);
      const startedAt = shop.now().getTime();
      await runReconcile(shop);
      // Each is canceled, and read before and after.
      expect(calls).toMatchObject({ getPaymentIntent: 10, cancelPaymentIntent: 5 });
      const expectedMs = (totalOf(calls) - 1) * (1_000 / Number(perSecond));
      expect(shop.now().getTime() - startedAt).toBe(expectedMs);
    },
  );
});
