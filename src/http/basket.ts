import { type Request, type Response, Router } from 'express';
import type { Context } from '../context.ts';
import {
  addItem,
  type BasketItem,
  type BasketProblem,
  maxLines,
  maxQuantity,
  maxTotal,
  type PricedBasket,
  priceBasket,
  removeItem,
  setQuantity,
} from '../shop/basket.ts';
import type { Catalogue } from '../shop/catalogue.ts';
import {
  typedItemFormSchema,
  typedQuantitiesFormSchema,
  typedQuantityFormSchema,
  typedQuantitySchema,
} from '../shop/checkout-form.ts';
import { detailsNeeded } from '../shop/customer.ts';
import { formatMoney } from '../shop/money.ts';
import { catalogueView, type FieldError } from './catalogue.ts';
import { parseBody, readBody } from './forms.ts';
import { pricedView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Sessions, sessionOf } from './session.ts';

/** The basket in the shopper's cookie: `GET /basket`, and forms that change it. */
export function basket({ catalogue }: Pick<Context, 'catalogue'>, sessions: Sessions, pages: Pages): Router {
  const router = Router();
  const form = readBody({ json: false });
  const page = { catalogue, pages };

  router.get('/basket', (_req, res) => sendBasketPage(res, page));

  /** Adds a product; with quantities instead, it is the basket's own form on the way to the checkout. */
  router.post('/basket', form, (req: Request, res: Response) => {
    const isForm = Object.keys(req.body).some((name) => name.startsWith('quantity-'));
    if (isForm && !('sku' in req.body)) return keepTyped(req, res, { next: '/checkout' });
    const { sku, quantity: typed } = parseBody(typedItemFormSchema, req.body);
    const quantity = typedQuantitySchema.safeParse(typed);
    if (!catalogue.products.has(sku)) throw new HttpProblem(400);
    const { items } = sessionOf(res);
    if (quantity.success) return change(res, addItem(items, { sku, quantity: quantity.data }), '/basket');
    res.status(400);
    pages.send(res, 'catalogue/index', catalogueView(catalogue, [badQuantity(catalogue, sku, typed)]));
  });

  /** Sets one quantity, and with it all that were typed beside it. */
  router.post('/basket/:sku', form, (req: Request<{ sku: string }>, res: Response) => {
    const { sku } = req.params;
    if (!('quantity' in req.body)) return keepTyped(req, res, { next: '/basket' });
    const { quantity } = parseBody(typedQuantityFormSchema, req.body);
    setQuantities(res, [[sku, quantity]], { next: '/basket' });
  });

  router.post(
    '/basket/:sku/remove',
    readBody({ json: false, mayBeEmpty: true }),
    (req: Request<{ sku: string }>, res: Response) => {
      keepTyped(req, res, { next: '/basket', without: req.params.sku });
    },
  );

  /** Whichever button is pressed, what was typed beside the lines counts. */
  function keepTyped(req: Request, res: Response, then: { next: string; without?: string }): void {
    const typed = parseBody(typedQuantitiesFormSchema, req.body ?? {});
    setQuantities(
      res,
      typed.filter(([sku]) => sku !== then.without),
      then,
    );
  }

  function setQuantities(
    res: Response,
    typed: readonly (readonly [string, string])[],
    { next, without }: { next: string; without?: string },
  ): void {
    const { items, errors } = applyQuantities(catalogue, sessionOf(res).items, typed);
    if (errors.length === 0) {
      change(res, without === undefined ? items : removeItem(items, without), next);
      return;
    }
    res.status(400);
    sendBasketPage(res, page, errors);
  }

  function change(res: Response, items: readonly BasketItem[], next: string): void {
    saveOrExplain(res, items, { ...page, sessions, next });
  }
  return router;
}

/** What was typed beside the lines of a form that carries quantities. */
export function readQuantities(
  catalogue: Catalogue,
  items: readonly BasketItem[],
  body: unknown,
): { items: readonly BasketItem[]; errors: readonly FieldError[] } {
  return applyQuantities(catalogue, items, parseBody(typedQuantitiesFormSchema, body));
}

function applyQuantities(
  catalogue: Catalogue,
  items: readonly BasketItem[],
  typed: readonly (readonly [string, string])[],
): { items: readonly BasketItem[]; errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  let changed = items;
  for (const [sku, text] of typed) {
    const quantity = typedQuantitySchema.safeParse(text);
    if (quantity.success) changed = setQuantity(changed, { sku, quantity: quantity.data });
    else errors.push(badQuantity(catalogue, sku, text));
  }
  return { items: changed, errors };
}

/** Saves a basket and leads on; one that cannot be bought is not saved, and the page says why. */
export function saveOrExplain(
  res: Response,
  items: readonly BasketItem[],
  to: { catalogue: Catalogue; pages: Pages; sessions: Sessions; next: string },
): void {
  const priced = items.length === 0 ? null : priceBasket(to.catalogue, items);
  if (priced?.kind === 'refused') {
    if (priced.problem.kind === 'unknown-product') throw new HttpProblem(400);
    res.status(400);
    sendBasketPage(res, to, [basketError(priced.problem, to.catalogue)]);
    return;
  }
  to.sessions.saveBasket(res, items);
  res.redirect(303, to.next);
}

/** The basket as it stands, with what was wrong with the last request, if anything. */
export function sendBasketPage(
  res: Response,
  { catalogue, pages }: { catalogue: Catalogue; pages: Pages },
  errors: readonly FieldError[] = [],
): void {
  // Prices may have risen since: a basket above the limit is shown too, so that the shopper can take something out.
  const { items, checkoutKey } = sessionOf(res);
  const priced = priceBasket(catalogue, items, Number.POSITIVE_INFINITY);
  const error = errors.length === 0 ? null : { summary: errors };
  if (priced.kind === 'refused') {
    pages.send(res, 'basket/show', { lines: [], error });
    return;
  }
  const view = pricedView(priced.basket);
  const typedOf = new Map(errors.map(({ typed }) => [typed?.sku, typed?.quantity]));
  pages.send(res, 'basket/show', {
    ...view,
    error,
    // A shop that asks for nothing needs no other page before the payment.
    pay: detailsNeeded(catalogue) === 'none' ? { checkoutKey, expectedTotal: priced.basket.total } : null,
    lines: view.lines.map((line) => ({ ...line, quantity: typedOf.get(line.sku) ?? line.quantity })),
    deliveryLine: view.deliveryLine && {
      ...view.deliveryLine,
      note: deliveryNote(catalogue, priced.basket),
    },
  });
}

function deliveryNote(
  { delivery: offered, currency }: Catalogue,
  { goods, delivery }: Pick<PricedBasket, 'goods' | 'delivery'>,
): string | null {
  const freeFrom = offered?.freeFrom ?? null;
  if (freeFrom === null || !delivery?.amount) return null;
  return `Spend ${formatMoney({ value: freeFrom - goods, currencyCode: currency })} more for free delivery`;
}

function badQuantity({ products }: Catalogue, sku: string, typed: string): FieldError {
  const product = products.get(sku);
  if (product === undefined) throw new HttpProblem(400);
  return {
    message: `Enter a whole number from 1 to ${maxQuantity} for ${product.name}.`,
    href: `#quantity-${sku}`,
    typed: { sku, quantity: typed },
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
