import { type Request, type Response, Router } from 'express';
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
import { catalogueLocals, type PageFault } from './catalogue.ts';
import { parseBody, readBody } from './forms.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Session, type SessionSettings, saveBasket } from './session.ts';

/** The basket in the shopper's cookie: `GET /basket`, and forms that change it and lead back to it. */
export function basket(settings: SessionSettings, pages: Pages): Router {
  const router = Router();
  const form = readBody({ json: false });

  router.get('/basket', (_req, res) => sendBasketPage(res, settings, pages));

  router.post('/basket', form, (req: Request, res: Response) => {
    const { sku, quantity: typed } = parseBody(typedItemFormSchema, req.body);
    const quantity = typedQuantitySchema.safeParse(typed);
    const product = settings.catalogue.products.get(sku);
    if (product === undefined) throw new HttpProblem(400);
    if (quantity.success) return change(res, addItem(session(res).items, { sku, quantity: quantity.data }));
    res.status(400);
    pages.send(res, 'catalogue/index', catalogueLocals(settings.catalogue, misread(product, typed)));
  });
  router.post('/basket/:sku', form, (req: Request<{ sku: string }>, res: Response) => {
    const { quantity: typed } = parseBody(typedQuantityFormSchema, req.body);
    const quantity = typedQuantitySchema.safeParse(typed);
    const { sku } = req.params;
    if (quantity.success)
      return change(res, setQuantity(session(res).items, { sku, quantity: quantity.data }));
    const product = settings.catalogue.products.get(sku);
    if (product === undefined) throw new HttpProblem(400);
    res.status(400);
    sendBasketPage(res, settings, pages, misread(product, typed));
  });
  router.post('/basket/:sku/remove', (req, res) => {
    change(res, removeItem(session(res).items, req.params.sku));
  });

  function change(res: Response, items: readonly BasketItem[]): void {
    const priced = items.length === 0 ? null : priceBasket(settings.catalogue, items);
    if (priced?.kind === 'refused') {
      if (priced.problem.kind === 'unknown-product') throw new HttpProblem(400);
      res.status(400);
      sendBasketPage(res, settings, pages, refusal(priced.problem, settings.catalogue));
      return;
    }
    saveBasket(res, settings, items);
    res.redirect(303, '/basket');
  }
  return router;
}

/** The basket as it is, with what was wrong about the last request where something was. */
export function sendBasketPage(
  res: Response,
  settings: SessionSettings,
  pages: Pages,
  fault: PageFault | null = null,
): void {
  const { items, checkoutKey } = session(res);
  const { catalogue } = settings;
  const priced = items.length === 0 ? null : priceBasket(catalogue, items);
  const money = (value: number) => formatMoney({ value, currencyCode: catalogue.currency });
  const error = fault && { summary: [fault] };
  res.set('Cache-Control', 'no-store');
  if (priced?.kind !== 'priced') {
    pages.send(res, 'basket/show', { lines: [], error });
    return;
  }
  const { lines, goods, delivery, vat, vatRatePercent, total } = priced.basket;
  const { freeFrom } = catalogue.delivery;
  const note =
    freeFrom !== null && delivery.amount > 0
      ? `Spend ${money(freeFrom - goods)} more for free delivery`
      : null;
  pages.send(res, 'basket/show', {
    error,
    checkoutKey,
    lines: lines.map((line) => ({
      ...line,
      quantity: fault?.typed?.sku === line.sku ? fault.typed.quantity : line.quantity,
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

function session(res: Response): Session {
  return res.locals.session;
}

function misread(product: Product, typed: string): PageFault {
  return {
    message: `Enter a whole number from 1 to ${maxQuantity} for ${product.name}.`,
    href: `#quantity-${product.sku}`,
    typed: { sku: product.sku, quantity: typed },
  };
}

export function refusal(problem: BasketProblem, { currency }: Catalogue): PageFault {
  const message = {
    empty: 'Your basket is empty.',
    'too-many-lines': `A basket holds ${maxLines} different products at most.`,
    'too-expensive': `We take orders up to ${formatMoney({ value: maxTotal, currencyCode: currency })} here. Please write to us about a larger one.`,
    'unknown-product': 'One of the products is no longer sold.',
    'repeated-product': 'A product is in the basket twice.',
    'bad-quantity': `You can order up to ${maxQuantity} of one product.`,
  }[problem.kind];
  return { message, href: 'sku' in problem ? `#quantity-${problem.sku}` : '#main', typed: null };
}
