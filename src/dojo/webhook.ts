import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { paymentIntentIdSchema } from './schemas.ts';

/** The event to subscribe to: a payment was captured, refunded, reversed or canceled (docs.dojo.tech/development-resources/webhooks). */
export const statusUpdatedEvent = 'payment_intent.status_updated';

export const signatureHeader = 'dojo-signature';

export type WebhookSecret = {
  readonly key: KeyObject;
  /** Names the secret in records and logs without revealing it: `whs_` and 8 hex digits of its SHA-256. */
  readonly label: string;
};

/**
 * Takes the `value` of a subscription's secret. The key is its UTF-8 bytes as Dojo shows them: it looks like Base64, and
 * is not decoded. Throws `RangeError` if it is empty.
 */
export function createWebhookSecret(value: string): WebhookSecret {
  if (value === '') throw new RangeError('A webhook secret must not be empty.');
  return {
    key: createSecretKey(value, 'utf8'),
    label: `whs_${createHash('sha256').update(value).digest('hex').slice(0, 8)}`,
  };
}

/**
 * The value of the header `dojo-signature`: `sha256=` and the HMAC-SHA256 of the raw bytes as 32 upper-case hex pairs joined
 * by dashes. Dojo signs neither a time nor an id, so a replay verifies: ignore events whose id you know.
 */
export function signWebhook(body: Uint8Array, secret: WebhookSecret): string {
  const pairs = createHmac('sha256', secret.key).update(body).digest('hex').toUpperCase().match(/../g) ?? [];
  return `sha256=${pairs.join('-')}`;
}

/** True if this secret signed these raw bytes. Verify the bytes as they came, before anything parses them. Never throws. */
export function verifyWebhook(
  body: Uint8Array,
  signature: string | undefined,
  secret: WebhookSecret,
): boolean {
  return findSigningSecret(body, signature, [secret]) !== null;
}

/**
 * The secret that signed these raw bytes, or null. Never throws. Give it every live secret while one replaces another.
 * Tries them all, so that its time does not reveal which one matched.
 */
export function findSigningSecret(
  body: Uint8Array,
  signature: string | undefined,
  secrets: readonly WebhookSecret[],
): WebhookSecret | null {
  const digest = parseSignature(signature);
  if (digest === null) return null;
  let match: WebhookSecret | null = null;
  for (const secret of secrets) {
    if (timingSafeEqual(createHmac('sha256', secret.key).update(body).digest(), digest)) match = secret;
  }
  return match;
}

/** True if a header has the form of a signature, whatever it signs. */
export function isSignature(signature: string): boolean {
  return parseSignature(signature) !== null;
}

// Dojo sends 32 dashed upper-case pairs. Its SDKs differ in how strictly they read them, so case and dashes do not matter here.
const prefix = 'sha256=';
const dash = '-'.charCodeAt(0);
/** By ASCII code: the value of a hexadecimal digit, -1 for anything else. */
const hexDigits = Int8Array.from({ length: 128 }, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16);
  return Number.isNaN(digit) ? -1 : digit;
});

/** Node joins two headers with a comma, which makes the value too long. */
function parseSignature(signature: string | undefined): Buffer | null {
  if (signature === undefined || !signature.startsWith(prefix)) return null;
  const length = signature.length - prefix.length;
  const isDashed = length === 95;
  if (!isDashed && length !== 64) return null;
  const digest = Buffer.allocUnsafe(32);
  let at = prefix.length;
  for (let index = 0; index < 32; index += 1) {
    if (isDashed && index > 0 && signature.charCodeAt(at++) !== dash) return null;
    const high = hexDigits[signature.charCodeAt(at++)] ?? -1;
    const low = hexDigits[signature.charCodeAt(at++)] ?? -1;
    if (high < 0 || low < 0) return null;
    digest[index] = high * 16 + low;
  }
  return digest;
}

// Printable ASCII: every database keeps it unchanged, and no control character reaches a log.
const nameSchema = z.string().regex(/^[\x21-\x7e]{1,255}$/);

const envelopeSchema = z.object({
  id: nameSchema,
  event: nameSchema,
  accountId: z.string().nullish(),
  data: z.unknown().optional(),
});

const intentChangeSchema = z.object({
  paymentIntentId: paymentIntentIdSchema,
  /** Any name: Dojo's documentation mentions "released", which is not a status. */
  paymentStatus: nameSchema,
});

export type WebhookEvent = {
  readonly id: string;
  readonly event: string;
  readonly accountId: string | null;
  /** Which intent, and its new status; null if the event is of another kind. */
  readonly change: { readonly paymentIntentId: string; readonly paymentStatus: string } | null;
};

/**
 * Reads the raw bytes of a delivery whose signature was verified. Null if they are no event: not UTF-8, not JSON, no
 * usable id, or a status update without an intent.
 */
export function parseWebhookEvent(body: Uint8Array): WebhookEvent | null {
  const envelope = envelopeSchema.safeParse(parseJson(body));
  if (!envelope.success) return null;
  const { id, event, accountId, data } = envelope.data;
  const change = intentChangeSchema.safeParse(data);
  if (!change.success && event === statusUpdatedEvent) return null;
  return {
    id,
    event,
    accountId: accountId ?? null,
    change: change.data ?? null,
  };
}

// ignoreBOM keeps a byte order mark in the text, and JSON.parse refuses it.
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(body));
  } catch {
    return undefined;
  }
}
