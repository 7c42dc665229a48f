import { z } from 'zod';
import {
  type Capture,
  type CreatePaymentIntentRequest,
  captureSchema,
  type OfferedEvents,
  offeredEventsSchema,
  type PaymentIntent,
  type PaymentIntentPage,
  paymentIntentPageSchema,
  paymentIntentSchema,
  type Refund,
  type RefundRequest,
  type Reversal,
  refundSchema,
  reversalSchema,
  type SearchRequest,
  type Subscription,
  type SubscriptionRequest,
  type SubscriptionUpdate,
  subscriptionSchema,
  type WebhookSecrets,
  webhookSecretsSchema,
} from './schemas.ts';
import { createSender, type SenderOptions } from './send.ts';

/** Dojo's API as a web shop uses it. Every method throws `DojoError` and nothing else. Amounts are minor units. */
export type DojoClient = {
  /** Has no idempotency key: after an ambiguous error an intent may exist that nobody knows. */
  createPaymentIntent(request: CreatePaymentIntentRequest, options?: CallOptions): Promise<PaymentIntent>;
  /** Finds canceled intents too, which Dojo hides unless asked. */
  getPaymentIntent(id: string, options?: CallOptions): Promise<PaymentIntent>;
  /** Possible only while the intent is `Created`. */
  cancelPaymentIntent(id: string): Promise<PaymentIntent>;
  capturePaymentIntent(id: string, amount: number): Promise<Capture>;
  /** A repeat with the same key moves no more money; the key is at most 100 characters. */
  refundPaymentIntent(id: string, refund: RefundRequest & { idempotencyKey: string }): Promise<Refund>;
  /** Gives the whole amount back, while Dojo still allows it; a refusal is `invalid` or `conflict`. */
  reversePaymentIntent(id: string): Promise<Reversal>;
  /** By time and status only: Dojo cannot search for a reference. */
  searchPaymentIntents(search: SearchRequest): Promise<PaymentIntentPage>;
  sendReceipt(id: string, emails: string[]): Promise<void>;

  listOfferedEvents(): Promise<OfferedEvents>;
  listSubscriptions(): Promise<Subscription[]>;
  createSubscription(request: SubscriptionRequest): Promise<Subscription>;
  updateSubscription(id: string, update: SubscriptionUpdate): Promise<void>;
  deleteSubscription(id: string): Promise<void>;
  listWebhookSecrets(subscriptionId: string): Promise<WebhookSecrets>;
  createWebhookSecret(subscriptionId: string): Promise<WebhookSecrets>;
  activateWebhookSecret(subscriptionId: string, secretId: string): Promise<void>;
  deleteWebhookSecret(subscriptionId: string, secretId: string): Promise<void>;

  /** How far Dojo's clock was ahead of ours at its last answer; null before there was one. */
  clockSkewMs(): number | null;
  /** Ends the connections once running calls are done. */
  close(): Promise<void>;
};

export type CallOptions = { readonly timeoutMs?: number };

export function createDojoClient(options: SenderOptions): DojoClient {
  const { send, clockSkewMs, close } = createSender(options);
  const intent = (id: string, rest = '') => `/payment-intents/${encodeURIComponent(id)}${rest}`;
  const webhook = (id: string, rest = '') => `/webhooks/${encodeURIComponent(id)}${rest}`;
  const secret = (id: string, secretId: string, rest = '') =>
    webhook(id, `/secrets/${encodeURIComponent(secretId)}${rest}`);

  return {
    createPaymentIntent: (body, callOptions) =>
      send({ ...callOptions, method: 'POST', path: '/payment-intents', body, reply: paymentIntentSchema }),
    getPaymentIntent: (id, callOptions) =>
      send({
        ...callOptions,
        method: 'GET',
        path: intent(id, '?returnCanceled=true'),
        reply: paymentIntentSchema,
        repeatable: true,
      }),
    cancelPaymentIntent: (id) => send({ method: 'DELETE', path: intent(id), reply: paymentIntentSchema }),
    // Captures and refunds take a bare integer where creating an intent takes a Money object.
    capturePaymentIntent: (id, amount) =>
      send({ method: 'POST', path: intent(id, '/captures'), body: { amount }, reply: captureSchema }),
    refundPaymentIntent: (id, { idempotencyKey, ...body }) =>
      send({
        method: 'POST',
        path: intent(id, '/refunds'),
        headers: { idempotencyKey },
        body,
        reply: refundSchema,
        repeatable: true,
      }),
    reversePaymentIntent: (id) =>
      send({ method: 'POST', path: intent(id, '/reversal'), reply: reversalSchema }),
    searchPaymentIntents: (body) =>
      send({
        method: 'POST',
        path: '/payment-intents/search',
        body,
        reply: paymentIntentPageSchema,
        repeatable: true,
      }),
    sendReceipt: (id, emails) =>
      send({ method: 'POST', path: intent(id, '/receipt'), body: { emails }, reply: null }),

    listOfferedEvents: () =>
      send({ method: 'GET', path: '/webhooks/events', reply: offeredEventsSchema, repeatable: true }),
    listSubscriptions: () =>
      send({ method: 'GET', path: '/webhooks', reply: z.array(subscriptionSchema), repeatable: true }),
    createSubscription: (body) =>
      send({ method: 'POST', path: '/webhooks', body, reply: subscriptionSchema }),
    // An early specification said 204 where the newest says 200, so the body is not read.
    updateSubscription: (id, body) => send({ method: 'PATCH', path: webhook(id), body, reply: null }),
    deleteSubscription: (id) => send({ method: 'DELETE', path: webhook(id), reply: null }),
    listWebhookSecrets: (id) =>
      send({ method: 'GET', path: webhook(id, '/secrets'), reply: webhookSecretsSchema, repeatable: true }),
    createWebhookSecret: (id) =>
      send({ method: 'POST', path: webhook(id, '/secrets'), reply: webhookSecretsSchema }),
    activateWebhookSecret: (id, secretId) =>
      send({ method: 'PUT', path: secret(id, secretId, '/activate'), reply: null }),
    deleteWebhookSecret: (id, secretId) =>
      send({ method: 'DELETE', path: secret(id, secretId), reply: null }),
    clockSkewMs,
    close,
  };
}
