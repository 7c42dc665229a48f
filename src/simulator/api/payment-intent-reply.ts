import type { Response } from 'express';
import { formatInstant } from '../state/instant.ts';
import {
  type Capture,
  type PaymentAttempt,
  type PaymentEvent,
  type PaymentIntent,
  refundedAmount,
} from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { apiReleaseOf } from './access.ts';
import { shapeIntent } from './releases.ts';

export const supportedPaymentMethods = {
  cardSchemes: ['VISA', 'MASTERCARD', 'MAESTRO', 'DISCOVER', 'DCI', 'AMEX'],
  wallets: ['APPLE_PAY', 'GOOGLE_PAY'],
};

const tradingName = 'Pretend Pay test merchant';

/** Presents intents in the shape of the release that the call names. */
export function createIntentPresenter({ publicUrl, settings }: SimulatorState) {
  return (intent: PaymentIntent, res: Response) => {
    const hasPort = settings().paymentLinkPort === 'explicit';
    const link = `${hasPort ? withPort(publicUrl()) : publicUrl()}/checkout/${intent.id}`;
    return shapeIntent(presentPaymentIntent(intent, link), apiReleaseOf(res));
  };
}

/**
 * An intent in the shape of 2026-02-27. `paymentEvents`, `paymentSource`, `config.branding` and `config.tradingName` are in
 * every example of the specification, but not in its schema.
 */
function presentPaymentIntent(intent: PaymentIntent, paymentLink: string): Record<string, unknown> {
  const { request, collected, clientSession } = intent;
  return withoutNulls({
    id: intent.id,
    captureMode: intent.captureMode,
    cardHolderNotPresent: request.cardHolderNotPresent ?? false,
    clientSessionSecret: clientSession?.secret,
    clientSessionSecretExpirationDate: clientSession
      ? formatInstant(clientSession.expireAt)
      : '0001-01-01T00:00:00Z',
    paymentDetails: intent.payment && presentPayment(intent.payment, intent),
    status: intent.status,
    paymentMethods: request.paymentMethods ?? ['Card'],
    amount: request.amount,
    tipsAmount: request.tipsAmount,
    requestedAmount: intent.requestedAmount,
    totalAmount: intent.total,
    refundedAmount: refundedAmount(intent),
    customer: presentCustomer(intent),
    requestSecurity: request.requestSecurity,
    billingAddress: collected.billingAddress ?? request.billingAddress ?? (intent.payment && emptyAddress),
    shippingDetails:
      collected.shippingDetails ??
      request.shippingDetails ??
      (intent.payment && { name: '', address: emptyAddress }),
    createdAt: formatInstant(intent.createdAt),
    updatedAt: formatInstant(intent.updatedAt),
    reference: request.reference,
    description: request.description,
    itemLines: request.itemLines ?? [],
    taxLines: request.taxLines ?? [],
    actionLink: request.actionLink,
    merchantConfig: { supportedPaymentMethods },
    config: { ...request.config, branding: {}, tradingName },
    paymentSource: 'api',
    autoExpireAction: request.autoExpireAction,
    expireAt: formatInstant(intent.expireAt),
    autoExpireIn: request.autoExpireIn,
    // Dojo adds its own keys to those of the shop.
    metadata: { ...request.metadata, 'location-id': 'loc_simulator' },
    orderDetails: request.orderDetails,
    setupIntentId: request.setupIntentId,
    cashbackAmount: request.cashbackAmount,
    serviceChargeAmount: request.serviceChargeAmount,
    paymentEvents: intent.events.map(presentEvent),
    paymentLink,
    terminalSessionHistory: [],
    captures: intent.captures.map(presentCapture),
  });
}

/** `https://pay.example:443`: with the default port, which a URL leaves out. */
function withPort(address: string): string {
  const { protocol, hostname, port, pathname } = new URL(address);
  return `${protocol}//${hostname}:${port || (protocol === 'https:' ? 443 : 80)}${pathname}`.replace(
    /\/$/,
    '',
  );
}

// After a payment, Dojo answers missing addresses with empty texts.
const emptyAddress = {
  address1: '',
  address2: '',
  address3: '',
  address4: '',
  city: '',
  state: '',
  postcode: '',
  countryCode: '',
};

/** What the shopper typed on the page wins. Secrets and saved cards are never repeated. */
function presentCustomer({ request, collected }: PaymentIntent) {
  const { secret: _secret, savedCardId: _savedCardId, ...given } = request.customer ?? {};
  if (!request.customer && collected.emailAddress === null) return null;
  return { ...given, emailAddress: collected.emailAddress ?? given.emailAddress };
}

function presentPayment(payment: PaymentAttempt, intent: PaymentIntent) {
  return {
    transactionId: payment.transactionId,
    transactionDateTime: formatInstant(payment.at),
    message: intent.status === 'Authorized' ? 'AUTHORIZED' : 'DEPOSITED',
    paymentMethodId: payment.paymentMethodId,
    authCode: payment.authCode,
    card: {
      cardNumber: payment.card.maskedNumber,
      cardName: payment.card.name,
      expiryDate: payment.card.expiryDate,
      cardType: payment.card.scheme,
      cardFundingType: 'Unknown',
      last4PAN: payment.card.maskedNumber.slice(-4),
      entryMode: 'ManualEntry',
      verificationMethod: 'None',
    },
    // The only value that the specification shows.
    avsResult: 'ADDRESS_MATCH_POSTCODE_MATCH',
  };
}

function presentEvent({ type, at, attempt }: PaymentEvent) {
  return {
    transactionId: attempt.transactionId,
    transactionDateTime: formatInstant(at),
    eventType: type,
    authCode: attempt.authCode,
    cardNumber: attempt.card.maskedNumber,
    expiryDate: attempt.card.expiryDate,
    cardType: attempt.card.scheme,
    cardholderName: attempt.card.name,
    paymentMethodId: attempt.paymentMethodId ?? '',
  };
}

function presentCapture({ id, amount, tipsAmount, at }: Capture) {
  return { id, amount, tipsAmount, status: 'Successful', createdAt: formatInstant(at) };
}

/** Dojo leaves out members without a value, at every depth. */
export function withoutNulls<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutNulls) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === null || member === undefined ? [] : [[name, withoutNulls(member)]],
    ),
  ) as Value;
}
