import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import {
  apiHeaders,
  callApi,
  cards,
  createIntent,
  createStoppedClock,
  getIntent,
  openPage,
  startSimulator,
  submitForm,
} from './support.ts';

const either = ['SavedCard', 'Card'];

type Customer = { id: string; secret: string };

async function createSecret(simulator: Simulator, id: string): Promise<string> {
  const { body } = await callApi(simulator, { method: 'POST', path: `/customers/${id}/create-secret` });
  return body.secret;
}

async function createCustomer(simulator: Simulator): Promise<Customer> {
  const { body } = await callApi(simulator, { method: 'POST', path: '/customers', body: { name: 'Ada' } });
  return { id: body.id, secret: await createSecret(simulator, body.id) };
}

async function listSavedCards(simulator: Simulator, { id }: Customer) {
  const { body } = await callApi(simulator, {
    method: 'GET',
    path: `/customers/public/${id}/payment-methods`,
    headers: { ...apiHeaders, authorization: `Basic ${await createSecret(simulator, id)}` },
  });
  return body.savedPaymentMethods as { id: string; cardDetails: { pan: string } }[];
}

/** A customer who has paid with the card and saved it. */
async function saveCard(simulator: Simulator, card: Record<string, string>, customer?: Customer) {
  const owner = customer ?? (await createCustomer(simulator));
  const { id } = await createIntent(simulator, { customer: owner, paymentMethods: either });
  const { location } = await submitForm(simulator, `/checkout/${id}`, { ...card, saveCard: 'on' });
  if (location?.includes('/challenge/')) await submitForm(simulator, location, { decision: 'approve' });
  const cardId = (await listSavedCards(simulator, owner)).at(-1)?.id ?? '';
  expect(cardId).toMatch(/^pm_/);
  return { ...owner, cardId };
}

const payWith = (simulator: Simulator, id: string, paymentMethod: string) =>
  submitForm(simulator, `/checkout/${id}`, { paymentMethod });

test('a card is saved if the shopper ticks the box and it pays', async () => {
  const simulator = await startSimulator();
  const customer = await createCustomer(simulator);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html).toContain('Save this card for next time</label>');
  expect(html).not.toContain('type="radio"');
  await submitForm(simulator, `/checkout/${id}`, { ...cards.success, saveCard: 'on' });
  expect(await listSavedCards(simulator, customer)).toMatchObject([
    { cardDetails: { pan: '52000000****1005', expiryDate: '2029-12-31', scheme: 'MASTERCARD' } },
  ]);
});

test('a card is not saved without the tick', async () => {
  const simulator = await startSimulator();
  const customer = await createCustomer(simulator);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect(await listSavedCards(simulator, customer)).toEqual([]);
});

test('a card that asks for 3-D Secure is saved once it is approved, and not before', async () => {
  const simulator = await startSimulator();
  const customer = await createCustomer(simulator);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  const send = () => submitForm(simulator, `/checkout/${id}`, { ...cards.challenge, saveCard: 'on' });
  const first = await send();
  await submitForm(simulator, first.location ?? '', { decision: 'reject' });
  expect(await listSavedCards(simulator, customer)).toEqual([]);
  const second = await send();
  await submitForm(simulator, second.location ?? '', { decision: 'approve' });
  expect(await listSavedCards(simulator, customer)).toMatchObject([
    { cardDetails: { pan: '52000000****1096' } },
  ]);
});

test('a declined card is not saved, and the box stays ticked', async () => {
  const simulator = await startSimulator();
  const customer = await createCustomer(simulator);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  const page = await submitForm(simulator, `/checkout/${id}`, { ...cards.decline, saveCard: 'on' });
  expect(page.html).toMatch(/id="saveCard"[^>]* checked/);
  expect(await listSavedCards(simulator, customer)).toEqual([]);
});

test('a card that pays twice is saved once', async () => {
  const simulator = await startSimulator();
  const customer = await saveCard(simulator, cards.success);
  await saveCard(simulator, cards.success, customer);
  expect(await listSavedCards(simulator, customer)).toHaveLength(1);
});

test('the page offers a saved card or another one, and the saved card pays without number or code', async () => {
  const simulator = await startSimulator();
  const customer = await saveCard(simulator, cards.success);
  const { id } = await createIntent(simulator, {
    customer: { id: customer.id, secret: customer.secret },
    paymentMethods: either,
  });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html).toContain('MASTERCARD ending in 1005');
  expect(html).toMatch(/value="other" checked/);
  expect((await payWith(simulator, id, customer.cardId)).status).toBe(303);
  const intent = await getIntent(simulator, id);
  expect(intent).toMatchObject({
    status: 'Captured',
    paymentDetails: {
      paymentMethodId: customer.cardId,
      card: { cardNumber: '52000000****1005', cardName: 'A Shopper', expiryDate: '2029-12-31' },
    },
  });
  expect(simulator.ledger()).toMatchObject([{ maskedNumber: '52000000****1005', charged: 2468 }]);
});

test('a saved card asks for 3-D Secure if its card does', async () => {
  const simulator = await startSimulator();
  const customer = await saveCard(simulator, cards.challenge);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  const { location } = await payWith(simulator, id, customer.cardId);
  expect(location).toMatch(/\/challenge\//);
  await submitForm(simulator, location ?? '', { decision: 'approve' });
  const intent = await getIntent(simulator, id);
  expect(intent.paymentDetails.paymentMethodId).toBe(customer.cardId);
});

test('an expired saved card is declined, and another one pays', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock });
  const then = { ...cards.success, cardNumber: '5200000000000056', securityCode: '341', expiryDate: '12/26' };
  const customer = await saveCard(simulator, then);
  clock.advance(41 * 24 * 3600 * 1000);
  const secret = await createSecret(simulator, customer.id);
  const { id } = await createIntent(simulator, {
    customer: { id: customer.id, secret },
    paymentMethods: either,
  });
  expect((await openPage(simulator, `/checkout/${id}`)).html).toContain('expired 12/26');
  const declined = await payWith(simulator, id, customer.cardId);
  expect(declined.status).toBe(402);
  expect(declined.html).toContain('Your saved card has expired');
  const paid = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, paymentMethod: 'other' });
  expect(paid.status).toBe(303);
  expect((await getIntent(simulator, id)).paymentDetails.paymentMethodId).toBeUndefined();
});

test.each([
  ['the one that savedCardId names', (cardId: string) => cardId, true],
  ['another card if savedCardId names none', () => 'pm_unknown', false],
])('the page preselects %s', async (_name, savedCardId, isSavedChosen) => {
  const simulator = await startSimulator();
  const { cardId, ...customer } = await saveCard(simulator, cards.success);
  const { id } = await createIntent(simulator, {
    customer: { ...customer, savedCardId: savedCardId(cardId) },
    paymentMethods: either,
  });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html.includes(`value="${cardId}" checked`)).toBe(isSavedChosen);
  expect(html.includes('value="other" checked')).toBe(!isSavedChosen);
});

describe('the page offers no saved cards, but takes any card,', () => {
  async function expectUnknown(simulator: Simulator, cardId: string, change: object, saysWhy = true) {
    const { id } = await createIntent(simulator, change);
    const { html } = await openPage(simulator, `/checkout/${id}`);
    expect(html).not.toContain('ending in 1005');
    expect(html).not.toContain('Save this card');
    expect(html.includes('The intent asks for SavedCard, but there is none to offer')).toBe(saysWhy);
    const refused = await payWith(simulator, id, cardId);
    expect(refused.status).toBe(400);
    expect(refused.html).toContain('That saved card can no longer be used: enter a card');
    expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).status).toBe(303);
  }

  test('with a wrong secret', async () => {
    const simulator = await startSimulator();
    const { id, cardId } = await saveCard(simulator, cards.success);
    await expectUnknown(simulator, cardId, { customer: { id, secret: 'wrong' }, paymentMethods: either });
  });

  test('without a secret', async () => {
    const simulator = await startSimulator();
    const { id, cardId } = await saveCard(simulator, cards.success);
    await expectUnknown(simulator, cardId, { customer: { id }, paymentMethods: either });
  });

  test('with the secret of another customer', async () => {
    const simulator = await startSimulator();
    const { id, cardId } = await saveCard(simulator, cards.success);
    const { secret } = await createCustomer(simulator);
    await expectUnknown(simulator, cardId, { customer: { id, secret }, paymentMethods: either });
  });

  test('with an expired secret', async () => {
    const clock = createStoppedClock();
    const simulator = await startSimulator({ clock });
    const { id, secret, cardId } = await saveCard(simulator, cards.success);
    clock.advance(15 * 60_000);
    await expectUnknown(simulator, cardId, { customer: { id, secret }, paymentMethods: either });
  });

  test('if the intent does not ask for SavedCard', async () => {
    const simulator = await startSimulator();
    const { cardId, ...customer } = await saveCard(simulator, cards.success);
    await expectUnknown(simulator, cardId, { customer, paymentMethods: ['Card'] }, false);
  });
});

test('a customer cannot pay with the card of another customer', async () => {
  const simulator = await startSimulator();
  const { cardId } = await saveCard(simulator, cards.success);
  const customer = await createCustomer(simulator);
  const { id } = await createIntent(simulator, { customer, paymentMethods: either });
  expect((await payWith(simulator, id, cardId)).status).toBe(400);
  expect((await getIntent(simulator, id)).paymentEvents).toEqual([]);
});
