import { z } from 'zod';
import { maxLines, maxQuantity } from './basket.ts';
import { skuSchema } from './catalogue.ts';

/** Chosen by the caller; the same key is the same purchase. Printable ASCII, as a header can carry it. */
export const checkoutKeySchema = z.string().regex(/^[\x21-\x7e]{1,128}$/);

/** ASCII digits without a leading zero: `1e3`, `0x10`, ` 1` and `１` are typing errors, not numbers. */
export const typedQuantitySchema = z
  .string()
  .regex(/^[1-9][0-9]{0,2}$/)
  .transform(Number)
  .pipe(z.int().max(maxQuantity));

/** The form beside a product. What was typed is kept as it is, to be shown again if it is no quantity. */
export const typedItemFormSchema = z.object({ sku: skuSchema, quantity: z.string().max(100) });

/** The form beside a line of the basket. */
export const typedQuantityFormSchema = z.object({ quantity: z.string().max(100) });

/** The Checkout button. Amounts, prices or addresses beside the key are not even read. */
export const checkoutFormSchema = z.object({ checkoutKey: checkoutKeySchema });

/** The JSON body of `POST /checkout`; prices in it are not even read. */
export const checkoutBodySchema = z.object({
  items: z
    .array(z.object({ sku: skuSchema, quantity: z.int().min(1).max(maxQuantity) }))
    .min(1)
    .max(maxLines),
});
