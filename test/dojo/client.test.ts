import nock from 'nock';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createDojoClient, type DojoClient } from '../../src/dojo/client.ts';
import type { CreatePaymentIntentRequest } from '../../src/dojo/schemas.ts';
import {
  captureReply,
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
    name: 'observation an intent asks for canceled ones too',
    run: (dojo) => dojo.getPaymentIntent('pi_sandbox_T1'),
    method: 'GET',
    path: `${intentPath}?returnCanceled=true`,
    reply: paymentIntentReply({ status: 'Captured', refundedAmount: 300 }),
    gives: expect.objectContaining({ status: 'Captured', refundedAmount: 300 }),
  },
  {
    name: 'canceling deletes the intent and gives what became of it',
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
    name: 'a receipt is sent to addresses',
    run: (dojo) => dojo.sendReceipt('pi_sandbox_T1', ['ada@shop.example']),
    method: 'POST',
    path: `${intentPath}/receipt`,
    body: { emails: ['ada@shop.example'] },
    status: 204,
  },
  {
    name: 'the events on offer are asked for',
    run: (dojo) => dojo.listOfferedEvents(),
    method: 'GET',
    path: '/webhooks/events',
    reply: offeredEventsReply(),
    gives: offeredEventsReply(),
  },
  {
    name: 'subscriptions are listed',
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
    name: 'a subscription is changed in part',
    run: (dojo) => dojo.updateSubscription('ws_sandbox_T1', { events }),
    method: 'PATCH',
    path: hookPath,
    body: { events },
    reply: subscriptionReply(),
  },
  {
    name: 'a subscription is deleted',
    run: (dojo) => dojo.deleteSubscription('ws_sandbox_T1'),
    method: 'DELETE',
    path: hookPath,
    status: 204,
  },
  {
    name: 'secrets are listed',
    run: (dojo) => dojo.listWebhookSecrets('ws_sandbox_T1'),
    method: 'GET',
    path: `${hookPath}/secrets`,
    reply: secretsReply(),
    gives: { secrets: [secretReply()] },
  },
  {
    name: 'a secret is made without a body',
    run: (dojo) => dojo.createWebhookSecret('ws_sandbox_T1'),
    method: 'POST',
    path: `${hookPath}/secrets`,
    reply: secretsReply(),
    gives: { secrets: [secretReply()] },
  },
  {
    name: 'a secret is activated',
    run: (dojo) => dojo.activateWebhookSecret('ws_sandbox_T1', 'sc_T1'),
    method: 'PUT',
    path: `${hookPath}/secrets/sc_T1/activate`,
    status: 204,
  },
  {
    name: 'a secret is deleted',
    run: (dojo) => dojo.deleteWebhookSecret('ws_sandbox_T1', 'sc_T1'),
    method: 'DELETE',
    path: `${hookPath}/secrets/sc_T1`,
    status: 204,
  },
];

describe.each(calls)('$name', ({ run, method, path, body, headers, status = 200, reply, gives }) => {
  test('in one request with exactly this in it', async () => {
    const seen = answerOnce(method, path, status, reply, { ...headers, version: '2026-02-27' });
    expect(await run(openClient())).toEqual(gives);
    expect(seen).toEqual([{ path, body }]);
    expect(nock.pendingMocks()).toEqual([]);
  });

  test('as Dojo’s contract has both sides of it', () => {
    expect(openApi.requestFaults({ method, path, body })).toEqual([]);
    expect(openApi.responseFaults({ method, path, status, body: reply })).toEqual([]);
  });

  test('whose refusal is told with Dojo’s trace id', async () => {
    answerOnce(method, path, 409, problemReply(409), {});
    await expect(run(openClient())).rejects.toMatchObject({
      name: 'DojoError',
      kind: 'conflict',
      status: 409,
      traceId,
      fieldErrors: { Reference: ['The Reference field is required.'] },
    });
  });
});

test('every method of the client is called above', () => {
  const called = calls.map(({ run }) => /dojo\.(\w+)/.exec(run.toString())?.[1]);
  expect(called.toSorted()).toEqual(
    Object.keys(openClient())
      .filter((name) => name !== 'close' && name !== 'clockSkewMs')
      .toSorted(),
  );
});

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
