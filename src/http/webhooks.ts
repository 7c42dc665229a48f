import express, { type ErrorRequestHandler, Router } from 'express';
import type { CheckoutDeps } from '../checkout/deps.ts';
import { recordWebhook } from '../checkout/record-webhook.ts';
import { signatureHeader } from '../dojo/webhook.ts';
import { answerProblems, HttpProblem } from './problem.ts';

/** Deliveries are a few hundred bytes. */
const maxBodyBytes = 65_536;

const received = Buffer.from('{"received":true}');
const receivedHeaders = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': received.byteLength,
};

/** `POST /webhooks/dojo`: `200` once the delivery is durable. */
export function webhooks(deps: CheckoutDeps): Router {
  const router = Router();
  // Before any body parser: the signature covers the raw bytes.
  const rawBody = express.raw({ type: () => true, limit: maxBodyBytes, inflate: false });

  router.post('/webhooks/dojo', rawBody, async (req, res) => {
    const body: Uint8Array = Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0);
    const recorded = await recordWebhook(deps, { body, signature: req.get(signatureHeader) });
    if (recorded.kind === 'unverified') throw new HttpProblem(401);
    if (recorded.kind === 'empty') throw new HttpProblem(400);
    res.locals.logged = logged(recorded);
    if (recorded.kind === 'quarantined') {
      deps.log.warn(
        { requestId: res.locals.requestId, reason: recorded.reason },
        'A webhook was put into quarantine',
      );
    }
    res.writeHead(200, receivedHeaders).end(received);
  });
  router.all('/webhooks/dojo', () => {
    throw new HttpProblem(405, { headers: { Allow: 'POST' } });
  });
  router.use('/webhooks/dojo', answerProblems(deps.log) satisfies ErrorRequestHandler);
  return router;
}

function logged(recorded: Awaited<ReturnType<typeof recordWebhook>>): Record<string, unknown> {
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
