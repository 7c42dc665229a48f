import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import {
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  startSimulator,
  submitForm,
} from './support.ts';

const changeable = { config: { payment: { customAmountAllowed: true, tipsAllowed: true } } };
const pounds = (value: number) => ({ value, currencyCode: 'GBP' });

function post(simulator: Simulator, id: string, name: string, body?: unknown) {
  return callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/${name}`, body });
}

test('an intent that allows it gets a new amount and keeps the one first requested', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const line = { name: 'Mug', amountTotal: pounds(1234) };
  const { id, ...created } = await createIntent(simulator, { ...changeable, itemLines: [line] });
  expect(created).not.toHaveProperty('requestedAmount');
  const first = await post(simulator, id, 'amount', { amount: pounds(5500) });
  expect(first).toMatchObject({
    status: 200,
    body: {
      amount: pounds(5500),
      totalAmount: pounds(5500),
      requestedAmount: pounds(1234),
      itemLines: [line],
      clientSessionSecretExpirationDate: '2026-11-22T10:30:00.0000000Z',
      paymentLink: created.paymentLink,
      status: 'Created',
    },
  });
  const again = await post(simulator, id, 'amount', {
    amount: pounds(700),
    itemLines: [{ name: 'Cup', amountTotal: pounds(600) }],
    taxLines: [{ caption: 'Tax', amountTotal: pounds(100) }],
  });
  expect(again.body).toMatchObject({
    amount: pounds(700),
    requestedAmount: pounds(1234),
    itemLines: [{ name: 'Cup' }],
    taxLines: [{ caption: 'Tax' }],
  });
  expect(again.body.clientSessionSecret).not.toBe(first.body.clientSessionSecret);
  expect((await getIntent(simulator, id)).clientSessionSecret).toBe(again.body.clientSessionSecret);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(simulator.ledger()).toMatchObject([{ charged: 700 }]);
});

test('a tip comes on top of the amount', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, changeable);
  const tipped = await post(simulator, id, 'tips-amount', { tipsAmount: pounds(100) });
  expect(tipped).toMatchObject({
    status: 200,
    body: { amount: pounds(1234), tipsAmount: pounds(100), totalAmount: pounds(1334) },
  });
  expect(tipped.body).not.toHaveProperty('clientSessionSecret');
  const changed = await post(simulator, id, 'tips-amount', { tipsAmount: pounds(0) });
  expect(changed.body.totalAmount).toEqual(pounds(1234));
});

test.each([
  ['amount', { amount: pounds(1) }, { tipsAllowed: true }],
  ['tips-amount', { tipsAmount: pounds(1) }, { customAmountAllowed: true }],
  ['amount', { amount: pounds(1) }, undefined],
  ['tips-amount', { tipsAmount: pounds(1) }, undefined],
])('%s is a 405 problem if the intent does not allow it', async (name, body, payment) => {
  const simulator = await startSimulator();
  const { id, amount } = await createIntent(simulator, { config: { payment } });
  const reply = await post(simulator, id, name, body);
  expect(reply).toMatchObject({ status: 405, body: { title: 'Method Not Allowed' } });
  expect((await getIntent(simulator, id)).totalAmount).toEqual(amount);
});

test.each([
  ['amount', {}, 'Amount'],
  ['amount', { amount: 100 }, 'Amount'],
  ['amount', { amount: pounds(0) }, 'Amount.Value'],
  ['amount', { amount: { value: 1, currencyCode: 'USD' } }, 'Amount.CurrencyCode'],
  ['amount', { amount: pounds(1), itemLines: [{}] }, 'ItemLines[0].AmountTotal'],
  ['tips-amount', pounds(1), 'TipsAmount'],
  ['tips-amount', { tipsAmount: pounds(-1) }, 'TipsAmount.Value'],
])('%s with %j is a 400 problem', async (name, body, field) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, changeable);
  const reply = await post(simulator, id, name, body);
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([field]);
});

test('amount and tip have one currency', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, changeable);
  const euro = { value: 1, currencyCode: 'EUR' };
  expect((await post(simulator, id, 'amount', { amount: euro })).status).toBe(400);
  expect((await post(simulator, id, 'tips-amount', { tipsAmount: euro })).status).toBe(400);
  const created = await callApi(simulator, {
    method: 'POST',
    path: '/payment-intents',
    body: { amount: pounds(1), reference: 'r', cashbackAmount: euro },
  });
  expect(Object.keys(created.body.errors)).toEqual(['CashbackAmount.CurrencyCode']);
});

test.each([
  ['amount', { amount: pounds(1) }],
  ['tips-amount', { tipsAmount: pounds(1) }],
  ['refresh-client-session-secret', undefined],
])('%s of a paid, unknown or malformed intent is a 400 problem', async (name, body) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, changeable);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  for (const asked of [id, 'pi_sandbox_unknown', 'nonsense'])
    expect((await post(simulator, asked, name, body)).status).toBe(400);
});

test('a new amount ends a 3-D Secure challenge about the old one', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, changeable);
  const asked = await submitForm(simulator, `/checkout/${id}`, cards.challenge);
  await post(simulator, id, 'amount', { amount: pounds(9999) });
  await submitForm(simulator, asked.location ?? '', { decision: 'approve' });
  expect((await getIntent(simulator, id)).status).toBe('Created');
  expect(simulator.ledger()).toEqual([]);
});

test('a new client session secret replaces the old one', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const { id } = await createIntent(simulator);
  const first = await post(simulator, id, 'refresh-client-session-secret');
  expect(first.status).toBe(200);
  expect(first.body.clientSessionSecret).toMatch(/^[\w-]{150}==$/);
  clock.advance(60_000);
  const second = await post(simulator, id, 'refresh-client-session-secret');
  expect(second.body.clientSessionSecret).not.toBe(first.body.clientSessionSecret);
  expect(second.body.clientSessionSecretExpirationDate).toBe('2026-11-22T10:31:00.0000000Z');
  expect(JSON.stringify(await getIntent(simulator, id))).not.toContain(first.body.clientSessionSecret);
});

test('a receipt request with addresses gets an empty answer', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const before = await getIntent(simulator, id);
  const reply = await post(simulator, id, 'receipt', { emails: ['a@shop.example', 'né+x@b.example'] });
  expect(reply).toMatchObject({ status: 204, body: undefined });
  expect(await getIntent(simulator, id)).toEqual(before);
});

test.each([
  ['no body', undefined, 'Emails'],
  ['no address', { emails: [] }, 'Emails'],
  ['one address in place of a list', { emails: 'a@shop.example' }, 'Emails'],
  ['a name', { emails: ['a@shop.example', 'alex'] }, 'Emails[1]'],
  ['two in one', { emails: ['a@b.example, c@d.example'] }, 'Emails[0]'],
  ['a line break', { emails: ['a@b.example\r\nBcc: x@y.example'] }, 'Emails[0]'],
  ['255 characters', { emails: [`${'a'.repeat(244)}@shop.example`] }, 'Emails[0]'],
])('a receipt with %s is a 400 problem', async (_name, body, field) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  const reply = await post(simulator, id, 'receipt', body);
  expect(reply.status).toBe(400);
  expect(Object.keys(reply.body.errors)).toEqual([field]);
});

test('a receipt for an unknown intent is a 404, for a malformed id a 400', async () => {
  const simulator = await startSimulator();
  const body = { emails: ['a@shop.example'] };
  expect((await post(simulator, 'pi_sandbox_unknown', 'receipt', body)).status).toBe(404);
  expect((await post(simulator, 'nonsense', 'receipt', body)).status).toBe(400);
});

test('a tip on a capture comes out of the reservation, together with the amount', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const tooMuch = await post(simulator, id, 'captures', { amount: 1200, tipsAmount: 35 });
  expect(tooMuch.status).toBe(400);
  expect((await post(simulator, id, 'captures', { amount: 1200, tipsAmount: -1 })).status).toBe(400);
  expect((await post(simulator, id, 'captures', { amount: 1000, tipsAmount: 34 })).status).toBe(200);
  expect((await post(simulator, id, 'captures', { amount: 200, tipsAmount: null })).status).toBe(200);
  const intent = await getIntent(simulator, id);
  expect(intent.captures).toMatchObject([{ amount: 1000, tipsAmount: 34 }, { amount: 200 }]);
  expect(intent.captures[1]).not.toHaveProperty('tipsAmount');
  expect(simulator.ledger()).toMatchObject([{ charged: 1234, reserved: 0 }]);
});
