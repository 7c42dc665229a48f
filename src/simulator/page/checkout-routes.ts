import express, { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import type { Parts } from '../parts.ts';
import {
  type Card,
  cardScheme,
  type DeclineReason,
  judgeCard,
  lastDayOf,
  maskCardNumber,
} from '../state/cards.ts';
import type { Attempt, PaymentIntent } from '../state/payment-intent.ts';
import { answerChallenge, challenge, decline, pay, type Transition } from '../state/transitions.ts';
import { type CardFault, nothingTyped, parseCardForm, type TypedCard } from './card-form.ts';
import { challengePage, noticePage, payPage, returnAddress } from './checkout-page.ts';
import { sendPage } from './page-response.ts';

type PageRequest = Request<{ id: string }>;
type ChallengeRequest = Request<{ id: string; challengeId: string }>;

const decisionSchema = z.object({ decision: z.enum(['approve', 'reject']) });

/** The hosted payment page: server-rendered, complete without JavaScript. */
export function createCheckoutRouter(parts: Parts): Router {
  const { intents, ids, settings } = parts;
  const { now } = parts.clock;
  const router = Router();
  const readForm = express.urlencoded({ extended: false, limit: '16kb', parameterLimit: 20 });

  router.get('/:id', (request: PageRequest, response) => {
    const intent = intents.find(request.params.id);
    if (intent?.status !== 'Created') return sendNotice(response, intent, 'shown');
    const wasDeclined = intent.events.at(-1)?.type === 'Declined';
    showPayPage(response, intent, wasDeclined ? { decline: 'earlier' } : {});
  });

  router.post('/:id', readForm, (request: PageRequest, response) => {
    const intent = intents.find(request.params.id);
    const formKey = readFormKey(request.body);
    if (intent?.status !== 'Created') return refuse(response, intent, formKey);
    const form = parseCardForm(request.body, now());
    if (form.kind === 'invalid')
      return showPayPage(response, intent, { typed: form.typed, faults: form.faults });
    const attempt = createAttempt(form.card, formKey);
    const verdict = judgeCard(form.card);
    if (verdict.kind === 'approved')
      return settle(response, intent.id, (before) => pay(before, attempt, settings()));
    if (verdict.kind === 'declined') {
      intents.update(intent.id, (before) => decline(before, attempt));
      return showPayPage(response, intent, { typed: form.typed, decline: verdict.reason });
    }
    const challengeId = ids.next('ch_');
    intents.update(intent.id, (before) => challenge(before, attempt, challengeId));
    response.redirect(303, `/checkout/${intent.id}/challenge/${challengeId}`);
  });

  router.get('/:id/challenge/:challengeId', (request: ChallengeRequest, response) => {
    const intent = intents.find(request.params.id);
    const attempt = intent?.challenges[request.params.challengeId];
    if (!intent || !attempt) return toStart(response, intent);
    sendPage(response, {
      name: 'challenge',
      page: challengePage(intent, request.params.challengeId, attempt),
      formTargets: [intent.request.config?.redirectUrl],
    });
  });

  router.post('/:id/challenge/:challengeId', readForm, (request: ChallengeRequest, response) => {
    const { id, challengeId } = request.params;
    const form = decisionSchema.safeParse(request.body);
    if (!form.success) return toStart(response, intents.find(id));
    const approved = form.data.decision === 'approve';
    const intent = intents.find(id);
    if (intent?.status !== 'Created') return refuse(response, intent, challengeId);
    settle(response, id, (before) =>
      answerChallenge(before, { challengeId, approved, now: now() }, settings()),
    );
  });

  /** Takes the money or not, and sends the shopper on: back to the shop, or back to the form to try again. */
  function settle(response: Response, id: string, transition: (intent: PaymentIntent) => Transition): void {
    const outcome = intents.update(id, transition);
    if (outcome.kind === 'done' && outcome.intent.payment !== null) toShop(response, outcome.intent);
    else toStart(response, intents.find(id));
  }

  function showPayPage(
    response: Response,
    intent: PaymentIntent,
    shown: { typed?: TypedCard; faults?: readonly CardFault[]; decline?: DeclineReason | 'earlier' },
  ): void {
    const { typed = nothingTyped, faults = [], decline = null } = shown;
    const isDeclinedNow = decline !== null && decline !== 'earlier';
    sendPage(response, {
      name: 'pay',
      status: faults.length > 0 ? 400 : isDeclinedNow ? 402 : 200,
      page: payPage(intent, { typed, faults, decline, formKey: ids.next('form_') }),
      formTargets: [intent.request.config?.redirectUrl],
    });
  }

  function createAttempt(card: Card, formKey: string | null): Attempt {
    return {
      transactionId: ids.uuid(),
      at: now(),
      authCode: ids.authCode(),
      formKey,
      paymentMethodId: null,
      card: {
        maskedNumber: maskCardNumber(card.number),
        expiryDate: lastDayOf(card.expiry),
        scheme: cardScheme(card.number),
        name: card.name,
      },
    };
  }

  return router;
}

function readFormKey(form: unknown): string | null {
  return z.object({ formKey: z.string().max(60) }).safeParse(form).data?.formKey ?? null;
}

/** An intent that nobody can pay; `refused` where somebody tried. */
function sendNotice(response: Response, intent: PaymentIntent | null, why: 'shown' | 'refused'): void {
  const { status, page } = noticePage(intent, why);
  sendPage(response, { name: 'notice', status, page });
}

/** Answers a form about an intent that is not payable; a repeat of the very form that paid it gets the same answer. */
function refuse(response: Response, intent: PaymentIntent | null, formKey: string | null): void {
  const isRepeat = intent?.payment && formKey !== null && intent.payment.formKey === formKey;
  if (isRepeat) toShop(response, intent);
  else sendNotice(response, intent, 'refused');
}

function toShop(response: Response, intent: PaymentIntent): void {
  response.redirect(303, returnAddress(intent) ?? `/checkout/${intent.id}`);
}

function toStart(response: Response, intent: PaymentIntent | null): void {
  if (intent === null) sendNotice(response, null, 'shown');
  else response.redirect(303, `/checkout/${intent.id}`);
}
