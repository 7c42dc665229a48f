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

/** A form for one product of the basket. */
export const typedQuantityFormSchema = z.object({ quantity: z.string().max(100) });

/** The basket's form, which every button sends whole: `quantity-<sku>` for each line. Yields what was typed, by sku. */
export const typedQuantitiesFormSchema = z
  .record(z.string(), z.unknown())
  .transform((form) =>
    Object.entries(form).flatMap(([name, typed]) => {
      const [, sku] = /^quantity-(.+)$/.exec(name) ?? [];
      return sku === undefined ? [] : [[sku, typed] as const];
    }),
  )
  .pipe(z.array(z.tuple([skuSchema, z.string().max(100)])));

/** The Pay button, with the total that the page showed in minor units. Prices or addresses beside it are not even read. */
export const checkoutFormSchema = z.object({
  checkoutKey: checkoutKeySchema,
  expectedTotal: z
    .string()
    .regex(/^(?:0|[1-9][0-9]{0,8})$/)
    .transform(Number)
    .optional(),
});

/** The JSON body of `POST /checkout`; prices in it are not even read. */
export const checkoutBodySchema = z.object({
  items: z
    .array(z.object({ sku: skuSchema, quantity: z.int().min(1).max(maxQuantity) }))
    .min(1)
    .max(maxLines),
  /** Minor units. */
  expectedTotal: z.int().min(0).optional(),
});
