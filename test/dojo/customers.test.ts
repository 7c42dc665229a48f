import { expect, test } from 'vitest';
import { type CallRow, describeCalls, openScene, type Scene } from './simulator-scene.ts';

const unknown = 'cust_sandbox_unknown';
const customerWith = (members: object) => expect.objectContaining(members);
const createCustomer = async ({ dojo }: Scene) => [(await dojo.createCustomer({ name: 'Ada' })).id];

/** A customer with one saved card: its ids, and a fresh secret. */
async function saveCard({ dojo, createIntent, pay }: Scene): Promise<string[]> {
  const { id } = await dojo.createCustomer({ name: 'Ada' });
  const { secret } = await dojo.createCustomerSecret(id);
  const intent = await createIntent({ paymentMethods: ['SavedCard', 'Card'], customer: { id, secret } });
  await pay(intent, { saveCard: 'on' });
  const [saved] = await dojo.listSavedPaymentMethods(id, secret);
  return [id, saved?.id ?? '', secret];
}

const calls: CallRow[] = [
  {
    operation: 'create-customer',
    name: 'creating a customer',
    call: (dojo) => dojo.createCustomer({ name: 'Ada', billingAddress: { countryCode: 'GB' } }),
    arrives: () => ({
      method: 'POST',
      url: '/customers',
      body: { name: 'Ada', billingAddress: { countryCode: 'GB' } },
      headers: { 'content-type': 'application/json' },
    }),
    gives: customerWith({ id: expect.stringMatching(/^cust_/), name: 'Ada', documentVersion: 0 }),
    refusal: { call: (dojo) => dojo.createCustomer({ phoneNumber: '1' }), kind: 'invalid', status: 400 },
  },
  {
    operation: 'get-customers',
    name: 'getting two customers and one who is not there',
    prepare: async (scene) => [...(await createCustomer(scene)), ...(await createCustomer(scene))],
    call: (dojo, ids) => dojo.getCustomers([...ids, unknown]),
    arrives: (ids) => ({ method: 'GET', url: `/customers/${ids.join(',')},${unknown}` }),
    gives: [customerWith({ name: 'Ada' }), customerWith({ name: 'Ada' })],
  },
  {
    operation: 'search-customers',
    name: 'searching customers',
    prepare: createCustomer,
    call: (dojo) => dojo.searchCustomers({ limit: 5 }),
    arrives: () => ({ method: 'POST', url: '/customers/search', body: { limit: 5 } }),
    gives: customerWith({ data: [customerWith({ name: 'Ada' })] }),
    refusal: { call: (dojo) => dojo.searchCustomers({ limit: 0 }), kind: 'invalid', status: 400 },
  },
  {
    operation: 'update-customer',
    name: 'updating a customer',
    prepare: createCustomer,
    call: (dojo, [id = '']) => dojo.updateCustomer(id, { emailAddress: 'ada@shop.example' }),
    arrives: ([id]) => ({
      method: 'PATCH',
      url: `/customers/${id}`,
      body: { emailAddress: 'ada@shop.example' },
    }),
    gives: customerWith({ name: 'Ada', emailAddress: 'ada@shop.example', documentVersion: 1 }),
    refusal: { call: (dojo) => dojo.updateCustomer(unknown, {}), kind: 'not-found', status: 404 },
  },
  {
    operation: 'delete-customer',
    name: 'deleting a customer',
    prepare: createCustomer,
    call: (dojo, [id = '']) => dojo.deleteCustomer(id),
    arrives: ([id]) => ({ method: 'DELETE', url: `/customers/${id}` }),
    refusal: { call: (dojo) => dojo.deleteCustomer(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'create-customer-secret',
    name: 'creating a customer secret',
    prepare: createCustomer,
    call: (dojo, [id = '']) => dojo.createCustomerSecret(id),
    arrives: ([id]) => ({ method: 'POST', url: `/customers/${id}/create-secret` }),
    gives: customerWith({ secret: expect.stringMatching(/^cs_/) }),
    refusal: { call: (dojo) => dojo.createCustomerSecret(unknown), kind: 'not-found', status: 404 },
  },
  {
    operation: 'list-payment-methods',
    name: 'listing the saved cards of a customer',
    prepare: async (scene) => (await saveCard(scene)).toReversed(),
    call: (dojo, [secret = '', , id = '']) => dojo.listSavedPaymentMethods(id, secret),
    arrives: ([secret, , id]) => ({
      method: 'GET',
      url: `/customers/public/${id}/payment-methods`,
      headers: { authorization: `Basic ${secret}` },
    }),
    gives: [customerWith({ cardDetails: customerWith({ pan: '52000000****1005', scheme: 'MASTERCARD' }) })],
    refusal: {
      call: (dojo) => dojo.listSavedPaymentMethods(unknown, 'cs_sandbox_wrong'),
      kind: 'unauthorized',
      status: 401,
    },
  },
  {
    operation: 'delete-payment-method',
    name: 'deleting a saved card',
    prepare: saveCard,
    call: (dojo, [id = '', cardId = '', secret = '']) => dojo.deleteSavedPaymentMethod(id, cardId, secret),
    arrives: ([id, cardId, secret]) => ({
      method: 'DELETE',
      url: `/customers/public/${id}/payment-methods/${cardId}`,
      headers: { authorization: `Basic ${secret}` },
    }),
    refusal: {
      call: (dojo) => dojo.deleteSavedPaymentMethod(unknown, 'pm_1', 'cs_sandbox_wrong'),
      kind: 'unauthorized',
      status: 401,
    },
  },
];

describeCalls(calls);

test('a deleted card is gone, and a deleted customer too', async () => {
  const scene = await openScene();
  const [id = '', cardId = '', secret = ''] = await saveCard(scene);
  await scene.dojo.deleteSavedPaymentMethod(id, cardId, secret);
  await expect(scene.dojo.listSavedPaymentMethods(id, secret)).resolves.toEqual([]);
  await expect(scene.dojo.deleteSavedPaymentMethod(id, cardId, secret)).rejects.toMatchObject({
    kind: 'not-found',
  });
  await scene.dojo.deleteCustomer(id);
  await expect(scene.dojo.getCustomers([id])).resolves.toEqual([]);
});

test('the API key opens no saved cards, and an expired secret opens them no longer', async () => {
  const scene = await openScene();
  const [id = '', , secret = ''] = await saveCard(scene);
  await expect(scene.dojo.listSavedPaymentMethods(id, 'sk_sandbox_any')).rejects.toMatchObject({
    kind: 'unauthorized',
  });
  scene.simulator.clock.advance(16 * 60_000);
  await expect(scene.dojo.listSavedPaymentMethods(id, secret)).rejects.toMatchObject({
    kind: 'unauthorized',
  });
});
