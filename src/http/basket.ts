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
import { basketItemFormSchema, quantityFormSchema } from '../shop/checkout-form.ts';
import { formatMoney } from '../shop/money.ts';
import { parseBody, readBody } from './forms.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Session, type SessionSettings, saveBasket } from './session.ts';

/** The basket in the shopper's cookie: `GET /basket`, and forms that change it and lead back to it. */
export function basket(settings: SessionSettings, pages: Pages): Router {
  const router = Router();
  const form = readBody({ json: false });

  router.get('/basket', (_req, res) => sendBasketPage(res, settings, pages));

  router.post('/basket', form, (req, res) => {
    const item = parseBody(basketItemFormSchema, req.body);
    change(res, addItem(session(res).items, item));
  });
  router.post('/basket/:sku', form, (req: Request<{ sku: string }>, res: Response) => {
    const { quantity } = parseBody(quantityFormSchema, req.body);
    change(res, setQuantity(session(res).items, { sku: req.params.sku, quantity }));
  });
  router.post('/basket/:sku/remove', (req, res) => {
    change(res, removeItem(session(res).items, req.params.sku));
  });

  function change(res: Response, items: readonly BasketItem[]): void {
    const priced = items.length === 0 ? null : priceBasket(settings.catalogue, items);
    if (priced?.kind === 'refused') {
      if (priced.problem.kind === 'unknown-product') throw new HttpProblem(400);
      res.status(400);
      sendBasketPage(res, settings, pages, priced.problem);
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
  problem: BasketProblem | null = null,
): void {
  const { items, checkoutKey } = session(res);
  const priced = items.length === 0 ? null : priceBasket(settings.catalogue, items);
  const money = (value: number) => formatMoney({ value, currencyCode: settings.catalogue.currency });
  res.set('Cache-Control', 'no-store');
  if (priced?.kind !== 'priced') {
    pages.send(res, 'basket/show', { lines: [], error: problem && errorSummary(problem, money) });
    return;
  }
  const { lines, goods, delivery, vat, vatRatePercent, total } = priced.basket;
  const { freeFrom } = settings.catalogue.delivery;
  pages.send(res, 'basket/show', {
    error: problem && errorSummary(problem, money),
    checkoutKey,
    lines: lines.map((line) => ({
      ...line,
      picture: `/static/${line.picture}`,
      unitPrice: money(line.unitPrice),
      lineTotal: money(line.lineTotal),
    })),
    goods: money(goods),
    delivery: {
      caption: delivery.caption,
      amount: delivery.amount === 0 ? 'Free' : money(delivery.amount),
      note:
        freeFrom !== null && delivery.amount > 0
          ? `Spend ${money(freeFrom - goods)} more for free delivery`
          : null,
    },
    vat: money(vat),
    vatRatePercent,
    total: money(total),
  });
}

function session(res: Response): Session {
  return res.locals.session;
}

function errorSummary(
  problem: BasketProblem,
  money: (value: number) => string,
): { summary: { message: string; href: string }[] } {
  const href = 'sku' in problem ? `#quantity-${problem.sku}` : '#main';
  const message = {
    empty: 'Your basket is empty.',
    'too-many-lines': `A basket holds ${maxLines} different products at most.`,
    'too-expensive': `We take orders up to ${money(maxTotal)} here. Please write to us about a larger one.`,
    'unknown-product': 'One of the products is no longer sold.',
    'repeated-product': 'A product is in the basket twice.',
    'bad-quantity': `You can order up to ${maxQuantity} of one product.`,
  }[problem.kind];
  return { summary: [{ message, href }] };
}
