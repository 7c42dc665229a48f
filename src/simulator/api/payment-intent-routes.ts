import { Router } from 'express';
import { searchRequestSchema } from '../../dojo/schemas.ts';
import type { Parts } from '../parts.ts';
import { createPaymentIntent } from '../state/payment-intent.ts';
import { cancel } from '../state/transitions.ts';
import {
  changeIntent,
  type IntentRequest,
  isIntentId,
  sendBadId,
  sendUnknownIntent,
} from './change-intent.ts';
import { createRequestSchema } from './create-request.ts';
import { createIntentPresenter } from './payment-intent-reply.ts';
import { sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { searchPaymentIntents } from './search.ts';

/** Intents from their creation to their end; what moves money has a router of its own. */
export function createPaymentIntentRouter(parts: Parts): Router {
  const { intents, clock, ids, settings } = parts;
  const present = createIntentPresenter(parts);
  const router = Router();

  router.post('/', (request, response) => {
    const body = parseBody(createRequestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const intent = createPaymentIntent(body.data, ids.next('pi_sandbox_'), clock.now());
    intents.add(intent);
    response.json(present(intent, response));
  });

  router.post('/search', (request, response) => {
    const body = parseBody(searchRequestSchema, request.body ?? {});
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const found = intents
      .list()
      .filter(({ status }) => status !== 'Canceled' || settings().canceledInSearch === 'shown');
    const page = searchPaymentIntents(found, body.data);
    response.json({ ...page, data: page.data.map((intent) => present(intent, response)) });
  });

  router.get('/:id', (request: IntentRequest, response) => {
    if (!isIntentId(request.params.id)) return sendBadId(response);
    const intent = intents.find(request.params.id);
    const isHidden = intent?.status === 'Canceled' && request.query.returnCanceled !== 'true';
    if (intent === null || isHidden) return sendUnknownIntent(response, 404);
    response.json(present(intent, response));
  });

  router.delete('/:id', (request: IntentRequest, response) => {
    const intent = changeIntent(parts, { request, response, unknownStatus: 404 }, (before) =>
      cancel(before, clock.now()),
    );
    if (intent !== null) response.json(present(intent, response));
  });

  return router;
}
