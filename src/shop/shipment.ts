import { z } from 'zod';

/** How an order went out, as whoever sent it says. */
export type Shipment = { readonly carrier: string | null; readonly trackingUrl: string | null };

const isPlain = (text: string) => text.isWellFormed() && !/\p{Cc}/u.test(text);

export const carrierSchema = z
  .string()
  .trim()
  .refine(
    (name) => name !== '' && name.length <= 100 && isPlain(name),
    'must be 1 to 100 characters on one line',
  );

/** As a browser writes it. */
export const trackingUrlSchema = z
  .string()
  .refine(
    (text) => text.length <= 2_000 && isPlain(text) && URL.parse(text)?.protocol === 'https:',
    'must be an https:// address',
  )
  .transform((text) => new URL(text).href);

/** Why an order must not be sent now. */
export type ShipRefusal =
  | 'already-sent'
  | 'held'
  | 'refund-under-way'
  | 'dismissed'
  | 'amount-unknown'
  | 'not-paid';
