import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  startSimulator,
  submitForm,
} from './support.ts';

test('a new intent repeats the request, and has what Dojo adds', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock, publicUrl: 'http://pay.localhost:4000/' });
  const request = {
    description: 'Two mugs',
    paymentMethods: ['Card', 'Wallet'],
    itemLines: [{ id: 'mug', name: 'Mug', quantity: 2, amountTotal: { value: 1000, currencyCode: 'GBP' } }],
    taxLines: [{ id: 'delivery', caption: 'Delivery', amountTotal: { value: 234, currencyCode: 'GBP' } }],
    metadata: { orderId: '1001' },
    config: {
      title: 'Mugs & more',
      redirectUrl: 'https://shop.example/r',
      cancelUrl: 'https://shop.example/c',
    },
    customer: { emailAddress: 'a@shop.example', secret: 'never repeated' },
    billingAddress: { countryCode: 'GB', city: null },
  };
  const intent = await createIntent(simulator, request);
  expect(intent.id).toMatch(/^pi_sandbox_[A-Za-z0-9_-]{22}$/);
  expect(intent).toMatchObject({
    status: 'Created',
    captureMode: 'Auto',
    description: 'Two mugs',
    paymentMethods: ['Card', 'Wallet'],
    itemLines: request.itemLines,
    taxLines: request.taxLines,
    totalAmount: { value: 1234, currencyCode: 'GBP' },
    refundedAmount: 0,
    createdAt: '2026-11-22T10:00:00.0000000Z',
    expireAt: '2026-12-22T10:00:00.0000000Z',
    paymentLink: `http://pay.localhost:4000/checkout/${intent.id}`,
    customer: { emailAddress: 'a@shop.example' },
  });
  expect(intent.metadata).toEqual({ orderId: '1001', 'location-id': expect.any(String) });
  expect(intent.config).toEqual({ ...request.config, branding: {}, tradingName: expect.any(String) });
  expect(JSON.stringify(intent)).not.toContain('never repeated');
});

test('an unknown intent is a 404, an id of another form a 400', async () => {
  const simulator = await startSimulator();
  for (const method of ['GET', 'DELETE']) {
    const unknown = await callApi(simulator, { method, path: '/payment-intents/pi_sandbox_unknown' });
    expect(unknown.status).toBe(404);
    const malformed = await callApi(simulator, { method, path: '/payment-intents/nonsense' });
    expect(malformed.status).toBe(400);
  }
});

test('a canceled intent is hidden unless the call asks for it', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const canceled = await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}/` });
  expect(canceled).toMatchObject({ status: 200, body: { id, status: 'Canceled' } });
  const hidden = await callApi(simulator, { method: 'GET', path: `/payment-intents/${id}` });
  expect(hidden.status).toBe(404);
  expect((await getIntent(simulator, id)).status).toBe('Canceled');
});

test('only an unpaid intent can be canceled', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const refused = await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${id}` });
  expect(refused.status).toBe(400);
  expect((await getIntent(simulator, id)).status).toBe('Captured');
  const other = await createIntent(simulator);
  await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${other.id}` });
  const again = await callApi(simulator, { method: 'DELETE', path: `/payment-intents/${other.id}` });
  expect(again.status).toBe(400);
});

test('an unpaid intent is void once it has expired', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { id } = await createIntent(simulator, { expireAt: '2026-11-22T10:30:00Z' });
  clock.advance(30 * 60_000 - 1);
  expect((await getIntent(simulator, id)).status).toBe('Created');
  clock.advance(1);
  expect((await getIntent(simulator, id)).status).toBe('Canceled');
});

async function authorize(simulator: Simulator): Promise<string> {
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  return id;
}

async function payAtOnce(simulator: Simulator): Promise<string> {
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  return id;
}

test('a reservation is captured in parts, never beyond its total', async () => {
  const simulator = await startSimulator();
  const id = await authorize(simulator);
  const path = `/payment-intents/${id}/captures`;
  const first = await callApi(simulator, { method: 'POST', path, body: { amount: 1000 } });
  expect(first).toMatchObject({ status: 200, body: { captureId: expect.stringMatching(/^cp_/) } });
  expect((await callApi(simulator, { method: 'POST', path, body: { amount: 235 } })).status).toBe(400);
  expect((await callApi(simulator, { method: 'POST', path, body: { amount: 234 } })).status).toBe(200);
  const intent = await getIntent(simulator, id);
  expect(intent.status).toBe('Captured');
  expect(intent.captures.map(({ amount }: { amount: number }) => amount)).toEqual([1000, 234]);
});

test('a refund repeated with its key moves money once, and a full refund ends the intent', async () => {
  const simulator = await startSimulator();
  const id = await payAtOnce(simulator);
  const refund = (amount: number, idempotencyKey: string) =>
    callApi(simulator, {
      method: 'POST',
      path: `/payment-intents/${id}/refunds`,
      body: { amount, refundReason: 'Broken' },
      headers: { ...apiHeaders, idempotencyKey },
    });
  const first = await refund(200, 'key-1');
  expect(first).toMatchObject({ status: 200, body: { paymentIntentId: id, refundReason: 'Broken' } });
  expect((await refund(200, 'key-1')).body.refundId).toBe(first.body.refundId);
  expect((await refund(201, 'key-1')).status).toBe(400);
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Captured', refundedAmount: 200 });
  expect((await refund(1035, 'key-2')).status).toBe(400);
  expect((await refund(1034, 'key-3')).status).toBe(200);
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Refunded', refundedAmount: 1234 });
  expect((await refund(1, 'key-4')).status).toBe(400);
  const found = await callApi(simulator, {
    method: 'GET',
    path: `/payment-intents/refunds/${first.body.refundId}`,
  });
  expect(found.body).toEqual(first.body);
});

test('a refund without an idempotencyKey is refused', async () => {
  const simulator = await startSimulator();
  const id = await payAtOnce(simulator);
  const reply = await callApi(simulator, {
    method: 'POST',
    path: `/payment-intents/${id}/refunds`,
    body: { amount: 1 },
  });
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual(['IdempotencyKey']);
});

test('a reversal gives back a reservation or today’s payment, but not yesterday’s', async () => {
  const clock = createStoppedClock('2026-07-01T22:30:00Z');
  const simulator = await startSimulator({ clock });
  const reverse = (id: string) =>
    callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/reversal` });
  const reserved = await authorize(simulator);
  expect(await reverse(reserved)).toMatchObject({
    status: 200,
    body: { reversalId: expect.stringMatching(/^rvs_/) },
  });
  expect((await getIntent(simulator, reserved)).status).toBe('Reversed');
  const taken = await payAtOnce(simulator);
  const left = await payAtOnce(simulator);
  expect((await reverse(taken)).status).toBe(200);
  // Half past midnight in London, which is an hour ahead of UTC in July.
  clock.advance(3600_000);
  expect((await reverse(left)).status).toBe(409);
  expect((await getIntent(simulator, left)).status).toBe('Captured');
});

test.each(['captures', 'refunds', 'reversal'])('%s of an unknown or malformed id is a 400', async (name) => {
  const simulator = await startSimulator();
  for (const id of ['pi_sandbox_unknown', 'nonsense']) {
    const reply = await callApi(simulator, {
      method: 'POST',
      path: `/payment-intents/${id}/${name}`,
      body: { amount: 1 },
      headers: { ...apiHeaders, idempotencyKey: 'key' },
    });
    expect(reply.status).toBe(400);
  }
});

test('a search pages from the newest on, and filters by status', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    ids.unshift((await createIntent(simulator)).id);
    clock.advance(1000);
  }
  const search = async (body: object) =>
    (await callApi(simulator, { method: 'POST', path: '/payment-intents/search', body })).body;
  const idsOf = (page: { data: { id: string }[] }) => page.data.map(({ id }) => id);
  const first = await search({ cursor: { limit: 2 } });
  expect(idsOf(first)).toEqual(ids.slice(0, 2));
  expect(first.before).toBeNull();
  const second = await search({ cursor: { limit: 2, after: first.after } });
  expect(idsOf(second)).toEqual(ids.slice(2, 4));
  const third = await search({ cursor: { limit: 2, after: second.after } });
  expect(idsOf(third)).toEqual(ids.slice(4));
  expect(third.after).toBeNull();
  expect(idsOf(await search({ cursor: { limit: 2, before: second.before } }))).toEqual(ids.slice(0, 2));
  await submitForm(simulator, `/checkout/${ids[3]}`, cards.success);
  expect(idsOf(await search({ statuses: ['Captured'] }))).toEqual([ids[3]]);
  expect(idsOf(await search({ startDate: '2026-11-22T10:00:03Z' }))).toEqual(ids.slice(0, 2));
});

test('a cursor keeps its place when its intent no longer matches the search', async () => {
  const simulator = await startSimulator();
  const ids: string[] = [];
  for (let count = 0; count < 4; count += 1) ids.unshift((await createIntent(simulator)).id);
  const search = async (cursor: object) =>
    (
      await callApi(simulator, {
        method: 'POST',
        path: '/payment-intents/search',
        body: { statuses: ['Created'], cursor },
      })
    ).body;
  const first = await search({ limit: 2 });
  expect(first.after).toBe(ids[1]);
  await submitForm(simulator, `/checkout/${ids[1]}`, cards.success);
  const second = await search({ limit: 2, after: first.after });
  expect(second.data.map(({ id }: { id: string }) => id)).toEqual(ids.slice(2));
  const back = await search({ limit: 2, before: second.before });
  expect(back).toMatchObject({ data: [{ id: ids[0] }], before: null, after: ids[0] });
});

test.each([
  [{ cursor: { after: 'pi_sandbox_unknown' } }, 'Cursor'],
  [{ cursor: { limit: 101 } }, 'Cursor.Limit'],
  [{ statuses: ['Paid'] }, 'Statuses[0]'],
  [{ startDate: 'yesterday' }, 'StartDate'],
])('a search with %j is a 400 problem', async (body, field) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'POST', path: '/payment-intents/search', body });
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([field]);
});

test('a cursor goes only one way', async () => {
  const simulator = await startSimulator();
  const [{ id: after }, { id: before }] = [await createIntent(simulator), await createIntent(simulator)];
  const search = (cursor: object) =>
    callApi(simulator, { method: 'POST', path: '/payment-intents/search', body: { cursor } });
  const older = { data: [], before: null, after: null };
  expect((await search({ before, after: null })).body).toEqual(older);
  expect((await search({ before: '', after })).body).toEqual(older);
  expect(Object.keys((await search({ before, after })).body.errors)).toEqual(['Cursor']);
});

test('a paid intent has the addresses of the request, or empty ones', async () => {
  const simulator = await startSimulator();
  const bare = await payAtOnce(simulator);
  expect(await getIntent(simulator, bare)).toMatchObject({
    billingAddress: { address1: '', city: '', countryCode: '' },
    shippingDetails: { name: '', address: { postcode: '' } },
  });
  const billingAddress = { address1: '1 High Street', countryCode: 'GB' };
  const { id, ...created } = await createIntent(simulator, { billingAddress });
  expect(created).not.toHaveProperty('shippingDetails');
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect((await getIntent(simulator, id)).billingAddress).toEqual(billingAddress);
});

test('a refund takes a previousTransactionId of up to 100 characters', async () => {
  const simulator = await startSimulator();
  const id = await payAtOnce(simulator);
  const refund = (previousTransactionId: string) =>
    callApi(simulator, {
      method: 'POST',
      path: `/payment-intents/${id}/refunds`,
      body: { amount: 1, previousTransactionId },
      headers: { ...apiHeaders, idempotencyKey: previousTransactionId.slice(0, 100) },
    });
  expect((await refund('x'.repeat(100))).status).toBe(200);
  expect(Object.keys((await refund('y'.repeat(101))).body.errors)).toEqual(['PreviousTransactionId']);
});
