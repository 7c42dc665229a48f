import { afterEach, expect } from 'vitest';
import { reconcile } from '../../src/checkout/reconcile.ts';
import type { Order } from '../../src/shop/order.ts';
import { rows } from './database.ts';
import { openScenario, type Scenario } from './scenario.ts';
import type { ShopOptions } from './shop.ts';

export const minutes = 60_000;
export const hours = 60 * minutes;
const open: Scenario[] = [];
afterEach(async () => {
  for (const scenario of open.splice(0)) {
    expect((await scenario.context.store.checkReplay()).different).toEqual([]);
    await scenario.close();
  }
});

/** A shop and a pretend Dojo. After the test, every order must derive the same from what the store kept; then both are closed. */
export async function start(options: ShopOptions = {}): Promise<Scenario> {
  const scenario = await openScenario(options);
  open.push(scenario);
  return scenario;
}

export async function ordered(scenario: Scenario, checkoutKey = 'key-1') {
  const placed = await scenario.place(checkoutKey);
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  return { intentId: placed.paymentIntentId, order: await current(scenario, placed.order) };
}

export const runReconcile = (scenario: Scenario) => reconcile(scenario.context, 'reconciler');
export async function current(scenario: Scenario, order: Pick<Order, 'token'>): Promise<Order> {
  const found = await scenario.context.store.findOrderByToken(order.token);
  if (found === null) throw new Error('The order is gone.');
  return found;
}
export const statusAtDojo = (scenario: Scenario, id: string) =>
  scenario.simulator.paymentIntents().find((intent) => intent.id === id)?.status;
export const due = (scenario: Scenario) => rows(scenario.shop, 'SELECT order_id FROM fulfilments');

/** The lines of the log of one event, oldest first. */
export const logged = (scenario: Scenario, event: string) =>
  scenario.shop.log.filter((line) => line.event === event);
