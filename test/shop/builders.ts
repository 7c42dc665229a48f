import type { PaymentIntent } from '../../src/dojo/schemas.ts';
import type { PricedBasket } from '../../src/shop/basket.ts';
import { type Catalogue, parseCatalogue } from '../../src/shop/catalogue.ts';
import { noFacts } from '../../src/shop/intent-facts.ts';
import type { Order, PaymentAttempt } from '../../src/shop/order.ts';

export type FileMembers = Record<string, unknown>;

/** The text of a valid catalogue file, with members replaced. */
export function catalogueText(members: FileMembers = {}, firstProduct: FileMembers = {}): string {
  return JSON.stringify({
    shopName: 'The Test Kettle',
    strapline: 'Pots for tests',
    currency: 'GBP',
    vatRatePercent: 20,
    delivery: { caption: 'By post', flat: 395, freeFrom: 4000 },
    products: [
      productMembers('mug', 1650, firstProduct),
      productMembers('spoon', 850),
      productMembers('pin', 1),
    ],
    ...members,
  });
}

export function productMembers(sku: string, price: number, members: FileMembers = {}): FileMembers {
  return {
    sku,
    name: `The ${sku}`,
    description: `A ${sku} to test with.`,
    price,
    picture: `products/${sku}.svg`,
    pictureAlt: `A drawing of a ${sku}.`,
    ...members,
  };
}

export function createCatalogue(members: FileMembers = {}): Catalogue {
  return parseCatalogue(catalogueText(members));
}

export function createBasket(members: Partial<PricedBasket> = {}): PricedBasket {
  return {
    lines: [
      {
        sku: 'mug',
        name: 'The mug',
        picture: 'products/mug.svg',
        pictureAlt: 'A drawing of a mug.',
        unitPrice: 605,
        quantity: 1,
        lineTotal: 605,
      },
    ],
    goods: 605,
    delivery: { caption: 'By post', amount: 395 },
    vatRatePercent: 20,
    vat: 167,
    total: 1000,
    currencyCode: 'GBP',
    ...members,
  };
}

/** An order of 10.00 GBP that awaits its payment. */
export function createOrder(members: Partial<Order> = {}): Order {
  const placedAt = new Date('2026-11-22T10:00:00.000Z');
  return {
    id: 890_899_660_800_000,
    reference: 'ORD-0SA8J-YX0000',
    token: '8rspnjoxs0-AAAAAAAAAAAAAAAAAAAAAAAA',
    checkoutKey: 'checkout-1',
    shopperId: 'shopper-1',
    basket: createBasket(),
    createdAt: placedAt,
    total: 1000,
    currencyCode: 'GBP',
    attempts: [createAttempt()],
    refunds: [],
    captures: [],
    decisions: [],
    chainId: null,
    supersededBy: null,
    paidAgainWith: null,
    sentAt: null,
    releaseWarnedAt: null,
    erasedAt: null,
    carrier: null,
    trackingUrl: null,
    nextCheckAt: null,
    status: 'awaiting_payment',
    holds: [],
    received: 0,
    returned: 0,
    mayShip: false,
    isDue: false,
    paidAt: null,
    updatedAt: placedAt,
    ...members,
  };
}

export function createAttempt(members: Partial<PaymentAttempt> = {}): PaymentAttempt {
  return {
    number: 1,
    state: 'attached',
    captureMode: 'Auto',
    paymentIntentId: 'pi_sandbox_T1',
    paymentLink: 'https://pay.dojo.tech/checkout/pi_sandbox_T1',
    expireAt: null,
    leaseUntil: new Date('2026-11-22T10:00:10.000Z'),
    createdAt: new Date('2026-11-22T10:00:00.000Z'),
    checks: 0,
    nextCheckAt: null,
    hasIntent: true,
    facts: noFacts,
    ...members,
  };
}

/** What Dojo says about the intent of that order. */
export function createIntent(members: Partial<PaymentIntent> = {}): PaymentIntent {
  return {
    id: 'pi_sandbox_T1',
    status: 'Created',
    amount: { value: 1000, currencyCode: 'GBP' },
    reference: 'ORD-0SA8J-YX0000',
    refundedAmount: 0,
    ...members,
  };
}
