import { Router } from 'express';
import type { Catalogue } from '../shop/catalogue.ts';
import { formatMoney } from '../shop/money.ts';
import type { Pages } from './pages.ts';

/** `GET /`: what the shop sells. */
export function catalogue(shop: Catalogue, pages: Pages): Router {
  const router = Router();
  // The catalogue is read once at the start, so its page is the same for everybody but for the basket's count.
  const locals = catalogueLocals(shop);
  router.get('/', (_req, res) => pages.send(res, 'catalogue/index', locals));
  return router;
}

export function catalogueLocals(shop: Catalogue): Record<string, unknown> {
  const money = (value: number) => formatMoney({ value, currencyCode: shop.currency });
  const { caption, flat, freeFrom } = shop.delivery;
  return {
    products: [...shop.products.values()].map((product) => ({
      ...product,
      price: money(product.price),
      picture: `/static/${product.picture}`,
    })),
    delivery: { caption, flat: money(flat), freeFrom: freeFrom === null ? null : money(freeFrom) },
  };
}
