import { type Request, type RequestHandler, type Response, Router } from 'express';
import { rateLimit } from 'express-rate-limit';
import { type PlacedOrder, placeOrder, resumeOrder } from '../checkout/place-order.ts';
import { type ReadReturn, readReturn } from '../checkout/read-return.ts';
import type { Context } from '../context.ts';
import type { LogFields } from '../log.ts';
import { checkoutBodySchema, checkoutFormSchema, checkoutKeySchema } from '../shop/checkout-form.ts';
import type { NewOrder } from '../shop/order.ts';
import { basketError, sendBasketPage } from './basket.ts';
import { findOrder } from './find-order.ts';
import { parseBody, readBody } from './forms.ts';
import { orderView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { orderPageHeaders } from './security.ts';
import { isOwnOrder, type Sessions, sessionOf } from './session.ts';

/** How often a page without JavaScript reloads by itself (WCAG F41: never endlessly). */
const maxReloads = 10;

/** `POST /checkout` and the two addresses that the payment page sends the browser back to. */
export function checkout(context: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();
  const { config, catalogue } = context;
  const limit = limitRate(config.http.checkoutRate);

  router.post('/checkout', limit, readBody({ json: true }), async (req, res) => {
    if (req.is('json')) await checkoutJson(req, res);
    else await checkoutForm(req, res);
  });

  async function checkoutForm(req: Request, res: Response): Promise<void> {
    const { checkoutKey } = parseBody(checkoutFormSchema, req.body);
    const { items, shopperId, checkoutKey: currentKey } = sessionOf(res);
    const purchase = { items, shopperId, checkoutKey };
    let placed = await (checkoutKey === currentKey ? placeOrder : resumeOrder)(context, purchase);
    if (placed.kind === 'exhausted') {
      // The basket stays the same; the next order needs another key.
      placed = await placeOrder(context, { ...purchase, checkoutKey: sessions.renewCheckoutKey(res) });
    }
    if (placed.kind === 'refused') {
      res.status(400);
      sendBasketPage(res, { catalogue, pages }, basketError(placed.problem, catalogue));
      return;
    }
    const order = orderOrProblem(placed, res);
    res.redirect(303, placed.kind === 'ready' ? placed.paymentLink : `/orders/${order.token}`);
  }

  async function checkoutJson(req: Request, res: Response): Promise<void> {
    const { items } = parseBody(checkoutBodySchema, req.body);
    const checkoutKey = parseBody(checkoutKeySchema, req.get('Idempotency-Key') ?? context.createSecret());
    const { shopperId } = sessionOf(res);
    const placed = await placeOrder(context, { items, shopperId, checkoutKey });
    const order = orderOrProblem(placed, res);
    const orderUrl = `${config.http.publicUrl}/orders/${order.token}`;
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
    const seen = await readReturn(context, await findOrder(context, res, req.params.token));
    forgetBoughtBasket(res, seen);
    orderPageHeaders(res);
    pages.send(res, 'orders/show', returnView(seen, req, res));
  });

  router.get('/checkout/cancelled/:token', async (req, res) => {
    const seen = await readReturn(context, await findOrder(context, res, req.params.token));
    orderPageHeaders(res);
    const view = seen.truth === 'unpaid' ? 'checkout/cancelled' : 'orders/show';
    pages.send(res, view, returnView(seen, req, res));
  });

  /** Once money is taken or reserved, the basket that it paid for is gone. */
  function forgetBoughtBasket(res: Response, { order, isBought }: ReadReturn): void {
    const session = sessionOf(res);
    if (isBought && isOwnOrder(order, session) && session.checkoutKey === order.checkoutKey) {
      sessions.saveBasket(res, []);
    }
  }

  return router;
}

/** The page of a payment that is not settled checks again: by script, by reloading a few times, or on a click. */
function returnView(
  { order, truth, askedJustNow }: ReadReturn,
  req: Request,
  res: Response,
): Record<string, unknown> {
  const reloads = /^\d{1,2}$/.test(String(req.query.check)) ? Number(req.query.check) : 0;
  const again = `/checkout/success/${order.token}`;
  const isOpen = truth === 'confirming' || truth === 'unknown' || truth === 'unpaid';
  return {
    ...orderView(order, sessionOf(res), { truth, askedJustNow }),
    statusUrl: isOpen ? `/orders/${order.token}` : null,
    checkAgainUrl: isOpen ? again : null,
    refresh:
      truth === 'confirming' && reloads < maxReloads
        ? { seconds: 3, url: `${again}?check=${reloads + 1}` }
        : null,
  };
}

/** The order of an outcome that has one; throws the answer to the others. */
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

function logged(placed: PlacedOrder & { order: NewOrder }): LogFields {
  return {
    outcome: placed.kind,
    orderReference: placed.order.reference,
    ...(placed.kind === 'ready' && { paymentIntentId: placed.paymentIntentId }),
  };
}

/** By address, in this process. */
function limitRate(perMinute: number): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit: perMinute,
    standardHeaders: false,
    legacyHeaders: false,
    // TRUST_PROXY alone decides which proxies may name an address.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (req) => {
      const resetAt =
        (req as Request & { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime?.getTime() ?? 0;
      const seconds = Math.max(1, Math.ceil((resetAt - Date.now()) / 1000));
      throw new HttpProblem(429, { headers: { 'Retry-After': String(seconds) } });
    },
  });
}
