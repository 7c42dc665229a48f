import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { Parts } from '../parts.ts';
import { judgeCard, judgeSavedCard } from '../state/cards.ts';
import { findChallenge, type PaymentIntent } from '../state/payment-intent.ts';
import {
  answerChallenge,
  challenge,
  decline,
  pay,
  type Transition,
  takesPayment,
} from '../state/transitions.ts';
import { createAnswers } from './answers.ts';
import { createAttemptMaker, keepingDetails } from './attempt.ts';
import { challengePage } from './checkout-page.ts';
import { wantedDetails } from './details-form.ts';
import { sendErrorPage } from './error-page.ts';
import { sendPage } from './page-response.ts';
import { parsePaymentForm, type ValidPaymentForm } from './payment-form.ts';
import { findSavedCardOffer } from './saved-card-offer.ts';

type PageRequest = Request<{ id: string }>;
type ChallengeRequest = Request<{ id: string; challengeId: string }>;

const formKeySchema = z.object({ formKey: z.string().max(60) });
const decisionSchema = z.object({ decision: z.enum(['approve', 'reject']) });

/** The hosted payment page: server-rendered, complete without JavaScript. */
export function createCheckoutRouter(parts: Parts): Router {
  const { intents, settings, clock } = parts;
  const answers = createAnswers(parts);
  const { attempt, settle } = createTill(parts, answers);
  const router = Router();

  /** The intent that a form is about, while it takes money; null where the answer is sent already. */
  function findOpenIntent(request: PageRequest, response: Response, formKey: string | null) {
    const intent = intents.find(request.params.id);
    if (intent === null) sendErrorPage(response, 404);
    else if (isRepeat(intent, formKey)) answers.toShop(response, intent);
    else if (!takesPayment(intent, settings())) answers.refuse(response, intent);
    else return intent;
    return null;
  }

  router.get('/:id', (request: PageRequest, response) => {
    const intent = intents.find(request.params.id);
    if (intent === null) sendErrorPage(response, 404);
    else answers.show(response, intent);
  });

  router.post('/:id', readForm, (request: PageRequest, response) => {
    const formKey = formKeySchema.safeParse(request.body).data?.formKey ?? null;
    const intent = findOpenIntent(request, response, formKey);
    if (intent === null) return;
    const form = parsePaymentForm(request.body, {
      offer: findSavedCardOffer(parts, intent),
      wanted: wantedDetails(intent),
      total: intent.total,
      now: clock.now(),
    });
    if (form.kind === 'invalid') answers.showForm(response, intent, { ...form, status: 400 });
    else attempt(response, intent, { form, formKey });
  });

  router.get('/:id/challenge/:challengeId', (request: ChallengeRequest, response) => {
    const { id, challengeId } = request.params;
    const intent = intents.find(id);
    if (intent === null) return sendErrorPage(response, 404);
    const waiting = findChallenge(intent, challengeId);
    if (waiting === null) return response.redirect(303, `/checkout/${id}`);
    sendPage(response, {
      name: 'challenge',
      page: challengePage(intent, challengeId, waiting),
      formTargets: [intent.request.config?.redirectUrl],
    });
  });

  router.post('/:id/challenge/:challengeId', readForm, (request: ChallengeRequest, response) => {
    const { challengeId } = request.params;
    const intent = findOpenIntent(request, response, challengeId);
    if (intent === null) return;
    const form = decisionSchema.safeParse(request.body);
    // Asked again: neither button was pressed.
    if (!form.success)
      return response.redirect(303, `/checkout/${intent.id}/challenge/${encodeURIComponent(challengeId)}`);
    const answer = { challengeId, approved: form.data.decision === 'approve', now: clock.now() };
    settle(response, intent.id, (before) => answerChallenge(before, answer, settings()));
  });

  for (const path of ['/:id', '/:id/challenge/:challengeId']) router.all(path, refuseMethod);
  return router;
}

/** Where the pretend bank is asked, and the money taken or not. */
function createTill(parts: Parts, answers: ReturnType<typeof createAnswers>) {
  const { intents, ids, settings } = parts;
  const attempts = createAttemptMaker(parts);

  /** Sends the shopper on: back to the shop, or back to the form to try again. */
  function settle(response: Response, id: string, transition: (intent: PaymentIntent) => Transition): void {
    const outcome = intents.update(id, transition);
    if (outcome.kind === 'done' && outcome.intent.payment !== null) {
      attempts.saveCard(outcome.intent);
      answers.toShop(response, outcome.intent);
    } else {
      response.redirect(303, `/checkout/${id}`);
    }
  }

  /** What was typed beside the card is kept whatever the bank says. */
  function attempt(
    response: Response,
    intent: PaymentIntent,
    { form, formKey }: { form: ValidPaymentForm; formKey: string | null },
  ): void {
    const { method, collected, typed } = form;
    const made = attempts.make(method, formKey);
    const verdict = method.kind === 'card' ? judgeCard(method.card) : judgeSavedCard(method.card, made.at);
    const keeping = keepingDetails(collected, made.at);
    if (verdict.kind === 'approved') {
      settle(
        response,
        intent.id,
        keeping((before) => pay(before, made, settings())),
      );
    } else if (verdict.kind === 'declined') {
      intents.update(
        intent.id,
        keeping((before) => decline(before, made)),
      );
      answers.showForm(response, intent, { typed, decline: verdict.reason, status: 402 });
    } else {
      const asked = { challengeId: ids.next('ch_'), settings: settings() };
      intents.update(
        intent.id,
        keeping((before) => challenge(before, made, asked)),
      );
      response.redirect(303, `/checkout/${intent.id}/challenge/${asked.challengeId}`);
    }
  }

  return { attempt, settle };
}

/** Whether this very form, or this very challenge, has taken the money: then it is answered as it was before. */
function isRepeat({ events }: PaymentIntent, formKey: string | null): boolean {
  const isPaidBy = ({ type, attempt }: PaymentIntent['events'][number]) =>
    (type === 'Captured' || type === 'Authorized') && attempt.formKey === formKey;
  return formKey !== null && events.some(isPaidBy);
}

const readUrlEncoded = express.urlencoded({ extended: false, limit: '32kb', parameterLimit: 60 });

/** Only what a browser sends from these pages: a form that comes as anything else is not taken for an empty one. */
const readForm: RequestHandler = (request, response, next) => {
  if (request.is('application/x-www-form-urlencoded') === false) sendErrorPage(response, 415);
  else readUrlEncoded(request, response, next);
};

const refuseMethod: RequestHandler = (_request, response) => {
  response.set('allow', 'GET, HEAD, POST');
  sendErrorPage(response, 405);
};
