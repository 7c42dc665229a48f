import { type Request, type Response, Router } from 'express';
import { type ReadReturn, readReturn } from '../checkout/read-return.ts';
import type { Context } from '../context.ts';
import { putBack } from '../shop/basket.ts';
import { saveOrExplain } from './basket.ts';
import { findOrder } from './find-order.ts';
import { orderView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { orderPageHeaders } from './security.ts';
import { isOwnOrder, type Sessions, sessionOf } from './session.ts';

/** How often a page without JavaScript reloads by itself (WCAG F41: never endlessly). */
const maxReloads = 10;

/**
 * The order's page, at its own address and at the two that the payment page sends the browser back to; and the order as
 * JSON for scripts that wait for a change.
 */
export function orders(context: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();

  router.get('/orders/:token', async (req, res) => {
    res.vary('Accept');
    if (req.accepts(['html', 'json']) !== 'json') return sendOrder(req, res, `/orders/${req.params.token}`);
    const { reference, status, basket, updatedAt } = await findOrder(context, res, req.params.token);
    orderPageHeaders(res);
    res.json({
      reference,
      status,
      total: { value: basket.total, currencyCode: basket.currencyCode },
      updatedAt: updatedAt.toISOString(),
    });
  });

  const sendReturn = (req: OrderRequest, res: Response) =>
    sendOrder(req, res, `/checkout/success/${req.params.token}`);
  router.get('/checkout/success/:token', sendReturn);
  router.get('/checkout/cancelled/:token', sendReturn);

  async function sendOrder(req: OrderRequest, res: Response, again: string): Promise<void> {
    const seen = await readReturn(context, await findOrder(context, res, req.params.token));
    const session = sessionOf(res);
    const customer = isOwnOrder(seen.order, session) ? await context.store.findCustomer(seen.order.id) : null;
    // The payment may have become known while this page was made.
    if (seen.isBought && isOwnOrder(seen.order, session)) sessions.takeOut(res, seen.order);
    orderPageHeaders(res);
    const hasLeft = seen.truth === 'unpaid' && req.path.startsWith('/checkout/cancelled/');
    pages.send(res, hasLeft ? 'checkout/cancelled' : 'orders/show', {
      ...orderView(seen, { session, customer, timeZone: context.catalogue.timeZone }),
      ...checkingAgain(seen, req, again),
    });
  }

  /** Puts what is missing of an order's goods back into the basket of the shopper who ordered them, at today's prices. */
  router.post('/orders/:token/basket', async (req, res) => {
    const order = await findOrder(context, res, req.params.token);
    const { catalogue } = context;
    if (!isOwnOrder(order, sessionOf(res))) throw new HttpProblem(404);
    const goods = order.basket.lines.filter(({ sku }) => catalogue.products.has(sku));
    const items = putBack(sessionOf(res).items, goods);
    saveOrExplain(res, items, { catalogue, pages, sessions, next: '/basket' });
  });

  return router;
}

type OrderRequest = Request<{ token: string }>;

/** The page of a payment that is not settled checks again: by script, by reloading a few times, or on a click. */
function checkingAgain({ order, truth }: ReadReturn, req: Request, again: string): Record<string, unknown> {
  const isOpen = truth === 'confirming' || truth === 'unknown' || truth === 'unpaid' || truth === 'placed';
  const reloads = /^\d{1,2}$/.test(String(req.query.check)) ? Number(req.query.check) : 0;
  const mayReload = truth === 'confirming' && reloads < maxReloads;
  return {
    statusUrl: isOpen ? `/orders/${order.token}` : null,
    checkAgainUrl: isOpen ? again : null,
    refresh: mayReload ? { seconds: 3, url: `${again}?check=${reloads + 1}` } : null,
  };
}
