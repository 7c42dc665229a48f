import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { apiHeaders, callApi, cards, minimalIntent, startSimulator, submitForm } from './support.ts';

/** Only the newest release is checked against the specification, which describes that release. */
async function call(
  simulator: Simulator,
  version: string,
  { method = 'GET', ...request }: { method?: string; path: string; body?: unknown },
) {
  const headers = { ...apiHeaders, version };
  return callApi(simulator, { method, headers, ...request, offSpec: version < '2024-02-05' });
}

const wholeRequest = {
  ...minimalIntent,
  description: 'Two mugs',
  paymentMethods: ['Card'],
  captureMode: 'Manual',
  autoExpireIn: '00:05:00',
  autoExpireAction: 'Release',
  itemLines: [
    {
      id: 'mug',
      quantity: 2,
      name: 'Mug',
      caption: 'Becher',
      category: 'Kitchen',
      plu: '1',
      modifiers: [
        { id: 'm', name: 'Blue', quantity: 1, amountPerModifier: { value: 1, currencyCode: 'GBP' } },
      ],
      amountTotal: { value: 1000, currencyCode: 'GBP' },
    },
  ],
  taxLines: [{ id: 't', caption: 'Tax', affectedPlu: '1', amountTotal: { value: 234, currencyCode: 'GBP' } }],
  cashbackAmount: { value: 0, currencyCode: 'GBP' },
  serviceChargeAmount: { value: 0, currencyCode: 'GBP' },
  setupIntentId: 'si_1',
  orderDetails: { id: 'o' },
  isNotOnlineCheckout: true,
};

async function createPaid(simulator: Simulator, version: string) {
  const created = await call(simulator, version, {
    method: 'POST',
    path: '/payment-intents',
    body: wholeRequest,
  });
  expect(created.status).toBe(200);
  const { id } = created.body;
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const body = { amount: 1000, tipsAmount: 34 };
  await call(simulator, version, { method: 'POST', path: `/payment-intents/${id}/captures`, body });
  return { id, created: created.body };
}

const laterMembers = [
  'cardHolderNotPresent',
  'autoExpireIn',
  'paymentLink',
  'captures',
  'setupIntentId',
  'orderDetails',
  'cashbackAmount',
  'serviceChargeAmount',
  'terminalSessionHistory',
  'paymentEvents',
  'paymentSource',
];

test('the first release has flat card fields, captions, and no later members', async () => {
  const simulator = await startSimulator();
  const { id, created } = await createPaid(simulator, '2022-07-04');
  const { body } = await call(simulator, '2022-07-04', { path: `/payment-intents/${id}` });
  expect(body.paymentDetails).toEqual({
    transactionDateTime: expect.any(String),
    message: 'DEPOSITED',
    authCode: expect.stringMatching(/^\d{6}$/),
    cardNumber: '52000000****1005',
    cardName: 'A Shopper',
    expiryDate: '2029-12-31',
    cardType: 'MASTERCARD',
  });
  expect(body.itemLines).toEqual([
    { id: 'mug', quantity: 2, caption: 'Becher', amountTotal: { value: 1000, currencyCode: 'GBP' } },
  ]);
  expect(body.taxLines).toEqual([
    { id: 't', caption: 'Tax', amountTotal: { value: 234, currencyCode: 'GBP' } },
  ]);
  expect(Object.keys(body).filter((name) => laterMembers.includes(name))).toEqual([]);
  expect(body.config).not.toHaveProperty('branding');
  expect(created).toMatchObject({ status: 'Created', captureMode: 'Manual', refundedAmount: 0 });
  // One release reads what another wrote: a caption is a name.
  const newest = await call(simulator, '2026-02-27', { path: `/payment-intents/${id}` });
  expect(newest.body.itemLines[0]).toMatchObject({ name: 'Becher' });
  expect(newest.body.itemLines[0]).not.toHaveProperty('caption');
});

test('the first release always shows a canceled intent', async () => {
  const simulator = await startSimulator();
  const { body } = await call(simulator, '2022-04-07', {
    method: 'POST',
    path: '/payment-intents',
    body: minimalIntent,
  });
  const path = `/payment-intents/${body.id}`;
  const canceled = await call(simulator, '2022-04-07', { method: 'DELETE', path });
  expect(canceled).toMatchObject({ status: 200, body: { status: 'Canceled' } });
  expect(await call(simulator, '2022-04-07', { path })).toMatchObject({ body: { status: 'Canceled' } });
  expect((await call(simulator, '2024-02-05', { path })).status).toBe(404);
});

test.each([
  ['2024-02-05', undefined],
  ['2025-09-09', undefined],
  ['2025-09-10', 'ADDRESS_MATCH_POSTCODE_MATCH'],
  ['2026-02-27', 'ADDRESS_MATCH_POSTCODE_MATCH'],
  ['2030-01-01', 'ADDRESS_MATCH_POSTCODE_MATCH'],
])('version %s nests the card, and its address check is %j', async (version, avsResult) => {
  const simulator = await startSimulator();
  const { id, created } = await createPaid(simulator, version);
  const { body } = await call(simulator, version, { path: `/payment-intents/${id}` });
  expect(body.paymentDetails.avsResult).toBe(avsResult);
  expect(body.paymentDetails).toMatchObject({
    transactionId: expect.any(String),
    card: { cardNumber: '52000000****1005', last4PAN: '1005', cardType: 'MASTERCARD' },
  });
  expect(created.itemLines[0]).toMatchObject({ name: 'Mug', category: 'Kitchen', plu: '1' });
  expect(created.itemLines[0]).not.toHaveProperty('caption');
  expect(Object.keys(body)).toEqual(expect.arrayContaining(laterMembers));
  expect(body.captures).toMatchObject([{ amount: 1000, tipsAmount: 34, status: 'Successful' }]);
});

test.each(['search', 'cancel', 'refresh-client-session-secret', 'amount', 'tips-amount'])(
  '%s answers in the shape of the release too',
  async (name) => {
    const simulator = await startSimulator();
    const money = { value: 900, currencyCode: 'GBP' };
    const { body } = await call(simulator, '2022-04-07', {
      method: 'POST',
      path: '/payment-intents',
      body: { ...minimalIntent, config: { payment: { customAmountAllowed: true, tipsAllowed: true } } },
    });
    const path = `/payment-intents/${name === 'search' ? name : `${body.id}/${name}`}`;
    const sent =
      name === 'amount'
        ? { amount: money, itemLines: [{ caption: 'Mug', amountTotal: money }] }
        : { tipsAmount: money };
    const reply = await call(
      simulator,
      '2022-04-07',
      name === 'cancel'
        ? { method: 'DELETE', path: `/payment-intents/${body.id}` }
        : { method: 'POST', path, body: sent },
    );
    expect(reply.status).toBe(200);
    const intent = name === 'search' ? reply.body.data[0] : reply.body;
    expect(intent.id).toBe(body.id);
    expect(intent).not.toHaveProperty('paymentLink');
    if (name === 'amount') expect(intent.itemLines).toEqual([{ caption: 'Mug', amountTotal: money }]);
  },
);
