import { type Response, Router } from 'express';
import type { Context } from '../context.ts';
import { truthOfOrder } from '../shop/order-page.ts';
import { findOrder, isOwnOrder, orderLocals, orderPageHeaders } from './order-locals.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { renewCheckoutKey, type Session, type SessionSettings, saveBasket } from './session.ts';

/** The order's own page, from the store alone, and as JSON for whoever waits for a change. */
export function orders(context: Context, settings: SessionSettings, pages: Pages): Router {
  const router = Router();

  router.get('/orders/:token', async (req, res) => {
    const order = await findOrder(context.store, req.params.token);
    orderPageHeaders(res, order);
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
      ...orderLocals(order, res.locals.session, { truth, askedJustNow: false }),
      statusUrl: isOpen ? `/orders/${order.token}` : null,
    });
  });

  /** Puts an order's goods back into the basket of the shopper who ordered them, at today's prices. */
  router.post('/orders/:token/basket', async (req, res) => {
    const order = await findOrder(context.store, req.params.token);
    if (!isOwnOrder(order, res.locals.session)) throw new HttpProblem(404);
    const items = order.basket.lines
      .filter((line) => settings.catalogue.products.has(line.sku))
      .map(({ sku, quantity }) => ({ sku, quantity }));
    saveBasket(res, settings, items);
    // The order that these goods come from is over.
    if (session(res).checkoutKey === order.checkoutKey) renewCheckoutKey(res, settings);
    res.redirect(303, '/basket');
  });

  return router;
}

function session(res: Response): Session {
  return res.locals.session;
}
