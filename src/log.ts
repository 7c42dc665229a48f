import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino';
import { openLogOutput } from './log-output.ts';
import { redaction } from './log-redaction.ts';
import type { OrderNews } from './shop/order-news.ts';

type Message = readonly [level: 'debug' | 'info' | 'warn' | 'error', text: string];

/** Every line that the shop can write. `docs/logs.md` says what each means and what to do; a test keeps the two equal. */
export const messages = Object.freeze({
  shopOpened: ['info', 'shop open'],
  shopClosing: ['info', 'shop closing'],
  shopClosed: ['info', 'shop closed'],
  webhookSecretsMissing: [
    'warn',
    'DOJO_WEBHOOK_SECRETS is not set: every webhook is refused, and only reconciling marks orders paid',
  ],
  sessionSecretMissing: ['warn', 'SESSION_SECRET is not set: baskets are lost when the shop restarts'],
  webhookSecretSuspect: [
    'warn',
    'DOJO_WEBHOOK_SECRETS begins with ws_, as the id of a subscription does; if every webhook is refused, set the value of its secret',
  ],
  forwardingIgnored: [
    'warn',
    'a proxy names the addresses of shoppers, and TRUST_PROXY is not set: all of them count as one',
  ],
  logLinesDropped: ['warn', 'log lines dropped: no one read them, or the disk was full'],
  backgroundTaskFailed: ['error', 'background task failed; it runs again'],
  storeUnwritable: ['error', 'order store cannot be written'],
  checkoutsStopped: ['error', 'checkouts stopped: what Dojo says of payments cannot be kept'],
  checkoutsResumed: ['info', 'checkouts go on: what Dojo says of payments is kept'],

  request: ['info', 'request'],
  routineRequest: ['debug', 'request for a static file or a health check'],
  requestFailed: ['error', 'request failed'],
  hostRefused: ['warn', 'request refused: its host is not that of PUBLIC_URL'],
  crossSiteRefused: ['warn', 'request refused: another site sent it'],
  webhookSignatureInvalid: ['warn', 'webhook refused: signature invalid'],
  webhookQuarantined: ['warn', 'webhook quarantined'],
  shipRequestRefused: ['warn', 'request to ship refused: signature invalid'],

  paymentIntentCreated: ['info', 'payment intent created'],
  paymentIntentFailed: ['warn', 'payment intent not created: no usable answer from Dojo'],
  checkoutsUnpaid: [
    'warn',
    'nearly all checkouts of the last hour are unpaid; someone may be trying stolen cards',
  ],
  apiKeyRefused: ['error', 'payment intent not created: Dojo refused the API key'],
  paymentIntentMismatched: ['error', 'Dojo answered with another payment intent than requested'],
  paymentUnconfirmed: ['warn', 'return page shown unconfirmed: no usable answer from Dojo'],
  paymentCaptured: ['info', 'payment captured'],
  holdDecided: ['info', 'holds decided'],
  customersErased: ['info', 'personal data erased'],

  orderAuthorised: ['info', 'order authorised'],
  orderPaid: ['info', 'order paid'],
  orderHeld: ['warn', 'order held'],
  orderMismatched: ['error', 'payment differs from its order'],
  orderRefunded: ['info', 'order refunded'],
  orderCancelled: ['info', 'order cancelled'],
  orderExpired: ['info', 'order expired'],
  orderSent: ['info', 'order sent'],
  orderReservationEnding: ['warn', 'reservation ends within two days'],
  refundSent: ['info', 'refund sent'],
  refundRefused: ['warn', 'refund refused by Dojo'],

  reconcileFinished: ['info', 'reconcile finished'],
  reconcileStopped: ['warn', 'reconcile stopped early: Dojo cannot be asked'],
  orderCheckFailed: ['warn', 'order check failed: no usable answer from Dojo'],
  searchFailed: ['warn', 'search for payments failed: no usable answer from Dojo'],
  orphanFound: ['warn', 'orphan payment intent found'],
  clockSkewed: ['error', 'clock differs from that of Dojo by minutes; expiry paused'],
  clockSetBack: ['warn', 'clock was minutes ahead and is set back; what was planned by it is due now'],
  messageFailed: ['warn', 'message not accepted; it is sent again'],
  messageAbandoned: ['warn', 'message abandoned'],
  messageDropped: ['info', 'message dropped: the order is no longer due'],
} as const satisfies Readonly<Record<string, Message>>);

export type LogEvent = keyof typeof messages;

/** Every field that a line can carry: flat values, so that nothing unforeseen comes with one. */
type Fields = {
  requestId: string;
  method: string;
  /** Without query and token. */
  path: string;
  /** `cut` if the connection ended before the answer. */
  status: number | 'cut';
  ms: number;
  outcome: string;
  /** As the request named it, cut, its control characters escaped. */
  host: string;
  expectedHost: string;
  /** The headers `Origin` and `Sec-Fetch-Site`, cut, their control characters escaped. */
  origin: string;
  site: string;
  accountId: string;
  expectedAccountId: string;
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
  /** What a person decided about the holds. */
  decision: string;
  mismatch: string;
  reason: string;
  url: string;
  testShop: boolean;
  signal: string;
  lines: number;
  orders: number;
  orphans: number;
  refunds: number;
  unpaid: number;
  skewMs: number;
  messageId: string;
  messageType: string;
  answer: string;
  tries: number;
  nextTryAt: Date;
  err: unknown;
};
export type LogFields = { readonly [Name in keyof Fields]?: Fields[Name] | null | undefined };

/** Writes one line; the list gives its level and words. */
export function logEvent(log: Logger, event: LogEvent, fields: LogFields = {}): void {
  const [level, text] = messages[event];
  log[level]({ event, ...fields }, text);
}

const eventOfNews = Object.freeze({
  authorized: 'orderAuthorised',
  paid: 'orderPaid',
  held: 'orderHeld',
  refunded: 'orderRefunded',
  cancelled: 'orderCancelled',
  expired: 'orderExpired',
  // The merchant's system is told; a refund in part would say so again.
  due: null,
  sent: 'orderSent',
  reservation_ending: 'orderReservationEnding',
} as const satisfies Record<OrderNews['kind'], LogEvent | null>);

/** One line for each change of an order, whatever caused it. */
export function logOrderNews(log: Logger, news: readonly OrderNews[]): void {
  for (const { kind, paymentIntentId, ...fields } of news) {
    const event = eventOfNews[kind];
    if (event !== null) logEvent(log, event, { ...fields, paymentIntentId: paymentIntentId ?? undefined });
  }
}

/** JSON, one line an event. Secrets and personal data are cut out even if they get in by mistake. */
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
    redact: redaction,
  };
  if (options.pretty === true && isPrettyInstalled())
    return pino({ ...settings, transport: { target: 'pino-pretty' } });
  const output = destination ?? openLogOutput((lines) => logEvent(log, 'logLinesDropped', { lines }));
  const log = pino(settings, output);
  return log;
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

/** A development dependency, which an installation for production leaves out. */
function isPrettyInstalled(): boolean {
  try {
    import.meta.resolve('pino-pretty');
    return true;
  } catch {
    return false;
  }
}
