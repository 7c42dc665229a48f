import type { Request, RequestHandler } from 'express';
import getRawBody from 'raw-body';
import { type RecordedWebhook, recordWebhook } from '../checkout/record-webhook.ts';
import type { Context } from '../context.ts';
import { signatureHeader } from '../dojo/webhook.ts';
import { type LogFields, logEvent } from '../log.ts';
import { HttpProblem } from './problem.ts';

/** What other systems send are a few hundred bytes. */
const maxBodyBytes = 65_536;

// As text it leaves in one piece with the head; bytes would be a second one.
const received = '{"received":true}';
const receivedHeaders = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': received.length,
};

/** `POST /webhooks/dojo`: `200` once the delivery is durable. */
export function webhooks(context: Context): RequestHandler {
  const keepAccount = createAccountKeeper(context);
  return async (req, res) => {
    if (req.method !== 'POST') throw new HttpProblem(405, { headers: { Allow: 'POST' } });
    const body = await readBody(req);
    const recorded = await recordWebhook(context, { body, signature: req.get(signatureHeader) });
    const { requestId } = res.locals;
    if (recorded.kind === 'unverified') {
      const reason = describe(recorded.reason, context);
      logEvent(context.log, 'webhookSignatureInvalid', { requestId, reason });
      throw new HttpProblem(401);
    }
    if (recorded.kind === 'empty') throw new HttpProblem(400);
    res.locals.logged = logged(recorded);
    if (recorded.kind === 'quarantined') {
      logEvent(context.log, 'webhookQuarantined', { requestId, ...describeQuarantine(recorded, context) });
    }
    keepAccount(recorded);
    res.writeHead(200, receivedHeaders).end(received, 'latin1');
  };
}

/**
 * The bytes as they came, since the signature covers those.
 * Rejects with a 415 if they are compressed, a 413 if they are too many, a 400 if they end too soon.
 */
export async function readBody(req: Request): Promise<Buffer> {
  const { 'content-encoding': encoding, 'content-length': length } = req.headers;
  if (encoding && encoding.toLowerCase() !== 'identity') throw new HttpProblem(415);
  if (req.readableDidRead)
    throw new Error('The body was read before the webhook route: mount the shop before express.json()');
  try {
    return await getRawBody(req, { limit: maxBodyBytes, length: length ?? null });
  } catch (error) {
    // Lets the rest go, so that the connection can be used again.
    req.resume();
    throw error;
  }
}

type Unverified = Extract<RecordedWebhook, { kind: 'unverified' }>['reason'];

function describe(reason: Unverified, { config }: Context): string {
  const { length } = config.dojo.webhookSecrets;
  return {
    'no-signature': `no ${signatureHeader} header`,
    'malformed-signature': `malformed ${signatureHeader} header`,
    'no-match': `matches none of ${length} ${length === 1 ? 'secret' : 'secrets'}`,
  }[reason];
}

/** Keeps the account that the first payment of an order is heard of; nothing waits for it, and a failure is made up for later. */
function createAccountKeeper({ store }: Context): (recorded: RecordedWebhook) => void {
  let isKept = false;
  return (recorded) => {
    if (isKept || recorded.kind !== 'recorded' || recorded.outcome.kind !== 'applied') return;
    const { accountId } = recorded.event;
    if (accountId === null) return;
    isKept = true;
    store.keepSetting('account', accountId).catch(() => {
      isKept = false;
    });
  };
}

type Quarantined = Extract<RecordedWebhook, { kind: 'quarantined' }>;

function describeQuarantine(recorded: Quarantined, { config }: Context): LogFields {
  const { reason } = recorded;
  if (reason !== 'other-account') return { reason };
  const accountId = recorded.accountId?.slice(0, 100) ?? null;
  return { reason, accountId, expectedAccountId: config.dojo.accountId };
}

function logged(recorded: RecordedWebhook): LogFields {
  if (recorded.kind !== 'recorded') return { outcome: recorded.kind };
  const { event, outcome } = recorded;
  return {
    eventId: event.id,
    paymentIntentId: event.change?.paymentIntentId,
    paymentStatus: event.change?.paymentStatus,
    outcome: outcome.kind,
    ...(outcome.kind === 'applied' && {
      orderReference: outcome.order.reference,
      orderStatus: outcome.order.status,
      holds: outcome.order.holds,
    }),
  };
}
