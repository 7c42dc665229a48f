import { readFileSync } from 'node:fs';
import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDojoClient, type DojoClient } from '../../src/dojo/client.ts';
import type { CreatePaymentIntentRequest } from '../../src/dojo/schemas.ts';
import { findOperation, operations } from '../../src/simulator/operations.ts';
import {
  captureReply,
  customerReply,
  moment,
  offeredEventsReply,
  paymentIntentReply,
  problemReply,
  refundReply,
  reversalReply,
  searchReply,
  secretReply,
  secretsReply,
  subscriptionReply,
  traceId,
} from '../support/dojo-replies.ts';
import { loadOpenApi } from '../support/openapi.ts';

const apiUrl = 'https://api.dojo.tech';
const openApi = loadOpenApi();

beforeAll(() => nock.disableNetConnect());
afterAll(() => nock.enableNetConnect());
afterEach(() => {
  nock.cleanAll();
});

const createRequest: CreatePaymentIntentRequest = {
  amount: { value: 1395, currencyCode: 'GBP' },
  reference: 'ORD-0SA8J-YX0000',
  description: '1 × Mug',
  captureMode: 'Auto',
  paymentMethods: ['Card'],
  itemLines: [{ id: 'mug', name: 'Mug', quantity: 1, amountTotal: { value: 1000, currencyCode: 'GBP' } }],
  taxLines: [{ id: 'delivery', caption: 'Delivery', amountTotal: { value: 395, currencyCode: 'GBP' } }],
  config: { redirectUrl: 'https://shop.example/back', cancelUrl: 'https://shop.example/cancelled' },
  expireAt: '2026-11-22T11:00:00.000Z',
  metadata: { order: 'ORD-0SA8J-YX0000', attempt: '1' },
};
const url = 'https://shop.example/webhooks/dojo';
const events = ['payment_intent.status_updated'];
const intentPath = '/payment-intents/pi_sandbox_T1';
const hookPath = '/webhooks/ws_sandbox_T1';
const customerPath = '/customers/cust_sandbox_T1';
const savedPath = '/customers/public/cust_sandbox_T1/payment-methods';
const savedCard = {
  id: 'pm_T1',
  cardDetails: { pan: '52000000****1005', expiryDate: '2029-12-31', scheme: 'MASTERCARD' },
};
const gbp = (value: number) => ({ value, currencyCode: 'GBP' });

type Row = {
  name: string;
  run: (dojo: DojoClient) => Promise<unknown>;
  method: string;
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  status?: number;
  reply?: nock.Body;
  gives?: unknown;
};

const calls: Row[] = [
  {
    name: 'creating an intent sends the amount as an object',
    run: (dojo) => dojo.createPaymentIntent(createRequest),
    method: 'POST',
    path: '/payment-intents',
    body: createRequest,
    reply: paymentIntentReply(),
    gives: expect.objectContaining({ id: 'pi_sandbox_T1', status: 'Created', refundedAmount: 0 }),
  },
  {
    name: 'getting an intent asks for canceled ones too',
    run: (dojo) => dojo.getPaymentIntent('pi_sandbox_T1'),
    method: 'GET',
    path: `${intentPath}?returnCanceled=true`,
    reply: paymentIntentReply({ status: 'Captured', refundedAmount: 300 }),
    gives: expect.objectContaining({ status: 'Captured', refundedAmount: 300 }),
  },
  {
    name: 'canceling deletes the intent and gives it back',
    run: (dojo) => dojo.cancelPaymentIntent('pi_sandbox_T1'),
    method: 'DELETE',
    path: intentPath,
    reply: paymentIntentReply({ status: 'Canceled' }),
    gives: expect.objectContaining({ status: 'Canceled' }),
  },
  {
    name: 'capturing sends the amount as a bare number',
    run: (dojo) => dojo.capturePaymentIntent('pi_sandbox_T1', 1000),
    method: 'POST',
    path: `${intentPath}/captures`,
    body: { amount: 1000 },
    reply: captureReply(),
    gives: expect.objectContaining({ captureId: 'cp_T1' }),
  },
  {
    name: 'capturing with a tip sends both as bare numbers',
    run: (dojo) => dojo.capturePaymentIntent('pi_sandbox_T1', 900, { tipsAmount: 100 }),
    method: 'POST',
    path: `${intentPath}/captures`,
    body: { amount: 900, tipsAmount: 100 },
    reply: captureReply(),
    gives: expect.objectContaining({ captureId: 'cp_T1' }),
  },
  {
    name: 'setting the amount sends it as an object',
    run: (dojo) => dojo.setPaymentIntentAmount('pi_sandbox_T1', { amount: gbp(700), taxLines: [] }),
    method: 'POST',
    path: `${intentPath}/amount`,
    body: { amount: gbp(700), taxLines: [] },
    reply: paymentIntentReply({ amount: gbp(700), totalAmount: gbp(700), requestedAmount: gbp(1000) }),
    gives: expect.objectContaining({ amount: gbp(700), totalAmount: gbp(700) }),
  },
  {
    name: 'setting a tip sends it as an object',
    run: (dojo) => dojo.setTipsAmount('pi_sandbox_T1', gbp(150)),
    method: 'POST',
    path: `${intentPath}/tips-amount`,
    body: { tipsAmount: gbp(150) },
    reply: paymentIntentReply({ tipsAmount: gbp(150), totalAmount: gbp(1150) }),
    gives: expect.objectContaining({
      amount: gbp(1000),
      tipsAmount: gbp(150),
      totalAmount: gbp(1150),
    }),
  },
  {
    name: 'refreshing the client session gives the new secret alone',
    run: (dojo) => dojo.refreshClientSessionSecret('pi_sandbox_T1'),
    method: 'POST',
    path: `${intentPath}/refresh-client-session-secret`,
    reply: paymentIntentReply({
      clientSessionSecret: 'one-use',
      clientSessionSecretExpirationDate: '2026-11-22T10:30:00Z',
    }),
    gives: {
      clientSessionSecret: 'one-use',
      clientSessionSecretExpirationDate: '2026-11-22T10:30:00Z',
    },
  },
  {
    name: 'getting a refund gives its reason and notes',
    run: (dojo) => dojo.getRefund('rfnd_T1'),
    method: 'GET',
    path: '/payment-intents/refunds/rfnd_T1',
    reply: refundReply({ refundReason: 'Chipped', notes: 'Sent back' }),
    gives: {
      refundId: 'rfnd_T1',
      paymentIntentId: 'pi_sandbox_T1',
      refundReason: 'Chipped',
      notes: 'Sent back',
    },
  },
  {
    name: 'refunding sends the amount as a bare number, and its key as a header only',
    run: (dojo) =>
      dojo.refundPaymentIntent('pi_sandbox_T1', {
        amount: 300,
        refundReason: 'Chipped',
        idempotencyKey: 'refund-1',
      }),
    method: 'POST',
    path: `${intentPath}/refunds`,
    headers: { idempotencyKey: 'refund-1' },
    body: { amount: 300, refundReason: 'Chipped' },
    reply: refundReply(),
    gives: { refundId: 'rfnd_T1' },
  },
  {
    name: 'reversing sends no body',
    run: (dojo) => dojo.reversePaymentIntent('pi_sandbox_T1'),
    method: 'POST',
    path: `${intentPath}/reversal`,
    reply: reversalReply(),
    gives: { reversalId: 'rvs_T1' },
  },
  {
    name: 'searching sends a window of time and a page size',
    run: (dojo) =>
      dojo.searchPaymentIntents({
        statuses: ['Created'],
        startDate: '2026-11-22T09:00:00Z',
        endDate: '2026-11-22T10:00:00Z',
        cursor: { limit: 100 },
      }),
    method: 'POST',
    path: '/payment-intents/search',
    body: {
      statuses: ['Created'],
      startDate: '2026-11-22T09:00:00Z',
      endDate: '2026-11-22T10:00:00Z',
      cursor: { limit: 100 },
    },
    reply: searchReply([paymentIntentReply()], { after: 'next' }),
    gives: { data: [expect.objectContaining({ id: 'pi_sandbox_T1' })], before: null, after: 'next' },
  },
  {
    name: 'sending a receipt sends the addresses',
    run: (dojo) => dojo.sendReceipt('pi_sandbox_T1', ['ada@shop.example']),
    method: 'POST',
    path: `${intentPath}/receipt`,
    body: { emails: ['ada@shop.example'] },
    status: 204,
  },
  {
    name: 'listing the events on offer sends no body',
    run: (dojo) => dojo.listOfferedEvents(),
    method: 'GET',
    path: '/webhooks/events',
    reply: offeredEventsReply(),
    gives: offeredEventsReply(),
  },
  {
    name: 'listing subscriptions sends no body',
    run: (dojo) => dojo.listSubscriptions(),
    method: 'GET',
    path: '/webhooks',
    reply: [subscriptionReply()],
    gives: [expect.objectContaining({ id: 'ws_sandbox_T1', url, events })],
  },
  {
    name: 'subscribing sends events and an address, and gives the first secret',
    run: (dojo) => dojo.createSubscription({ events, url, description: 'The shop' }),
    method: 'POST',
    path: '/webhooks',
    body: { events, url, description: 'The shop' },
    reply: subscriptionReply(),
    gives: expect.objectContaining({ secrets: [expect.objectContaining({ value: 'ZGVtb19zZWNyZXQ' })] }),
  },
  {
    name: 'updating a subscription sends only what changes',
    run: (dojo) => dojo.updateSubscription('ws_sandbox_T1', { events }),
    method: 'PATCH',
    path: hookPath,
    body: { events },
    reply: subscriptionReply(),
  },
  {
    name: 'deleting a subscription sends no body',
    run: (dojo) => dojo.deleteSubscription('ws_sandbox_T1'),
    method: 'DELETE',
    path: hookPath,
    status: 204,
  },
  {
    name: 'listing secrets sends no body',
    run: (dojo) => dojo.listWebhookSecrets('ws_sandbox_T1'),
    method: 'GET',
    path: `${hookPath}/secrets`,
    reply: secretsReply(),
    gives: { secrets: [secretReply()] },
  },
  {
    name: 'creating a secret sends no body',
    run: (dojo) => dojo.createWebhookSecret('ws_sandbox_T1'),
    method: 'POST',
    path: `${hookPath}/secrets`,
    reply: secretsReply(),
    gives: { secrets: [secretReply()] },
  },
  {
    name: 'activating a secret sends no body',
    run: (dojo) => dojo.activateWebhookSecret('ws_sandbox_T1', 'sc_T1'),
    method: 'PUT',
    path: `${hookPath}/secrets/sc_T1/activate`,
    status: 204,
  },
  {
    name: 'deleting a secret sends no body',
    run: (dojo) => dojo.deleteWebhookSecret('ws_sandbox_T1', 'sc_T1'),
    method: 'DELETE',
    path: `${hookPath}/secrets/sc_T1`,
    status: 204,
  },
  {
    name: 'creating a customer sends the details',
    run: (dojo) => dojo.createCustomer({ name: 'Ada', billingAddress: { countryCode: 'GB' } }),
    method: 'POST',
    path: '/customers',
    body: { name: 'Ada', billingAddress: { countryCode: 'GB' } },
    reply: customerReply(),
    gives: expect.objectContaining({ id: 'cust_sandbox_T1', name: 'Ada', documentVersion: 0 }),
  },
  {
    name: 'getting customers names them in one path',
    run: (dojo) => dojo.getCustomers(['cust_sandbox_T1', 'cust_sandbox_T2']),
    method: 'GET',
    path: '/customers/cust_sandbox_T1,cust_sandbox_T2',
    reply: [customerReply()],
    gives: [expect.objectContaining({ id: 'cust_sandbox_T1' })],
  },
  {
    name: 'searching customers sends a flat cursor',
    run: (dojo) => dojo.searchCustomers({ limit: 2, after: 'cust_sandbox_T0' }),
    method: 'POST',
    path: '/customers/search',
    body: { limit: 2, after: 'cust_sandbox_T0' },
    reply: searchReply([customerReply()], { after: 'next' }),
    gives: { data: [expect.objectContaining({ id: 'cust_sandbox_T1' })], before: null, after: 'next' },
  },
  {
    name: 'updating a customer sends only what changes',
    run: (dojo) => dojo.updateCustomer('cust_sandbox_T1', { name: 'Ada L.' }),
    method: 'PATCH',
    path: customerPath,
    body: { name: 'Ada L.' },
    reply: customerReply({ name: 'Ada L.', documentVersion: 1 }),
    gives: expect.objectContaining({ name: 'Ada L.', documentVersion: 1 }),
  },
  {
    name: 'deleting a customer sends no body',
    run: (dojo) => dojo.deleteCustomer('cust_sandbox_T1'),
    method: 'DELETE',
    path: customerPath,
    status: 204,
  },
  {
    name: 'creating a customer secret sends no body',
    run: (dojo) => dojo.createCustomerSecret('cust_sandbox_T1'),
    method: 'POST',
    path: `${customerPath}/create-secret`,
    reply: { secret: 'cs_sandbox_T1', createdAt: moment, expireAt: moment },
    gives: { secret: 'cs_sandbox_T1', createdAt: moment, expireAt: moment },
  },
  {
    name: 'listing saved cards sends the customer secret in place of the key',
    run: (dojo) => dojo.listSavedPaymentMethods('cust_sandbox_T1', 'cs_sandbox_T1'),
    method: 'GET',
    path: savedPath,
    headers: { authorization: 'Basic cs_sandbox_T1' },
    reply: { customerId: 'cust_sandbox_T1', savedPaymentMethods: [savedCard] },
    gives: [savedCard],
  },
  {
    name: 'deleting a saved card sends the customer secret in place of the key',
    run: (dojo) => dojo.deleteSavedPaymentMethod('cust_sandbox_T1', 'pm_T1', 'cs_sandbox_T1'),
    method: 'DELETE',
    path: `${savedPath}/pm_T1`,
    headers: { authorization: 'Basic cs_sandbox_T1' },
    status: 204,
  },
];

describe.each(calls)('$name', ({ run, method, path, body, headers, status = 200, reply, gives }) => {
  test('sends one request with exactly this in it', async () => {
    const seen = answerOnce(method, path, status, reply, { version: '2026-02-27', ...headers });
    expect(await run(openClient())).toEqual(gives);
    expect(seen).toEqual([{ path, body }]);
    expect(nock.pendingMocks()).toEqual([]);
  });

  test('agrees with Dojo’s contract in request and answer', () => {
    expect(openApi.requestProblems({ method, path, body })).toEqual([]);
    expect(openApi.responseProblems({ method, path, status, body: reply })).toEqual([]);
  });

  test('is refused with Dojo’s trace id', async () => {
    answerOnce(method, path, 409, problemReply(409), { ...headers });
    await expect(run(openClient())).rejects.toMatchObject({
      name: 'DojoError',
      kind: 'conflict',
      status: 409,
      traceId,
      fieldErrors: { Reference: ['The Reference field is required.'] },
    });
  });
});

test('the table above calls every method of the client', () => {
  const called = new Set(calls.map(({ run }) => /dojo\.(\w+)/.exec(run.toString())?.[1]));
  expect([...called].toSorted()).toEqual(
    Object.keys(openClient())
      .filter((name) => name !== 'close' && name !== 'clockSkewMs')
      .toSorted(),
  );
});

test('the table above covers every operation that the simulator serves', () => {
  const covered = calls.map(
    ({ method, path }) => findOperation(method, path.split('?')[0] ?? '')?.operation ?? path,
  );
  expect([...new Set(covered)].toSorted()).toEqual(operations.toSorted());
});

test('the README of the package lists every call', () => {
  const readme = readFileSync(new URL('../../src/dojo/README.md', import.meta.url), 'utf8');
  const names = Object.keys(openClient());
  expect(names.filter((name) => !new RegExp(`\`${name}(\\(\\))?\``).test(readme))).toEqual([]);
});

test('getting no customers asks Dojo nothing', async () => {
  await expect(openClient().getCustomers([])).resolves.toEqual([]);
});

/** With a key alone: the address and the version are the defaults. */
function openClient(): DojoClient {
  const client = createDojoClient({ apiKey: 'sk_sandbox_test' });
  onTestFinished(() => client.close());
  return client;
}

function answerOnce(
  method: string,
  path: string,
  status: number,
  reply: nock.Body | undefined,
  reqheaders: Record<string, string>,
) {
  const seen: { path: string; body: unknown }[] = [];
  nock(apiUrl, { reqheaders: { authorization: 'Basic sk_sandbox_test', ...reqheaders } })
    .intercept(path, method)
    .reply(status, async (request: Request) => {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      seen.push({ path: pathname + search, body: text === '' ? undefined : JSON.parse(text) });
      return reply ?? '';
    });
  return seen;
}
