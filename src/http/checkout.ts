import { createHash, createHmac } from 'node:crypto';
import { type Request, type RequestHandler, type Response, Router } from 'express';
import { ipKeyGenerator, rateLimit, type Store } from 'express-rate-limit';
import { type PlacedOrder, type Purchase, placeOrder, placeShownOrder } from '../checkout/place-order.ts';
import type { Context } from '../context.ts';
import type { LogFields } from '../log.ts';
import { priceBasket } from '../shop/basket.ts';
import { checkoutBodySchema, checkoutFormSchema, checkoutKeySchema } from '../shop/checkout-form.ts';
import { type CustomerField, parseCustomer, type TypedCustomer, typedOf } from '../shop/customer.ts';
import { isSettled, type NewOrder } from '../shop/order.ts';
import { basketError, readQuantities, sendBasketPage } from './basket.ts';
import { detailsError, detailsView } from './details-form.ts';
import { parseBody, readBody } from './forms.ts';
import { pricedView } from './order-view.ts';
import type { Pages } from './pages.ts';
import { HttpProblem } from './problem.ts';
import { type Sessions, sessionOf } from './session.ts';

/** `GET /checkout`, where the shopper sees what they will pay, and `POST /checkout`, which places the order. */
export function checkout(context: Context, sessions: Sessions, pages: Pages): Router {
  const router = Router();
  const { config, catalogue } = context;
  const page = { catalogue, pages };
  const limit = limitRate(context);
  const addressSecret = config.http.sessionSecret ?? context.createSecret();

  router.get('/checkout', async (_req, res) => sendSummary(res, { typed: await findTyped(res) }));

  router.post('/checkout', (req, res, next) => {
    const network = ipKeyGenerator(req.ip ?? '', ipv6Subnet);
    res.locals.address = createHmac('sha256', addressSecret).update(network).digest('base64url').slice(0, 22);
    next();
  });
  router.post('/checkout', limit, readBody({ json: true, multiline: 'note' }), async (req, res) => {
    if (req.is('json')) await checkoutJson(req, res);
    else await checkoutForm(req, res);
  });

  async function checkoutForm(req: Request, res: Response): Promise<void> {
    // Sent by a page that showed no total.
    if (!('checkoutKey' in req.body)) return res.redirect(303, '/checkout');
    const { checkoutKey, expectedTotal } = parseBody(checkoutFormSchema, req.body);
    const read = parseCustomer(catalogue, req.body);
    if (read.kind === 'wrong') {
      const order = await context.store.findOrderByCheckoutKey(checkoutKey);
      const isDone = order !== null && order.shopperId === sessionOf(res).shopperId && isSettled(order);
      if (isDone) return res.redirect(303, `/orders/${order.token}`);
      // Sent by a page that did not ask.
      if (!('email' in req.body)) return res.redirect(303, '/checkout');
      res.status(400);
      return sendSummary(res, { typed: req.body, wrong: read.fields });
    }
    const { items, errors } = readQuantities(catalogue, sessionOf(res).items, req.body);
    if (errors.length > 0) {
      res.status(400);
      return sendBasketPage(res, page, errors);
    }
    sessions.saveBasket(res, items);
    const placed = await placeForm(res, { checkoutKey, expectedTotal, customer: read.customer });
    if ('order' in placed) res.locals.logged = logged(placed);
    if (placed.kind === 'ready') return res.redirect(303, placed.paymentLink);
    if (placed.kind === 'settled') return res.redirect(303, `/orders/${placed.order.token}`);
    if (expectedTotal === undefined) return res.redirect(303, '/checkout');
    const problem = problemOf(placed);
    if (problem.status === 409 && checkoutKey === sessionOf(res).checkoutKey) sessions.renewCheckoutKey(res);
    res.status(problem.status).set(problem.headers);
    sendSummary(res, { placed, typed: req.body });
  }

  /** Another customer or place is another purchase, which supersedes the earlier one. */
  async function placeForm(
    res: Response,
    form: Pick<Purchase, 'checkoutKey' | 'expectedTotal' | 'customer'>,
  ): Promise<PlacedOrder> {
    const { items, shopperId, openKeys, checkoutKey: currentKey } = sessionOf(res);
    const supersedes = openKeys.filter((key) => key !== form.checkoutKey);
    let purchase: Purchase = { ...form, items, shopperId, supersedes, address: res.locals.address ?? '' };
    let placed = await placeShownOrder(context, purchase, form.checkoutKey === currentKey);
    if (placed.kind === 'details-changed') {
      const checkoutKey = keyFor(purchase);
      sessions.renewCheckoutKey(res, checkoutKey);
      purchase = { ...purchase, checkoutKey, supersedes: [...supersedes, form.checkoutKey] };
      placed = await placeShownOrder(context, purchase, true);
    }
    if ('order' in placed && placed.kind !== 'settled') sessions.openKey(res, purchase.checkoutKey);
    return placed;
  }

  /** What the shopper typed for an order that is not paid yet: no one is asked twice. */
  async function findTyped(res: Response): Promise<TypedCustomer> {
    const { shopperId, openKeys } = sessionOf(res);
    if (openKeys.length === 0) return {};
    try {
      const customer = await context.store.findLastCustomer(shopperId, openKeys);
      return customer === null ? {} : typedOf(customer);
    } catch (error) {
      if (error instanceof Error && error.name === 'StoreError') return {};
      throw error;
    }
  }

  /** The summary as it is now. A basket that cannot be bought is shown instead. */
  function sendSummary(res: Response, shown: Shown): void {
    const { placed = null, typed, wrong = [] } = shown;
    const { items, checkoutKey } = sessionOf(res);
    const priced = priceBasket(catalogue, items);
    if (priced.kind === 'refused') {
      if (placed === null && items.length === 0) res.redirect(303, '/basket');
      else sendBasketPage(res, page, [basketError(priced.problem, catalogue)]);
      return;
    }
    const view = pricedView(priced.basket);
    const summary = [
      ...(placed === null ? [] : [{ message: sentences(view.total)[placed.kind], href: '#pay' }]),
      ...wrong.map((field) => ({ message: detailsError(field, typed), href: `#${field}` })),
    ];
    pages.send(res, 'checkout/summary', {
      ...view,
      noIndex: true,
      checkoutKey,
      expectedTotal: priced.basket.total,
      details: detailsView(catalogue, typed, wrong),
      error: summary.length === 0 ? null : { summary },
    });
  }

  async function checkoutJson(req: Request, res: Response): Promise<void> {
    const body = checkoutBodySchema.safeParse(req.body);
    const read = parseCustomer(catalogue, typedInJson(req.body));
    if (!body.success || read.kind === 'wrong') {
      const wrong = read.kind === 'wrong' ? read.fields.map((field) => jsonNames[field]) : [];
      const other = body.error?.issues.map(({ path: [name] }) => String(name ?? 'body')) ?? [];
      throw new HttpProblem(400, {
        kind: 'invalid',
        members: { fields: [...new Set([...other, ...wrong])] },
      });
    }
    const { items, expectedTotal } = body.data;
    const checkoutKey = parseBody(checkoutKeySchema, req.get('Idempotency-Key') ?? context.createSecret());
    const { shopperId } = sessionOf(res);
    const { customer } = read;
    const placed = await placeOrder(context, {
      ...{ items, shopperId, checkoutKey, customer, expectedTotal },
      address: res.locals.address ?? '',
    });
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

type Shown = {
  readonly placed?: Unplaced;
  readonly typed: TypedCustomer;
  readonly wrong?: readonly CustomerField[];
};

/** The same for a form that is sent twice, so that it is one purchase. */
function keyFor({ checkoutKey, customer }: Purchase): string {
  const text = JSON.stringify([checkoutKey, customer]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 24);
}

/** Where programs name what a form has a field for. */
const jsonNames: Readonly<Record<CustomerField, string>> = Object.freeze({
  email: 'customer.emailAddress',
  name: 'customer.name',
  phone: 'customer.phoneNumber',
  recipient: 'delivery.name',
  line1: 'delivery.line1',
  line2: 'delivery.line2',
  town: 'delivery.town',
  postcode: 'delivery.postcode',
  country: 'delivery.countryCode',
  note: 'delivery.note',
});

function typedInJson(body: unknown): TypedCustomer {
  const memberOf = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, name)
      ? (value as Record<string, unknown>)[name]
      : undefined;
  const typed = Object.entries(jsonNames).map(([field, path]) => {
    const [part = '', name = ''] = path.split('.');
    return [field, memberOf(memberOf(body, part), name)];
  });
  return Object.fromEntries(typed);
}

/** What a shopper reads above the summary. None says what became of money: of that the order's page knows more. */
const sentences = (total: string) =>
  ({
    'total-changed': `The total is now ${total}. Please check it before you pay.`,
    'details-changed':
      'Your details have changed since you opened this page. Please check them before you pay.',
    'basket-changed': 'Your basket has changed since you opened this page. Please check it before you pay.',
    'too-many-open':
      'You have several payments open already. Please finish one of them, or try again in a few minutes.',
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
    case 'details-changed':
      return new HttpProblem(409, { kind: 'basket-changed' });
    case 'too-many-open':
      return new HttpProblem(429, { kind: 'too-many-open', headers: { 'Retry-After': '300' } });
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

/** What one customer of a provider gets, at least; any of its addresses costs nothing. */
const ipv6Subnet = 56;
const windowMs = 60_000;

/** By address: on PostgreSQL for all processes together. */
function limitRate({ config, store, now }: Context): RequestHandler {
  const limiter = rateLimit({
    windowMs,
    limit: config.http.checkoutRate,
    keyGenerator: (_req, res) => res.locals.address ?? '',
    ...(config.database.url.startsWith('postgres') && { store: createSharedCounter({ store, now }) }),
    standardHeaders: false,
    legacyHeaders: false,
    // TRUST_PROXY alone decides which proxies may name an address.
    validate: { xForwardedForHeader: false, forwardedHeader: false },
    handler: (req, res, next) => {
      const resetAt =
        (req as Request & { rateLimit?: { resetTime?: Date } }).rateLimit?.resetTime?.getTime() ?? 0;
      const waitMs = resetAt - Date.now();
      if (waitMs > windowMs) {
        // No window is longer: the clock was ahead. The counter in memory would keep its end.
        limiter.resetKey(res.locals.address ?? '');
        return next();
      }
      const seconds = Math.max(1, Math.ceil(waitMs / 1000));
      throw new HttpProblem(429, { headers: { 'Retry-After': String(seconds) } });
    },
  });
  return limiter;
}

/** Counts in the database, which all processes share. */
function createSharedCounter({ store, now }: Pick<Context, 'store' | 'now'>): Store {
  return {
    localKeys: false,
    async increment(address) {
      const startedAt = now();
      const hit = await store.countHit(address, startedAt, new Date(startedAt.getTime() + windowMs));
      return {
        totalHits: hit?.count ?? 1,
        resetTime: new Date(startedAt.getTime() + (hit?.resetMs ?? windowMs)),
      };
    },
    // A checkout that was counted stays counted.
    decrement: () => undefined,
    resetKey: () => undefined,
  };
}
