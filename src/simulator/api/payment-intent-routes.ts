import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import {
  captureRequestSchema,
  paymentIntentIdSchema,
  receiptRequestSchema,
  refundRequestSchema,
  type SearchRequest,
  searchRequestSchema,
} from '../../dojo/schemas.ts';
import type { Settings } from '../settings.ts';
import { createPaymentIntent, type PaymentIntent, type Refund } from '../state/payment-intent.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import {
  cancel,
  capture,
  changeAmount,
  changeTips,
  refund,
  reverse,
  startClientSession,
  type Transition,
} from '../state/transitions.ts';
import { apiReleaseOf } from './access.ts';
import {
  findPage,
  parseAmountChange,
  parseBody,
  parseCreateRequest,
  tipsChangeSchema,
} from './parse-request.ts';
import { createIntentPresenter } from './payment-intent-reply.ts';
import { Problem, refusalProblem } from './problem.ts';

type IntentRequest = Request<{ id: string }>;

export function createPaymentIntentRouter(state: SimulatorState): Router {
  const router = Router();
  addIntents(router, state);
  addAmendments(router, state);
  addCapturesAndReversals(router, state);
  addRefunds(router, state);
  return router;
}

function addIntents(router: Router, state: SimulatorState): void {
  const { intents, clock, ids, settings } = state;
  const present = createIntentPresenter(state);
  /** An intent as the call sees it: a fault may have it look back. Null if it did not exist then. */
  const asSeen = (intent: PaymentIntent, res: Response) => {
    const staleMs = Number(res.locals.staleMs);
    return staleMs === 0 ? intent : intents.asOf(intent, new Date(clock.now().getTime() - staleMs));
  };

  router.post('/', (req, res) => {
    const request = parseCreateRequest(req.body, { release: apiReleaseOf(res), settings: settings() });
    const intent = createPaymentIntent(request, ids.next('pi_sandbox_'), clock.now());
    intents.add(intent);
    res.json(present(intent, res));
  });

  router.post('/search', (req, res) => {
    const search = parseBody(searchRequestSchema, req.body);
    const isMatch = createSearchFilter(search, settings());
    const page = findPage(search.cursor ?? {}, (cursor) =>
      intents.page(cursor, (intent) => {
        const seen = asSeen(intent, res);
        return seen !== null && isMatch(seen);
      }),
    );
    res.json({ ...page, data: page.data.map((intent) => present(asSeen(intent, res) ?? intent, res)) });
  });

  router.get('/:id', (req: IntentRequest, res) => {
    const found = intents.find(parseIntentId(req));
    const intent = found && asSeen(found, res);
    const isAskedFor = String(req.query.returnCanceled).toLowerCase() === 'true';
    if (intent === null || (isHidden(intent, res) && !isAskedFor)) throw unknownIntent(404);
    res.json(present(intent, res));
  });

  router.delete('/:id', (req: IntentRequest, res) => {
    const intent = changeIntent(state, req, (before) => cancel(before, clock.now()), 404);
    res.json(present(intent, res));
  });
}

function createSearchFilter(
  { statuses, startDate, endDate }: SearchRequest,
  { canceledInSearch, searchDates }: Settings,
): (intent: PaymentIntent) => boolean {
  const startMs = startDate ? Date.parse(startDate) : Number.NEGATIVE_INFINITY;
  const endMs = endDate ? Date.parse(endDate) : Number.POSITIVE_INFINITY;
  return ({ status, createdAt, updatedAt }) => {
    const ms = (searchDates === 'creation' ? createdAt : updatedAt).getTime();
    return (
      (!statuses?.length || statuses.includes(status)) &&
      (status !== 'Canceled' || canceledInSearch === 'shown') &&
      ms >= startMs &&
      ms <= endMs
    );
  };
}

/** The first release had no `returnCanceled` and showed all intents. */
function isHidden({ status }: PaymentIntent, res: Response): boolean {
  return status === 'Canceled' && apiReleaseOf(res) !== '2022-04-07';
}

// More than one at sign between two texts cannot be checked without sending mail; 254 is RFC 5321's limit.
const emailSchema = z
  .string()
  .max(254)
  .regex(/^[^\s@<>]+@[^\s@<>]+$/, { error: 'The value must be an e-mail address.' });
const receiptSchema = receiptRequestSchema.extend({ emails: z.array(emailSchema).min(1) });

/** Changes that move no money. */
function addAmendments(router: Router, state: SimulatorState): void {
  const { clock, ids, intents } = state;
  const present = createIntentPresenter(state);

  router.post('/:id/amount', (req: IntentRequest, res) => {
    const change = { ...parseAmountChange(req.body, apiReleaseOf(res)), clientSecret: ids.clientSecret() };
    const intent = changeIntent(state, req, (before) => changeAmount(before, change, clock.now()));
    res.json(present(intent, res));
  });

  router.post('/:id/tips-amount', (req: IntentRequest, res) => {
    const { tipsAmount } = parseBody(tipsChangeSchema, req.body);
    const intent = changeIntent(state, req, (before) => changeTips(before, tipsAmount, clock.now()));
    res.json(present(intent, res));
  });

  router.post('/:id/refresh-client-session-secret', (req: IntentRequest, res) => {
    const intent = changeIntent(state, req, (before) =>
      startClientSession(before, ids.clientSecret(), clock.now()),
    );
    res.json(present(intent, res));
  });

  // The simulator sends no receipt: the shop sees only the answer.
  router.post('/:id/receipt', (req: IntentRequest, res) => {
    const id = parseIntentId(req);
    parseBody(receiptSchema, req.body);
    if (intents.find(id) === null) throw unknownIntent(404);
    res.status(204).end();
  });
}

const captureSchema = captureRequestSchema.extend({ tipsAmount: z.int().nonnegative().nullish() });

/** Amounts are bare integers here, in minor units. */
function addCapturesAndReversals(router: Router, state: SimulatorState): void {
  const { clock, ids, settings } = state;

  router.post('/:id/captures', (req: IntentRequest, res) => {
    const { amount, tipsAmount = null } = parseBody(captureSchema, req.body);
    const taken = { id: ids.next('cp_'), amount, tipsAmount, at: clock.now() };
    changeIntent(state, req, (before) => capture(before, taken, settings()));
    res.json({ captureId: taken.id });
  });

  router.post('/:id/reversal', (req: IntentRequest, res) => {
    changeIntent(state, req, (before) => reverse(before, clock.now(), settings()));
    res.json({ reversalId: ids.next('rvs_') });
  });
}

const refundSchema = refundRequestSchema.extend({ previousTransactionId: z.string().max(100).nullish() });

function addRefunds(router: Router, state: SimulatorState): void {
  const { clock, ids, intents, settings } = state;

  router.post('/:id/refunds', (req: IntentRequest, res) => {
    const idempotencyKey = parseIdempotencyKey(req);
    const { amount, refundReason, notes } = parseBody(refundSchema, req.body);
    const user = intents.findByIdempotencyKey(idempotencyKey)?.id ?? req.params.id;
    if (settings().idempotencyScope === 'account' && user !== req.params.id)
      throw refusalProblem('idempotency-key-reused', settings());
    const given = {
      id: ids.next('rfnd_'),
      amount,
      idempotencyKey,
      reason: refundReason ?? null,
      notes: notes ?? null,
    };
    const intent = changeIntent(state, req, (before) => refund(before, given, clock.now(), settings()));
    // A repeat answers with the refund that the key made first.
    const made = intent.refunds.find((entry) => entry.idempotencyKey === idempotencyKey) ?? given;
    res.json(presentRefund(intent, made));
  });

  router.get('/refunds/:refundId', (req, res) => {
    const intent = intents.findByRefund(req.params.refundId);
    const found = intent?.refunds.find(({ id }) => id === req.params.refundId);
    // The specification has no 404 here.
    if (!intent || !found) throw new Problem(400, 'There is no such refund.');
    res.json(presentRefund(intent, found));
  });
}

function parseIdempotencyKey(req: IntentRequest): string {
  const key = req.get('idempotencyKey') ?? '';
  if (key !== '' && key.length <= 100) return key;
  throw new Problem(400, {
    IdempotencyKey: ['The idempotencyKey header is required, with at most 100 characters.'],
  });
}

function presentRefund(intent: PaymentIntent, { id, reason, notes }: Refund) {
  return { paymentIntentId: intent.id, refundId: id, refundReason: reason, notes };
}

/** Applies a transition to the intent in the path. Throws Problem for a refusal, and for an unknown intent with a status from the settings. */
function changeIntent(
  { intents, settings }: SimulatorState,
  req: IntentRequest,
  transition: (intent: PaymentIntent) => Transition,
  unknownStatus = Number(settings().unknownIntent),
): PaymentIntent {
  const outcome = intents.update(parseIntentId(req), transition);
  if (outcome.kind === 'unknown') throw unknownIntent(unknownStatus);
  if (outcome.kind === 'refused') throw refusalProblem(outcome.reason, settings());
  return outcome.intent;
}

function parseIntentId({ params: { id } }: IntentRequest): string {
  if (paymentIntentIdSchema.safeParse(id).success) return id;
  throw new Problem(400, { PaymentIntentId: ['The id is not of the form pi_….'] });
}

function unknownIntent(status: number): Problem {
  return new Problem(status, 'There is no such payment intent.');
}
