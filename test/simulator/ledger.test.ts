import { expect, test } from 'vitest';
import { balanceCards, type LedgerEntry } from '../../src/simulator/state/ledger.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  startSimulator,
  submitForm,
} from './support.ts';

const entry = (change: Partial<LedgerEntry>): LedgerEntry => ({
  kind: 'charged',
  at: new Date('2026-11-22T10:00:00Z'),
  amount: 100,
  maskedNumber: '52000000****1005',
  scheme: 'MASTERCARD',
  paymentIntentId: 'pi_sandbox_1',
  reference: 'ORD-1',
  currencyCode: 'GBP',
  ...change,
});

test.each([
  ['charged', { charged: 100, refunded: 0, reserved: 0 }],
  ['refunded', { charged: 0, refunded: 100, reserved: 0 }],
  ['reversed', { charged: 0, refunded: 100, reserved: 0 }],
  ['reserved', { charged: 0, refunded: 0, reserved: 100 }],
  ['released', { charged: 0, refunded: 0, reserved: -100 }],
  ['captured', { charged: 100, refunded: 0, reserved: -100 }],
] as const)('a card after money is %s', (kind, balance) => {
  expect(balanceCards([entry({ kind })])).toEqual([expect.objectContaining(balance)]);
});

test('every card has one balance a currency, in order of first use', () => {
  const balances = balanceCards([
    entry({ amount: 1 }),
    entry({ amount: 2, currencyCode: 'EUR' }),
    entry({ amount: 4, maskedNumber: '52000000****1096' }),
    entry({ amount: 8 }),
    entry({ kind: 'refunded', amount: 3 }),
  ]);
  expect(
    balances.map((balance) => [
      balance.maskedNumber.slice(-4),
      balance.currencyCode,
      balance.charged,
      balance.refunded,
    ]),
  ).toEqual([
    ['1005', 'GBP', 9, 3],
    ['1005', 'EUR', 2, 0],
    ['1096', 'GBP', 4, 0],
  ]);
});

test('a reservation that is captured in part and then released leaves the capture, and nothing reserved', async () => {
  const simulator = await startSimulator({ clock: createStoppedClock() });
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(simulator.ledger()).toMatchObject([{ charged: 0, refunded: 0, reserved: 1234 }]);
  await callApi(simulator, {
    method: 'POST',
    path: `/payment-intents/${id}/captures`,
    body: { amount: 1000 },
  });
  expect(simulator.ledger()).toMatchObject([{ charged: 1000, refunded: 0, reserved: 234 }]);
  await callApi(simulator, {
    method: 'POST',
    path: `/payment-intents/${id}/refunds`,
    body: { amount: 400 },
    headers: { ...apiHeaders, idempotencyKey: 'key-1' },
  });
  simulator.clock.advance(8 * 24 * 3_600_000);
  expect(simulator.ledger()).toMatchObject([{ charged: 1000, refunded: 400, reserved: 0 }]);
});

test('a reversed payment is charged and given back; a declined one is not in the ledger', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${id}`, cards.decline);
  expect(simulator.ledger()).toEqual([]);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  await callApi(simulator, { method: 'POST', path: `/payment-intents/${id}/reversal` });
  expect(simulator.ledger()).toMatchObject([{ charged: 1234, refunded: 1234, reserved: 0 }]);
});

test('a payment by two cards is given back to both, the latest first', async () => {
  const simulator = await startSimulator({ settings: { secondTab: 'charged' } });
  const { id } = await createIntent(simulator);
  const pay = (card: object, formKey: string) =>
    submitForm(simulator, `/checkout/${id}`, { ...cards.success, ...card, formKey });
  const giveBack = async (amount: number) => {
    const headers = { ...apiHeaders, idempotencyKey: `key-${amount}` };
    const path = `/payment-intents/${id}/refunds`;
    expect((await callApi(simulator, { method: 'POST', path, body: { amount }, headers })).status).toBe(200);
    return simulator.ledger().map(({ maskedNumber, refunded }) => [maskedNumber.slice(-4), refunded]);
  };
  const { location } = await pay({ cardNumber: '5200 0000 0000 1096' }, 'form_1');
  await submitForm(simulator, location ?? '', { decision: 'approve' });
  await pay({}, 'form_2');
  expect(simulator.ledger()).toMatchObject([{ charged: 1234 }, { charged: 1234 }]);
  expect(await giveBack(1000)).toEqual([
    ['1096', 0],
    ['1005', 1000],
  ]);
  expect(await giveBack(1468)).toEqual([
    ['1096', 1234],
    ['1005', 1234],
  ]);
  const other = await createIntent(simulator);
  await submitForm(simulator, `/checkout/${other.id}`, { ...cards.success, formKey: 'form_3' });
  await callApi(simulator, { method: 'POST', path: `/payment-intents/${other.id}/reversal` });
  expect(simulator.ledger()).toMatchObject([{ refunded: 1234 }, { charged: 2468, refunded: 2468 }]);
});
