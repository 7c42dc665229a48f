import type { Response } from 'express';
import type { Context } from '../context.ts';
import { findAttached, type Order } from '../shop/order.ts';
import { HttpProblem } from './problem.ts';

/** The order whose token is in an address, which the request's log line then names; 404 for any other token. */
export async function findOrder({ store }: Context, res: Response, token: string): Promise<Order> {
  const order = await store.findOrderByToken(token);
  if (order === null) throw new HttpProblem(404);
  res.locals.logged = {
    orderReference: order.reference,
    paymentIntentId: findAttached(order)?.paymentIntentId ?? undefined,
  };
  return order;
}
