import { expect, test } from 'vitest';
import { apiReleases, findRelease } from '../../src/simulator/api/releases.ts';
import { createSimulator } from '../../src/simulator/create-simulator.ts';
import { apiHeaders, callApi, createIntent, minimalIntent, startSimulator } from './support.ts';

const traceIdPattern = /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/;

test.each([
  ['no key', {}],
  ['a Base64 key', { authorization: `Basic ${btoa('sk_sandbox_test:')}` }],
  ['a bearer key', { authorization: 'Bearer sk_sandbox_test' }],
  ['a live key', { authorization: 'Basic sk_prod_live' }],
  ['an obsolete kind of key', { authorization: 'Basic sk_test_old' }],
])('a call with %s is a 401 problem', async (_name, headers) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, {
    method: 'GET',
    path: '/webhooks',
    headers: { version: '2026-02-27', ...headers } as Record<string, string>,
  });
  expect(reply.status).toBe(401);
  expect(reply.contentType).toContain('application/problem+json');
  expect(reply.body).toMatchObject({ status: 401, title: 'Unauthorized' });
  expect(reply.body.traceId).toMatch(traceIdPattern);
});

test('an unknown key is refused, and no answer repeats a key', async () => {
  const simulator = await startSimulator({ apiKeys: ['sk_sandbox_good_one', 'sk_sandbox_other'] });
  const ask = (authorization: string) =>
    callApi(simulator, { method: 'GET', path: '/webhooks', headers: { ...apiHeaders, authorization } });
  for (const good of ['Basic sk_sandbox_good_one', 'basic  sk_sandbox_other'])
    expect((await ask(good)).status).toBe(200);
  for (const key of [
    'sk_sandbox_good_on',
    'sk_sandbox_good_one_',
    'SK_SANDBOX_GOOD_ONE',
    'sk_prod_abcdef123',
  ]) {
    const reply = await ask(`Basic ${key}`);
    expect(reply.status).toBe(401);
    expect(JSON.stringify(reply.body)).not.toContain(key);
    expect(JSON.stringify(reply.body)).not.toMatch(/good_one|abcdef/);
  }
});

test('a wrong key reveals nothing about the answer', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const headers = { ...apiHeaders, authorization: 'Basic sk_prod_live' };
  for (const [method, path] of [
    ['GET', `/payment-intents/${id}`],
    ['GET', '/payment-intents/pi_sandbox_unknown'],
    ['POST', '/payment-intents'],
    ['POST', '/customers'],
    ['GET', '/customers/cust_unknown'],
  ] as const)
    expect(
      (await callApi(simulator, { method, path, headers, body: method === 'POST' ? '{' : undefined })).status,
    ).toBe(401);
});

test.each([undefined, '', 'latest', '2026-2-27', '2026-02-30', '2026-13-01', '2026-02-27T00:00:00Z'])(
  'a version header of %j is a 400 problem',
  async (version) => {
    const simulator = await startSimulator();
    const { version: _version, ...headers } = apiHeaders;
    const reply = await callApi(simulator, {
      method: 'POST',
      path: '/payment-intents',
      body: minimalIntent,
      headers: version === undefined ? headers : { ...headers, version },
    });
    expect(reply.status).toBe(400);
    expect(Object.keys(reply.body.errors)).toEqual(['Version']);
  },
);

test.each([
  ['2019-01-01', '2022-04-07'],
  ['2022-04-07', '2022-04-07'],
  ['2022-07-04', '2022-04-07'],
  ['2024-02-05', '2024-02-05'],
  ['2026-02-26', '2025-09-10'],
  ['2026-11-22', '2026-02-27'],
])('version %s gets release %s', (asked, release) => {
  expect(findRelease(asked)).toBe(release);
  expect(apiReleases).toContain(release);
});

test('a version between releases is accepted, as Dojo’s own samples need', async () => {
  const simulator = await startSimulator();
  const headers = { authorization: apiHeaders.authorization, Version: '2022-07-04' };
  const reply = await callApi(simulator, { method: 'GET', path: '/webhooks/events', headers });
  expect(reply.status).toBe(200);
});

test('paths work with and without a trailing slash', async () => {
  const simulator = await startSimulator();
  const created = await callApi(simulator, {
    method: 'POST',
    path: '/payment-intents/',
    body: minimalIntent,
  });
  expect(created.status).toBe(200);
  for (const path of [`/payment-intents/${created.body.id}`, `/payment-intents/${created.body.id}/`]) {
    const found = await callApi(simulator, { method: 'GET', path });
    expect(found.body.id).toBe(created.body.id);
  }
});

test('names of members match in any case, and unknown members are ignored', async () => {
  const simulator = await startSimulator();
  const intent = await createIntent(simulator, {
    amount: undefined,
    AMOUNT: { Value: 500, CURRENCYCODE: 'EUR', unknown: 1 },
    CaptureMode: 'Manual',
    AutoExpireAction: 'Capture',
    AutoExpireIn: '00:00:55',
    Metadata: { KeepsItsCase: 'yes' },
    ItemLines: [{ Name: 'Mug', amounttotal: { value: 500, currencyCode: 'EUR' } }],
    userAgent: 'retired',
  });
  expect(intent).toMatchObject({
    amount: { value: 500, currencyCode: 'EUR' },
    captureMode: 'Manual',
    autoExpireAction: 'Capture',
    autoExpireIn: '00:00:55',
    metadata: { KeepsItsCase: 'yes' },
    itemLines: [{ name: 'Mug', amountTotal: { value: 500, currencyCode: 'EUR' } }],
  });
  expect(intent).not.toHaveProperty('userAgent');
});

test.each([
  ['an empty body', '', ['Amount', 'Reference']],
  ['broken JSON', '{"amount":', null],
  ['an array', '[]', null],
  ['null', 'null', null],
  ['no members', {}, ['Amount', 'Reference']],
  ['an amount that is a number', { ...minimalIntent, amount: 1234 }, ['Amount']],
  [
    'a value in a string',
    { ...minimalIntent, amount: { value: '1234', currencyCode: 'GBP' } },
    ['Amount.Value'],
  ],
  [
    'a fraction of a penny',
    { ...minimalIntent, amount: { value: 12.5, currencyCode: 'GBP' } },
    ['Amount.Value'],
  ],
  ['no money at all', { ...minimalIntent, amount: { value: 0, currencyCode: 'GBP' } }, ['Amount.Value']],
  [
    'an unknown currency',
    { ...minimalIntent, amount: { value: 1, currencyCode: 'USD' } },
    ['Amount.CurrencyCode'],
  ],
  ['an empty reference', { ...minimalIntent, reference: '' }, ['Reference']],
  ['a reference of 61 characters', { ...minimalIntent, reference: 'x'.repeat(61) }, ['Reference']],
  ['a capture mode in lower case', { ...minimalIntent, captureMode: 'auto' }, ['CaptureMode']],
  ['a line without an amount', { ...minimalIntent, itemLines: [{}] }, ['ItemLines[0].AmountTotal']],
  [
    'a script as cancelUrl',
    { ...minimalIntent, config: { cancelUrl: 'javascript:alert(1)' } },
    ['Config.CancelUrl'],
  ],
  [
    'a script with a line break as redirectUrl',
    { ...minimalIntent, config: { redirectUrl: 'java\nscript:alert(1)' } },
    ['Config.RedirectUrl'],
  ],
  [
    'data as redirectUrl',
    { ...minimalIntent, config: { redirectUrl: 'data:text/html,x' } },
    ['Config.RedirectUrl'],
  ],
  [
    'a relative redirectUrl',
    { ...minimalIntent, config: { redirectUrl: '/return' } },
    ['Config.RedirectUrl'],
  ],
  [
    'a quotation mark in cancelUrl',
    { ...minimalIntent, config: { cancelUrl: 'https://shop.example/?"><img>' } },
    ['Config.CancelUrl'],
  ],
  [
    'a host that would end the page policy',
    { ...minimalIntent, config: { redirectUrl: 'http://a;sandbox/' } },
    ['Config.RedirectUrl'],
  ],
  [
    'an auto-expiry of 30 seconds',
    { ...minimalIntent, captureMode: 'Manual', autoExpireIn: '00:00:30' },
    ['AutoExpireIn'],
  ],
])('creating with %s is a 400 problem', async (_name, body, fields) => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'POST', path: '/payment-intents', body });
  expect(reply.status).toBe(400);
  expect(reply.body.traceId).toMatch(traceIdPattern);
  if (fields === null) expect(reply.body).not.toHaveProperty('errors');
  else expect(Object.keys(reply.body.errors).toSorted()).toEqual(fields);
  expect(simulator.paymentIntents()).toEqual([]);
});

test.each(['tipsAmount', 'cashbackAmount', 'serviceChargeAmount'])(
  '%s is added to the total, and is never negative',
  async (name) => {
    const simulator = await startSimulator();
    const intent = await createIntent(simulator, { [name]: { value: 66, currencyCode: 'GBP' } });
    expect(intent).toMatchObject({
      amount: { value: 1234, currencyCode: 'GBP' },
      totalAmount: { value: 1300, currencyCode: 'GBP' },
      [name]: { value: 66, currencyCode: 'GBP' },
    });
    const body = { ...minimalIntent, [name]: { value: -1, currencyCode: 'GBP' } };
    const reply = await callApi(simulator, { method: 'POST', path: '/payment-intents', body });
    expect(Object.keys(reply.body.errors)).toEqual([`${name.charAt(0).toUpperCase()}${name.slice(1)}.Value`]);
  },
);

test('a path that Dojo does not have is a 404 problem', async () => {
  const simulator = await startSimulator();
  const reply = await callApi(simulator, { method: 'GET', path: '/nowhere', offSpec: true });
  expect(reply.status).toBe(404);
  expect(reply.body).toMatchObject({ status: 404, title: 'Not Found' });
});

test('a live key is refused before the simulator listens', async () => {
  await expect(createSimulator({ apiKeys: ['sk_sandbox_a', ' sk_prod_verysecret'] })).rejects.toThrow(
    /^apiKeys has a live key \(sk_prod_\)/,
  );
});

test('an error about a type or a limit says in plain words what the field must be', async () => {
  const simulator = await startSimulator();
  const { body } = await callApi(simulator, {
    method: 'POST',
    path: '/payment-intents',
    body: {
      amount: { value: 1.5, currencyCode: 'USD' },
      reference: 7,
      captureMode: 'Later',
      paymentMethods: 'Card',
      expireAt: 'tomorrow',
      config: 'none',
      shippingDetails: { name: 'x'.repeat(101) },
      tipsAmount: { value: -1, currencyCode: 'GBP' },
      metadata: { sk_prod_verysecret: 1 },
    },
    offSpec: true,
  });
  expect(body.errors).toEqual({
    'Amount.Value': ['The Amount.Value field must be a whole number.'],
    'Amount.CurrencyCode': ['The Amount.CurrencyCode field must be one of GBP, EUR.'],
    Reference: ['The Reference field must be text.'],
    CaptureMode: ['The CaptureMode field must be one of Auto, Manual.'],
    PaymentMethods: ['The PaymentMethods field must be a list.'],
    ExpireAt: ['The ExpireAt field must be a time like 2026-11-22T10:00:00Z.'],
    'ShippingDetails.Name': ['The ShippingDetails.Name field must have 100 or less characters.'],
    Config: ['The Config field must be a JSON object.'],
    'TipsAmount.Value': ['The TipsAmount.Value field must be 0 or more.'],
    'Metadata.Sk_prod_…': ['The Metadata.Sk_prod_… field must be text.'],
  });
});
