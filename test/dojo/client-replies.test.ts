import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDojoClient, type DojoClient } from '../../src/dojo/client.ts';
import { paymentIntentReply, subscriptionReply } from '../support/dojo-replies.ts';

const apiUrl = 'https://api.dojo.tech';

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.enableNetConnect());
afterEach(() => {
  nock.cleanAll();
});

describe('an id stays one segment of the path', () => {
  test.each([
    ['pi_../../webhooks', 'pi_..%2F..%2Fwebhooks'],
    ['pi_a?b#c', 'pi_a%3Fb%23c'],
    ['pi_a/b', 'pi_a%2Fb'],
    ['pi_%2e', 'pi_%252e'],
    ['pi_é', 'pi_%C3%A9'],
    ['pi_a-b_c', 'pi_a-b_c'],
  ])('%s', async (id, written) => {
    const scope = nock(apiUrl)
      .get(`/payment-intents/${written}?returnCanceled=true`)
      .reply(200, paymentIntentReply())
      .delete(`/webhooks/${written}/secrets/${written}`)
      .reply(204);
    const dojo = openClient();
    await dojo.getPaymentIntent(id);
    await dojo.deleteWebhookSecret(id, id);
    expect(scope.pendingMocks()).toEqual([]);
  });
});

describe('an intent is accepted', () => {
  test('with only the members that a shop needs', async () => {
    const { id, status, amount, reference } = paymentIntentReply();
    await expect(observeIntent({ id, status, amount, reference })).resolves.toEqual({
      id,
      status,
      amount,
      reference,
      refundedAmount: 0,
    });
  });

  test('with null when Dojo has no value', async () => {
    const nothing = {
      captureMode: null,
      metadata: null,
      paymentLink: null,
      refundedAmount: null,
      expireAt: null,
    };
    await expect(observeIntent(paymentIntentReply(nothing))).resolves.toMatchObject({
      refundedAmount: 0,
      paymentLink: null,
    });
  });

  test('with a new status, and with new members, which are dropped', async () => {
    const intent = await observeIntent(
      paymentIntentReply({ status: 'Settled', paymentDetails: { card: { cardNumber: '4456530000001096' } } }),
    );
    expect(intent.status).toBe('Settled');
    expect(JSON.stringify(intent)).not.toContain('4456530000001096');
  });

  test('with keys in the metadata that Dojo adds', async () => {
    const intent = await observeIntent(
      paymentIntentReply({ metadata: { order: 'x', 'location-id': 'y', n: 1 } }),
    );
    expect(intent.metadata).toEqual({ order: 'x', 'location-id': 'y', n: 1 });
  });
});

describe('an intent is malformed', () => {
  const flaws: [string, Record<string, unknown>][] = [
    ['without an id', { id: undefined }],
    ['whose id leads out of the path', { id: 'pi_../../x' }],
    ['whose id is of another kind', { id: 'rfnd_1' }],
    ['whose id is a number', { id: 7 }],
    ['whose id is endless', { id: `pi_${'x'.repeat(121)}` }],
    ['whose id ends in a line break', { id: 'pi_x\n' }],
    ['without a status', { status: undefined }],
    ['with an empty status', { status: '' }],
    ['with an endless status', { status: 'x'.repeat(65) }],
    ['without an amount', { amount: undefined }],
    ['with a bare number for its amount', { amount: 1000 }],
    ['with half a penny', { amount: { value: 0.5, currencyCode: 'GBP' } }],
    ['with an amount as text', { amount: { value: '1000', currencyCode: 'GBP' } }],
    ['with an amount beyond safe integers', { amount: { value: 2 ** 53, currencyCode: 'GBP' } }],
    ['without a currency', { amount: { value: 1000 } }],
    ['without a reference', { reference: undefined }],
    ['with a negative refunded amount', { refundedAmount: -1 }],
    ['with an object for the refunded amount', { refundedAmount: { value: 1, currencyCode: 'GBP' } }],
    ['with a number for its link', { paymentLink: 1 }],
  ];
  test.each(flaws)('%s', async (_name, members) => {
    await expect(observeIntent(paymentIntentReply(members))).rejects.toMatchObject({
      name: 'DojoError',
      kind: 'malformed',
      status: 200,
      isAmbiguous: true,
    });
  });

  test('and the message names the member, not its value', async () => {
    const error = await observeIntent(paymentIntentReply({ amount: { value: 'hush' } })).catch(String);
    expect(error).toContain('amount.value');
    expect(error).not.toContain('hush');
  });
});

describe('a short reply, as Dojo was seen to send it, is accepted:', () => {
  test('a subscription with id and secrets alone', async () => {
    const { id, secrets } = subscriptionReply();
    nock(apiUrl).post('/webhooks').reply(200, { id, secrets });
    const dojo = openClient();
    await expect(dojo.createSubscription({ events: ['a'], url: 'https://shop.example/x' })).resolves.toEqual({
      id,
      secrets,
      events: [],
    });
  });

  test('a refund with an id alone, or with the message of the guide', async () => {
    const path = '/payment-intents/pi_1/refunds';
    nock(apiUrl).post(path).reply(200, { refundId: 'rfnd_1' });
    nock(apiUrl).post(path).reply(200, { message: 'Refunded.', refundId: 'rfnd_1' });
    const dojo = openClient();
    for (let count = 0; count < 2; count += 1)
      await expect(dojo.refundPaymentIntent('pi_1', { amount: 1, idempotencyKey: 'k' })).resolves.toEqual({
        refundId: 'rfnd_1',
      });
  });

  test.each([
    [{ reversalId: 'rvs_1' }, 'rvs_1'],
    [{ id: 'rvs_1' }, 'rvs_1'],
    [{}, null],
  ])('a reversal that is %j', async (reply, reversalId) => {
    nock(apiUrl).post('/payment-intents/pi_1/reversal').reply(200, reply);
    await expect(openClient().reversePaymentIntent('pi_1')).resolves.toEqual({ reversalId });
  });

  test('a search one of whose intents has a shape that is new to us', async () => {
    const strange = { id: 'term_1', status: 'Captured' };
    const data = [paymentIntentReply(), strange, paymentIntentReply({ id: 'pi_sandbox_T2' })];
    nock(apiUrl).post('/payment-intents/search').reply(200, { data, before: null, after: 'pi_sandbox_T2' });
    const page = await openClient().searchPaymentIntents({});
    expect(page).toMatchObject({
      data: [{ id: 'pi_sandbox_T1' }, { id: 'pi_sandbox_T2' }],
      after: 'pi_sandbox_T2',
    });
  });

  test.each([{ data: null }, {}, { data: [], before: null }])('a search that finds %j', async (reply) => {
    nock(apiUrl).post('/payment-intents/search').reply(200, reply);
    expect((await openClient().searchPaymentIntents({})).data).toEqual([]);
  });

  test.each([
    [200, '{"id":"ws_1"}'],
    [204, ''],
  ])('an updated subscription with %i', async (status, body) => {
    nock(apiUrl).patch('/webhooks/ws_1').reply(status, body);
    await expect(openClient().updateSubscription('ws_1', { description: 'x' })).resolves.toBeUndefined();
  });
});

describe('after a 500', () => {
  const asks: [string, string, string, (dojo: DojoClient) => Promise<unknown>][] = [
    [
      'getting an intent',
      'GET',
      '/payment-intents/pi_1?returnCanceled=true',
      (dojo) => dojo.getPaymentIntent('pi_1'),
    ],
    ['searching', 'POST', '/payment-intents/search', (dojo) => dojo.searchPaymentIntents({})],
    [
      'refunding, whose key makes it safe,',
      'POST',
      '/payment-intents/pi_1/refunds',
      (dojo) => dojo.refundPaymentIntent('pi_1', { amount: 1, idempotencyKey: 'k' }),
    ],
    ['listing subscriptions', 'GET', '/webhooks', (dojo) => dojo.listSubscriptions()],
    ['getting a refund', 'GET', '/payment-intents/refunds/r', (dojo) => dojo.getRefund('r')],
    ['searching customers', 'POST', '/customers/search', (dojo) => dojo.searchCustomers()],
    [
      'listing saved cards',
      'GET',
      '/customers/public/c/payment-methods',
      (dojo) => dojo.listSavedPaymentMethods('c', 's'),
    ],
  ];
  test.each(asks)('%s is repeated once', async (_name, method, path, run) => {
    expect(await countTries(method, path, run)).toBe(2);
  });

  const acts: typeof asks = [
    ['creating an intent', 'POST', '/payment-intents', (dojo) => dojo.createPaymentIntent(minimalRequest)],
    ['canceling', 'DELETE', '/payment-intents/pi_1', (dojo) => dojo.cancelPaymentIntent('pi_1')],
    ['capturing', 'POST', '/payment-intents/pi_1/captures', (dojo) => dojo.capturePaymentIntent('pi_1', 1)],
    ['reversing', 'POST', '/payment-intents/pi_1/reversal', (dojo) => dojo.reversePaymentIntent('pi_1')],
    [
      'sending a receipt',
      'POST',
      '/payment-intents/pi_1/receipt',
      (dojo) => dojo.sendReceipt('pi_1', ['a@b.example']),
    ],
    ['setting a tip', 'POST', '/payment-intents/pi_1/tips-amount', (dojo) => dojo.setTipsAmount('pi_1', gbp)],
    ['creating a customer', 'POST', '/customers', (dojo) => dojo.createCustomer({})],
    ['creating a secret', 'POST', '/webhooks/ws_1/secrets', (dojo) => dojo.createWebhookSecret('ws_1')],
  ];
  test.each(acts)('%s is not repeated', async (_name, method, path, run) => {
    expect(await countTries(method, path, run)).toBe(1);
  });
});

const gbp = { value: 1, currencyCode: 'GBP' };
const minimalRequest = { amount: gbp, reference: 'r' };

async function countTries(method: string, path: string, run: (dojo: DojoClient) => Promise<unknown>) {
  let tries = 0;
  nock(apiUrl)
    .intercept(path, method)
    .times(3)
    .reply(500, () => {
      tries += 1;
      return '';
    });
  await expect(run(openClient())).rejects.toMatchObject({ kind: 'unavailable' });
  return tries;
}

function observeIntent(reply: Record<string, unknown>) {
  nock(apiUrl).get('/payment-intents/pi_sandbox_T1?returnCanceled=true').reply(200, reply);
  return openClient().getPaymentIntent('pi_sandbox_T1');
}

function openClient(): DojoClient {
  const client = createDojoClient({
    apiUrl,
    apiKey: 'sk_sandbox_test',
    apiVersion: '2026-02-27',
    timeoutMs: 2_000,
    connections: 2,
  });
  onTestFinished(() => client.close());
  return client;
}
