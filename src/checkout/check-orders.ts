import type { Context } from '../context.ts';
import { DojoError } from '../dojo/errors.ts';
import type { PaymentIntent, SearchRequest } from '../dojo/schemas.ts';
import { logEvent } from '../log.ts';
import { isOpen, nextTry } from '../shop/next-check.ts';
import type { OrderFacts, PaymentAttempt } from '../shop/order.ts';
import { applyObservation, type CheckPlan } from '../shop/order-events.ts';
import { claimUntil, plus, schedule } from '../shop/schedule.ts';
import type { DueCheck, ObservedAttempt } from '../store/order-store.ts';
import {
  creationWindow,
  endsRun,
  isUnusable,
  type SearchedPage,
  searchPages,
  slackMs,
} from './search-intents.ts';
import {
  isClockRight,
  isPastExpiry,
  isTaken,
  logMismatch,
  mustClose,
  observeAttempt,
  settleOrder,
} from './settle-order.ts';

/** One run of the reconciler. */
export type Run = {
  /** Its client is paced. */
  readonly context: Context;
  /** Many that are due wait for others that the same searches can answer for. */
  readonly isPatient: boolean;
  /** Checks under way, by each intent that Dojo was not asked about yet. Any search may answer for them. */
  readonly waiting: Map<string, Check>;
  /** The orders that had their turn: each has one a run. */
  readonly seen: Set<number>;
  readonly counts: { orders: number; orphans: number; refunds: number };
};

/** An order that is being checked, and its intents that Dojo was not asked about yet. */
type Check = { readonly due: DueCheck; readonly left: Set<string> };

/** Work that gives way to other kinds of work after each call to Dojo. */
export type Turns<Result = void> = AsyncGenerator<void, Result, void>;

const mostAtOnce = 20_000;
/** So few are not worth waiting for more. */
const few = 10;

/** Checks every order of a kind that is due, by searches where these need fewer calls than a `GET` for each. */
export async function* checkDue(run: Run, kind: 'unpaid' | 'paid'): Turns {
  const { store, now } = run.context;
  const found = await store.findDueChecks(kind, now(), mostAtOnce);
  const fresh = found.filter(({ orderId }) => !run.seen.has(orderId));
  const mayWait = run.isPatient && fresh.length > few;
  const due = mayWait ? fresh.filter((each) => isRipe(each, kind, now())) : fresh;
  const wanted: Wanted[] = [];
  for (const each of due) {
    const check = { due: each, left: new Set(each.intents.map(({ id }) => id)) };
    run.seen.add(each.orderId);
    for (const intent of each.intents) {
      run.waiting.set(intent.id, check);
      wanted.push({ ...intent, check });
    }
    if (each.intents.length === 0) await store.planCheck(each.orderId, { at: null, seen: each.dueAt }, now());
  }
  wanted.sort((one, other) => other.createdAt.getTime() - one.createdAt.getTime());
  yield* lookUp(run, wanted, searches[kind]);
}

/** A search is cheapest for a stretch of time all of whose orders are due. */
function isRipe({ intents }: DueCheck, kind: 'unpaid' | 'paid', now: Date): boolean {
  const ageMs = kind === 'paid' ? schedule.firstPass : (schedule.checks[0] ?? 0);
  const youngest = Math.max(...intents.map(({ createdAt }) => createdAt.getTime()));
  const end = Math.ceil(youngest / schedule.gather) * schedule.gather;
  return intents.length === 0 || end + ageMs <= now.getTime();
}

type Wanted = { readonly id: string; readonly createdAt: Date; readonly check: Check };
type Search = Pick<SearchRequest, 'statuses'>;

/**
 * What to search for, one after another: whatever the first shows need not be looked for by the next. Of unpaid orders most are
 * unpaid still.
 */
const searches = {
  unpaid: [
    { statuses: ['Created'] },
    { statuses: ['Authorized', 'Captured', 'Canceled', 'Refunded', 'Reversed'] },
  ],
  paid: [{ statuses: ['Authorized', 'Captured', 'Refunded', 'Reversed'] }],
} as const satisfies Record<string, readonly Search[]>;

/**
 * Searches, from new to old, where the next page may show two or more, and asks for the others one by one: not being shown
 * proves nothing.
 */
async function* lookUp(run: Run, wanted: readonly Wanted[], [search, ...others]: readonly Search[]): Turns {
  const unshown: Wanted[] = [];
  let left = wanted;
  // The time between the first and the last intent of a page, as the latest one had it.
  let spanMs = Number.POSITIVE_INFINITY;
  for (;;) {
    left = left.filter(isLeft);
    const [newest, second] = left;
    if (newest === undefined) break;
    if (second !== undefined && newest.createdAt.getTime() - second.createdAt.getTime() <= spanMs) {
      const seen: Searched = yield* searchWindow(run, left, { ...search, spanMs });
      unshown.push(...seen.unshown);
      left = seen.left;
      spanMs = seen.spanMs;
    } else {
      unshown.push(newest);
      left = left.slice(1);
    }
  }
  if (others.length > 0 && unshown.length > 1) yield* lookUp(run, unshown, others);
  else for (const { check } of unshown) yield await readOrder(run, check);
}

const isLeft = ({ id, check }: Wanted) => check.left.has(id);
/** After so many pages in a row without an order that is wanted, a search is given up: others have many intents there. */
const maxIdlePages = 10;

type Searched = {
  /** What the search should have shown. */
  readonly unshown: readonly Wanted[];
  /** What is older than where it ended. */
  readonly left: readonly Wanted[];
  readonly spanMs: number;
};

/** One search, until nothing is wanted any more, or too little to be worth the next page. */
async function* searchWindow(
  run: Run,
  wanted: readonly Wanted[],
  { spanMs: spanBefore, ...search }: Search & { readonly spanMs: number },
): Turns<Searched> {
  const [newest, oldest] = [wanted.at(0), wanted.at(-1)];
  if (newest === undefined || oldest === undefined) return { unshown: [], left: [], spanMs: spanBefore };
  const window = creationWindow(run.context, oldest.createdAt, newest.createdAt);
  const skewMs = run.context.dojo.clockSkewMs() ?? 0;
  const unshown: Wanted[] = [];
  let left = wanted;
  let spanMs = spanBefore;
  let idlePages = 0;
  const mostIdle = Math.min(maxIdlePages, wanted.length);
  try {
    for await (const page of searchPages(run.context, { ...search, ...window })) {
      for (const check of await recordRows(run, page)) yield await readOrder(run, check);
      yield;
      const before = left.length;
      left = left.filter(isLeft);
      const reach = reachOf(page.rows);
      // The first pages may only show what was created moments after the newest that is wanted.
      const isBefore = reach !== null && reach.oldest > newest.createdAt.getTime() + skewMs;
      idlePages = left.length < before || isBefore ? 0 : idlePages + 1;
      if (reach !== null) {
        spanMs = reach.spanMs;
        const isPassed = ({ createdAt }: Wanted) => createdAt.getTime() + skewMs - slackMs > reach.oldest;
        unshown.push(...left.filter(isPassed));
        left = left.filter((each) => !isPassed(each));
        const isAhead = ({ createdAt }: Wanted) => createdAt.getTime() + skewMs > reach.oldest - reach.spanMs;
        if (isPassed(newest) && left.filter(isAhead).length < 2) return { unshown, left, spanMs };
      }
      if (left.length === 0) return { unshown, left, spanMs };
      if (idlePages === mostIdle) {
        // As many as could have been asked for by the same number of calls.
        const givenUp = left.slice(0, mostIdle);
        return { unshown: [...unshown, ...givenUp], left: left.slice(mostIdle), spanMs };
      }
    }
  } catch (error) {
    if (!isUnusable(error)) throw error;
    logEvent(run.context.log, 'searchFailed', { err: error });
  }
  return { unshown: [...unshown, ...left], left: [], spanMs };
}

/** How far back a page goes; null if it is not from new to old, which Dojo does not promise. */
function reachOf(rows: readonly PaymentIntent[]): { oldest: number; spanMs: number } | null {
  const times = rows.map(({ createdAt }) => Date.parse(createdAt ?? ''));
  const [first, last] = [times.at(0) ?? Number.NaN, times.at(-1) ?? Number.NaN];
  return first >= last ? { oldest: last, spanMs: first - last } : null;
}

/** Asks Dojo about one order. A failure that concerns no other is logged, and the order is asked about later. */
async function readOrder(run: Run, check: Check): Promise<void> {
  if (check.left.size === 0) return;
  const { context } = run;
  end(run, check);
  const { orderId, reference, dueAt } = check.due;
  let plan: CheckPlan = { at: plus(context.now(), schedule.recheck), seen: dueAt };
  try {
    const order = await context.store.findOrderByReference(reference);
    if (order === null) return;
    plan = { at: nextTry(order, context.now()), seen: order.nextCheckAt };
    await settleOrder(context, order);
  } catch (error) {
    if (error instanceof DojoError && endsRun.has(error.kind)) throw error;
    logEvent(context.log, 'orderCheckFailed', { err: error, orderReference: reference });
    await context.store.planCheck(orderId, plan, context.now());
  }
}

function end(run: Run, { left }: Check): void {
  for (const id of left) run.waiting.delete(id);
  left.clear();
  run.counts.orders += 1;
}

/** Money that went back in Dojo's portal, once a day, however old the order: a search by date could miss it. */
export async function* searchReturned(run: Run): Turns {
  const { store, now, createSecret } = run.context;
  const startedAt = now();
  const holder = createSecret();
  // One that is cut short begins again a minute later, in any process.
  if (!(await store.acquireLease('search-returned', holder, startedAt, claimUntil(startedAt)))) return;
  for await (const page of searchPages(run.context, { statuses: ['Refunded', 'Reversed'] })) {
    for (const check of await recordRows(run, page)) yield await readOrder(run, check);
    yield;
  }
  await store.acquireLease('search-returned', holder, now(), plus(startedAt, schedule.searchReturned));
}

/**
 * Compares a page with the store and records what is news; each row is as good as the answer to a `GET`. Resolves to the checks
 * that need one nevertheless.
 */
async function recordRows(run: Run, { rows, askedAt }: SearchedPage): Promise<Check[]> {
  const { context } = run;
  const orders = await context.store.findOrdersOf({ intents: rows.map(({ id }) => id) });
  const known = new Map(
    orders.flatMap((order) => order.attempts.map((attempt) => [attempt.paymentIntentId, { order, attempt }])),
  );
  const undecided: Check[] = [];
  const observed: ObservedAttempt[] = [];
  for (const row of rows) {
    const { order, attempt } = known.get(row.id) ?? {};
    if (order === undefined || attempt === undefined) continue;
    const check = run.waiting.get(row.id);
    const isOver = isPastExpiry(attempt, askedAt) && isClockRight(context);
    const observation = observeAttempt(order, attempt, row, { askedAt, isOver });
    const { isNews } = applyObservation(order, observation);
    if (!isDecided(order, attempt, row, isOver)) {
      if (check !== undefined) undecided.push(check);
      else if (isNews)
        await context.store.planCheck(order.id, { at: askedAt, seen: order.nextCheckAt }, askedAt);
      continue;
    }
    if (isNews) logMismatch(context, order, observation);
    const plan = check === undefined ? planOfNews(order, isNews) : planOfCheck(run, check, row.id);
    if (isNews || plan !== null) observed.push({ observation, plan });
  }
  if (observed.length > 0) await context.store.recordObservations(observed);
  return undecided;
}

/** A payment that no one had heard of is checked with its row. Of any other a webhook may have come since the search. */
function planOfNews(order: OrderFacts, isNews: boolean): ObservedAttempt['plan'] {
  return isNews && isOpen(order) ? { seen: order.nextCheckAt } : null;
}

/** An order is checked once all its intents were shown. */
function planOfCheck(run: Run, check: Check, intentId: string): ObservedAttempt['plan'] {
  check.left.delete(intentId);
  run.waiting.delete(intentId);
  if (check.left.size > 0) return null;
  end(run, check);
  return { seen: check.due.dueAt };
}

/** False if only a `GET` can tell: the row is behind what is known, lacks an amount, or the intent is to be closed. */
function isDecided(order: OrderFacts, attempt: PaymentAttempt, row: PaymentIntent, isOver: boolean): boolean {
  const { facts, captureMode } = attempt;
  const isBehind =
    row.refundedAmount < facts.refundedAmount ||
    (facts.captured && !isTaken(row)) ||
    (facts.canceled && row.status === 'Created');
  const isAmountMissing = captureMode === 'Manual' && isTaken(row) && row.captures == null;
  return !isBehind && !isAmountMissing && !mustClose(order, attempt, row, isOver);
}
