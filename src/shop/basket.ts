import type { Catalogue } from './catalogue.ts';
import { vatIncluded } from './money.ts';

/** What the shopper wants: skus and whole quantities, no prices. */
export type BasketItem = { readonly sku: string; readonly quantity: number };

export type BasketLine = {
  readonly sku: string;
  readonly name: string;
  readonly picture: string;
  readonly pictureAlt: string;
  readonly unitPrice: number;
  readonly quantity: number;
  readonly lineTotal: number;
};

/** A basket with the catalogue's prices on it. All amounts are minor units of `currencyCode`, VAT included. */
export type PricedBasket = {
  readonly lines: readonly BasketLine[];
  readonly goods: number;
  /** Null where nothing is sent. */
  readonly delivery: { readonly caption: string; readonly amount: number } | null;
  readonly vatRatePercent: number;
  readonly vat: number;
  readonly total: number;
  readonly currencyCode: string;
};

export const maxQuantity = 100;
export const maxLines = 50;
/** Minor units. A basket above this is a mistake or a probe. */
export const maxTotal = 1_000_000;

export type BasketProblem =
  | { readonly kind: 'empty' }
  | { readonly kind: 'too-many-lines' }
  | { readonly kind: 'too-expensive' }
  | { readonly kind: 'unknown-product'; readonly sku: string }
  | { readonly kind: 'repeated-product'; readonly sku: string }
  | { readonly kind: 'bad-quantity'; readonly sku: string };

/** Prices come from the catalogue alone. `limit` is for a page that shows what it does not sell. */
export function priceBasket(
  catalogue: Catalogue,
  items: readonly BasketItem[],
  limit = maxTotal,
): { kind: 'priced'; basket: PricedBasket } | { kind: 'refused'; problem: BasketProblem } {
  const refused = (problem: BasketProblem) => ({ kind: 'refused' as const, problem });
  if (items.length === 0) return refused({ kind: 'empty' });
  if (items.length > maxLines) return refused({ kind: 'too-many-lines' });

  const lines = new Map<string, BasketLine>();
  for (const { sku, quantity } of items) {
    const product = catalogue.products.get(sku);
    if (product === undefined) return refused({ kind: 'unknown-product', sku });
    if (lines.has(sku)) return refused({ kind: 'repeated-product', sku });
    if (!isQuantity(quantity)) return refused({ kind: 'bad-quantity', sku });
    const { name, picture, pictureAlt, price } = product;
    lines.set(sku, {
      sku,
      name,
      picture,
      pictureAlt,
      unitPrice: price,
      quantity,
      lineTotal: price * quantity,
    });
  }

  const goods = [...lines.values()].reduce((sum, line) => sum + line.lineTotal, 0);
  const delivery = priceDelivery(catalogue, goods);
  const total = goods + (delivery?.amount ?? 0);
  if (total > limit) return refused({ kind: 'too-expensive' });
  const { vatRatePercent, currency } = catalogue;
  return {
    kind: 'priced',
    basket: {
      lines: [...lines.values()],
      goods,
      delivery,
      vatRatePercent,
      vat: vatIncluded(total, vatRatePercent),
      total,
      currencyCode: currency,
    },
  };
}

function priceDelivery({ delivery }: Catalogue, goods: number): PricedBasket['delivery'] {
  if (delivery === undefined) return null;
  const { caption, flat, freeFrom } = delivery;
  return { caption, amount: freeFrom !== null && goods >= freeFrom ? 0 : flat };
}

/** True if both would be charged alike: the same goods at the same prices, in whatever order. */
export function isSamePurchase(one: PricedBasket, other: PricedBasket): boolean {
  return purchaseText(one) === purchaseText(other);
}

/** True if both are the same goods, at whatever prices. */
export function isSameGoods(one: readonly BasketItem[], other: readonly BasketItem[]): boolean {
  const text = (items: readonly BasketItem[]) =>
    items.map(({ sku, quantity }) => `${sku} ${quantity}`).sort();
  return text(one).join() === text(other).join();
}

function purchaseText(basket: PricedBasket): string {
  const lines = basket.lines.map((line) => `${line.sku} ${line.quantity} ${line.unitPrice}`).sort();
  return [...lines, basket.delivery?.amount ?? 0, basket.total, basket.currencyCode].join('\n');
}

export function addItem(items: readonly BasketItem[], added: BasketItem): BasketItem[] {
  const present = items.find((item) => item.sku === added.sku);
  if (present === undefined) return [...items, added];
  return setQuantity(items, { ...added, quantity: present.quantity + added.quantity });
}

export function setQuantity(items: readonly BasketItem[], changed: BasketItem): BasketItem[] {
  return items.map((item) => (item.sku === changed.sku ? changed : item));
}

export function removeItem(items: readonly BasketItem[], sku: string): BasketItem[] {
  return items.filter((item) => item.sku !== sku);
}

/** What is left once these goods are taken out. */
export function subtractItems(items: readonly BasketItem[], bought: readonly BasketItem[]): BasketItem[] {
  const boughtOf = new Map(bought.map(({ sku, quantity }) => [sku, quantity]));
  return items
    .map(({ sku, quantity }) => ({ sku, quantity: quantity - (boughtOf.get(sku) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
}

/** With at least as much of each of these goods, and no less of anything: the same again changes nothing. */
export function putBack(items: readonly BasketItem[], goods: readonly BasketItem[]): BasketItem[] {
  return goods.reduce<readonly BasketItem[]>((all, { sku, quantity }) => {
    const present = all.find((item) => item.sku === sku)?.quantity ?? 0;
    return present >= quantity ? all : addItem(all, { sku, quantity: quantity - present });
  }, items) as BasketItem[];
}

function isQuantity(quantity: number): boolean {
  return Number.isInteger(quantity) && quantity >= 1 && quantity <= maxQuantity;
}
