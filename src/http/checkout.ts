import { type Request, type RequestHandler, type Response, Router } from 'express';
import { rateLimit } from 'express-rate-limit';
import { type PlacedOrder, placeOrder, resumeOrder } from '../checkout/place-order.ts';
import { type ReadReturn, readReturn } from '../checkout/read-return.ts';
import type { Context } from '../context.ts';
import { checkoutBodySchema, checkoutFormSchema, checkoutKeySchema } from '../shop/checkout-form.ts';
import type { NewOrder, Order } from '../shop/order.ts';
import { refusal, sendBasketPage } from './basket.ts';
import { parseBody, readBody } from './forms.ts';
import { findOrder, isOwnOrder, orderLocals, orderPageHeaders } from './order-locals.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { renewCheckoutKey, type Session, type SessionSettings, saveBasket } from './session.ts';

/** How often a page without JavaScript asks again by itself (WCAG F41: never endlessly). */
const maxReloads = 10;

/** `POST /checkout` and the two addresses that the payment page sends the browser back to. */
export function checkout(
  context: Context,
  settings: SessionSettings & { checkoutRate: number },
  pages: Pages,
): Router {
  const router = Router();

  router.post('/checkout', limitRate(settings.checkoutRate), readBody({ json: true }), async (req, res) => {
    if (req.is('json')) await checkoutJson(req, res);
    else await checkoutForm(req, res);
  });

  async function checkoutForm(req: Request, res: Response): Promise<void> {
    const { checkoutKey } = parseBody(checkoutFormSchema, req.body);
    const { items, shopperId, checkoutKey: currentKey } = res.locals.session as Session;
    const purchase = { items, shopperId, checkoutKey };
    let placed = await (checkoutKey === currentKey ? placeOrder : resumeOrder)(context, purchase);
    if (placed.kind === 'exhausted') {
      // The basket stays the same; the next order needs a key of its own.
      placed = await placeOrder(context, { ...purchase, checkoutKey: renewCheckoutKey(res, settings) });
    }
    if (placed.kind === 'refused') {
      res.status(400);
      sendBasketPage(res, settings, pages, refusal(placed.problem, settings.catalogue));
      return;
    }
    const order = orderOrProblem(placed, res);
    res.redirect(303, placed.kind === 'ready' ? placed.paymentLink : `/orders/${order.token}`);
  }

  async function checkoutJson(req: Request, res: Response): Promise<void> {
    const { items } = parseBody(checkoutBodySchema, req.body);
    const checkoutKey = parseBody(checkoutKeySchema, req.get('Idempotency-Key') ?? context.createSecret());
    const { shopperId } = res.locals.session as Session;
    const placed = await placeOrder(context, { items, shopperId, checkoutKey });
    const order = orderOrProblem(placed, res);
    const orderUrl = `${context.settings.publicUrl}/orders/${order.token}`;
    if (placed.kind !== 'ready') {
      res.redirect(303, orderUrl);
      return;
    }
    const { paymentIntentId, paymentLink } = placed;
    res
      .status(201)
      .location(orderUrl)
      .json({ reference: order.reference, orderUrl, paymentIntentId, paymentLink });
  }

  router.get('/checkout/success/:token', async (req, res) => {
    const seen = await readReturn(context, await findOrder(context.store, req.params.token));
    forgetBoughtBasket(res, settings, seen.order, seen.truth);
    orderPageHeaders(res, seen.order);
    pages.send(res, 'orders/show', returnLocals(seen, req, res));
  });

  router.get('/checkout/cancelled/:token', async (req, res) => {
    const seen = await readReturn(context, await findOrder(context.store, req.params.token));
    orderPageHeaders(res, seen.order);
    const view = seen.truth === 'unpaid' ? 'checkout/cancelled' : 'orders/show';
    pages.send(res, view, returnLocals(seen, req, res));
  });

  return router;
}

/** The page of a payment that is not settled yet asks again: by script, by itself a few times, or on a click. */
function returnLocals(
  { order, truth, askedJustNow }: ReadReturn,
  req: Request,
  res: Response,
): Record<string, unknown> {
  const reloads = /^\d{1,2}$/.test(String(req.query.check)) ? Number(req.query.check) : 0;
  const again = `/checkout/success/${order.token}`;
  const isOpen = truth === 'confirming' || truth === 'unknown' || truth === 'unpaid';
  return {
    ...orderLocals(order, res.locals.session, { truth, askedJustNow }),
    statusUrl: isOpen ? `/orders/${order.token}` : null,
    checkAgainUrl: isOpen ? again : null,
    refresh:
      truth === 'confirming' && reloads < maxReloads
        ? { seconds: 3, url: `${again}?check=${reloads + 1}` }
        : null,
  };
}

/** The order of an outcome that has one; the others become the answer they deserve. */
function orderOrProblem(placed: PlacedOrder, res: Response): NewOrder {
  if ('order' in placed) res.locals.logged = logged(placed);
  switch (placed.kind) {
    case 'ready':
    case 'settled':
      return placed.order;
    case 'refused':
      throw new HttpProblem(400);
    case 'basket-changed':
      throw new HttpProblem(409, { kind: 'basket-changed' });
    case 'exhausted':
      throw new HttpProblem(409, { kind: 'exhausted' });
    case 'dojo-refused':
      throw new HttpProblem(502, { kind: 'dojo-refused' });
    case 'dojo-unavailable':
      throw new HttpProblem(503, {
        kind: 'dojo-unavailable',
        headers: { 'Retry-After': String(Math.ceil((placed.retryAfterMs ?? 5_000) / 1000)) },
      });
  }
}

function logged(placed: PlacedOrder & { order: NewOrder }): Record<string, unknown> {
  return {
    outcome: placed.kind,
    orderReference: placed.order.reference,
    ...(placed.kind === 'ready' && { paymentIntentId: placed.paymentIntentId }),
  };
}

/** Once money is taken or reserved, the basket it was taken for is no longer one. */
function forgetBoughtBasket(res: Response, settings: SessionSettings, order: Order, truth: string): void {
  const session = res.locals.session as Session;
  const isBought = ['paid', 'confirming', 'authorized', 'held'].includes(truth);
  if (isBought && isOwnOrder(order, session) && session.checkoutKey === order.checkoutKey) {
    saveBasket(res, settings, []);
  }
}

/** By address, in this process. */
function limitRate(perMinute: number): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: false,
    legacyHeaders: false,
    // Whom to believe about addresses is decided by TRUST_PROXY alone.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (req) => {
      const resetAt =
        (req as Request & { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime?.getTime() ?? 0;
      const seconds = Math.max(1, Math.ceil((resetAt - Date.now()) / 1000));
      throw new HttpProblem(429, { headers: { 'Retry-After': String(seconds) } });
    },
  });
}
