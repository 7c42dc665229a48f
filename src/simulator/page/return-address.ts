import type { Settings } from '../settings.ts';
import type { PaymentIntent } from '../state/payment-intent.ts';

/**
 * Where the shopper goes after paying: the shop's own address, with the intent's id as the setting has it; null where
 * the shop named none. `merged` leaves the shop's query as it is and puts `id` last, so that an `id` of the shop's own
 * comes first of two; `id` puts it in place of the query; `none` changes nothing. A fragment always stays.
 */
export function returnAddress(intent: PaymentIntent, { returnQuery }: Settings): string | null {
  const address = intent.request.config?.redirectUrl;
  if (!address) return null;
  const url = new URL(address);
  if (returnQuery === 'none') return url.href;
  // Not through searchParams: those would rewrite the shop's own query.
  const kept = returnQuery === 'merged' && url.search !== '' ? `${url.search}&` : '?';
  url.search = `${kept}id=${intent.id}`;
  return url.href;
}

/** Where a shopper goes who does not want to pay; null where the shop named no place. It cancels nothing. */
export function cancelAddress({ request }: PaymentIntent): string | null {
  return request.config?.cancelUrl ? new URL(request.config.cancelUrl).href : null;
}
