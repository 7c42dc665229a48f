import { Router } from 'express';
import { z } from 'zod';
import { receiptRequestSchema } from '../../dojo/schemas.ts';
import type { Parts } from '../parts.ts';
import { changeAmount, changeTips, startClientSession } from '../state/transitions.ts';
import { apiReleaseOf } from './access.ts';
import {
  changeIntent,
  type IntentRequest,
  isIntentId,
  sendBadId,
  sendUnknownIntent,
} from './change-intent.ts';
import { parseAmountChange, tipsChangeSchema } from './parse-create-request.ts';
import { createIntentPresenter } from './payment-intent-reply.ts';
import { sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';

// One at sign with something on both sides is as much as can be known without writing to it; 254 is RFC 5321's limit.
const emailSchema = z
  .string()
  .max(254)
  .regex(/^[^\s@<>]+@[^\s@<>]+$/, { error: 'The value must be an e-mail address.' });
const receiptSchema = receiptRequestSchema.extend({ emails: z.array(emailSchema).min(1) });

/** What a shop may do to an intent besides moving money. */
export function createAmendmentRouter(parts: Parts): Router {
  const { clock, ids, intents } = parts;
  const present = createIntentPresenter(parts);
  const router = Router();

  router.post('/:id/amount', (request: IntentRequest, response) => {
    const body = parseAmountChange(request.body, apiReleaseOf(response));
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const change = { ...body.data, clientSecret: ids.clientSecret() };
    const intent = changeIntent(parts, { request, response }, (before) =>
      changeAmount(before, change, clock.now()),
    );
    if (intent !== null) response.json(present(intent, response));
  });

  router.post('/:id/tips-amount', (request: IntentRequest, response) => {
    const body = parseBody(tipsChangeSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const intent = changeIntent(parts, { request, response }, (before) =>
      changeTips(before, body.data.tipsAmount, clock.now()),
    );
    if (intent !== null) response.json(present(intent, response));
  });

  router.post('/:id/refresh-client-session-secret', (request: IntentRequest, response) => {
    const intent = changeIntent(parts, { request, response }, (before) =>
      startClientSession(before, ids.clientSecret(), clock.now()),
    );
    if (intent !== null) response.json(present(intent, response));
  });

  // No receipt is sent: the answer is all that a shop sees of it.
  router.post('/:id/receipt', (request: IntentRequest, response) => {
    if (!isIntentId(request.params.id)) return sendBadId(response);
    const body = parseBody(receiptSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    if (intents.find(request.params.id) === null) return sendUnknownIntent(response, 404);
    response.status(204).end();
  });

  return router;
}
