/**
 * Why a call to Dojo failed.
 *
 * | kind | meaning | may it have taken effect? |
 * |---|---|---|
 * | `unreachable` | no connection: name, route, refusal, certificate | no |
 * | `paused` | not sent: Dojo failed repeatedly or asked us to wait | no |
 * | `unauthorized`, `forbidden` | 401, 403: the key | no |
 * | `invalid` | 400, 405, 422: the request | no |
 * | `not-found`, `conflict` | 404, 409 | no |
 * | `rate-limited` | 429 | no |
 * | `timeout`, `network` | no complete answer in time; the connection broke | yes |
 * | `unavailable` | 5xx | yes |
 * | `malformed` | an unusable answer: not JSON, too large, a redirect, a wrong shape | yes |
 */
export type DojoErrorKind =
  | 'unreachable'
  | 'paused'
  | 'unauthorized'
  | 'forbidden'
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'rate-limited'
  | 'timeout'
  | 'network'
  | 'unavailable'
  | 'malformed';

/** The kinds after which only Dojo knows whether the call took effect. */
const ambiguousKinds: ReadonlySet<DojoErrorKind> = new Set([
  'timeout',
  'network',
  'unavailable',
  'malformed',
]);

/** A call to Dojo failed. The message is for logs: our own words, without the key and without what Dojo wrote. */
export class DojoError extends Error {
  override readonly name = 'DojoError';
  readonly kind: DojoErrorKind;
  /** The HTTP status of the answer; null if there was none. */
  readonly status: number | null;
  /** Dojo's W3C trace id, to quote to its support; null if the answer had none. */
  readonly traceId: string | null;
  /**
   * What Dojo wrote: title and detail; null if it wrote nothing. It may repeat what was sent, a shopper's name and address
   * among it: show it to the person who made the call, and never log it.
   */
  readonly reason: string | null;
  /** Messages by field, as Dojo names it (`Reference`); empty if it named none. */
  readonly fieldErrors: Readonly<Record<string, string[]>>;
  /** How long Dojo, or this client on its behalf, asks to wait; null if neither says. */
  readonly retryAfterMs: number | null;

  constructor(
    kind: DojoErrorKind,
    message: string,
    details: {
      status?: number;
      traceId?: string | null;
      reason?: string | null;
      fieldErrors?: Record<string, string[]>;
      retryAfterMs?: number | null;
      cause?: unknown;
    } = {},
  ) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.kind = kind;
    this.status = details.status ?? null;
    this.traceId = details.traceId ?? null;
    this.reason = details.reason ?? null;
    this.fieldErrors = details.fieldErrors ?? {};
    this.retryAfterMs = details.retryAfterMs ?? null;
  }

  /** True if the call may have taken effect all the same: find out before you repeat it. */
  get isAmbiguous(): boolean {
    return ambiguousKinds.has(this.kind);
  }
}

/**
 * The useful members of an RFC 7807 body. Ignores the case of names: a live refund error came in PascalCase.
 * Anything else, an empty body and HTML included, gives nulls.
 */
export function parseProblem(body: unknown): {
  title: string | null;
  detail: string | null;
  traceId: string | null;
  fieldErrors: Record<string, string[]>;
} {
  const members = new Map<string, unknown>();
  if (typeof body === 'object' && body !== null) {
    for (const [name, value] of Object.entries(body)) members.set(name.toLowerCase(), value);
  }
  const text = (name: string) => {
    const value = members.get(name);
    return typeof value === 'string' ? value.slice(0, 500) : null;
  };
  const fieldErrors: Record<string, string[]> = Object.create(null);
  const errors = members.get('errors');
  if (typeof errors === 'object' && errors !== null) {
    for (const [field, messages] of Object.entries(errors)) {
      if (Array.isArray(messages)) fieldErrors[field] = messages.filter((part) => typeof part === 'string');
    }
  }
  return { title: text('title'), detail: text('detail'), traceId: text('traceid'), fieldErrors };
}
