import { z } from 'zod';
import { captureModes, moneySchema } from '../../dojo/schemas.ts';
import { describeIssue } from '../input-errors.ts';
import type { Settings } from '../settings.ts';
import {
  type CreateRequest,
  createRequestSchema,
  itemLineSchema,
  mostMinorUnits,
  taxLineSchema,
} from '../state/create-request.ts';
import type { Cursor, Page } from '../state/sequence.ts';
import { Problem } from './problem.ts';
import type { ApiRelease } from './releases.ts';

/**
 * Parses a body as Dojo does: names in any case, unknown members ignored, no body the same as `{}`. Throws Problem with the
 * errors by field.
 */
export function parseBody<Schema extends z.ZodType>(schema: Schema, given: unknown): z.output<Schema> {
  const body = given === undefined ? {} : given;
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Problem(400, 'The request body must be a JSON object.');
  const result = schema.safeParse(foldNames(schema, body), { reportInput: true });
  if (!result.success) throw new Problem(400, fieldErrors(result.error.issues));
  return result.data;
}

/** A request for a new intent, in the words of the release that the call names. */
export function parseCreateRequest(
  body: unknown,
  { release, settings }: { release: ApiRelease; settings: Settings },
): CreateRequest {
  const { captureMode, metadata } = createRequestSchema.shape;
  const schema = createRequestSchema.extend({
    captureMode: settings.captureModeCase === 'any' ? anyCaseModeSchema : captureMode,
    metadata: settings.metadataLimit === '50-keys' ? limitedMetadataSchema : metadata,
    itemLines: linesSchemaOf(release),
  });
  const request = nameLines(parseBody(schema, body));
  refuseOtherCurrencies(request);
  return request;
}

export function parseAmountChange(body: unknown, release: ApiRelease): AmountChange {
  return nameLines(parseBody(amountChangeSchema.extend({ itemLines: linesSchemaOf(release) }), body));
}

const amountChangeSchema = z.object({
  amount: createRequestSchema.shape.amount,
  itemLines: createRequestSchema.shape.itemLines,
  taxLines: z.array(taxLineSchema).nullish(),
});
type AmountChange = z.output<typeof amountChangeSchema>;

/** A tip is never negative, and has the currency of the total. */
export const tipsChangeSchema = z.object({
  tipsAmount: moneySchema.extend({ value: z.int().nonnegative().max(mostMinorUnits) }),
});

/** One page of a search. Throws Problem for a cursor that goes both ways (specification, `Cursor`) or nowhere. */
export function findPage<Entry>(cursor: Cursor, find: (cursor: Cursor) => Page<Entry> | null): Page<Entry> {
  if (cursor.before && cursor.after)
    throw new Problem(400, { Cursor: ['Give either before or after, not both.'] });
  const page = find(cursor);
  if (page === null) throw new Problem(400, { Cursor: ['No search has returned this cursor.'] });
  return page;
}

const anyCaseModeSchema = z
  .preprocess(
    (value) => captureModes.find((mode) => mode.toLowerCase() === String(value).toLowerCase()) ?? value,
    z.enum(captureModes),
  )
  .optional();

const limitedMetadataSchema = z
  .record(z.string(), z.string())
  .refine((metadata) => Object.keys(metadata).length <= 50, { error: 'There may be at most 50 keys.' })
  .nullish();

/** The first release had `caption` where later ones have `name`. */
const captionedLineSchema = itemLineSchema
  .pick({ id: true, quantity: true, amountTotal: true })
  .extend({ caption: z.string().nullish() });

type GivenLine = z.output<typeof itemLineSchema> | z.output<typeof captionedLineSchema>;
const lineSchemas: Record<'first' | 'later', z.ZodType<GivenLine[] | null | undefined>> = {
  first: z.array(captionedLineSchema).nullish(),
  later: z.array(itemLineSchema).nullish(),
};

function linesSchemaOf(release: ApiRelease) {
  return lineSchemas[release === '2022-04-07' ? 'first' : 'later'];
}

function nameLines<Request extends { itemLines?: GivenLine[] | null | undefined }>(request: Request) {
  const itemLines = request.itemLines?.map((line) => {
    if (!('caption' in line)) return line;
    const { caption, ...rest } = line;
    return caption ? { ...rest, name: caption } : rest;
  });
  return { ...request, itemLines };
}

function refuseOtherCurrencies(request: CreateRequest): void {
  const { currencyCode } = request.amount;
  const extras = ['tipsAmount', 'cashbackAmount', 'serviceChargeAmount'] as const;
  const errors = extras
    .filter((name) => (request[name]?.currencyCode ?? currencyCode) !== currencyCode)
    .map((name) => [`${capitalise(name)}.CurrencyCode`, ['The currency must be that of the amount.']]);
  if (errors.length > 0) throw new Problem(400, Object.fromEntries(errors));
}

/** Gives every member the schema's spelling. Of two spellings of one member, the last wins. */
function foldNames(schema: z.core.$ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return foldNames(schema.unwrap(), value);
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((entry) => foldNames(schema.element, entry));
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return value;
  const known = new Map(Object.keys(schema.shape).map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const spelling = known.get(name.toLowerCase());
      return spelling === undefined ? [] : [[spelling, foldNames(schema.shape[spelling], member)]];
    }),
  );
}

function fieldErrors(issues: readonly z.core.$ZodIssue[]): Record<string, string[]> {
  const errors: Record<string, string[]> = Object.create(null);
  for (const issue of issues) {
    const field = fieldName(issue.path);
    errors[field] ??= [];
    errors[field].push(describeFieldIssue(field, issue));
  }
  return errors;
}

function describeFieldIssue(field: string, issue: z.core.$ZodIssue): string {
  if (issue.input === undefined) return `The ${field} field is required.`;
  const mustBe = describeIssue(issue);
  return mustBe === null ? issue.message : `The ${field} field ${mustBe}.`;
}

/** `['itemLines', 0, 'amountTotal']` becomes `ItemLines[0].AmountTotal`. */
function fieldName(path: readonly PropertyKey[]): string {
  return (
    path
      .map((part, index) =>
        typeof part === 'number' ? `[${part}]` : `${index === 0 ? '' : '.'}${capitalise(String(part))}`,
      )
      .join('')
      // Problems are logged, and a key of metadata may be anything, such as an API key in the wrong place.
      .replace(/(sk_[a-z]+_).*/gi, '$1…')
  );
}

function capitalise(name: string): string {
  return `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}
