import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import type { FaultSubject } from '../active-faults.ts';
import { Problem } from '../api/problem.ts';
import { describeFault, sentinels } from '../faults.ts';
import { sendPage } from '../pages.ts';
import { findChallenge, isPayable, type PaymentIntent } from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { takesPayment } from '../state/transitions.ts';
import { challengePage, payPage, type ShownForm } from './checkout-page.ts';
import { wantedDetails } from './details-form.ts';
import { noticePage, returnAddress } from './notice-page.ts';
import { type AttemptOutcome, attemptPayment, settleChallenge } from './payment-attempt.ts';
import { findSavedCardOffer, parsePaymentForm } from './payment-form.ts';

type PageRequest = Request<{ id: string }>;
type ChallengeRequest = Request<{ id: string; challengeId: string }>;

const formKeySchema = z.object({ formKey: z.string().max(60) });
const decisionSchema = z.object({ decision: z.enum(['approve', 'reject']) });

/** The hosted payment page: rendered on the server, complete without JavaScript. */
export function createCheckoutRouter(state: SimulatorState): Router {
  const { settings, clock } = state;
  const router = Router();

  /** Whether a form can still pay. If not, sends the answer: a repeat of the form that has paid gets the same one again. */
  function isOpen(res: Response, intent: PaymentIntent, formKey: string | null): boolean {
    if (hasPaid(intent, formKey)) redirectToShop(state, res, intent);
    else if (!takesPayment(intent, settings())) sendNotice(state, res, intent, 'refused');
    else return true;
    return false;
  }

  function answer(res: Response, intentId: string, outcome: AttemptOutcome): void {
    if (outcome.kind === 'paid') redirectToShop(state, res, outcome.intent);
    else if (outcome.kind === 'challenged')
      res.redirect(303, `/checkout/${intentId}/challenge/${outcome.challengeId}`);
    else res.redirect(303, `/checkout/${intentId}`);
  }

  router.get('/:id', (req: PageRequest, res) => showPage(state, res, findIntent(state, req)));

  router.post('/:id', readForm, (req: PageRequest, res) => {
    const formKey = formKeySchema.safeParse(req.body).data?.formKey ?? null;
    const intent = findIntent(state, req);
    if (!isOpen(res, intent, formKey)) return;
    const form = parsePaymentForm(req.body, {
      offer: findSavedCardOffer(state, intent),
      wanted: wantedDetails(intent),
      total: intent.total,
      now: clock.now(),
    });
    if (form.kind === 'invalid') return sendForm(state, res, intent, { ...form, status: 400 });
    const outcome = attemptPayment(state, intent.id, { form, formKey });
    if (outcome.kind !== 'declined') return answer(res, intent.id, outcome);
    sendForm(state, res, intent, { typed: form.typed, decline: outcome.reason, status: 402 });
  });

  router.get('/:id/challenge/:challengeId', (req: ChallengeRequest, res) => {
    const intent = findIntent(state, req);
    const waiting = findChallenge(intent, req.params.challengeId);
    if (waiting === null) return res.redirect(303, `/checkout/${intent.id}`);
    sendPage(res, {
      name: 'challenge',
      page: challengePage(intent, req.params.challengeId, waiting),
      formTargets: [intent.request.config?.redirectUrl],
    });
  });

  router.post('/:id/challenge/:challengeId', readForm, (req: ChallengeRequest, res) => {
    const { challengeId } = req.params;
    const intent = findIntent(state, req);
    if (!isOpen(res, intent, challengeId)) return;
    const { data } = decisionSchema.safeParse(req.body);
    // Neither button was pressed: ask again.
    if (!data)
      return res.redirect(303, `/checkout/${intent.id}/challenge/${encodeURIComponent(challengeId)}`);
    const approved = data.decision === 'approve';
    answer(res, intent.id, settleChallenge(state, intent.id, { challengeId, approved }));
  });

  for (const path of ['/:id', '/:id/challenge/:challengeId']) router.all(path, refuseMethod);
  return router;
}

function findIntent({ intents }: SimulatorState, req: PageRequest): PaymentIntent {
  const intent = intents.find(req.params.id);
  if (intent === null) throw new Problem(404);
  return intent;
}

/** Whether this very form or challenge has taken the money. */
function hasPaid({ events }: PaymentIntent, formKey: string | null): boolean {
  const isPaidBy = ({ type, attempt }: PaymentIntent['events'][number]) =>
    (type === 'Captured' || type === 'Authorized') && attempt.formKey === formKey;
  return formKey !== null && events.some(isPaidBy);
}

/** The form if there is something to pay, otherwise the reason why not. */
function showPage(state: SimulatorState, res: Response, intent: PaymentIntent): void {
  const last = intent.events.at(-1);
  if (!isPayable(intent)) sendNotice(state, res, intent, 'shown');
  else if (last?.type !== 'Declined') sendForm(state, res, intent, {});
  else sendForm(state, res, intent, { typed: { nameOnCard: last.attempt.card.name }, decline: 'earlier' });
}

/** 400 for a form with errors, 402 for a declined card. */
function sendForm(
  state: SimulatorState,
  res: Response,
  intent: PaymentIntent,
  shown: Partial<Pick<ShownForm, 'typed' | 'errors' | 'decline'>> & { status?: 200 | 400 | 402 },
): void {
  const { typed = {}, errors = [], decline = null, status = 200 } = shown;
  const page = payPage(intent, {
    typed,
    errors,
    decline,
    formKey: state.ids.next('form_'),
    offer: findSavedCardOffer(state, intent),
    notes: [...faultNotes(state, intent), ...paymentMethodNotes(state, intent)],
    now: state.clock.now(),
  });
  sendPage(res, { name: 'pay', status, page, formTargets: [intent.request.config?.redirectUrl] });
}

function sendNotice(
  state: SimulatorState,
  res: Response,
  intent: PaymentIntent,
  why: 'shown' | 'refused',
): void {
  const { status, page } = noticePage(intent, why, state.settings());
  sendPage(res, { name: 'notice', status, page: { ...page, notes: faultNotes(state, intent) } });
}

/** Without an address of the shop, the simulator's own page says that the payment is complete. */
function redirectToShop({ settings }: SimulatorState, res: Response, intent: PaymentIntent): void {
  res.redirect(303, returnAddress(intent, settings()) ?? `/checkout/${intent.id}`);
}

/** One sentence a fault that will meet this intent, so that no tester is puzzled. */
function faultNotes({ faults }: SimulatorState, intent: PaymentIntent): string[] {
  const subject: FaultSubject = { paymentIntentId: intent.id, amount: intent.request.amount.value };
  const bySentinel = sentinels
    .filter(({ amount }) => amount === subject.amount)
    .map(({ fault }) => `Its amount injects a fault: ${describeFault(fault)}.`);
  const byName = faults
    .list()
    .filter(({ paymentIntentId }) => paymentIntentId === subject.paymentIntentId)
    .map((fault) => `A fault is switched on for it: ${describeFault(fault)}.`);
  return [...bySentinel, ...byName];
}

/** Payment methods that the intent asks for, but the page does not show, and why. */
function paymentMethodNotes(state: SimulatorState, intent: PaymentIntent): string[] {
  const { paymentMethods = [], customer } = intent.request;
  const notes: string[] = [];
  if (paymentMethods?.includes('Wallet'))
    notes.push('The intent asks for Wallet, but this page has no Apple Pay or Google Pay.');
  if (paymentMethods?.includes('SavedCard') && findSavedCardOffer(state, intent) === null) {
    const why = customer?.id
      ? 'the customer’s secret is missing, wrong or expired'
      : 'the intent names no customer';
    notes.push(`The intent asks for SavedCard, but there is none to offer: ${why}.`);
  }
  return notes;
}

const readUrlEncoded = express.urlencoded({ extended: false, limit: '32kb', parameterLimit: 60 });

/** Reads only what a browser sends from these pages; a form of another type must not count as empty. */
const readForm: RequestHandler = (req, res, next) => {
  if (req.is('application/x-www-form-urlencoded') === false) throw new Problem(415);
  readUrlEncoded(req, res, next);
};

const refuseMethod: RequestHandler = (_req, res) => {
  res.set('allow', 'GET, HEAD, POST');
  throw new Problem(405);
};
