import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  startSimulator,
  submitForm,
} from './support.ts';

const details = {
  name: 'Alex Doe',
  emailAddress: 'alex@shop.example',
  phoneNumber: '+44 20 7946 0000',
  vatNumber: 'GB123456789',
  billingAddress: { address1: '1 High Street', city: 'London', countryCode: 'GB' },
  shippingAddress: { countryCode: 'IE' },
};

async function createCustomer(simulator: Simulator, given: object = details) {
  const reply = await callApi(simulator, { method: 'POST', path: '/customers', body: given });
  expect(reply.status).toBe(200);
  return reply.body;
}

async function createSecret(simulator: Simulator, id: string) {
  const reply = await callApi(simulator, { method: 'POST', path: `/customers/${id}/create-secret` });
  expect(reply.status).toBe(200);
  return reply.body;
}

test('a customer is stored as given, and missing members stay missing', async () => {
  const simulator = await startSimulator({ clock: createStoppedClock() });
  const times = { createdAt: '2026-11-22T10:00:00.0000000Z', updatedAt: '2026-11-22T10:00:00.0000000Z' };
  const id = expect.stringMatching(/^cust_sandbox_[A-Za-z0-9_-]{22}$/);
  expect(await createCustomer(simulator)).toEqual({ id, ...details, documentVersion: 0, ...times });
  expect(await createCustomer(simulator, {})).toEqual({ id, documentVersion: 0, ...times });
  const pascal = { Name: 'Sam', BillingAddress: { CountryCode: 'GB' }, unknown: 1 };
  expect(await createCustomer(simulator, pascal)).toMatchObject({
    name: 'Sam',
    billingAddress: { countryCode: 'GB' },
  });
});

test.each([
  ['name', 'x'.repeat(101)],
  ['emailAddress', 'x'.repeat(255)],
  ['phoneNumber', '1234'],
  ['phoneNumber', '1'.repeat(51)],
  ['vatNumber', 'x'.repeat(51)],
  ['billingAddress', 'London'],
])('a customer with %s %j is a 400 problem', async (name, value) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'POST', path: '/customers', body: { [name]: value } });
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([name.charAt(0).toUpperCase() + name.slice(1)]);
});

test('customers are read as a list, without unknown ones', async () => {
  const simulator = await startSimulator();
  const [first, second] = [await createCustomer(simulator, {}), await createCustomer(simulator)];
  const get = async (ids: string) =>
    (await callApi(simulator, { method: 'GET', path: `/customers/${ids}` })).body;
  expect(await get(first.id)).toEqual([first]);
  expect(await get(`${second.id},${first.id}/`)).toEqual([second, first]);
  expect(await get(`${second.id}%2Ccust_unknown`)).toEqual([second]);
  expect(await get('cust_unknown')).toEqual([]);
  expect(await get('__proto__,constructor')).toEqual([]);
});

test('a change leaves other members alone, and increments the version', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const customer = await createCustomer(simulator);
  clock.advance(60_000);
  const path = `/customers/${customer.id}/`;
  const body = { phoneNumber: '078976534161', name: null };
  const changed = await callApi(simulator, { method: 'PATCH', path, body });
  expect(changed).toMatchObject({ status: 200 });
  expect(changed.body).toEqual({
    ...customer,
    phoneNumber: '078976534161',
    documentVersion: 1,
    updatedAt: '2026-11-22T10:01:00.0000000Z',
  });
  expect((await callApi(simulator, { method: 'GET', path })).body).toEqual([changed.body]);
});

test('a deleted customer is gone, and so is its secret', async () => {
  const simulator = await startSimulator();
  const { id } = await createCustomer(simulator);
  const { secret } = await createSecret(simulator, id);
  const path = `/customers/${id}`;
  expect((await callApi(simulator, { method: 'DELETE', path })).status).toBe(204);
  expect((await callApi(simulator, { method: 'GET', path })).body).toEqual([]);
  expect((await callApi(simulator, { method: 'DELETE', path })).status).toBe(404);
  const headers = { ...apiHeaders, authorization: `Basic ${secret}` };
  const cardsPath = `/customers/public/${id}/payment-methods`;
  expect((await callApi(simulator, { method: 'GET', path: cardsPath, headers })).status).toBe(401);
});

test.each([
  ['PATCH', '/customers/cust_unknown'],
  ['DELETE', '/customers/cust_unknown'],
  ['POST', '/customers/cust_unknown/create-secret'],
])('%s %s is a 404 problem', async (method, path) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method, path, body: method === 'PATCH' ? {} : undefined });
  expect(reply.status).toBe(404);
  expect(reply.contentType).toContain('application/problem+json');
});

test('a search pages through customers, newest first, and past a deleted one', async () => {
  const simulator = await startSimulator();
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) ids.unshift((await createCustomer(simulator, {})).id);
  const search = (body: object) =>
    callApi(simulator, { method: 'POST', path: '/customers/search', body }).then((reply) => ({
      ids: reply.body.data.map(({ id }: { id: string }) => id),
      before: reply.body.before,
      after: reply.body.after,
    }));
  expect(await search({})).toEqual({ ids, before: null, after: null });
  expect(await search({ limit: 2 })).toEqual({ ids: ids.slice(0, 2), before: null, after: ids[1] });
  await callApi(simulator, { method: 'DELETE', path: `/customers/${ids[1]}` });
  expect(await search({ limit: 2, after: ids[1] })).toEqual({
    ids: ids.slice(2, 4),
    before: ids[2],
    after: ids[3],
  });
  expect(await search({ limit: 2, before: ids[2] })).toEqual({
    ids: [ids[0]],
    before: null,
    after: ids[0],
  });
});

test.each([
  [{ limit: 0 }, 'Limit'],
  [{ limit: 101 }, 'Limit'],
  [{ before: 'a', after: 'b' }, 'Cursor'],
  [{ after: 'cust_unknown' }, 'Cursor'],
])('a search with %j is a 400 problem', async (body, field) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'POST', path: '/customers/search', body });
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([field]);
});

async function saveCard(simulator: Simulator) {
  const { id } = await createCustomer(simulator);
  const { secret } = await createSecret(simulator, id);
  const intent = await createIntent(simulator, {
    paymentMethods: ['SavedCard', 'Card'],
    customer: { id, secret },
  });
  await submitForm(simulator, `/checkout/${intent.id}`, { ...cards.success, saveCard: 'on' });
  return {
    id,
    secret,
    path: `/customers/public/${id}/payment-methods`,
    headers: { ...apiHeaders, authorization: `Basic ${secret}` },
  };
}

test('a customer with its secret sees its saved cards, and deletes one', async () => {
  const simulator = await startSimulator();
  const { id, path, headers } = await saveCard(simulator);
  const listed = await callApi(simulator, { method: 'GET', path: `${path}/`, headers });
  expect(listed).toMatchObject({
    status: 200,
    body: {
      customerId: id,
      savedPaymentMethods: [
        {
          id: expect.stringMatching(/^pm_/),
          cardDetails: { pan: '52000000****1005', expiryDate: '2029-12-31', scheme: 'MASTERCARD' },
        },
      ],
      supportedPaymentMethods: { cardSchemes: expect.arrayContaining(['VISA']) },
    },
  });
  const cardPath = `${path}/${listed.body.savedPaymentMethods[0].id}`;
  expect((await callApi(simulator, { method: 'DELETE', path: cardPath, headers })).status).toBe(204);
  expect((await callApi(simulator, { method: 'DELETE', path: cardPath, headers })).status).toBe(404);
  const left = await callApi(simulator, { method: 'GET', path, headers });
  expect(left.body.savedPaymentMethods).toEqual([]);
});

test('saved cards need a valid secret of that very customer', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { secret, path, headers } = await saveCard(simulator);
  const other = await createCustomer(simulator, {});
  const otherSecret = (await createSecret(simulator, other.id)).secret;
  const get = async (authorization: string | null, asked = path) => {
    const { version } = apiHeaders;
    const sent = authorization === null ? { version } : { version, authorization };
    return (await callApi(simulator, { method: 'GET', path: asked, headers: sent })).status;
  };
  expect(await get(`Basic ${secret}`)).toBe(200);
  expect(await get(null)).toBe(401);
  expect(await get(apiHeaders.authorization)).toBe(401);
  expect(await get(`Basic ${otherSecret}`)).toBe(401);
  expect(await get(`Bearer ${secret}`)).toBe(401);
  expect(await get('Basic undefined')).toBe(401);
  expect(await get(`Basic ${secret}`, '/customers/public/cust_unknown/payment-methods')).toBe(401);
  const { version: _version, ...unversioned } = headers;
  expect((await callApi(simulator, { method: 'GET', path, headers: unversioned })).status).toBe(400);
  clock.advance(15 * 60_000 - 1);
  expect(await get(`Basic ${secret}`)).toBe(200);
  clock.advance(1);
  expect(await get(`Basic ${secret}`)).toBe(401);
});

test('a customer’s secret does not replace the API key', async () => {
  const simulator = await startSimulator();
  const { id } = await createCustomer(simulator);
  const { secret, createdAt, expireAt } = await createSecret(simulator, id);
  expect(Date.parse(expireAt) - Date.parse(createdAt)).toBe(15 * 60_000);
  const headers = { ...apiHeaders, authorization: `Basic ${secret}` };
  for (const [method, path] of [
    ['GET', `/customers/${id}`],
    ['DELETE', `/customers/${id}`],
    ['GET', '/webhooks'],
  ] as const)
    expect((await callApi(simulator, { method, path, headers })).status).toBe(401);
});
