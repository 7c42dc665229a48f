import { Router } from 'express';
import type { Context } from '../context.ts';
import type { Catalogue } from '../shop/catalogue.ts';
import { formatMoney } from '../shop/money.ts';
import type { Pages } from './pages.ts';

/** `GET /`: what the shop sells. */
export function catalogue(context: Context, pages: Pages): Router {
  const router = Router();
  // Read once at the start: but for the basket's count, every shopper gets the same page.
  const view = catalogueView(context.catalogue);
  router.get('/', (_req, res) => pages.send(res, 'catalogue/index', view));
  return router;
}

/** A sentence for the shopper, a link to the field it is about, and what was typed there. */
export type FieldError = {
  readonly message: string;
  readonly href: string;
  readonly typed: { readonly sku: string; readonly quantity: string } | null;
};

/** What `views/catalogue/index.ejs` reads. */
export function catalogueView(shop: Catalogue, errors: readonly FieldError[] = []): Record<string, unknown> {
  const money = (value: number) => formatMoney({ value, currencyCode: shop.currency });
  return {
    error: errors.length === 0 ? null : { summary: errors },
    products: [...shop.products.values()].map((product) => ({
      ...product,
      quantity: errors.find(({ typed }) => typed?.sku === product.sku)?.typed?.quantity ?? 1,
      price: money(product.price),
      picture: `/static/${product.picture}`,
    })),
    delivery: shop.delivery && {
      caption: shop.delivery.caption,
      flat: money(shop.delivery.flat),
      freeFrom: shop.delivery.freeFrom === null ? null : money(shop.delivery.freeFrom),
    },
  };
}
