import { type Dispatcher, errors, Pool } from 'undici';
import type { z } from 'zod';
import { type Breaker, createBreaker, longestPauseMs } from './breaker.ts';
import { DojoError, type DojoErrorKind, parseProblem } from './errors.ts';

export type SenderOptions = {
  /** `https://api.dojo.tech` if missing; the address of a simulator in tests. The key alone chooses sandbox or live. */
  readonly apiUrl?: string;
  /** Sent as it is after `Basic `: no Base64, no user name. */
  readonly apiKey: string;
  /** `YYYY-MM-DD`; 2026-02-27, whose shapes this client reads, if missing. */
  readonly apiVersion?: string;
  /** From the first byte sent to the last received, a second try included; 10,000 if missing. */
  readonly timeoutMs?: number;
  /** Sockets to Dojo, 16 if missing. With too few, calls wait for each other. */
  readonly connections?: number;
  readonly now?: () => number;
};

export type DojoCall<Schema extends z.ZodType | null> = {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the API key. */
  readonly credential?: string;
  /** What a good answer must look like; null if its body does not matter. */
  readonly reply: Schema;
  /** For a caller that has less time: the smaller of this and the sender's limit counts. */
  readonly timeoutMs?: number | undefined;
  /** True for the calls that a sale needs. Pauses after failures of others do not stop them, nor the other way round. */
  readonly isSale?: boolean;
  /** True if sending twice does no more than sending once: a broken try is then sent once more. */
  readonly repeatable?: boolean;
};

/** Rejects with `DojoError`, and nothing else. */
export type Send = <Schema extends z.ZodType | null>(
  call: DojoCall<Schema>,
) => Promise<Schema extends z.ZodType ? z.output<Schema> : undefined>;

export type Sender = {
  send: Send;
  clockSkewMs(): number | null;
  close(): Promise<void>;
};

/** A page of 100 intents is some 500 kB. */
const maxResponseBytes = 2 * 1024 * 1024;
const connectTimeoutMs = 2_500;
/** Responses of the class 1xx before the real one, of which most servers send none. */
const maxInterim = 10;
/** No second try after this long: the caller waits. */
const retryWithinMs = 500;

/** The one place that sends requests: time limit, size limit, second try, errors by kind. Follows no redirects. */
export function createSender(options: SenderOptions): Sender {
  const now = options.now ?? Date.now;
  const newBreaker = () => createBreaker({ failureLimit: 5, pauseMs: 10_000, now });
  const breakers = { sale: newBreaker(), other: newBreaker() };
  const limitMs = options.timeoutMs ?? 10_000;
  const base = new URL(options.apiUrl ?? 'https://api.dojo.tech');
  const pool = new Pool(base.origin, {
    connections: options.connections ?? 16,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: 10_000,
    maxResponseSize: maxResponseBytes,
    connect: { timeout: connectTimeoutMs },
  });
  let clockSkewMs: number | null = null;

  async function sendOnce(call: DojoCall<z.ZodType | null>, timeoutMs: number): Promise<unknown> {
    const hasBody = call.body !== undefined;
    const credential = call.credential ?? options.apiKey;
    // AbortSignal refuses fractions and negative times, and a caller's remaining time may be either.
    const timeout = AbortSignal.timeout(Math.max(0, Math.round(timeoutMs)));
    const flood = new AbortController();
    let interim = 0;
    try {
      const response = await pool.request({
        method: call.method,
        path: base.pathname.replace(/\/$/, '') + call.path,
        headers: {
          accept: 'application/json',
          authorization: `Basic ${credential}`,
          version: options.apiVersion ?? '2026-02-27',
          ...(hasBody && { 'content-type': 'application/json' }),
          ...call.headers,
        },
        body: hasBody ? JSON.stringify(call.body) : null,
        // undici's body time-out starts again with every byte; this one also ends an answer that drips.
        signal: AbortSignal.any([timeout, flood.signal]),
        onInfo() {
          interim += 1;
          if (interim > maxInterim) flood.abort(unusable(call, 'more interim responses than any need'));
        },
      });
      clockSkewMs = skewOf(response.headers.date, now()) ?? clockSkewMs;
      // A proxy's error page may quote the request, and error messages are logged.
      const text = (await response.body.text()).replaceAll(credential, '[key]');
      return parseReply(call, response.statusCode, response.headers, text);
    } catch (error) {
      throw error instanceof DojoError ? error : connectionError(error, call);
    }
  }

  async function send(call: DojoCall<z.ZodType | null>): Promise<unknown> {
    const startedAt = now();
    const timeoutMs = Math.min(call.timeoutMs ?? limitMs, limitMs);
    const breaker = call.isSale ? breakers.sale : breakers.other;
    for (let tries = 1; ; tries += 1) {
      breaker.enter();
      try {
        const reply = await sendOnce(call, Math.min(startedAt + timeoutMs - now(), timeoutMs));
        breaker.succeeded();
        return reply;
      } catch (error) {
        if (!(error instanceof DojoError)) throw error;
        settle(breaker, error);
        const again = error.kind === 'unreachable' || (call.repeatable === true && isBroken(error.kind));
        if (tries > 1 || !again || now() - startedAt > retryWithinMs) throw error;
      }
    }
  }

  return {
    send: send as Send,
    clockSkewMs: () => clockSkewMs,
    close: () => pool.close(),
  };
}

/** A refusal shows that Dojo works; anything else is a failure of Dojo or of the way there. */
function settle(breaker: Breaker, error: DojoError): void {
  if (['rate-limited', 'unreachable', 'malformed'].includes(error.kind) || isBroken(error.kind))
    breaker.failed(error);
  else breaker.succeeded();
}

function isBroken(kind: DojoErrorKind): boolean {
  return kind === 'timeout' || kind === 'network' || kind === 'unavailable';
}

function parseReply(
  call: DojoCall<z.ZodType | null>,
  status: number,
  headers: Dispatcher.ResponseData['headers'],
  text: string,
): unknown {
  const body = parseJson(text);
  if (status < 200 || status > 299) throw statusError(call, status, headers, body);
  if (call.reply === null) return undefined;
  const reply = call.reply.safeParse(body);
  if (reply.success) return reply.data;
  const issues = reply.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.code}`);
  throw new DojoError(
    'malformed',
    `${describe(call)} answered ${status} with an unusable body (${issues.join(', ')}).`,
    { status },
  );
}

const kindOfStatus: Readonly<Record<number, DojoErrorKind>> = {
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not-found',
  408: 'unavailable',
  409: 'conflict',
  429: 'rate-limited',
};

function statusError(
  call: DojoCall<z.ZodType | null>,
  status: number,
  headers: Dispatcher.ResponseData['headers'],
  body: unknown,
): DojoError {
  const problem = parseProblem(body);
  const kind =
    kindOfStatus[status] ?? (status >= 500 ? 'unavailable' : status >= 400 ? 'invalid' : 'malformed');
  // Names of fields, as Dojo has them: Reference, Amount.Value, ItemLines[0].Name.
  const fields = Object.keys(problem.fieldErrors).filter((name) => /^[A-Za-z][\w.[\]$]{0,60}$/.test(name));
  const about = fields.length > 0 ? ` about ${fields.slice(0, 10).join(', ')}` : '';
  const written = [problem.title, problem.detail].filter((part) => part !== null).join('; ');
  return new DojoError(kind, `${describe(call)} answered ${status}${about}.`, {
    status,
    traceId: problem.traceId,
    reason: written === '' ? null : written,
    fieldErrors: problem.fieldErrors,
    retryAfterMs: parseRetryAfter(headers['retry-after']),
  });
}

/** Errors from before any request can have left: the name, the route, a refused connection, the certificate. */
const neverSentCodes =
  /^(UND_ERR_CONNECT_TIMEOUT|ENOTFOUND|EAI_\w+|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ERR_TLS_\w+|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH_TOO_LONG|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)$/;

/** Too large, or not HTTP; some errors of undici's parser have a name and no code. */
const unreadableCodes = /^(UND_ERR_RES_EXCEEDED_MAX_SIZE|UND_ERR_HEADERS_OVERFLOW|HPE_\w+|HTTPParserError)$/;

function connectionError(cause: unknown, call: DojoCall<z.ZodType | null>): DojoError {
  const code = codeOf(cause);
  // An answer 101 to a request that asked for no other protocol.
  if (cause instanceof errors.SocketError && cause.message === 'bad upgrade')
    return unusable(call, 'another protocol');
  const kind: DojoErrorKind = neverSentCodes.test(code)
    ? 'unreachable'
    : code === 'TimeoutError' || code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT'
      ? 'timeout'
      : unreadableCodes.test(code)
        ? 'malformed'
        : 'network';
  return new DojoError(kind, `${describe(call)} got no usable answer (${code}).`, { cause });
}

function unusable(call: DojoCall<z.ZodType | null>, what: string): DojoError {
  return new DojoError('malformed', `${describe(call)} answered with ${what}.`);
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const causes = error instanceof AggregateError ? error.errors : [error.cause];
  const nested = causes.map((cause) => (cause instanceof Error && 'code' in cause ? cause.code : undefined));
  const code = ['code' in error ? error.code : undefined, ...nested].find(
    (value) => typeof value === 'string',
  );
  return typeof code === 'string' ? code : error.name;
}

/** Seconds or an HTTP date (RFC 9110, section 10.2.3), minutes at most; null if it is neither. */
function parseRetryAfter(header: string | string[] | undefined): number | null {
  if (typeof header !== 'string') return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, longestPauseMs) : null;
}

function skewOf(date: string | string[] | undefined, now: number): number | null {
  const ms = typeof date === 'string' ? Date.parse(date) - now : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** For messages and logs: ids are in the path, the key is not. */
function describe(call: { method: string; path: string }): string {
  return `Dojo ${call.method} ${call.path.split('?')[0]}`;
}
