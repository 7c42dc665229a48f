import { hash, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { z } from 'zod';
import type { Context } from '../context.ts';
import { parseReference } from '../shop/order.ts';
import { carrierSchema, type Shipment, trackingUrlSchema } from '../shop/shipment.ts';
import type { ApiAnswer, ShippedOrder, SignedRequest } from '../store/order-store.ts';

/** Older or newer than this, a request may be a copy that someone kept. */
const toleranceMs = 5 * 60_000;
const maxIdLength = 256;

export type ShipRequest = {
  /** In the address. */
  readonly reference: string;
  readonly body: Buffer;
  readonly headers: { readonly id: string; readonly timestamp: string; readonly signature: string };
  /** What to answer, whatever comes of it. */
  readonly answersOf: (sent: SentOrder) => SignedRequest['answers'];
};

export type SentOrder = Shipment & { readonly reference: string; readonly sentAt: Date };

/**
 * - `unverified`: not signed with the secret, or not in these minutes
 * - `invalid`: signed, and not a request for this order
 * - `unknown`: there is no such order
 * - `answered`: decided, now or when the same request came before
 * - `id-taken`: another request had this id
 */
export type AnsweredShipRequest =
  | { readonly kind: 'unverified' | 'invalid' | 'unknown' | 'id-taken' }
  | { readonly kind: 'answered'; readonly outcome: ShippedOrder['kind']; readonly answer: ApiAnswer };

/**
 * What the merchant's own system says: that an order went out. Its answer is kept in the transaction that decides it, so
 * that a repeat gets the same.
 */
export async function answerShipRequest(
  context: Pick<Context, 'store' | 'now'>,
  secret: string,
  { reference, body, headers, answersOf }: ShipRequest,
): Promise<AnsweredShipRequest> {
  const now = context.now();
  if (!isSigned(headers, body, { secret, now })) return { kind: 'unverified' };
  const shipment = parseBody(body, reference);
  if (shipment === null || headers.id.length > maxIdLength) return { kind: 'invalid' };
  const order = await context.store.findOrderByReference(spellingOf(reference));
  if (order === null) return { kind: 'unknown' };
  const sent = { ...shipment, sentAt: now };
  const answers = answersOf({ ...sent, reference: order.reference });
  const digest = hash('sha256', body, 'buffer');
  const request = { id: headers.id, digest, receivedAt: now, answers };
  const shipped = await context.store.shipOrder(order.id, sent, request);
  if (shipped.kind === 'id-taken') return shipped;
  const answer = shipped.kind === 'repeated' ? shipped.answer : answers[shipped.kind];
  return { kind: 'answered', outcome: shipped.kind, answer };
}

/** As standardwebhooks.com has it. The library's own check goes by the machine's clock, and the shop's is an argument. */
function isSigned(
  { id, timestamp, signature }: ShipRequest['headers'],
  body: Buffer,
  { secret, now }: { secret: string; now: Date },
): boolean {
  const signedAt = new Date(/^\d{1,12}$/.test(timestamp) ? Number(timestamp) * 1_000 : Number.NaN);
  if (id === '' || !(Math.abs(now.getTime() - signedAt.getTime()) <= toleranceMs)) return false;
  const expected = Buffer.from(new Webhook(secret).sign(id, signedAt, body));
  return signature.split(' ').some((given) => {
    const bytes = Buffer.from(given);
    return bytes.byteLength === expected.byteLength && timingSafeEqual(bytes, expected);
  });
}

const bodySchema = z.object({
  reference: z.string(),
  carrier: carrierSchema.nullish(),
  trackingUrl: trackingUrlSchema.nullish(),
});

/** Null if it is not about this order. */
function parseBody(bytes: Buffer, reference: string): Shipment | null {
  const { data } = bodySchema.safeParse(parseJson(bytes));
  const isSame = data !== undefined && spellingOf(data.reference) === spellingOf(reference);
  return isSame ? { carrier: data.carrier ?? null, trackingUrl: data.trackingUrl ?? null } : null;
}

function spellingOf(reference: string): string {
  return parseReference(reference) ?? reference;
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}
