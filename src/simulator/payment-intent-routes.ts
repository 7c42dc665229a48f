import { type Request, type Response, Router } from 'express';
import {
  captureRequestSchema,
  paymentIntentIdSchema,
  refundRequestSchema,
  searchRequestSchema,
} from '../dojo/schemas.ts';
import { createRequestSchema } from './create-request.ts';
import type { Parts } from './parts.ts';
import {
  cancel,
  capture,
  createPaymentIntent,
  type PaymentIntent,
  type RefusalReason,
  refund,
  reverse,
  type Transition,
} from './payment-intent.ts';
import { presentPaymentIntent } from './payment-intent-reply.ts';
import { sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { searchPaymentIntents } from './search.ts';

type IntentRequest = Request<{ id: string }>;

const refusals = {
  'not-payable': { status: 400, detail: 'The payment intent can no longer be paid.' },
  'unknown-challenge': { status: 400, detail: 'The attempt is unknown or already settled.' },
  'not-cancelable': { status: 400, detail: 'Only a payment intent in status Created can be canceled.' },
  'not-capturable': { status: 409, detail: 'Only an authorized Manual payment intent can be captured.' },
  'not-refundable': { status: 400, detail: 'Only a captured payment intent can be refunded.' },
  'not-reversible': {
    status: 409,
    detail: 'The payment intent can not be reversed in its status or any more.',
  },
  'amount-too-large': { status: 400, detail: 'The amount is more than what is left.' },
  'idempotency-key-reused': { status: 400, detail: 'The idempotencyKey was used for another amount.' },
} satisfies Record<RefusalReason, { status: number; detail: string }>;

export function createPaymentIntentRouter(parts: Parts): Router {
  const router = Router();
  const send = (response: Response, intent: PaymentIntent) =>
    response.json(presentPaymentIntent(intent, parts.publicUrl()));

  router.post('/', (request, response) => {
    const body = parseBody(createRequestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const intent = createPaymentIntent(body.data, parts.ids.next('pi_sandbox_'), parts.now());
    parts.intents.add(intent);
    send(response, intent);
  });

  router.post('/search', (request, response) => {
    const body = parseBody(searchRequestSchema, request.body ?? {});
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const page = searchPaymentIntents(parts.intents.list(), body.data);
    response.json({
      ...page,
      data: page.data.map((intent) => presentPaymentIntent(intent, parts.publicUrl())),
    });
  });

  router.get('/refunds/:refundId', (request, response) => {
    for (const intent of parts.intents.list()) {
      const found = intent.refunds.find(({ id }) => id === request.params.refundId);
      if (found !== undefined) return response.json(presentRefund(intent, found));
    }
    // The specification knows no 404 here.
    sendProblem(response, { status: 400, detail: 'There is no such refund.' });
  });

  router.get('/:id', (request: IntentRequest, response) => {
    if (!paymentIntentIdSchema.safeParse(request.params.id).success) return sendBadId(response);
    const intent = parts.intents.find(request.params.id);
    const isHidden = intent?.status === 'Canceled' && request.query.returnCanceled !== 'true';
    if (intent === null || isHidden) return sendUnknownIntent(response, 404);
    send(response, intent);
  });

  router.delete('/:id', (request: IntentRequest, response) => {
    const outcome = change(request, response, {
      transition: (intent) => cancel(intent, parts.now()),
      unknownStatus: 404,
    });
    if (outcome !== null) send(response, outcome);
  });

  /** Gives the intent after the transition, or answers with the problem and gives null. */
  function change(
    request: IntentRequest,
    response: Response,
    asked: { transition: (intent: PaymentIntent) => Transition; unknownStatus?: 404 },
  ): PaymentIntent | null {
    if (!paymentIntentIdSchema.safeParse(request.params.id).success) {
      sendBadId(response);
      return null;
    }
    const outcome = parts.intents.update(request.params.id, asked.transition);
    if (outcome.kind === 'done') return outcome.intent;
    // Captures, refunds and reversals have no 404 in the specification.
    if (outcome.kind === 'unknown') sendUnknownIntent(response, asked.unknownStatus ?? 400);
    else sendProblem(response, refusals[outcome.reason]);
    return null;
  }

  addMoneyRoutes(router, parts, change);
  return router;
}

function addMoneyRoutes(
  router: Router,
  { ids, now }: Parts,
  change: (
    request: IntentRequest,
    response: Response,
    asked: { transition: (intent: PaymentIntent) => Transition },
  ) => PaymentIntent | null,
): void {
  router.post('/:id/captures', (request: IntentRequest, response) => {
    const body = parseBody(captureRequestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const taken = { id: ids.next('cp_'), amount: body.data.amount, at: now() };
    const intent = change(request, response, { transition: (before) => capture(before, taken) });
    if (intent !== null) response.json({ captureId: taken.id });
  });

  router.post('/:id/refunds', (request: IntentRequest, response) => {
    const idempotencyKey = request.get('idempotencyKey') ?? '';
    if (idempotencyKey === '' || idempotencyKey.length > 100)
      return sendProblem(response, {
        status: 400,
        errors: { IdempotencyKey: ['The idempotencyKey header is required, with at most 100 characters.'] },
      });
    const body = parseBody(refundRequestSchema, request.body);
    if (body.kind === 'invalid') return sendProblem(response, body.problem);
    const given = {
      id: ids.next('rfnd_'),
      amount: body.data.amount,
      idempotencyKey,
      reason: body.data.refundReason ?? null,
      notes: body.data.notes ?? null,
    };
    const intent = change(request, response, { transition: (before) => refund(before, given, now()) });
    const made = intent?.refunds.find((entry) => entry.idempotencyKey === idempotencyKey);
    if (intent && made) response.json(presentRefund(intent, made));
  });

  router.post('/:id/reversal', (request: IntentRequest, response) => {
    const intent = change(request, response, { transition: (before) => reverse(before, now()) });
    if (intent !== null) response.json({ reversalId: ids.next('rvs_') });
  });
}

function presentRefund(intent: PaymentIntent, { id, reason, notes }: PaymentIntent['refunds'][number]) {
  return { paymentIntentId: intent.id, refundId: id, refundReason: reason, notes };
}

function sendBadId(response: Response): void {
  sendProblem(response, { status: 400, errors: { PaymentIntentId: ['The id is not of the form pi_….'] } });
}

function sendUnknownIntent(response: Response, status: 400 | 404): void {
  sendProblem(response, { status, detail: 'There is no such payment intent.' });
}
