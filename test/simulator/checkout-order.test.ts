import { expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { faultSchema } from '../../src/simulator/faults.ts';
import {
  callApi,
  cards,
  createIntent,
  minimalIntent,
  openPage,
  startSimulator,
  submitForm,
} from './support.ts';

const gbp = (value: number) => ({ value, currencyCode: 'GBP' });

async function showPage(simulator: Simulator, change: object): Promise<string> {
  const { id } = await createIntent(simulator, change);
  return (await openPage(simulator, `/checkout/${id}`)).html;
}

test('the page shows items with modifiers, taxes with notes, and extras', async () => {
  const html = await showPage(await startSimulator(), {
    description: 'For the office',
    itemLines: [
      {
        name: 'Coffee',
        amountTotal: gbp(800),
        modifiers: [
          { id: '1', name: 'Oat milk', quantity: 1, amountPerModifier: gbp(50) },
          { id: '2', name: 'Extra shot', quantity: 2, amountPerModifier: gbp(60) },
        ],
      },
    ],
    taxLines: [{ caption: 'VAT', subCaption: '20 %', amountTotal: gbp(134) }],
    tipsAmount: gbp(100),
    serviceChargeAmount: gbp(50),
    cashbackAmount: gbp(1000),
  });
  for (const text of [
    'For the office',
    'Oat milk, Extra shot × 2',
    '20 %',
    'Tip',
    '£1.00',
    'Service charge',
    '£0.50',
    'Cashback',
    '£10.00',
    'Pay £23.84</button>',
  ])
    expect(html).toContain(text);
});

test.each([
  [{ showReference: true }, true],
  [{ showReference: false }, false],
  [{}, false],
])('with details %j the reference is shown: %s', async (details, isShown) => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config: { details } });
  const open = await openPage(simulator, `/checkout/${id}`);
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  const paid = await openPage(simulator, `/checkout/${id}`);
  for (const { html } of [open, paid]) expect(html.includes('ORD-1001')).toBe(isShown);
});

test.each([
  [{ showTotal: true }, true],
  [{ showTotal: false }, false],
  [{}, true],
])('with details %j the total is shown: %s', async (details, isShown) => {
  const html = await showPage(await startSimulator(), { config: { details } });
  expect(/<dt>Total<\/dt>/.test(html)).toBe(isShown);
  expect(html).toContain(isShown ? '>Pay £12.34</button>' : '>Pay</button>');
});

test('an action link opens in a new tab, and a file is downloaded', async () => {
  const simulator = await startSimulator();
  const link = { url: 'https://shop.example/a?b=1&c=2', label: 'See the <invoice>', action: 'OpenLink' };
  const opened = await showPage(simulator, { actionLink: link });
  expect(opened).toMatch(
    /href="https:\/\/shop\.example\/a\?b=1&amp;c=2" target="_blank" rel="noopener noreferrer">See the &lt;invoice&gt;/,
  );
  const file = { ...link, action: 'DownloadFile', fileName: 'invoice.pdf' };
  expect(await showPage(simulator, { actionLink: file })).toContain('download="invoice.pdf"');
});

test.each([
  ['ActionLink.Url', { actionLink: { url: 'javascript:alert(1)', label: 'Invoice' } }],
  ['ActionLink.Url', { actionLink: { url: 'data:text/html,<script>', label: 'Invoice' } }],
  ['Config.CancelUrl', { config: { cancelUrl: 'javascript:alert(1)' } }],
  ['Config.RedirectUrl', { config: { redirectUrl: 'javascript:alert(1)' } }],
])('an intent whose %s would run a script is refused', async (field, change) => {
  const { status, body } = await callApi(await startSimulator(), {
    method: 'POST',
    path: '/payment-intents',
    body: { ...minimalIntent, ...change },
    offSpec: true,
  });
  expect(status).toBe(400);
  expect(body.errors).toEqual({ [field]: ['The value must be an absolute http or https URL.'] });
});

test('Cancel leads to cancelUrl and cancels nothing; without cancelUrl there is no such link', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { config: { cancelUrl: 'https://shop.example/cancel/1' } });
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html).toContain('href="https://shop.example/cancel/1">Cancel</a>');
  expect((await submitForm(simulator, `/checkout/${id}`, cards.success)).status).toBe(303);
  expect(await showPage(simulator, {})).not.toContain('Cancel</a>');
});

test('the page warns testers of the faults of its intent, by amount or by id', async () => {
  const simulator = await startSimulator();
  const { id } = await createIntent(simulator, { amount: gbp(4242_24) });
  simulator.faults.add(
    faultSchema.parse({ kind: 'rate-limit', paymentIntentId: id, times: 2, retryAfterSeconds: 7 }),
  );
  simulator.faults.add(faultSchema.parse({ kind: 'drop', paymentIntentId: 'pi_sandbox_another' }));
  const { html } = await openPage(simulator, `/checkout/${id}`);
  expect(html).toMatch(/Its amount injects a fault: the answer is 503[^<]*\(get-payment-intent\)\./);
  expect(html).toMatch(
    /A fault is switched on for it: the answer is 429 with Retry-After: 7[^<]*at most 2 times\)\./,
  );
  expect(html.match(/For testers:/g)).toHaveLength(2);
  expect(await showPage(simulator, {})).not.toContain('For testers');
});

test('the page tells testers that it has no Apple Pay or Google Pay if the intent asks for Wallet', async () => {
  const simulator = await startSimulator();
  const note = 'The intent asks for Wallet, but this page has no Apple Pay or Google Pay.';
  expect(await showPage(simulator, { paymentMethods: ['Card', 'Wallet'] })).toContain(note);
  expect(await showPage(simulator, { paymentMethods: ['Card'] })).not.toContain(note);
});
