import { type Request, type RequestHandler, type Response, Router } from 'express';
import { rateLimit } from 'express-rate-limit';
import { type PlacedOrder, placeOrder, placeShownOrder } from '../checkout/place-order.ts';
import type { Context } from '../context.ts';
import type { LogFields } from '../log.ts';
import { priceBasket } from '../shop/basket.ts';
import { checkoutBodySchema, checkoutFormSchema, checkoutKeySchema } from '../shop/checkout-form.ts';
import type { NewOrder } from '../shop/order.ts';
import { basketError, sendBasketPage } from './basket.ts';
import { parseBody, readBody } from './forms.ts';
import { pricedView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Sessions, sessionOf } from './session.ts';

/** `GET /checkout`, where the shopper sees what they will pay, and `POST /checkout`, which places the order. */
export function checkout(context: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();
  const { config, catalogue } = context;
  const limit = limitRate(config.http.checkoutRate);

  router.get('/checkout', (_req, res) => sendSummary(res, null));

  router.post('/checkout', limit, readBody({ json: true }), async (req, res) => {
    if (req.is('json')) await checkoutJson(req, res);
    else await checkoutForm(req, res);
  });

  async function checkoutForm(req: Request, res: Response): Promise<void> {
    // Sent by a page that showed no total.
    if (!('checkoutKey' in req.body)) return res.redirect(303, '/checkout');
    const { checkoutKey, expectedTotal } = parseBody(checkoutFormSchema, req.body);
    const { items, shopperId, openKeys, checkoutKey: currentKey } = sessionOf(res);
    const isCurrent = checkoutKey === currentKey;
    const supersedes = openKeys.filter((key) => key !== checkoutKey);
    const purchase = { items, shopperId, checkoutKey, expectedTotal, supersedes };
    const placed = await placeShownOrder(context, purchase, isCurrent);
    if ('order' in placed) {
      res.locals.logged = logged(placed);
      if (placed.kind !== 'settled') sessions.openKey(res, checkoutKey);
    }
    if (placed.kind === 'ready') return res.redirect(303, placed.paymentLink);
    if (placed.kind === 'settled') return res.redirect(303, `/orders/${placed.order.token}`);
    if (expectedTotal === undefined) return res.redirect(303, '/checkout');
    const problem = problemOf(placed);
    if (problem.status === 409 && isCurrent) sessions.renewCheckoutKey(res);
    res.status(problem.status).set(problem.headers);
    sendSummary(res, placed);
  }

  /** The summary as it is now. A basket that cannot be bought is shown instead. */
  function sendSummary(res: Response, placed: Unplaced | null): void {
    const { items, checkoutKey } = sessionOf(res);
    const priced = priceBasket(catalogue, items);
    if (priced.kind === 'refused') {
      if (placed === null && items.length === 0) res.redirect(303, '/basket');
      else sendBasketPage(res, { catalogue, pages }, [basketError(priced.problem, catalogue)]);
      return;
    }
    const view = pricedView(priced.basket);
    pages.send(res, 'checkout/summary', {
      ...view,
      noIndex: true,
      checkoutKey,
      expectedTotal: priced.basket.total,
      error: placed && { summary: [{ message: sentences(view.total)[placed.kind], href: '#pay' }] },
    });
  }

  async function checkoutJson(req: Request, res: Response): Promise<void> {
    const { items, expectedTotal } = parseBody(checkoutBodySchema, req.body);
    const checkoutKey = parseBody(checkoutKeySchema, req.get('Idempotency-Key') ?? context.createSecret());
    const { shopperId } = sessionOf(res);
    const placed = await placeOrder(context, { items, shopperId, checkoutKey, expectedTotal });
    if ('order' in placed) res.locals.logged = logged(placed);
    if (placed.kind !== 'ready' && placed.kind !== 'settled' && placed.kind !== 'closed')
      throw problemOf(placed);
    const orderUrl = `${config.http.publicUrl}/orders/${placed.order.token}`;
    if (placed.kind !== 'ready') {
      res.redirect(303, orderUrl);
      return;
    }
    const { paymentIntentId, paymentLink, order } = placed;
    res
      .status(201)
      .location(orderUrl)
      .json({ reference: order.reference, orderUrl, paymentIntentId, paymentLink });
  }

  return router;
}

type Unplaced = Exclude<PlacedOrder, { kind: 'ready' | 'settled' }>;

/** What a shopper reads above the summary. None says what became of money: of that the order's page knows more. */
const sentences = (total: string) =>
  ({
    'total-changed': `The total is now ${total}. Please check it before you pay.`,
    'basket-changed': 'Your basket has changed since you opened this page. Please check it before you pay.',
    closed: 'The earlier payment page for these items has closed. You can pay on a new one.',
    exhausted: 'The earlier payment page for these items has closed. You can pay on a new one.',
    refused: 'We cannot take this order as it is.',
    'dojo-unavailable':
      'The payment page could not be opened. We have kept your basket: please try again in a moment.',
    'dojo-refused':
      'The payment service did not accept this order. Please try again in a moment. If it happens again, write to us.',
  }) satisfies Record<Unplaced['kind'], string>;

function problemOf(placed: Unplaced): HttpProblem {
  switch (placed.kind) {
    case 'refused':
      return new HttpProblem(placed.problem.kind === 'empty' ? 409 : 400);
    case 'total-changed': {
      const { total: value, currencyCode } = placed.basket;
      return new HttpProblem(409, { kind: 'total-changed', members: { total: { value, currencyCode } } });
    }
    case 'basket-changed':
      return new HttpProblem(409, { kind: 'basket-changed' });
    case 'closed':
    case 'exhausted':
      return new HttpProblem(409, { kind: 'exhausted' });
    case 'dojo-refused':
      return new HttpProblem(502, { kind: 'dojo-refused' });
    case 'dojo-unavailable':
      return new HttpProblem(503, {
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
    // What one customer of a provider gets, at least; any of its addresses costs nothing.
    ipv6Subnet: 56,
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
