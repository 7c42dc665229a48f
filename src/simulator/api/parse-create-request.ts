import { z } from 'zod';
import { captureModes, moneySchema } from '../../dojo/schemas.ts';
import type { Settings } from '../settings.ts';
import {
  type CreateRequest,
  createRequestSchema,
  itemLineSchema,
  mostMinorUnits,
  taxLineSchema,
} from '../state/create-request.ts';
import { type ParsedBody, parseBody } from './request-body.ts';
import type { ApiRelease } from './version.ts';

type Asked = { readonly release: ApiRelease; readonly settings: Settings };

/** The request for a new intent, in the words of the release that the call names. */
export function parseCreateRequest(body: unknown, asked: Asked): ParsedBody<CreateRequest> {
  const { captureMode, metadata } = createRequestSchema.shape;
  const schema = createRequestSchema.extend({
    captureMode: asked.settings.captureModeCase === 'any' ? anyCaseModeSchema : captureMode,
    metadata: asked.settings.metadataLimit === '50-keys' ? limitedMetadataSchema : metadata,
    itemLines: linesSchemaOf(asked.release),
  });
  const parsed = parseBody(schema, body);
  return parsed.kind === 'invalid' ? parsed : refuseOtherCurrencies(nameLines(parsed.data));
}

const amountChangeSchema = z.object({
  amount: createRequestSchema.shape.amount,
  itemLines: createRequestSchema.shape.itemLines,
  taxLines: z.array(taxLineSchema).nullish(),
});
export type AmountChange = z.output<typeof amountChangeSchema>;

export function parseAmountChange(body: unknown, release: ApiRelease): ParsedBody<AmountChange> {
  const schema = amountChangeSchema.extend({ itemLines: linesSchemaOf(release) });
  const parsed = parseBody(schema, body);
  return parsed.kind === 'invalid' ? parsed : { kind: 'valid', data: nameLines(parsed.data) };
}

/** No tip is given back, and a total has one currency. */
export const tipsChangeSchema = z.object({
  tipsAmount: moneySchema.extend({ value: z.int().nonnegative().max(mostMinorUnits) }),
});

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

/** The first release said `caption` where the later ones say `name`. */
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

function refuseOtherCurrencies(request: CreateRequest): ParsedBody<CreateRequest> {
  const extras = ['tipsAmount', 'cashbackAmount', 'serviceChargeAmount'] as const;
  const strange = extras.filter(
    (name) => (request[name]?.currencyCode ?? request.amount.currencyCode) !== request.amount.currencyCode,
  );
  if (strange.length === 0) return { kind: 'valid', data: request };
  const errors = strange.map((name) => [
    `${name.charAt(0).toUpperCase()}${name.slice(1)}.CurrencyCode`,
    ['The currency must be that of the amount.'],
  ]);
  return { kind: 'invalid', problem: { status: 400, errors: Object.fromEntries(errors) } };
}
