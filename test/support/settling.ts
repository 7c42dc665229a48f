import { afterEach, expect } from 'vitest';
import { sweepOrders } from '../../src/checkout/sweep-orders.ts';
import type { Order } from '../../src/shop/order.ts';
import { rows } from './database.ts';
import { type Exchange, openExchange } from './exchange.ts';
import type { ShopOptions } from './shop.ts';

export const minutes = 60_000;
export const hours = 60 * minutes;
const open: Exchange[] = [];
afterEach(async () => {
  for (const exchange of open.splice(0)) {
    expect((await exchange.deps.store.checkReplay()).different).toEqual([]);
    await exchange.close();
  }
});

/** A shop and a pretend Dojo that are closed after the test, when what was kept must suffice to derive every order again. */
export async function start(options: ShopOptions = {}): Promise<Exchange> {
  const exchange = await openExchange(options);
  open.push(exchange);
  return exchange;
}

export async function ordered(exchange: Exchange, checkoutKey = 'key-1') {
  const placed = await exchange.place(checkoutKey);
  if (placed.kind !== 'ready') throw new Error(`The order is ${placed.kind}.`);
  return { intentId: placed.paymentIntentId, order: await current(exchange, placed.order) };
}

export const sweep = (exchange: Exchange) => sweepOrders(exchange.deps, 'sweeper');
export async function current(exchange: Exchange, order: Pick<Order, 'token'>): Promise<Order> {
  const found = await exchange.deps.store.findOrderByToken(order.token);
  if (found === null) throw new Error('The order is gone.');
  return found;
}
export const statusAtDojo = (exchange: Exchange, id: string) =>
  exchange.simulator.paymentIntents().find((intent) => intent.id === id)?.status;
export const due = (exchange: Exchange) => rows(exchange.shop, 'SELECT order_id FROM fulfilments');
