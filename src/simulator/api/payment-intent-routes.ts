import { type Response, Router } from 'express';
import { searchRequestSchema } from '../../dojo/schemas.ts';
import type { Parts } from '../parts.ts';
import { createPaymentIntent, type PaymentIntent } from '../state/payment-intent.ts';
import { cancel } from '../state/transitions.ts';
import { apiReleaseOf } from './access.ts';
import {
  changeIntent,
  type IntentRequest,
  isIntentId,
  sendBadId,
  sendUnknownIntent,
} from './change-intent.ts';
import { parseCreateRequest } from './parse-create-request.ts';
import { createIntentPresenter } from './payment-intent-reply.ts';
import { sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { createSearchFilter, findCursorFault, unknownCursor } from './search.ts';

/** Intents from their creation to their end; what changes them on the way has routers of its own. */
export function createPaymentIntentRouter(parts: Parts): Router {
  const { intents, clock, ids, settings } = parts;
  const present = createIntentPresenter(parts);
  const router = Router();

  router.post('/', (request, response) => {
    const asked = { release: apiReleaseOf(response), settings: settings() };
    const body = parseCreateRequest(request.body, asked);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const intent = createPaymentIntent(body.data, ids.next('pi_sandbox_'), clock.now());
    intents.add(intent);
    response.json(present(intent, response));
  });

  router.post('/search', (request, response) => {
    const body = parseBody(searchRequestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const cursor = body.data.cursor ?? {};
    const fault = findCursorFault(cursor);
    if (fault !== null) return sendProblem(response, fault);
    const page = intents.page(cursor, createSearchFilter(body.data, settings()));
    if (page === null) return sendProblem(response, unknownCursor);
    response.json({ ...page, data: page.data.map((intent) => present(intent, response)) });
  });

  router.get('/:id', (request: IntentRequest, response) => {
    if (!isIntentId(request.params.id)) return sendBadId(response);
    const intent = intents.find(request.params.id);
    const isAskedFor = String(request.query.returnCanceled).toLowerCase() === 'true';
    if (intent === null || (isHidden(intent, response) && !isAskedFor))
      return sendUnknownIntent(response, 404);
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

/** The first release knew no `returnCanceled`, and showed them all. */
function isHidden({ status }: PaymentIntent, response: Response): boolean {
  return status === 'Canceled' && apiReleaseOf(response) !== '2022-04-07';
}
