import { expect, test } from 'vitest';
import { type CallRow, describeCalls, gbp, openScene } from './simulator-scene.ts';

const unknown = 'pi_sandbox_unknown';
const manual = { captureMode: 'Manual' } as const;
const changeable = { config: { payment: { customAmountAllowed: true, tipsAllowed: true } } };
const intentWith = (members: object) => expect.objectContaining(members);

const calls: CallRow[] = [
  {
    operation: 'create-payment-intent',
    name: 'creating an intent',
    call: (dojo) => dojo.createPaymentIntent({ amount: gbp(1234), reference: 'ORD-1' }),
    arrives: () => ({
      method: 'POST',
      url: '/payment-intents',
      body: { amount: gbp(1234), reference: 'ORD-1' },
      headers: { 'content-type': 'application/json' },
    }),
    gives: intentWith({ status: 'Created', captureMode: 'Auto', amount: gbp(1234), totalAmount: gbp(1234) }),
    refusal: {
      call: (dojo) => dojo.createPaymentIntent({ amount: gbp(1234), reference: '' }),
      kind: 'invalid',
      status: 400,
    },
  },
  {
    operation: 'get-payment-intent',
    name: 'getting an intent that is canceled',
    async prepare({ dojo, createIntent }) {
      const id = await createIntent();
      await dojo.cancelPaymentIntent(id);
      return [id];
    },
    call: (dojo, [id = '']) => dojo.getPaymentIntent(id),
    arrives: ([id]) => ({ method: 'GET', url: `/payment-intents/${id}?returnCanceled=true` }),
    gives: intentWith({ status: 'Canceled', refundedAmount: 0 }),
    refusal: { call: (dojo) => dojo.getPaymentIntent(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'cancel-payment-intent',
    name: 'canceling an intent',
    prepare: async ({ createIntent }) => [await createIntent()],
    call: (dojo, [id = '']) => dojo.cancelPaymentIntent(id),
    arrives: ([id]) => ({ method: 'DELETE', url: `/payment-intents/${id}` }),
    gives: intentWith({ status: 'Canceled' }),
    refusal: { call: (dojo) => dojo.cancelPaymentIntent(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'search-payment-intents',
    name: 'searching for intents',
    prepare: async ({ createIntent, createPaidIntent }) => [await createPaidIntent(), await createIntent()],
    call: (dojo) => dojo.searchPaymentIntents({ statuses: ['Captured'], cursor: { limit: 1 } }),
    arrives: () => ({
      method: 'POST',
      url: '/payment-intents/search',
      body: { statuses: ['Captured'], cursor: { limit: 1 } },
    }),
    gives: intentWith({ data: [intentWith({ status: 'Captured' })] }),
    refusal: {
      call: (dojo) => dojo.searchPaymentIntents({ cursor: { limit: 101 } }),
      kind: 'invalid',
      status: 400,
    },
  },
  {
    operation: 'create-capture',
    name: 'capturing part of a reservation',
    prepare: async ({ createPaidIntent }) => [await createPaidIntent(manual)],
    call: (dojo, [id = '']) => dojo.capturePaymentIntent(id, 600),
    arrives: ([id]) => ({ method: 'POST', url: `/payment-intents/${id}/captures`, body: { amount: 600 } }),
    gives: intentWith({ captureId: expect.stringMatching(/^cp_/) }),
    ledger: { charged: 600, refunded: 0, reserved: 634 },
    refusal: { call: (dojo) => dojo.capturePaymentIntent(unknown, 1), kind: 'invalid', status: 400 },
  },
  {
    operation: 'create-refund',
    name: 'refunding part of a payment',
    prepare: async ({ createPaidIntent }) => [await createPaidIntent()],
    call: (dojo, [id = '']) => dojo.refundPaymentIntent(id, { amount: 300, idempotencyKey: 'refund-1' }),
    arrives: ([id]) => ({
      method: 'POST',
      url: `/payment-intents/${id}/refunds`,
      body: { amount: 300 },
      headers: { idempotencykey: 'refund-1' },
    }),
    gives: { refundId: expect.stringMatching(/^rfnd_/) },
    ledger: { charged: 1234, refunded: 300, reserved: 0 },
    refusal: {
      call: (dojo) => dojo.refundPaymentIntent(unknown, { amount: 1, idempotencyKey: '' }),
      kind: 'invalid',
      status: 400,
    },
  },
  {
    operation: 'get-refund',
    name: 'getting a refund',
    async prepare({ dojo, createPaidIntent }) {
      const id = await createPaidIntent();
      const refund = { amount: 300, refundReason: 'Chipped', notes: 'Box 3', idempotencyKey: 'refund-1' };
      return [(await dojo.refundPaymentIntent(id, refund)).refundId];
    },
    call: (dojo, [refundId = '']) => dojo.getRefund(refundId),
    arrives: ([refundId]) => ({ method: 'GET', url: `/payment-intents/refunds/${refundId}` }),
    gives: {
      refundId: expect.stringMatching(/^rfnd_/),
      paymentIntentId: expect.stringMatching(/^pi_/),
      refundReason: 'Chipped',
      notes: 'Box 3',
    },
    refusal: { call: (dojo) => dojo.getRefund('rfnd_unknown'), kind: 'invalid', status: 400 },
  },
  {
    operation: 'create-reversal',
    name: 'reversing a payment on its own day',
    prepare: async ({ createPaidIntent }) => [await createPaidIntent()],
    call: (dojo, [id = '']) => dojo.reversePaymentIntent(id),
    arrives: ([id]) => ({ method: 'POST', url: `/payment-intents/${id}/reversal` }),
    gives: { reversalId: expect.stringMatching(/^rvs_/) },
    ledger: { charged: 1234, refunded: 1234, reserved: 0 },
    refusal: { call: (dojo) => dojo.reversePaymentIntent(unknown), kind: 'invalid', status: 400 },
  },
  {
    operation: 'set-amount',
    name: 'setting the amount of an unpaid intent',
    prepare: async ({ createIntent }) => [await createIntent(changeable)],
    call: (dojo, [id = '']) => dojo.setPaymentIntentAmount(id, { amount: gbp(700) }),
    arrives: ([id]) => ({
      method: 'POST',
      url: `/payment-intents/${id}/amount`,
      body: { amount: gbp(700) },
    }),
    gives: intentWith({ amount: gbp(700), totalAmount: gbp(700) }),
    refusal: {
      call: (dojo) => dojo.setPaymentIntentAmount(unknown, { amount: gbp(700) }),
      kind: 'invalid',
      status: 400,
    },
  },
  {
    operation: 'set-tips-amount',
    name: 'setting the tip of an unpaid intent',
    prepare: async ({ createIntent }) => [await createIntent(changeable)],
    call: (dojo, [id = '']) => dojo.setTipsAmount(id, gbp(100)),
    arrives: ([id]) => ({
      method: 'POST',
      url: `/payment-intents/${id}/tips-amount`,
      body: { tipsAmount: gbp(100) },
    }),
    gives: intentWith({ amount: gbp(1234), tipsAmount: gbp(100), totalAmount: gbp(1334) }),
    refusal: { call: (dojo) => dojo.setTipsAmount(unknown, gbp(100)), kind: 'invalid', status: 400 },
  },
  {
    operation: 'send-receipt',
    name: 'sending a receipt',
    prepare: async ({ createPaidIntent }) => [await createPaidIntent()],
    call: (dojo, [id = '']) => dojo.sendReceipt(id, ['ada@shop.example']),
    arrives: ([id]) => ({
      method: 'POST',
      url: `/payment-intents/${id}/receipt`,
      body: { emails: ['ada@shop.example'] },
    }),
    refusal: {
      call: (dojo) => dojo.sendReceipt(unknown, ['ada@shop.example']),
      kind: 'not-found',
      status: 404,
    },
  },
  {
    operation: 'refresh-client-session-secret',
    name: 'refreshing the client session secret',
    prepare: async ({ createIntent }) => [await createIntent()],
    call: (dojo, [id = '']) => dojo.refreshClientSessionSecret(id),
    arrives: ([id]) => ({ method: 'POST', url: `/payment-intents/${id}/refresh-client-session-secret` }),
    gives: {
      clientSessionSecret: expect.stringMatching(/^\S{20,}$/),
      clientSessionSecretExpirationDate: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    },
    refusal: { call: (dojo) => dojo.refreshClientSessionSecret(unknown), kind: 'invalid', status: 400 },
  },
];

describeCalls(calls);

test('a changed amount and its tip are what the shopper pays', async () => {
  const { dojo, simulator, createIntent, pay } = await openScene();
  const id = await createIntent(changeable);
  await dojo.setPaymentIntentAmount(id, { amount: gbp(700) });
  await dojo.setTipsAmount(id, gbp(50));
  await pay(id);
  expect(simulator.ledger()).toMatchObject([{ charged: 750, refunded: 0 }]);
  await expect(dojo.setTipsAmount(id, gbp(60))).rejects.toMatchObject({ name: 'DojoError' });
});

test('an amount that may not change stays as it is', async () => {
  const { dojo, createIntent } = await openScene();
  const id = await createIntent();
  await expect(dojo.setPaymentIntentAmount(id, { amount: gbp(1) })).rejects.toMatchObject({
    kind: 'invalid',
    status: 405,
  });
  await expect(dojo.setTipsAmount(id, gbp(1))).rejects.toMatchObject({ kind: 'invalid', status: 405 });
  expect((await dojo.getPaymentIntent(id)).totalAmount).toEqual(gbp(1234));
});

test('a refund repeated with its key moves no more money, and a new key does', async () => {
  const { dojo, simulator, createPaidIntent } = await openScene();
  const id = await createPaidIntent();
  const first = await dojo.refundPaymentIntent(id, { amount: 300, idempotencyKey: 'a' });
  expect(await dojo.refundPaymentIntent(id, { amount: 300, idempotencyKey: 'a' })).toEqual(first);
  expect(simulator.ledger()).toMatchObject([{ refunded: 300 }]);
  await dojo.refundPaymentIntent(id, { amount: 200, idempotencyKey: 'b' });
  expect((await dojo.getPaymentIntent(id)).refundedAmount).toBe(500);
});

test('a second client session secret replaces the first', async () => {
  const { dojo, createIntent } = await openScene();
  const id = await createIntent();
  const first = await dojo.refreshClientSessionSecret(id);
  const second = await dojo.refreshClientSessionSecret(id);
  expect(second.clientSessionSecret).not.toBe(first.clientSessionSecret);
});
