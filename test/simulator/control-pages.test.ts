import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Simulator } from '../../src/simulator/create-simulator.ts';
import { defaultSettings } from '../../src/simulator/settings.ts';
import { findBarriers, openBrowser } from '../support/browser.ts';
import {
  cards,
  createIntent,
  createStoppedClock,
  startReceiver,
  startSimulator,
  submitForm,
  subscribe,
} from './support.ts';

let browser: Browser;
let simulator: Simulator;
let receiver: Awaited<ReturnType<typeof startReceiver>>;

beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser.close());
beforeEach(async () => {
  simulator = await startSimulator({ clock: createStoppedClock(), retryDelaysMs: [] });
  receiver = await startReceiver();
});
afterEach(() => Promise.all(browser.contexts().map((context) => context.close())));

/** Data for every page: a payment with a webhook and one without, a refused call, a fault and a setting. */
async function trade(): Promise<string> {
  await subscribe(simulator, receiver.url);
  const { id } = await createIntent(simulator, { reference: 'ORD-PAID' });
  await createIntent(simulator, { reference: `ORD-${'LONG'.repeat(14)}` });
  await submitForm(simulator, `/checkout/${id}`, cards.success);
  await receiver.next();
  simulator.faults.add({ kind: 'drop', chance: 0.25, times: 3 });
  simulator.changeSettings({ returnQuery: 'none' });
  return id;
}

async function open(options: { javaScriptEnabled?: boolean } = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
  return context.newPage();
}

const links = [
  'Overview',
  'Payment intents',
  'Webhook deliveries',
  'API calls',
  'Ledger',
  'Faults',
  'Clock',
  'Settings',
];

async function follow(page: Page, name: string): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
}

/** In both colour schemes, wide and at 320 px. */
async function expectNoBarrier(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    expect([colorScheme, ...(await findBarriers(page))]).toEqual([colorScheme]);
  }
}

test.each(['Overview', 'Ledger'])('without data, the page %s is accessible', async (name) => {
  const page = await open();
  await page.goto(simulator.url);
  await follow(page, name);
  await expectNoBarrier(page);
});

test.each(links)('with data, the page %s is accessible, and is marked as the current page', async (name) => {
  await trade();
  const page = await open();
  await page.goto(simulator.url);
  await follow(page, name);
  expect(await page.locator('[aria-current=page]').textContent()).toBe(name);
  expect(await page.title()).toBe(`${name} – Pretend Pay simulator`);
  await expectNoBarrier(page);
});

describe('a form with an error shows it at the top, at the field and in the title', () => {
  test('for a fault', async () => {
    const page = await open();
    await page.goto(`${simulator.url}/simulator/faults`);
    await page.getByLabel('Chance').fill('always');
    await page.getByRole('button', { name: 'Switch on', exact: true }).click();
    expect(await page.title()).toContain('Error: ');
    // The browser moves the focus a moment after it shows the page.
    await page.locator('[role=alert]:focus').waitFor();
    await expectNoBarrier(page);
    await page.getByRole('link', { name: 'Chance must be a number' }).click();
    await page.locator('#chance:focus').waitFor();
    expect(await page.getByLabel('Chance').inputValue()).toBe('always');
  });

  test('for the clock', async () => {
    const page = await open();
    await page.goto(`${simulator.url}/simulator/clock`);
    await page.getByLabel('New time').fill('tomorrow');
    await page.getByRole('button', { name: 'Set the time' }).click();
    expect(await page.getByRole('alert').textContent()).toContain('The time must be a time like');
    expect(await page.locator('[aria-current=page]').textContent()).toBe('Clock');
    await expectNoBarrier(page);
  });
});

describe('without JavaScript', () => {
  test('the overview leads to a payment’s page, and sends a webhook again', async () => {
    const id = await trade();
    const page = await open({ javaScriptEnabled: false });
    await page.goto(simulator.url);
    expect(await page.locator('main').textContent()).toContain('52000000****1005');
    await page.getByRole('button', { name: /^Send again/ }).click();
    expect(await page.getByRole('status').textContent()).toBe('Webhook sent again.');
    expect(JSON.parse((await receiver.next()).body.toString('utf8')).data.paymentIntentId).toBe(id);
    await page.getByRole('link', { name: 'ORD-PAID' }).click();
    expect(new URL(page.url()).pathname).toBe(`/checkout/${id}`);
  });

  test('faults are switched on and off, and restarted with a seed', async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${simulator.url}/simulator/faults`);
    await page.getByLabel('What goes wrong').selectOption('status');
    await page.getByLabel('In which API call').selectOption('create-refund');
    await page.getByLabel('Error status').fill('503');
    await page.getByRole('button', { name: 'Switch on', exact: true }).click();
    expect(simulator.faults.list()).toMatchObject([
      { kind: 'status', operation: 'create-refund', status: 503 },
    ]);
    expect(await page.locator('#faults').textContent()).toContain('create-refund, status 503');
    await page.getByRole('button', { name: /^Switch off/ }).click();
    expect(simulator.faults.list()).toEqual([]);
    await page.getByLabel('Seed').fill('123');
    await page.getByRole('button', { name: 'Switch all off and restart' }).click();
    expect(simulator.faults.seed()).toBe(123);
  });

  test('the clock is moved by a button, by a span and to a time, and started', async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${simulator.url}/simulator/clock`);
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click();
    for (const name of ['An hour', 'A day', '7 days', '30 days']) await press(name);
    expect(simulator.clock.now()).toEqual(new Date('2026-12-30T11:00:00Z'));
    await page.getByLabel('Another span').fill('00:05:00');
    await press('Move forwards');
    expect(await page.locator('main time').textContent()).toBe('2026-12-30 11:05:00 UTC');
    await page.getByLabel('New time').fill('2027-05-06');
    await press('Set the time');
    expect(simulator.clock.now()).toEqual(new Date('2027-05-06T00:00:00Z'));
    await press('Start the clock');
    expect(simulator.clock.isStopped()).toBe(false);
    await press('Stop the clock');
    expect(simulator.clock.isStopped()).toBe(true);
  });

  test('a setting is changed, marked as changed, and restored', async () => {
    const page = await open({ javaScriptEnabled: false });
    await page.goto(`${simulator.url}/simulator/settings`);
    const group = page.getByRole('group', { name: /redirectUrl/ });
    await group.getByLabel('none').check();
    await page.getByRole('button', { name: 'Save settings' }).click();
    expect(simulator.settings()).toEqual({ ...defaultSettings, returnQuery: 'none' });
    expect(await group.textContent()).toContain('changed');
    await page.getByRole('button', { name: 'Restore defaults' }).click();
    expect(simulator.settings()).toEqual(defaultSettings);
  });

  test('a button deletes everything', async () => {
    await trade();
    const page = await open({ javaScriptEnabled: false });
    await page.goto(simulator.url);
    await page.getByRole('button', { name: 'Delete everything' }).click();
    expect(await page.getByRole('status').textContent()).toContain('Everything is deleted');
    expect(simulator.paymentIntents()).toEqual([]);
  });
});
