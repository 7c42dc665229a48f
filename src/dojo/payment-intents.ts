import {
  type Capture,
  type ClientSession,
  type CreatePaymentIntentRequest,
  captureSchema,
  clientSessionSchema,
  type Money,
  type PaymentIntent,
  type PaymentIntentPage,
  paymentIntentPageSchema,
  paymentIntentSchema,
  type Refund,
  type RefundDetails,
  type RefundRequest,
  type Reversal,
  refundDetailsSchema,
  refundSchema,
  reversalSchema,
  type SearchRequest,
  type SetAmountRequest,
} from './schemas.ts';
import type { Send } from './send.ts';

/** A shorter time limit for one call, in milliseconds. */
type CallOptions = { readonly timeoutMs?: number | undefined };

/** Payment intents and the money that moves through them (docs.dojo.tech/payments/manage-payments). */
export type PaymentIntentCalls = {
  /**
   * Takes the amount as `Money`. Send the shopper to `paymentLink`.
   * Dojo has no idempotency key here: after an ambiguous error an intent may exist whose id no one knows.
   */
  createPaymentIntent(request: CreatePaymentIntentRequest, options?: CallOptions): Promise<PaymentIntent>;
  /** Finds canceled intents too, which Dojo hides unless asked. */
  getPaymentIntent(id: string, options?: CallOptions): Promise<PaymentIntent>;
  /** Possible only while the intent is `Created`; gives it back as `Canceled`. */
  cancelPaymentIntent(id: string, options?: CallOptions): Promise<PaymentIntent>;
  /**
   * By time and status only: Dojo cannot search for a reference, and does not say which date it compares. A page has 50 intents
   * unless `cursor.limit` says otherwise, 100 at most; one that this client cannot read is missing from it.
   */
  searchPaymentIntents(search: SearchRequest): Promise<PaymentIntentPage>;

  /**
   * Takes the amount as a bare number, all of it or a part, from an `Authorized` intent in `Manual` mode.
   * A refusal is `invalid` or `conflict`. Dojo has no idempotency key here: after an ambiguous error, get the intent.
   */
  capturePaymentIntent(id: string, amount: number, options?: { tipsAmount?: number }): Promise<Capture>;
  /**
   * Takes the amount as a bare number. A repeat with the same key moves no more money; a key has at most 100 characters.
   * The answer holds neither amount nor status: get the intent for `refundedAmount`.
   */
  refundPaymentIntent(id: string, refund: RefundRequest & { idempotencyKey: string }): Promise<Refund>;
  /** An unknown refund is `invalid`: Dojo documents no 404 here. */
  getRefund(refundId: string): Promise<RefundDetails>;
  /** Gives the whole amount back while Dojo still allows it; a refusal is `invalid` or `conflict`. */
  reversePaymentIntent(id: string): Promise<Reversal>;

  /**
   * Takes the amount as `Money`, before payment, if the intent was created with `config.payment.customAmountAllowed`.
   * A refusal is `invalid`. Ends the client session secret that was good until now.
   */
  setPaymentIntentAmount(id: string, change: SetAmountRequest): Promise<PaymentIntent>;
  /** As `Money`, before payment, if the intent was created with `config.payment.tipsAllowed`. A refusal is `invalid`. */
  setTipsAmount(id: string, tipsAmount: Money): Promise<PaymentIntent>;
  /** Dojo mails a receipt to each address. */
  sendReceipt(id: string, emails: string[]): Promise<void>;
  /** For pages with Dojo's embedded components; the secret is good for one use and 30 minutes. */
  refreshClientSessionSecret(id: string): Promise<ClientSession>;
};

export function createPaymentIntentCalls(send: Send): PaymentIntentCalls {
  const at = (id: string, rest = '') => `/payment-intents/${encodeURIComponent(id)}${rest}`;
  const intent = paymentIntentSchema;
  return {
    createPaymentIntent: (body, options) =>
      send({ ...options, method: 'POST', path: '/payment-intents', body, reply: intent, isSale: true }),
    getPaymentIntent: (id, options) =>
      send({
        ...options,
        method: 'GET',
        path: at(id, '?returnCanceled=true'),
        reply: intent,
        repeatable: true,
      }),
    cancelPaymentIntent: (id, options) => send({ ...options, method: 'DELETE', path: at(id), reply: intent }),
    searchPaymentIntents: (body) =>
      send({
        method: 'POST',
        path: '/payment-intents/search',
        body,
        reply: paymentIntentPageSchema,
        repeatable: true,
      }),

    capturePaymentIntent: (id, amount, options) =>
      send({ method: 'POST', path: at(id, '/captures'), body: { amount, ...options }, reply: captureSchema }),
    refundPaymentIntent: (id, { idempotencyKey, ...body }) =>
      send({
        method: 'POST',
        path: at(id, '/refunds'),
        headers: { idempotencyKey },
        body,
        reply: refundSchema,
        repeatable: true,
      }),
    getRefund: (refundId) =>
      send({
        method: 'GET',
        path: `/payment-intents/refunds/${encodeURIComponent(refundId)}`,
        reply: refundDetailsSchema,
        repeatable: true,
      }),
    reversePaymentIntent: (id) => send({ method: 'POST', path: at(id, '/reversal'), reply: reversalSchema }),

    setPaymentIntentAmount: (id, body) =>
      send({ method: 'POST', path: at(id, '/amount'), body, reply: intent }),
    setTipsAmount: (id, tipsAmount) =>
      send({ method: 'POST', path: at(id, '/tips-amount'), body: { tipsAmount }, reply: intent }),
    sendReceipt: (id, emails) =>
      send({ method: 'POST', path: at(id, '/receipt'), body: { emails }, reply: null }),
    refreshClientSessionSecret: (id) =>
      send({
        method: 'POST',
        path: at(id, '/refresh-client-session-secret'),
        reply: clientSessionSchema,
      }),
  };
}
