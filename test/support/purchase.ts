import request from 'supertest';
import { jsonDetails } from './details.ts';
import { dojoCreates } from './dojo.ts';
import type { OpenShop } from './shop.ts';

export type Placed = {
  readonly reference: string;
  readonly orderUrl: string;
  readonly token: string;
  readonly paymentIntentId: string;
  readonly paymentLink: string;
};

/** Orders one mug as JSON (£13.95 with delivery). The order awaits payment with this intent. */
export async function placeMug(shop: OpenShop, paymentIntentId = 'pi_sandbox_T1'): Promise<Placed> {
  dojoCreates(paymentIntentId);
  const response = await request(shop.app)
    .post('/checkout')
    .send({ ...jsonDetails, items: [{ sku: 'mug', quantity: 1 }] })
    .expect(201);
  return { ...response.body, token: tokenOf(response.body.orderUrl) };
}

export function tokenOf(orderUrl: string): string {
  return orderUrl.slice(orderUrl.lastIndexOf('/') + 1);
}

export async function statusOf(shop: OpenShop, token: string): Promise<string | undefined> {
  return (await shop.context.store.findOrderByToken(token))?.status;
}
