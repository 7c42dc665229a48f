import request, { type Response } from 'supertest';
import type { OpenShop } from './shop.ts';

/** A browser without JavaScript: it keeps its cookie and follows no redirect. */
export function createShopper(shop: OpenShop) {
  const agent = request.agent(shop.app);
  return {
    agent,
    get: (path: string) => agent.get(path),
    submit: (path: string, fields: Record<string, string>) => agent.post(path).type('form').send(fields),
    add: (sku: string, quantity = '1') =>
      agent.post('/basket').type('form').send({ sku, quantity }).expect(303).expect('Location', '/basket'),
    /** The key in the basket page. */
    async checkoutKey(): Promise<string> {
      return keyIn(await agent.get('/basket').expect(200));
    },
    /** Presses the Checkout button of the basket page. */
    async checkout(): Promise<Response> {
      const checkoutKey = keyIn(await agent.get('/basket').expect(200));
      return agent.post('/checkout').type('form').send({ checkoutKey });
    },
  };
}

export function keyIn(page: Response): string {
  const key = /name="checkoutKey" value="([^"]+)"/.exec(page.text)?.[1];
  if (key === undefined) throw new Error('The page has no checkout key.');
  return key;
}
