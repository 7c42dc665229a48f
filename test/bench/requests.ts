import { createHmac } from 'node:crypto';
import { createWebhookSecret, signatureHeader, signWebhook } from '../../src/dojo/webhook.ts';
import { jsonDetails } from '../support/details.ts';
import { host, intentIdOf, secrets } from './names.ts';

const json = { 'Content-Type': 'application/json' };

// Every request is made before the clock starts: whole, with its headers, as the bytes that go to the socket.

/** What to send. Requests about orders are numbered, and no two of one run are equal. */
export type Plan =
  | { readonly kind: 'get'; readonly paths: readonly string[]; readonly cookie?: string }
  | {
      readonly kind: 'dojo-webhook' | 'stripe-webhook' | 'adyen-webhook';
      readonly run: string;
      readonly from: number;
      readonly count: number;
      /** How many orders there are. After the last, events are about the first again. */
      readonly orders: number;
    }
  | {
      readonly kind: 'checkout';
      readonly run: string;
      readonly from: number;
      readonly count: number;
      readonly cookie: string;
    }
  | { readonly kind: 'create-intent' }
  /** How many intents are created. With the id of one, each time also reads it and searches a page. */
  | { readonly kind: 'simulator'; readonly intentId: string | null; readonly count: number };

/** True if the same bytes may be sent repeatedly. */
export function isRepeatable(plan: Plan): boolean {
  return plan.kind === 'get' || plan.kind === 'create-intent';
}

export function createRequests(plan: Plan): Buffer[] {
  switch (plan.kind) {
    case 'get':
      return plan.paths.map((path) =>
        createRequest(`GET ${path}`, { Accept: 'text/html', ...cookieOf(plan.cookie) }, ''),
      );
    case 'create-intent':
      return [createIntentRequest()];
    case 'simulator':
      return Array.from({ length: plan.count }, () => simulatorRequests(plan.intentId)).flat();
    case 'checkout':
      return numbered(plan, (number) =>
        createRequest(
          'POST /checkout',
          { ...json, ...cookieOf(plan.cookie), 'Idempotency-Key': `${plan.run}-${number}` },
          checkoutBody,
        ),
      );
    default:
      return numbered(plan, (number) =>
        webhooks[plan.kind](eventIdOf(plan.run, number), intentIdOf(number % plan.orders)),
      );
  }
}

export function eventIdOf(run: string, number: number): string {
  return `evt_${run}_${number}`;
}

const webhooks = {
  'dojo-webhook': dojoWebhook,
  'stripe-webhook': stripeWebhook,
  'adyen-webhook': adyenWebhook,
};

function numbered(plan: { from: number; count: number }, create: (number: number) => Buffer): Buffer[] {
  return Array.from({ length: plan.count }, (_, index) => create(plan.from + index));
}

const dojoSecret = createWebhookSecret(secrets.dojo);

function dojoWebhook(id: string, paymentIntentId: string): Buffer {
  const body = JSON.stringify({
    id,
    event: 'payment_intent.status_updated',
    accountId: 'acc_bench',
    createdAt: new Date().toISOString(),
    data: { captureMode: 'Auto', paymentIntentId, paymentStatus: 'Captured' },
  });
  const signature = signWebhook(Buffer.from(body), dojoSecret);
  return createRequest('POST /webhooks/dojo', { ...json, [signatureHeader]: signature }, body);
}

/** As long as Dojo's although Stripe's are ten times as long, so that the peer's work is no harder than the shop's. */
function stripeWebhook(id: string, paymentIntentId: string): Buffer {
  const created = Math.floor(Date.now() / 1000);
  const body = JSON.stringify({
    id,
    object: 'event',
    type: 'payment_intent.succeeded',
    created,
    livemode: false,
    data: { object: { id: paymentIntentId, object: 'payment_intent', amount: 1_395, status: 'succeeded' } },
  });
  const signature = createHmac('sha256', secrets.stripe).update(`${created}.${body}`).digest('hex');
  return createRequest(
    'POST /webhook',
    { ...json, 'Stripe-Signature': `t=${created},v1=${signature}` },
    body,
  );
}

function adyenWebhook(id: string, paymentIntentId: string): Buffer {
  const signed = [id, '', 'BenchShop', paymentIntentId, '1395', 'GBP', 'AUTHORISATION', 'true'].join(':');
  const hmacSignature = createHmac('sha256', Buffer.from(secrets.adyen, 'hex'))
    .update(signed)
    .digest('base64');
  const NotificationRequestItem = {
    additionalData: { hmacSignature },
    amount: { currency: 'GBP', value: 1_395 },
    eventCode: 'AUTHORISATION',
    eventDate: new Date().toISOString(),
    merchantAccountCode: 'BenchShop',
    merchantReference: paymentIntentId,
    pspReference: id,
    success: 'true',
  };
  const body = JSON.stringify({ live: 'false', notificationItems: [{ NotificationRequestItem }] });
  return createRequest('POST /api/webhooks/notifications', json, body);
}

export const dojoHeaders = { ...json, Authorization: `Basic ${secrets.apiKey}`, Version: '2026-02-27' };

/** What the shop asks Dojo for the checkout above, for a client that asks Dojo itself. */
export function createIntentBody(): string {
  return JSON.stringify({
    amount: { value: 6_800, currencyCode: 'GBP' },
    reference: 'ORD-BENCH-000001',
    description: '2 × Hearth mug, 1 × Oak tray',
    expireAt: '2099-01-01T00:00:00Z',
    metadata: {},
    config: { redirectUrl: `https://${host}/`, cancelUrl: `https://${host}/` },
  });
}

function createIntentRequest(): Buffer {
  return createRequest('POST /payment-intents', dojoHeaders, createIntentBody());
}

const checkoutBody = JSON.stringify({
  items: [
    { sku: 'hearth-mug', quantity: 2 },
    { sku: 'oak-tray', quantity: 1 },
  ],
  ...jsonDetails,
});

export const requestsPerIntent = 3;

function simulatorRequests(intentId: string | null): Buffer[] {
  if (intentId === null) return [createIntentRequest()];
  return [
    createIntentRequest(),
    createRequest(`GET /payment-intents/${intentId}`, dojoHeaders, ''),
    createRequest('POST /payment-intents/search', dojoHeaders, '{}'),
  ];
}

function cookieOf(cookie: string | undefined): Record<string, string> {
  return cookie === undefined ? {} : { Cookie: cookie };
}

function createRequest(target: string, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const length = body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ Host: host, 'User-Agent': 'bench', ...headers, ...length });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.from(`${target} HTTP/1.1\r\n${head}\r\n${body}`);
}
