import { type Request, type Response, Router } from 'express';
import type { Context } from '../context.ts';
import {
  addItem,
  type BasketItem,
  type BasketProblem,
  maxLines,
  maxQuantity,
  maxTotal,
  priceBasket,
  removeItem,
  setQuantity,
} from '../shop/basket.ts';
import type { Catalogue, Product } from '../shop/catalogue.ts';
import { typedItemFormSchema, typedQuantityFormSchema, typedQuantitySchema } from '../shop/checkout-form.ts';
import { formatMoney } from '../shop/money.ts';
import { catalogueView, type FieldError } from './catalogue.ts';
import { parseBody, readBody } from './forms.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Sessions, sessionOf } from './session.ts';

/** The basket in the shopper's cookie: `GET /basket`, and forms that change it and lead back to it. */
export function basket({ catalogue }: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();
  const form = readBody({ json: false });

  router.get('/basket', (_req, res) => sendBasketPage(res, { catalogue, pages }));

  router.post('/basket', form, (req: Request, res: Response) => {
    const { sku, quantity: typed } = parseBody(typedItemFormSchema, req.body);
    const quantity = typedQuantitySchema.safeParse(typed);
    const product = catalogue.products.get(sku);
    if (product === undefined) throw new HttpProblem(400);
    if (quantity.success) return change(res, addItem(sessionOf(res).items, { sku, quantity: quantity.data }));
    res.status(400);
    pages.send(res, 'catalogue/index', catalogueView(catalogue, badQuantity(product, typed)));
  });

  router.post('/basket/:sku', form, (req: Request<{ sku: string }>, res: Response) => {
    const { quantity: typed } = parseBody(typedQuantityFormSchema, req.body);
    const quantity = typedQuantitySchema.safeParse(typed);
    const { sku } = req.params;
    if (quantity.success)
      return change(res, setQuantity(sessionOf(res).items, { sku, quantity: quantity.data }));
    const product = catalogue.products.get(sku);
    if (product === undefined) throw new HttpProblem(400);
    res.status(400);
    sendBasketPage(res, { catalogue, pages }, badQuantity(product, typed));
  });

  router.post('/basket/:sku/remove', (req, res) => {
    change(res, removeItem(sessionOf(res).items, req.params.sku));
  });

  function change(res: Response, items: readonly BasketItem[]): void {
    const priced = items.length === 0 ? null : priceBasket(catalogue, items);
    if (priced?.kind === 'refused') {
      if (priced.problem.kind === 'unknown-product') throw new HttpProblem(400);
      res.status(400);
      sendBasketPage(res, { catalogue, pages }, basketError(priced.problem, catalogue));
      return;
    }
    sessions.saveBasket(res, items);
    res.redirect(303, '/basket');
  }
  return router;
}

/** The basket as it stands, with what was wrong with the last request, if anything. */
export function sendBasketPage(
  res: Response,
  { catalogue, pages }: { catalogue: Catalogue; pages: Pages },
  error: FieldError | null = null,
): void {
  const { items, checkoutKey } = sessionOf(res);
  const priced = items.length === 0 ? null : priceBasket(catalogue, items);
  const money = (value: number) => formatMoney({ value, currencyCode: catalogue.currency });
  const summary = error && { summary: [error] };
  res.set('Cache-Control', 'no-store');
  if (priced?.kind !== 'priced') {
    pages.send(res, 'basket/show', { lines: [], error: summary });
    return;
  }
  const { lines, goods, delivery, vat, vatRatePercent, total } = priced.basket;
  const { freeFrom } = catalogue.delivery;
  const note =
    freeFrom !== null && delivery.amount > 0
      ? `Spend ${money(freeFrom - goods)} more for free delivery`
      : null;
  pages.send(res, 'basket/show', {
    error: summary,
    checkoutKey,
    lines: lines.map((line) => ({
      ...line,
      quantity: error?.typed?.sku === line.sku ? error.typed.quantity : line.quantity,
      picture: `/static/${line.picture}`,
      unitPrice: money(line.unitPrice),
      lineTotal: money(line.lineTotal),
    })),
    goods: money(goods),
    delivery: {
      caption: delivery.caption,
      amount: delivery.amount === 0 ? 'Free' : money(delivery.amount),
      note,
    },
    vat: money(vat),
    vatRatePercent,
    total: money(total),
  });
}

function badQuantity(product: Product, typed: string): FieldError {
  return {
    message: `Enter a whole number from 1 to ${maxQuantity} for ${product.name}.`,
    href: `#quantity-${product.sku}`,
    typed: { sku: product.sku, quantity: typed },
  };
}

export function basketError(problem: BasketProblem, { currency }: Catalogue): FieldError {
  const message = {
    empty: 'Your basket is empty.',
    'too-many-lines': `A basket can hold up to ${maxLines} different products.`,
    'too-expensive': `We take orders up to ${formatMoney({ value: maxTotal, currencyCode: currency })} online. Please write to us about a larger one.`,
    'unknown-product': 'We no longer sell one of these products.',
    'repeated-product': 'A product is in the basket twice.',
    'bad-quantity': `You can order up to ${maxQuantity} of each product.`,
  }[problem.kind];
  return { message, href: 'sku' in problem ? `#quantity-${problem.sku}` : '#main', typed: null };
}
