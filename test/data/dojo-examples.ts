import type { Operation } from '../../src/simulator/operations.ts';

const gbp = (value: number) => ({ value, currencyCode: 'GBP' });
const address = { address1: '4 Mill Lane', city: 'Leeds', postcode: 'LS1 4AB', countryCode: 'GB' };
const hookUrl = 'https://shop.example/webhooks/dojo';

/** Requests as shops send them, and the members that Dojo answers them with. */
export const examples: readonly { operation: Operation; name: string; request: object; response?: object }[] =
  [
    {
      operation: 'create-payment-intent',
      name: 'with the basket, the page and the shopper',
      request: {
        amount: gbp(3645),
        reference: 'ORD-1001',
        description: '2 × Hearth mug',
        captureMode: 'Auto',
        paymentMethods: ['Card', 'Wallet'],
        config: {
          title: 'Hearth & Home',
          redirectUrl: 'https://shop.example/back',
          cancelUrl: 'https://shop.example/cancelled',
          customerEmail: { collectionRequired: true },
          details: { showTotal: true, showReference: true },
        },
        customer: { emailAddress: 'ada@shop.example' },
        billingAddress: address,
        shippingDetails: { name: 'Ada Lovelace', deliveryNotes: 'Ring twice', address },
        itemLines: [{ id: 'mug', name: 'Hearth mug', quantity: 2, amountTotal: gbp(3250) }],
        taxLines: [{ id: 'delivery', caption: 'Delivery', amountTotal: gbp(395) }],
        metadata: { order: 'ORD-1001' },
        expireAt: '2099-01-01T00:00:00Z',
      },
      response: {
        id: 'pi_sandbox_1',
        status: 'Created',
        amount: gbp(3645),
        totalAmount: gbp(3645),
        refundedAmount: 0,
        description: '2 × Hearth mug',
        config: { title: 'Hearth & Home', redirectUrl: 'https://shop.example/back', tradingName: 'The shop' },
        customer: { emailAddress: 'ada@shop.example' },
        billingAddress: address,
        shippingDetails: { name: 'Ada Lovelace', address },
        itemLines: [{ id: 'mug', name: 'Hearth mug', quantity: 2, amountTotal: gbp(3250) }],
        taxLines: [{ id: 'delivery', caption: 'Delivery', amountTotal: gbp(395) }],
        metadata: {},
        paymentLink: 'https://pay.dojo.tech/checkout/pi_sandbox_1',
      },
    },
    {
      operation: 'create-payment-intent',
      name: 'that is captured by hand, or released in time',
      request: {
        amount: gbp(1000),
        reference: 'ORD-1002',
        captureMode: 'Manual',
        autoExpireIn: '6.00:00:00',
        autoExpireAction: 'Release',
      },
      response: { captureMode: 'Manual', autoExpireIn: '6.00:00:00', autoExpireAction: 'Release' },
    },
    { operation: 'create-capture', name: 'with a tip', request: { amount: 1500, tipsAmount: 200 } },
    {
      operation: 'create-refund',
      name: 'with a reason',
      request: { amount: 500, refundReason: 'Chipped', notes: 'The shopper keeps it' },
      response: { paymentIntentId: 'pi_1', refundId: 'rfnd_1', refundReason: 'Chipped', notes: 'The' },
    },
    {
      operation: 'set-amount',
      name: 'with new lines',
      request: {
        amount: gbp(5500),
        itemLines: [{ id: 'mug', name: 'Hearth mug', quantity: 1, amountTotal: gbp(5500) }],
      },
      response: { amount: gbp(5500), requestedAmount: gbp(2000), itemLines: [{ id: 'mug' }] },
    },
    {
      operation: 'set-tips-amount',
      name: 'as money',
      request: { tipsAmount: gbp(500) },
      response: { tipsAmount: gbp(500), totalAmount: gbp(2500) },
    },
    {
      operation: 'send-receipt',
      name: 'to two addresses',
      request: { emails: ['ada@shop.example', 'b@c.de'] },
    },
    {
      operation: 'search-payment-intents',
      name: 'for one page of what was paid',
      request: {
        statuses: ['Captured'],
        startDate: '2020-01-01T00:00:00Z',
        endDate: '2099-01-01T00:00:00Z',
        cursor: { limit: 10 },
      },
      response: {
        data: [{ id: 'pi_1', status: 'Captured', paymentDetails: { card: { cardType: 'VISA' } } }],
      },
    },
    {
      operation: 'create-webhook',
      name: 'with a description',
      request: { events: ['payment_intent.status_updated'], url: hookUrl, description: 'The shop' },
      response: { description: 'The shop', secrets: [{ value: 'a secret', isActive: true }] },
    },
    {
      operation: 'update-webhook',
      name: 'for other events',
      request: { events: ['payment_intent.created'] },
      response: { events: ['payment_intent.created'], url: hookUrl },
    },
    {
      operation: 'create-customer',
      name: 'with an address',
      request: { name: 'Ada Lovelace', emailAddress: 'ada@shop.example', billingAddress: address },
      response: { id: 'cust_1', name: 'Ada Lovelace', billingAddress: address, documentVersion: 1 },
    },
    {
      operation: 'update-customer',
      name: 'with another name',
      request: { name: 'Ada King' },
      response: { name: 'Ada King', emailAddress: 'ada@shop.example' },
    },
  ];
