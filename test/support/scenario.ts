import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type PlacedOrder, placeOrder } from '../../src/checkout/place-order.ts';
import { recordWebhook } from '../../src/checkout/record-webhook.ts';
import type { Context } from '../../src/context.ts';
import { createDojoClient } from '../../src/dojo/client.ts';
import type { CreatePaymentIntentRequest } from '../../src/dojo/schemas.ts';
import {
  createWebhookSecret,
  findSigningSecret,
  statusUpdatedEvent,
  type WebhookSecret,
} from '../../src/dojo/webhook.ts';
import { createSimulator, type Simulator } from '../../src/simulator/create-simulator.ts';
import { createClock } from '../../src/simulator/state/clock.ts';
import type { Delivery as Sent } from '../../src/simulator/state/delivery.ts';
import { customer } from './details.ts';
import { type OpenShop, openShop, type ShopOptions } from './shop.ts';

export type Delivery = { readonly body: Uint8Array; readonly signature: string };

/** A shop and a pretend Dojo on one clock that only the test moves, with the webhooks in the test's hands. */
export type Scenario = {
  readonly shop: OpenShop;
  readonly context: Context;
  readonly simulator: Simulator;
  readonly now: () => Date;
  /** Moves both clocks. */
  pass(ms: number): void;
  /** What Dojo has sent and the test has not handed over yet, oldest first. */
  readonly post: Delivery[];
  /** Resolves once everything that Dojo has to send is in `post`. */
  posted(): Promise<void>;
  hand(delivery: Delivery, context?: Context): Promise<void>;
  /** Hands over everything in the order in which it was sent. */
  handAll(): Promise<void>;
  place(checkoutKey?: string, sku?: string): Promise<PlacedOrder>;
  /** What the shopper does on the payment page; the status of Dojo's answer. */
  pay(paymentIntentId: string, card?: 'pays' | 'declined'): Promise<number>;
  /** What the merchant does in Dojo's own portal. */
  portalRefund(paymentIntentId: string, amount: number): Promise<void>;
  portalCapture(paymentIntentId: string, amount: number): Promise<void>;
  portalReverse(paymentIntentId: string): Promise<void>;
  /** An intent of another shop or till of the same account; its id. */
  portalCreate(request: CreatePaymentIntentRequest): Promise<string>;
  close(): Promise<void>;
};

const cards = {
  pays: { cardNumber: '5200000000001005', securityCode: '020' },
  declined: { cardNumber: '4456530000001013', securityCode: '341' },
};
const portalKey = 'sk_sandbox_portal';

export async function openScenario(options: ShopOptions = {}): Promise<Scenario> {
  const clock = createClock({ startAt: new Date('2026-11-22T10:00:00Z'), isStopped: true });
  const { now } = clock;
  const pass = (by: number) => clock.advance(by);
  const post: Delivery[] = [];
  let webhookSecrets: WebhookSecret[] = [];
  const letterbox = await openLetterbox(
    post,
    ({ body, signature }) => findSigningSecret(body, signature, webhookSecrets) !== null,
  );
  const simulator = await createSimulator({ clock, retryDelaysMs: Array(20).fill(60_000) });
  const portal = createDojoClient({
    apiUrl: simulator.url,
    apiKey: portalKey,
    apiVersion: '2026-02-27',
    timeoutMs: options.dojo?.timeoutMs ?? 5_000,
    connections: 2,
  });
  const { secrets } = await portal.createSubscription({ url: letterbox.url, events: [statusUpdatedEvent] });
  webhookSecrets = secrets.map((secret) => createWebhookSecret(secret.value));
  const isOnItsWay = ({ state, dueAt }: Sent) => state === 'pending' && (dueAt === null || dueAt <= now());
  const shop = await openShop({
    ...options,
    dojo: { now: () => now().getTime(), ...options.dojo, apiUrl: simulator.url },
    context: { now, sleep: async (by) => pass(by), ...options.context },
    env: {
      DOJO_CHECKOUT_ORIGIN: simulator.publicUrl,
      DOJO_WEBHOOK_SECRETS: secrets.map((secret) => secret.value).join(),
      ...options.env,
    },
  });
  const scenario: Scenario = {
    shop,
    context: shop.context,
    simulator,
    now,
    pass,
    post,
    async posted() {
      while (simulator.deliveries().some(isOnItsWay)) await letterbox.next();
    },
    async hand({ body, signature }, context = shop.context) {
      const { kind } = await recordWebhook(context, { body, signature });
      if (kind !== 'recorded') throw new Error(`The delivery was ${kind}.`);
    },
    async handAll() {
      await scenario.posted();
      for (const delivery of post.splice(0)) await scenario.hand(delivery);
    },
    place: (checkoutKey = 'key-1', sku = 'mug') =>
      placeOrder(shop.context, {
        items: [{ sku, quantity: 1 }],
        checkoutKey,
        shopperId: 'shopper-1',
        customer,
      }),
    async pay(paymentIntentId, card = 'pays') {
      const response = await fetch(`${simulator.url}/checkout/${paymentIntentId}`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ ...cards[card], expiryDate: '12/29', nameOnCard: 'Ada Lovelace' }),
      });
      await response.arrayBuffer();
      return response.status;
    },
    async portalRefund(paymentIntentId, amount) {
      await portal.refundPaymentIntent(paymentIntentId, {
        amount,
        idempotencyKey: `portal-${now().getTime()}-${amount}`,
      });
    },
    async portalCapture(paymentIntentId, amount) {
      await portal.capturePaymentIntent(paymentIntentId, amount);
    },
    async portalReverse(paymentIntentId) {
      await portal.reversePaymentIntent(paymentIntentId);
    },
    async portalCreate(request) {
      return (await portal.createPaymentIntent(request)).id;
    },
    async close() {
      await simulator.close();
      letterbox.close();
      await portal.close();
      await shop.close();
    },
  };
  return scenario;
}

/** Accepts what is signed correctly and refuses the rest, as the shop would; Dojo sends it again. */
async function openLetterbox(post: Delivery[], isGood: (delivery: Delivery) => boolean) {
  const waiting: (() => void)[] = [];
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk);
    const delivery = { body: Buffer.concat(chunks), signature: String(req.headers['dojo-signature']) };
    if (isGood(delivery)) post.push(delivery);
    else res.statusCode = 401;
    res.end();
    for (const resolve of waiting.splice(0)) resolve();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    /** Resolves at the next delivery, or when the event loop has gone round once. */
    next: () =>
      new Promise<void>((resolve) => {
        waiting.push(resolve);
        setImmediate(resolve);
      }),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
