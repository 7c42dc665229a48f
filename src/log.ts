import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers } from 'pino';
import { DojoError } from './dojo/errors.ts';
import { openLogOutput } from './log-output.ts';

type Message = readonly [level: 'debug' | 'info' | 'warn' | 'error', text: string];

/** Every line that the shop can write. `docs/logs.md` says what each means and what to do; a test keeps the two equal. */
export const messages = Object.freeze({
  shopOpened: ['info', 'shop open'],
  shopClosing: ['info', 'shop closing'],
  shopClosed: ['info', 'shop closed'],
  webhookSecretsMissing: ['warn', 'DOJO_WEBHOOK_SECRETS is not set: every webhook is refused'],
  sessionSecretMissing: ['warn', 'SESSION_SECRET is not set: a restart empties every basket'],
  logLinesDropped: ['warn', 'log lines dropped: no one read them, or the disk was full'],
  backgroundTaskFailed: ['error', 'background task failed; it runs again'],
  storeUnwritable: ['error', 'order store cannot be written'],

  request: ['info', 'request'],
  routineRequest: ['debug', 'request for a static file or a health check'],
  requestFailed: ['error', 'request failed'],
  webhookSignatureInvalid: ['warn', 'webhook refused: signature missing or wrong'],
  webhookQuarantined: ['warn', 'webhook quarantined'],

  paymentIntentCreated: ['info', 'payment intent created'],
  paymentIntentFailed: ['warn', 'payment intent not created: no usable answer from Dojo'],
  apiKeyRefused: ['error', 'payment intent not created: Dojo refused the API key'],
  paymentIntentMismatched: ['error', 'Dojo answered with another payment intent than requested'],
  paymentUnconfirmed: ['warn', 'return page shown unconfirmed: no usable answer from Dojo'],
  paymentCaptured: ['info', 'payment captured'],

  orderAuthorised: ['info', 'order authorised'],
  orderPaid: ['info', 'order paid'],
  orderHeld: ['warn', 'order held'],
  orderMismatched: ['error', 'payment differs from its order'],
  orderRefunded: ['info', 'order refunded'],
  orderCancelled: ['info', 'order cancelled'],
  orderExpired: ['info', 'order expired'],
  refundSent: ['info', 'refund sent'],
  refundRefused: ['warn', 'refund refused by Dojo'],

  reconcileFinished: ['info', 'reconcile finished'],
  reconcileStopped: ['warn', 'reconcile stopped early: Dojo cannot be asked'],
  orderCheckFailed: ['warn', 'order check failed: no usable answer from Dojo'],
  orphanFound: ['warn', 'orphan payment intent found'],
  clockSkewed: ['error', 'clock differs from that of Dojo by minutes; expiry paused'],
  notificationFailed: ['warn', 'fulfilment notification failed; it is sent again'],
  notificationAbandoned: ['error', 'fulfilment notification abandoned'],
} as const satisfies Readonly<Record<string, Message>>);

export type LogEvent = keyof typeof messages;

/** Every field that a line can carry. Flat, so that nothing unforeseen hangs on it. */
type Fields = {
  requestId: string;
  method: string;
  /** Without query and token. */
  path: string;
  /** `cut` where the connection ended before the answer. */
  status: number | 'cut';
  ms: number;
  outcome: string;
  eventId: string;
  orderReference: string;
  orderStatus: string;
  holds: readonly string[];
  paymentIntentId: string;
  paymentStatus: string;
  attempt: number;
  /** Minor units. */
  amount: number;
  currencyCode: string;
  refundId: string;
  mismatch: string;
  reason: string;
  secretCount: number;
  url: string;
  testShop: boolean;
  signal: string;
  lines: number;
  orders: number;
  orphans: number;
  refunds: number;
  skewMs: number;
  answer: string;
  tries: number;
  nextTryAt: Date | null;
  err: unknown;
};
export type LogFields = { readonly [Name in keyof Fields]?: Fields[Name] | undefined };

/** Writes one line; the list gives its level and words. */
export function logEvent(log: Logger, event: LogEvent, fields: LogFields = {}): void {
  const [level, text] = messages[event];
  log[level]({ event, ...fields }, text);
}

/** Compared without case: the same name is a header, a column and a member. */
const secretNames = [
  'authorization',
  'cookie',
  'cookies',
  'set-cookie',
  'dojo-signature',
  'apiKey',
  'secret',
  'secrets',
  'password',
  'email',
  'emailAddress',
  'phoneNumber',
  'billingAddress',
  'shippingDetails',
  'address',
  'cardNumber',
  'pan',
  'token',
  'clientSessionSecret',
];
const isSecret: ReadonlySet<string> = new Set(secretNames.map((name) => name.toLowerCase()));
const censored = '[redacted]';

/** JSON, one line an event. Secrets and personal data are cut out even where a mistake hands them in. */
export function createLogger(
  options: { level: string; pretty?: boolean },
  destination?: DestinationStream,
): Logger {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp,
    formatters: { level: (label) => ({ level: label }) },
    // pino's own would copy what libraries hang on their errors.
    serializers: { err: (error) => error },
    // `*` hands every member of a line and of a child logger, and the words, to the censor.
    redact: { paths: [...secretNames.flatMap(spellings), '*'], censor },
  };
  if (options.pretty === true && isPrettyInstalled())
    return pino({ ...settings, transport: { target: 'pino-pretty' } });
  const output = destination ?? openLogOutput((lines) => logEvent(log, 'logLinesDropped', { lines }));
  const log = pino(settings, output);
  return log;
}

/** pino's paths respect case. */
function spellings(name: string): string[] {
  const header = name.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  const all = [name, name.toLowerCase(), name.toUpperCase(), header];
  return [...new Set(all)].map((spelling) => `["${spelling}"]`);
}

function censor(value: unknown, [name]: (string | symbol)[]): unknown {
  return typeof name === 'string' ? censored : present(value);
}

let timedAt = Number.NaN;
let time = '';

/** Many lines share a millisecond. */
function timestamp(): string {
  const now = Date.now();
  if (now !== timedAt) {
    timedAt = now;
    time = `,"time":"${new Date(now).toISOString()}"`;
  }
  return time;
}

const maxDepth = 6;
const maxMembers = 500;

/**
 * A copy that is fit for a log: secrets by name at every depth, and no more than a screenful of anything. pino's own paths
 * have a fixed depth, and its limits take effect only where JSON.stringify fails.
 */
function present(logged: unknown): unknown {
  if (typeof logged === 'string') return withoutCardNumbers(logged);
  if (typeof logged !== 'object' || logged === null) return presentOther(logged);
  let members = 0;

  function copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return withoutCardNumbers(value);
    if (typeof value !== 'object' || value === null || value instanceof Date) return presentOther(value);
    if (value instanceof Error) return copyMembers(presentError(value), depth);
    if (depth === maxDepth) return '[cut]';
    if (Array.isArray(value)) return take(value).map((entry) => copy(entry, depth + 1));
    return isPlain(value) ? copyMembers(value, depth) : '[object]';
  }

  function copyMembers(value: object, depth: number): Record<string, unknown> {
    const copied: Record<string, unknown> = Object.create(null);
    for (const name of take(Object.keys(value))) {
      const isHidden = isSecret.has(name.toLowerCase());
      copied[name] = isHidden ? censored : copy(readMember(value, name), depth + 1);
    }
    return copied;
  }

  function take<T>(entries: readonly T[]): T[] {
    const taken = entries.slice(0, maxMembers - members);
    members += taken.length;
    return taken;
  }

  return copy(logged, 1);
}

function presentOther(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  return typeof value === 'function' ? '[function]' : value;
}

/** Requests, sockets, buffers and clients hold more than their names say. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** A getter may throw; a log line must not. */
function readMember(value: object, name: string): unknown {
  try {
    return (value as Record<string, unknown>)[name];
  } catch {
    return '[unreadable]';
  }
}

/** What is worth knowing of an error, without the request and the sockets that libraries hang on theirs. */
function presentError(error: Error): Record<string, unknown> {
  if (error instanceof DojoError) {
    const { name, message, kind, status, traceId } = error;
    return { type: name, message, kind, status, traceId };
  }
  const { type, message, stack } = stdSerializers.err(error);
  return { type, message, stack };
}

/** Cheaper to look for than the number itself. */
const longNumber = /\d(?:[ -]?\d){12}/;

/**
 * Thirteen to nineteen digits that pass the check of card numbers (ISO/IEC 7812-1), however they are grouped. Not those in a word:
 * one UUID in 460 has digits that pass.
 */
function withoutCardNumbers(text: string): string {
  if (text.length < 13 || !longNumber.test(text)) return text;
  return text.replace(/(?<!\w|\w-)\d(?:[ -]?\d){12,18}(?!\w|-\w)/g, (digits) =>
    isCardNumber(digits.replace(/\D/g, '')) ? '[card number]' : digits,
  );
}

function isCardNumber(digits: string): boolean {
  let sum = 0;
  for (const [index, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

/** A development dependency, which an installation for production leaves out. */
function isPrettyInstalled(): boolean {
  try {
    import.meta.resolve('pino-pretty');
    return true;
  } catch {
    return false;
  }
}
