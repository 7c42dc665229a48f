import type { RequestHandler } from 'express';
import { answerShipRequest, type SentOrder } from '../checkout/ship-order.ts';
import type { Context } from '../context.ts';
import { logEvent } from '../log.ts';
import type { SignedRequest } from '../store/order-store.ts';
import { HttpProblem, problemText } from './problem.ts';
import { readBody } from './webhooks.ts';

const problems = Object.freeze({ unverified: 401, invalid: 400, unknown: 404 });

/** `POST /api/orders/<reference>/ship`: the merchant's own system says that an order was sent. */
export function ship(context: Context): RequestHandler<{ reference: string }> {
  const { shipSecret } = context.config;
  return async (req, res) => {
    if (shipSecret === null) throw new HttpProblem(404);
    if (req.method !== 'POST') throw new HttpProblem(405, { headers: { Allow: 'POST' } });
    const { reference } = req.params;
    const header = (name: string) => req.get(name) ?? '';
    const { requestId } = res.locals;
    const answered = await answerShipRequest(context, shipSecret, {
      reference,
      body: await readBody(req),
      headers: {
        id: header('webhook-id'),
        timestamp: header('webhook-timestamp'),
        signature: header('webhook-signature'),
      },
      answersOf: (sent) => answersOf(sent, requestId),
    });
    if (answered.kind === 'unverified') logEvent(context.log, 'shipRequestRefused', { requestId });
    if (answered.kind === 'id-taken') throw new HttpProblem(409, { kind: 'id-taken' });
    if (answered.kind !== 'answered') throw new HttpProblem(problems[answered.kind]);
    const { status, body } = answered.answer;
    res.locals.logged = { orderReference: reference, outcome: answered.outcome };
    const type = status === 200 ? 'application/json; charset=utf-8' : 'application/problem+json';
    res.status(status).set({ 'Content-Type': type, 'Cache-Control': 'no-store' }).send(body);
  };
}

/** A repeat is answered as the first request was, with that one's id too. */
function answersOf({ reference, sentAt, carrier, trackingUrl }: SentOrder, requestId: string) {
  const refused = (kind: Exclude<keyof SignedRequest['answers'], 'sent'>) => ({
    status: 409,
    body: problemText(new HttpProblem(409, { kind }), requestId),
  });
  return {
    sent: { status: 200, body: JSON.stringify({ reference, sentAt, carrier, trackingUrl }) },
    'already-sent': refused('already-sent'),
    held: refused('held'),
    'refund-under-way': refused('refund-under-way'),
    dismissed: refused('dismissed'),
    'amount-unknown': refused('amount-unknown'),
    'not-paid': refused('not-paid'),
  };
}
