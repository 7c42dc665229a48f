/** Replies of Dojo's API in the shapes of its specification, valid until a test replaces a member. */

type Members = Record<string, unknown>;

export const moment = '2026-11-22T10:00:00.1234567Z';
export const traceId = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** An unpaid intent for £10.00. */
export function paymentIntentReply(members: Members = {}): Members {
  return {
    id: 'pi_sandbox_T1',
    captureMode: 'Auto',
    status: 'Created',
    paymentMethods: ['Card'],
    amount: { value: 1000, currencyCode: 'GBP' },
    totalAmount: { value: 1000, currencyCode: 'GBP' },
    refundedAmount: 0,
    createdAt: moment,
    updatedAt: moment,
    expireAt: '2026-11-22T11:00:00Z',
    reference: 'ORD-0SA8J-YX0000',
    itemLines: [],
    taxLines: [],
    merchantConfig: { supportedPaymentMethods: { cardSchemes: ['VISA', 'MASTERCARD'] } },
    config: { redirectUrl: 'https://shop.example/back', branding: {}, tradingName: 'The Test Shop' },
    paymentSource: 'api',
    metadata: { order: 'ORD-0SA8J-YX0000', 'location-id': 'rpl_test' },
    clientSessionSecretExpirationDate: '0001-01-01T00:00:00Z',
    paymentEvents: [],
    paymentLink: 'https://pay.dojo.tech:443/checkout/pi_sandbox_T1',
    terminalSessionHistory: [],
    ...members,
  };
}

export function captureReply(members: Members = {}): Members {
  return { message: 'Captured.', captureId: 'cp_T1', ...members };
}

export function refundReply(members: Members = {}): Members {
  return { paymentIntentId: 'pi_sandbox_T1', refundId: 'rfnd_T1', refundReason: '', notes: '', ...members };
}

export function reversalReply(members: Members = {}): Members {
  return { message: 'Reversed.', reversalId: 'rvs_T1', ...members };
}

export function searchReply(intents: readonly Members[], members: Members = {}): Members {
  return { data: intents, before: null, after: null, ...members };
}

export function secretReply(members: Members = {}): Members {
  return { id: 'sc_T1', value: 'ZGVtb19zZWNyZXQ', createdAt: moment, isActive: true, ...members };
}

export function subscriptionReply(members: Members = {}): Members {
  return {
    id: 'ws_sandbox_T1',
    accountId: 'acc_test',
    events: ['payment_intent.status_updated'],
    url: 'https://shop.example/webhooks/dojo',
    description: 'The shop',
    secrets: [secretReply()],
    createdAt: moment,
    updatedAt: moment,
    ...members,
  };
}

export function secretsReply(members: Members = {}): Members {
  return { id: 'ws_sandbox_T1', secrets: [secretReply()], ...members };
}

export function offeredEventsReply(): Members[] {
  return [{ model: 'PaymentIntent', events: ['payment_intent.created', 'payment_intent.status_updated'] }];
}

export function customerReply(members: Members = {}): Members {
  return {
    id: 'cust_sandbox_T1',
    name: 'Ada',
    emailAddress: 'ada@shop.example',
    documentVersion: 0,
    createdAt: moment,
    updatedAt: moment,
    ...members,
  };
}

export function problemReply(status: number, members: Members = {}): Members {
  return {
    type: 'https://tools.ietf.org/html/rfc7231#section-6.5.1',
    title: 'One or more validation errors occurred.',
    status,
    traceId,
    errors: { Reference: ['The Reference field is required.'] },
    ...members,
  };
}
