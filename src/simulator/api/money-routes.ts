import { Router } from 'express';
import { z } from 'zod';
import { captureRequestSchema, refundRequestSchema } from '../../dojo/schemas.ts';
import type { Parts } from '../parts.ts';
import type { PaymentIntent, Refund } from '../state/payment-intent.ts';
import { capture, refund, reverse } from '../state/transitions.ts';
import { changeIntent, type IntentRequest } from './change-intent.ts';
import { sendProblem } from './problem.ts';
import { describeRefusal } from './refusals.ts';
import { parseBody } from './request-body.ts';

const captureSchema = captureRequestSchema.extend({ tipsAmount: z.int().nonnegative().nullish() });

const refundSchema = refundRequestSchema.extend({ previousTransactionId: z.string().max(100).nullish() });

/** Captures, refunds and reversals. Amounts are bare integers here, in minor units. */
export function createMoneyRouter(parts: Parts): Router {
  const { clock, ids, intents, settings } = parts;
  const router = Router();

  router.post('/:id/captures', (request: IntentRequest, response) => {
    const body = parseBody(captureSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const { amount, tipsAmount = null } = body.data;
    const taken = { id: ids.next('cp_'), amount, tipsAmount, at: clock.now() };
    const intent = changeIntent(parts, { request, response }, (before) => capture(before, taken, settings()));
    if (intent !== null) response.json({ captureId: taken.id });
  });

  router.post('/:id/refunds', (request: IntentRequest, response) => {
    const idempotencyKey = request.get('idempotencyKey') ?? '';
    if (idempotencyKey === '' || idempotencyKey.length > 100) {
      return sendProblem(response, {
        status: 400,
        errors: { IdempotencyKey: ['The idempotencyKey header is required, with at most 100 characters.'] },
      });
    }
    const body = parseBody(refundSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const user = intents.findByIdempotencyKey(idempotencyKey)?.id ?? request.params.id;
    if (settings().idempotencyScope === 'account' && user !== request.params.id) {
      return sendProblem(response, describeRefusal('idempotency-key-reused', settings()));
    }
    const given = {
      id: ids.next('rfnd_'),
      amount: body.data.amount,
      idempotencyKey,
      reason: body.data.refundReason ?? null,
      notes: body.data.notes ?? null,
    };
    const intent = changeIntent(parts, { request, response }, (before) =>
      refund(before, given, clock.now(), settings()),
    );
    const made = intent?.refunds.find((entry) => entry.idempotencyKey === idempotencyKey);
    if (intent && made) response.json(presentRefund(intent, made));
  });

  router.get('/refunds/:refundId', (request, response) => {
    const intent = intents.findByRefund(request.params.refundId);
    const found = intent?.refunds.find(({ id }) => id === request.params.refundId);
    if (intent && found) response.json(presentRefund(intent, found));
    // The specification knows no 404 here.
    else sendProblem(response, { status: 400, detail: 'There is no such refund.' });
  });

  router.post('/:id/reversal', (request: IntentRequest, response) => {
    const intent = changeIntent(parts, { request, response }, (before) =>
      reverse(before, clock.now(), settings()),
    );
    if (intent !== null) response.json({ reversalId: ids.next('rvs_') });
  });

  return router;
}

function presentRefund(intent: PaymentIntent, { id, reason, notes }: Refund) {
  return { paymentIntentId: intent.id, refundId: id, refundReason: reason, notes };
}
