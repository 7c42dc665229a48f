import request, { type Response } from 'supertest';
import { typedDetails } from './details.ts';
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
    /** Opens the checkout page; what its form would send. */
    async summary(): Promise<CheckoutForm> {
      return formIn(await agent.get('/checkout').expect(200));
    },
    pay: (form: CheckoutForm) => agent.post('/checkout').type('form').send(form),
    /** Opens the checkout page and presses Pay. */
    async checkout(): Promise<Response> {
      return agent
        .post('/checkout')
        .type('form')
        .send(formIn(await agent.get('/checkout').expect(200)));
    },
  };
}

export type CheckoutForm = typeof typedDetails & {
  readonly checkoutKey: string;
  readonly expectedTotal: string;
};

/** What the form of a checkout page sends, filled in. */
export function formIn(page: Response): CheckoutForm {
  const read = (name: string) => {
    const value = new RegExp(`name="${name}" value="([^"]+)"`).exec(page.text)?.[1];
    if (value === undefined) throw new Error(`The page has no ${name}.`);
    return value;
  };
  return { checkoutKey: read('checkoutKey'), expectedTotal: read('expectedTotal'), ...typedDetails };
}
