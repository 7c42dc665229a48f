import { describe, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import type { Settings } from '../../src/simulator/settings.ts';
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

const plain = 'https://shop.example/return';

describe.each<[Settings['returnQuery'], string, string]>([
  ['merged', plain, `${plain}?id=ID`],
  ['merged', `${plain}?a=b%20c&d`, `${plain}?a=b%20c&d&id=ID`],
  ['merged', `${plain}?id=shop`, `${plain}?id=shop&id=ID`],
  ['merged', `${plain}#done`, `${plain}?id=ID#done`],
  ['merged', `${plain}?a=1#done`, `${plain}?a=1&id=ID#done`],
  ['id', plain, `${plain}?id=ID`],
  ['id', `${plain}?a=1&id=shop#done`, `${plain}?id=ID#done`],
  ['none', `${plain}?a=1&id=shop#done`, `${plain}?a=1&id=shop#done`],
  ['none', plain, plain],
])('with the query %s', (returnQuery, redirectUrl, expected) => {
  test(`a shopper who paid goes back from ${redirectUrl} to ${expected}`, async () => {
    const simulator = await startSimulator({ settings: { returnQuery } });
    const { id } = await createIntent(simulator, { config: { redirectUrl } });
    const { location } = await submitForm(simulator, `/checkout/${id}`, cards.success);
    expect(location).toBe(expected.replace('ID', id));
    const again = await openPage(simulator, `/checkout/${id}`);
    expect(again.html).toContain(
      `href="${expected.replace('ID', id).replaceAll('&', '&amp;')}">Back to the shop`,
    );
  });
});

const taken = (simulator: Simulator) => simulator.ledger().map(({ charged }) => charged);

async function startChallenge(simulator: Simulator, id: string): Promise<string> {
  const { location } = await submitForm(simulator, `/checkout/${id}`, cards.challenge);
  return location ?? '';
}

test.each<[Settings['secondTab'], number, number]>([
  ['refused', 409, 1234],
  ['charged', 303, 2468],
])('if a second tab is %s, its form gets %i and %i is taken', async (secondTab, status, sum) => {
  const simulator = await startSimulator({ settings: { secondTab } });
  const { id } = await createIntent(simulator);
  const first = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey: 'form_1' });
  expect(first.status).toBe(303);
  const second = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey: 'form_2' });
  expect(second.status).toBe(status);
  for (const formKey of ['form_1', ...(secondTab === 'charged' ? ['form_2'] : [])]) {
    const again = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, formKey });
    expect(again.status).toBe(303);
  }
  expect(taken(simulator)).toEqual([sum]);
});

test.each<[Settings['secondTab'], number, number]>([
  ['refused', 409, 1234],
  ['charged', 303, 2468],
])('if a second tab is %s, its 3-D Secure gets %i and %i is taken', async (secondTab, status, sum) => {
  const simulator = await startSimulator({ settings: { secondTab } });
  const { id } = await createIntent(simulator);
  const [first, second] = [await startChallenge(simulator, id), await startChallenge(simulator, id)];
  expect((await submitForm(simulator, first, { decision: 'approve' })).status).toBe(303);
  expect((await submitForm(simulator, first, { decision: 'approve' })).status).toBe(303);
  expect((await submitForm(simulator, second, { decision: 'approve' })).status).toBe(status);
  expect(taken(simulator)).toEqual([sum]);
});

test('rejecting 3-D Secure in a second tab does not change the payment', async () => {
  const simulator = await startSimulator({ settings: { secondTab: 'charged' } });
  const { id } = await createIntent(simulator);
  const challenge = await startChallenge(simulator, id);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  await submitForm(simulator, challenge, { decision: 'reject' });
  expect((await getIntent(simulator, id)).status).toBe('Captured');
  expect(taken(simulator)).toEqual([1234]);
});

test('in Manual mode a second tab is always refused', async () => {
  const simulator = await startSimulator({ settings: { secondTab: 'charged' } });
  const { id } = await createIntent(simulator, { captureMode: 'Manual' });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).status).toBe(409);
});

test('an expired intent cannot be paid, even if its status stays Created', async () => {
  const clock = createStoppedClock();
  const simulator = await startSimulator({ clock, settings: { expiredIntent: 'stays-created' } });
  const { id } = await createIntent(simulator, { expireAt: '2026-11-22T10:00:01Z' });
  const challenge = await startChallenge(simulator, id);
  clock.advance(1_000);
  for (const page of [
    await openPage(simulator, `/checkout/${id}`),
    await submitForm(simulator, `/checkout/${id}`, cards.success),
    await submitForm(simulator, challenge, { decision: 'approve' }),
  ]) {
    expect(page.status).toBe(410);
    expect(page.html).toContain('This payment link has expired');
  }
  expect(await getIntent(simulator, id)).toMatchObject({ status: 'Created' });
  expect(taken(simulator)).toEqual([]);
});

test('a shopper never pays another total than the page showed', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config: { payment: { customAmountAllowed: true } } });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  const shownTotal = /name="shownTotal" value="([^"]+)"/.exec(html)?.[1] ?? '';
  await callApi(simulator, {
    method: 'POST',
    path: `/payment-intents/${id}/amount`,
    headers: apiHeaders,
    body: { amount: { value: 2000, currencyCode: 'GBP' } },
  });
  const page = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, shownTotal });
  expect(page.status).toBe(400);
  expect(page.html).toContain('The total is now £20.00: check it, then pay');
  expect(taken(simulator)).toEqual([]);
  const paid = await submitForm(simulator, `/checkout/${id}`, { ...cards.success, shownTotal: '£20.00' });
  expect(paid.status).toBe(303);
  expect(taken(simulator)).toEqual([2000]);
});
