import type { Context } from '../context.ts';
import type { CreatePaymentIntentRequest, PaymentIntent } from '../dojo/schemas.ts';
import type { Customer } from '../shop/customer.ts';
import type { NewOrder } from '../shop/order.ts';

/** The request that creates the payment intent of an attempt. */
export function createIntentRequest(
  { order, attempt, customer }: { order: NewOrder; attempt: number; customer: Customer | null },
  { config, now, shopId }: Pick<Context, 'config' | 'now' | 'shopId'>,
): CreatePaymentIntentRequest {
  const { lines, delivery, total, currencyCode } = order.basket;
  const money = (value: number) => ({ value, currencyCode });
  return {
    amount: money(total),
    reference: order.reference,
    description: cut(lines.map((line) => `${line.quantity} × ${line.name}`).join(', '), 4096),
    captureMode: config.payment.captureMode,
    paymentMethods: [...config.payment.methods],
    itemLines: lines.map((line) => ({
      id: line.sku,
      name: cut(line.name, 100),
      quantity: line.quantity,
      amountTotal: money(line.lineTotal),
    })),
    // Dojo's samples show delivery this way; the request has no member for it.
    taxLines:
      delivery !== null && delivery.amount > 0
        ? [{ id: 'delivery', caption: cut(delivery.caption, 100), amountTotal: money(delivery.amount) }]
        : [],
    ...(customer !== null && !config.dojo.isKeyPublic && detailsOf(customer)),
    config: {
      redirectUrl: `${config.http.publicUrl}/checkout/success/${order.token}`,
      cancelUrl: `${config.http.publicUrl}/checkout/cancelled/${order.token}`,
      details: { showTotal: true, showReference: true },
    },
    expireAt: new Date(now().getTime() + config.payment.expiryMinutes * 60_000).toISOString(),
    ...(config.payment.captureMode === 'Manual' && {
      // Documented as required with Manual; longer than 30 seconds and shorter than 7 days. Keep `schedule.reservation` equal.
      autoExpireIn: '6.23:00:00',
      autoExpireAction: 'Release' as const,
    }),
    metadata: { order: order.reference, attempt: String(attempt), shop: shopId },
  };
}

/** Dojo mails its own receipt to `emailAddress`. */
function detailsOf({
  emailAddress,
  phoneNumber,
  delivery,
}: Customer): Pick<CreatePaymentIntentRequest, 'customer' | 'shippingDetails'> {
  const contact = { customer: { emailAddress, ...(phoneNumber !== null && { phoneNumber }) } };
  if (delivery === null) return contact;
  const { name, line1, line2, town, postcode, countryCode, note } = delivery;
  const address = {
    address1: line1,
    ...(line2 !== null && { address2: line2 }),
    city: town,
    postcode,
    countryCode,
  };
  return { ...contact, shippingDetails: { name, ...(note !== null && { deliveryNotes: note }), address } };
}

/**
 * The address of Dojo's payment page for an intent; null if the link is not on Dojo's origin.
 * The API writes the default port out, which a URL parser drops; a missing link is built as documented
 * (docs.dojo.tech, checkout page, step-by-step guide).
 */
export function parsePaymentLink(intent: PaymentIntent, checkoutOrigin: string): string | null {
  if (intent.paymentLink == null) return `${checkoutOrigin}/checkout/${intent.id}`;
  const link = URL.parse(intent.paymentLink);
  if (link === null || link.origin !== checkoutOrigin || link.username !== '' || link.password !== '')
    return null;
  return link.href;
}

/** At most `max` UTF-16 units, never ending in half a character. */
function cut(text: string, max: number): string {
  return text.length <= max ? text : text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '');
}
