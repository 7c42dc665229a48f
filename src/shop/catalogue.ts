import { z } from 'zod';

/** One line of text, as a person would type it: no control characters, no lone surrogates. */
export const lineOfText = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must be one line of text');

/** Lower case and dashes: safe in a path, a form and a cookie as it stands. */
export const skuSchema = z.string().regex(/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/);

/** Prices are integer minor units, VAT included. */
const productSchema = z.strictObject({
  sku: skuSchema,
  name: lineOfText(60),
  description: lineOfText(300),
  price: z.int().min(1).max(1_000_000),
  picture: z
    .string()
    .regex(/^[a-z0-9-]+(?:\/[a-z0-9-]+)*\.(?:svg|png|jpg|webp|avif)$/, 'must be a path below public/'),
  pictureAlt: lineOfText(200),
});
export type Product = z.infer<typeof productSchema>;

const countrySchema = z
  .string()
  .refine(
    (code) => /^[A-Z]{2}$/.test(code) && countryName(code) !== code,
    'must be a country of two letters, such as GB',
  );

const countryNames = new Intl.DisplayNames('en-GB', { type: 'region' });

/** In words, as shoppers read it: `United Kingdom` for GB. */
export function countryName(code: string): string {
  return countryNames.of(code) ?? code;
}

const catalogueFileSchema = z.strictObject({
  shopName: lineOfText(60),
  strapline: lineOfText(120),
  currency: z.enum(['GBP', 'EUR']),
  /** In which pages show times; an IANA name. */
  timeZone: z
    .string()
    .refine(isTimeZone, 'must be the name of a time zone, such as Europe/London')
    .default('Europe/London'),
  /** `none`: the checkout asks who buys for nothing. */
  details: z.literal('none', 'must be "none", or left out').optional(),
  vatRatePercent: z.number().min(0).max(50),
  /** Missing where nothing is sent: what is sold is digital, or collected. */
  delivery: z
    .strictObject({
      caption: lineOfText(100),
      flat: z.int().min(0).max(100_000),
      /** Delivery is free when the goods come to this much; null for never. */
      freeFrom: z.int().min(0).nullable().default(null),
      /** Where to, as ISO 3166-1 alpha-2. */
      countries: z.array(countrySchema).min(1).default(['GB']),
    })
    .optional(),
  products: z
    .array(productSchema)
    .min(1)
    .refine((products) => new Set(products.map((product) => product.sku)).size === products.length, {
      error: 'every sku must be used once only',
    }),
});

export type Catalogue = Omit<z.infer<typeof catalogueFileSchema>, 'products'> & {
  readonly products: ReadonlyMap<string, Product>;
};

/** Every error of the file, one a line, each naming the member. */
export class CatalogueError extends Error {
  override readonly name = 'CatalogueError';
}

/** Reads the text of a catalogue file. Throws `CatalogueError` with every error. */
export function parseCatalogue(text: string): Catalogue {
  const file = catalogueFileSchema.safeParse(parseJson(text));
  if (!file.success) {
    throw new CatalogueError(file.error.issues.flatMap(describeIssue).join('\n'));
  }
  // A Map, so that a sku such as "constructor" finds nothing.
  return { ...file.data, products: new Map(file.data.products.map((product) => [product.sku, product])) };
}

function describeIssue(issue: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${issue.path.join('.') || 'file'}: ${issue.message}`];
  return issue.keys.map((key) => `${[...issue.path, key].join('.')}: is not a key that the catalogue has`);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-GB', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine quotes the text around the error, line breaks included.
    const why = (error instanceof Error ? error.message : String(error)).replace(/\s+/g, ' ');
    throw new CatalogueError(`file: is not JSON (${why})`);
  }
}
