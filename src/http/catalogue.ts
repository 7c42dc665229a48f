import { Router } from 'express';
import type { Catalogue } from '../shop/catalogue.ts';
import { formatMoney } from '../shop/money.ts';
import type { Pages } from './pages.ts';

/** `GET /`: what the shop sells. */
export function catalogue(shop: Catalogue, pages: Pages): Router {
  const router = Router();
  // The catalogue is read once at the start, so its page is the same for everybody but for the basket's count.
  const locals = catalogueLocals(shop);
  router.get('/', (_req, res) => {
    res.set('Cache-Control', 'private, no-cache');
    pages.send(res, 'catalogue/index', locals);
  });
  return router;
}

/** A sentence for the shopper, the field it is about, and what was typed there. */
export type PageFault = {
  readonly message: string;
  readonly href: string;
  readonly typed: { readonly sku: string; readonly quantity: string } | null;
};

/** What `views/catalogue/index.ejs` reads, with what was wrong about the last request where something was. */
export function catalogueLocals(shop: Catalogue, fault: PageFault | null = null): Record<string, unknown> {
  const money = (value: number) => formatMoney({ value, currencyCode: shop.currency });
  const { caption, flat, freeFrom } = shop.delivery;
  return {
    error: fault && { summary: [fault] },
    products: [...shop.products.values()].map((product) => ({
      ...product,
      quantity: fault?.typed?.sku === product.sku ? fault.typed.quantity : 1,
      price: money(product.price),
      picture: `/static/${product.picture}`,
    })),
    delivery: { caption, flat: money(flat), freeFrom: freeFrom === null ? null : money(freeFrom) },
  };
}
