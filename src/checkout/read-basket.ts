import type { Context } from '../context.ts';
import { isSamePurchase, priceBasket } from '../shop/basket.ts';
import { isPayable, isSettled } from '../shop/order.ts';
import { type ShopperBasket, takeOut, withoutKey } from '../shop/shopper-basket.ts';
import type { OrderedBasket } from '../store/order-store.ts';

/**
 * The basket as it stands now: without what was bought since, and under a new key if its own is that of an order which
 * cannot be paid any more or was priced otherwise. Asks the store only if the basket has open keys, and changes nothing there.
 */
export async function readBasket<Basket extends ShopperBasket>(
  context: Context,
  basket: Basket,
): Promise<Basket> {
  if (basket.openKeys.length === 0) return basket;
  const orders = await context.store.findBaskets(basket.openKeys);
  let current = basket;
  for (const key of basket.openKeys) {
    const order = orders.find(({ checkoutKey }) => checkoutKey === key);
    if (order === undefined) current = { ...current, openKeys: withoutKey(current, key) };
    else if (isSettled(order)) current = takeOut(current, order, context.createSecret());
  }
  const own = orders.find(({ checkoutKey }) => checkoutKey === current.checkoutKey);
  return own === undefined || isStillBuying(context, own, current)
    ? current
    : { ...current, checkoutKey: context.createSecret() };
}

function isStillBuying({ catalogue }: Context, order: OrderedBasket, { items }: ShopperBasket): boolean {
  const priced = priceBasket(catalogue, items);
  return isPayable(order) && priced.kind === 'priced' && isSamePurchase(priced.basket, order.basket);
}
