import { Router } from 'express';
import type { Context } from '../context.ts';
import { truthOfOrder } from '../shop/order-page.ts';
import { findOrder } from './find-order.ts';
import { orderView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { orderPageHeaders } from './security.ts';
import { isOwnOrder, type Sessions, sessionOf } from './session.ts';

/** The order's own page, from the store alone, and as JSON for scripts that wait for a change. */
export function orders(context: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();

  router.get('/orders/:token', async (req, res) => {
    const order = await findOrder(context, res, req.params.token);
    orderPageHeaders(res);
    res.vary('Accept');
    if (req.accepts(['html', 'json']) === 'json') {
      const { reference, status, basket, updatedAt } = order;
      res.json({
        reference,
        status,
        total: { value: basket.total, currencyCode: basket.currencyCode },
        updatedAt: updatedAt.toISOString(),
      });
      return;
    }
    const truth = truthOfOrder(order);
    const isOpen = truth === 'unpaid' || truth === 'placed';
    pages.send(res, 'orders/show', {
      ...orderView(order, sessionOf(res), { truth, askedJustNow: false }),
      statusUrl: isOpen ? `/orders/${order.token}` : null,
    });
  });

  /** Puts an order's goods back into the basket of the shopper who ordered them, at today's prices. */
  router.post('/orders/:token/basket', async (req, res) => {
    const order = await findOrder(context, res, req.params.token);
    if (!isOwnOrder(order, sessionOf(res))) throw new HttpProblem(404);
    const items = order.basket.lines
      .filter((line) => context.catalogue.products.has(line.sku))
      .map(({ sku, quantity }) => ({ sku, quantity }));
    sessions.saveBasket(res, items);
    // The order that these goods come from is over.
    if (sessionOf(res).checkoutKey === order.checkoutKey) sessions.renewCheckoutKey(res);
    res.redirect(303, '/basket');
  });

  return router;
}
