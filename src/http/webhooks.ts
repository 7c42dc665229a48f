import type { Request, RequestHandler } from 'express';
import { type RecordedWebhook, recordWebhook } from '../checkout/record-webhook.ts';
import type { Context } from '../context.ts';
import { signatureHeader } from '../dojo/webhook.ts';
import { logEvent } from '../log.ts';
import { HttpProblem } from './problem.ts';

/** Deliveries are a few hundred bytes. */
const maxBodyBytes = 65_536;

// As text it leaves in one piece with the head; bytes would be a second one.
const received = '{"received":true}';
const receivedHeaders = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': received.length,
};

/** `POST /webhooks/dojo`: `200` once the delivery is durable. */
export function webhooks(context: Context): RequestHandler {
  return async (req, res) => {
    if (req.method !== 'POST') throw new HttpProblem(405, { headers: { Allow: 'POST' } });
    const body = await readBody(req);
    const recorded = await recordWebhook(context, { body, signature: req.get(signatureHeader) });
    if (recorded.kind === 'unverified') throw new HttpProblem(401);
    if (recorded.kind === 'empty') throw new HttpProblem(400);
    res.locals.logged = logged(recorded);
    if (recorded.kind === 'quarantined') {
      const { requestId } = res.locals;
      logEvent(context.log, 'webhookQuarantined', { requestId, reason: recorded.reason });
    }
    res.writeHead(200, receivedHeaders).end(received, 'latin1');
  };
}

/**
 * The bytes as they came, since the signature covers those. `express.raw` would read them too, for 2 µs more a delivery.
 * Rejects with `HttpProblem`: 415 where they are compressed, 413 where they are too many, 400 where they end too soon.
 */
function readBody(req: Request): Promise<Uint8Array> {
  const { 'content-encoding': encoding, 'content-length': announced = 0 } = req.headers;
  if (encoding && encoding.toLowerCase() !== 'identity') throw new HttpProblem(415);
  if (Number(announced) > maxBodyBytes) throw new HttpProblem(413);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    req.on('data', (chunk: Buffer) => {
      length += chunk.byteLength;
      // What comes after the refusal is let go, so that the connection can be used again.
      if (length > maxBodyBytes) reject(new HttpProblem(413));
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    req.on('error', () => reject(new HttpProblem(400)));
  });
}

function logged(recorded: RecordedWebhook): Record<string, unknown> {
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
