import { type BasketItem, type PricedBasket, subtractItems } from './basket.ts';

/** What one shopper wants to buy, and the keys of what they are buying. */
export type ShopperBasket = {
  readonly items: readonly BasketItem[];
  /** Names the purchase that this basket will be; a changed basket is another purchase. */
  readonly checkoutKey: string;
  /** Of orders that were placed and not seen settled yet, the newest last. */
  readonly openKeys: readonly string[];
};

/** A browser carries them in its cookie, and each page asks the store for them. */
const maxOpenKeys = 3;

/** A changed basket gets the new key; an unchanged one keeps its own. */
export function changeItems<Basket extends ShopperBasket>(
  basket: Basket,
  items: readonly BasketItem[],
  newKey: string,
): Basket {
  const text = (list: readonly BasketItem[]) => list.map(({ sku, quantity }) => `${sku} ${quantity}`).join();
  return text(items) === text(basket.items) ? basket : { ...basket, items, checkoutKey: newKey };
}

/** An order was placed under the key. */
export function openKey<Basket extends ShopperBasket>(basket: Basket, key: string): Basket {
  if (basket.openKeys.at(-1) === key) return basket;
  return { ...basket, openKeys: [...withoutKey(basket, key), key].slice(-maxOpenKeys) };
}

/** Goods and key of an order leave together, so that the goods leave once; what was added meanwhile stays. */
export function takeOut<Basket extends ShopperBasket>(
  basket: Basket,
  order: { readonly checkoutKey: string; readonly basket: PricedBasket },
  newKey: string,
): Basket {
  const { checkoutKey } = order;
  if (!basket.openKeys.includes(checkoutKey)) return basket;
  const left = changeItems(basket, subtractItems(basket.items, order.basket.lines), newKey);
  return {
    ...left,
    openKeys: withoutKey(basket, checkoutKey),
    checkoutKey: left.checkoutKey === checkoutKey ? newKey : left.checkoutKey,
  };
}

export function withoutKey({ openKeys }: ShopperBasket, key: string): string[] {
  return openKeys.filter((other) => other !== key);
}
