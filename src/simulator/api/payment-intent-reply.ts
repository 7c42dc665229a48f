import type { Response } from 'express';
import type { Parts } from '../parts.ts';
import { formatInstant } from '../state/instant.ts';
import {
  type Attempt,
  type PaymentEvent,
  type PaymentIntent,
  refundedAmount,
} from '../state/payment-intent.ts';

const merchantConfig = {
  supportedPaymentMethods: {
    cardSchemes: ['VISA', 'MASTERCARD', 'MAESTRO', 'DISCOVER', 'DCI', 'AMEX'],
    wallets: ['APPLE_PAY', 'GOOGLE_PAY'],
  },
};

export const tradingName = 'Pretend Pay test merchant';

/** Presents intents the way the release asks that the call has named. */
export function createIntentPresenter({ publicUrl }: Pick<Parts, 'publicUrl'>) {
  return (intent: PaymentIntent, _response: Response) => presentPaymentIntent(intent, publicUrl());
}

/**
 * An intent as version 2026-02-27 answers it. `paymentEvents`, `paymentSource`, `config.branding` and
 * `config.tradingName` are in every example of the specification, though not in its schema.
 */
function presentPaymentIntent(intent: PaymentIntent, publicUrl: string): Record<string, unknown> {
  const { request } = intent;
  const { secret: _secret, savedCardId: _savedCardId, ...customer } = request.customer ?? {};
  return withoutNulls({
    id: intent.id,
    captureMode: intent.captureMode,
    cardHolderNotPresent: request.cardHolderNotPresent ?? false,
    clientSessionSecretExpirationDate: '0001-01-01T00:00:00Z',
    paymentDetails: intent.payment && presentPayment(intent.payment, intent),
    status: intent.status,
    paymentMethods: request.paymentMethods ?? ['Card'],
    amount: request.amount,
    tipsAmount: request.tipsAmount,
    totalAmount: intent.total,
    refundedAmount: refundedAmount(intent),
    customer: request.customer && customer,
    requestSecurity: request.requestSecurity,
    billingAddress: request.billingAddress,
    shippingDetails: request.shippingDetails,
    createdAt: formatInstant(intent.createdAt),
    updatedAt: formatInstant(intent.updatedAt),
    reference: request.reference,
    description: request.description,
    itemLines: request.itemLines ?? [],
    taxLines: request.taxLines ?? [],
    actionLink: request.actionLink,
    merchantConfig,
    config: { ...request.config, branding: {}, tradingName },
    paymentSource: 'api',
    autoExpireAction: request.autoExpireAction,
    expireAt: formatInstant(intent.expireAt),
    autoExpireIn: request.autoExpireIn,
    // Dojo adds keys of its own to what the shop sent.
    metadata: { ...request.metadata, 'location-id': 'loc_simulator' },
    orderDetails: request.orderDetails,
    setupIntentId: request.setupIntentId,
    cashbackAmount: request.cashbackAmount,
    serviceChargeAmount: request.serviceChargeAmount,
    paymentEvents: intent.events.map(presentEvent),
    paymentLink: checkoutAddress(intent.id, publicUrl),
    terminalSessionHistory: [],
    captures: intent.captures.map(({ id, amount, at }) => ({
      id,
      amount,
      status: 'Successful',
      createdAt: formatInstant(at),
    })),
  });
}

export function checkoutAddress(intentId: string, publicUrl: string): string {
  return `${publicUrl}/checkout/${intentId}`;
}

function presentPayment(payment: Attempt, intent: PaymentIntent) {
  return {
    transactionId: payment.transactionId,
    transactionDateTime: formatInstant(payment.at),
    message: intent.status === 'Authorized' ? 'AUTHORIZED' : 'DEPOSITED',
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
    paymentMethodId: '',
  };
}

/** Dojo leaves out what it has no value for, at every depth. */
function withoutNulls<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutNulls) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === null || member === undefined ? [] : [[name, withoutNulls(member)]],
    ),
  ) as Value;
}
