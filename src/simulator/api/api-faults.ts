import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { FaultSubject } from '../active-faults.ts';
import { doesCallTakeEffect, type Fault } from '../faults.ts';
import { findOperation, type Operation } from '../operations.ts';
import type { SimulatorState } from '../state/simulator-state.ts';
import { captureResponse, planCorruption, sendCorrupt } from './corrupt-response.ts';
import { parseBody } from './parse-request.ts';
import { Problem, sendProblem } from './problem.ts';

const detail = 'This error is an injected fault.';

/** The kinds that replace the whole answer. If several meet, the first one happens. */
const replacements = {
  hang: () => undefined,
  reset: (res) => void res.req.socket.resetAndDestroy(),
  status: (res, { status }) => sendProblem(res, new Problem(status, detail)),
  'rate-limit': (res, { retryAfterSeconds }) => {
    res.set('Retry-After', String(retryAfterSeconds));
    sendProblem(res, new Problem(429, detail));
  },
  // One integrator of Dojo saw a refused refund in this form.
  'pascal-case-error': (res, { status }) => {
    res.locals.problem = detail;
    res.status(status).type('application/json');
    res.send(JSON.stringify({ Status: status, Detail: detail }));
  },
} as const satisfies Partial<Record<Fault['kind'], (res: Response, fault: Fault) => void>>;
type Replacement = Fault & { kind: keyof typeof replacements };

type State = Pick<SimulatorState, 'faults' | 'intents' | 'deliveries'>;

/** Injects the faults that meet a call, and holds back its answer for the events that must come first. */
export function applyApiFaults({ faults, intents, deliveries }: State): RequestHandler {
  return (req, res, next) => {
    const found = findOperation(req.method, req.baseUrl + req.path);
    if (found === null) return next();
    const met = faults.forCall(found.operation, findSubject(intents, found, req.body));
    res.locals.faults = met.map(({ kind }) => kind);
    res.locals.staleMs = met.find(({ kind }) => kind === 'stale')?.delayMs ?? 0;
    const replacement = met.find(isReplacement) ?? null;
    const answerAfter: Promise<void>[] = met
      .filter(({ kind }) => kind === 'latency')
      .map(({ delayMs }) => waitWhileOpen(res, delayMs));

    if (replacement !== null && !doesCallTakeEffect(replacement)) {
      void Promise.all(answerAfter).then(() => replace(res, replacement));
      return;
    }
    captureResponse(res, (body) => {
      if (met.length === 0 && answerAfter.length === 0) return void res.end(body);
      void Promise.all(answerAfter).then(() => {
        if (replacement === null) return sendCorrupt(res, body, planCorruption(met));
        return replace(res, replacement);
      });
    });
    deliveries.holdingAnswer(answerAfter, next);
  };
}

function isReplacement(fault: Fault): fault is Replacement {
  return fault.kind in replacements;
}

function replace(res: Response, fault: Replacement): void {
  if (!res.closed) replacements[fault.kind](res, fault);
}

/** In real time, since a real client waits. Ends early when the client leaves or the simulator closes. */
function waitWhileOpen(res: Response, delayMs: number): Promise<void> {
  return new Promise((done) => {
    const stop = () => {
      clearTimeout(timer);
      res.off('close', stop);
      done();
    };
    const timer = setTimeout(stop, delayMs);
    res.once('close', stop);
  });
}

function findSubject(
  intents: SimulatorState['intents'],
  { operation, id }: { operation: Operation; id: string | null },
  body: unknown,
): FaultSubject {
  if (operation === 'create-payment-intent') return { paymentIntentId: null, amount: readAmount(body) };
  const intent = operation === 'get-refund' ? intents.findByRefund(id ?? '') : intents.find(id ?? '');
  return { paymentIntentId: intent?.id ?? null, amount: intent?.request.amount.value ?? null };
}

const amountSchema = z.object({ amount: z.object({ value: z.int() }) });

/** Null if the request has no amount; the route refuses it later. */
function readAmount(body: unknown): number | null {
  try {
    return parseBody(amountSchema, body).amount.value;
  } catch {
    return null;
  }
}
