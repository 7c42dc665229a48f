import type { RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { FaultSubject } from '../active-faults.ts';
import { doesCallTakeEffect, type Fault } from '../faults.ts';
import { findOperation, type Operation } from '../operations.ts';
import type { Parts } from '../parts.ts';
import { sendProblem } from './problem.ts';
import { parseBody } from './request-body.ts';
import { createSpoiling, sendSpoiled } from './spoiled-answer.ts';
import { takeAnswer } from './take-answer.ts';

/** The kinds that leave nothing of the answer; of several that meet, the first one happens. */
const endings = {
  hang: () => undefined,
  reset: (response) => void response.req.socket.resetAndDestroy(),
  status: (response, { status }) => sendProblem(response, { status, detail }),
  'rate-limit': (response, { retryAfterSeconds }) => {
    response.set('Retry-After', String(retryAfterSeconds));
    sendProblem(response, { status: 429, detail });
  },
  // A refund that was refused came back in this form, to one integrator of Dojo.
  'pascal-case-error': (response, { status }) => {
    response.locals.problem = detail;
    response.status(status).type('application/json');
    response.send(JSON.stringify({ Status: status, Detail: detail }));
  },
} as const satisfies Partial<Record<Fault['kind'], (response: Response, fault: Fault) => void>>;
type EndingKind = keyof typeof endings;

const detail = 'This error was asked for.';

/** Lets go wrong what is switched on for a call, and lets its answer wait for the events that come before it. */
export function applyApiFaults(parts: Pick<Parts, 'faults' | 'intents' | 'deliveries'>): RequestHandler {
  return (request, response, next) => {
    const found = findOperation(request.method, request.baseUrl + request.path);
    if (found === null) return next();
    const faults = parts.faults.forCall(found.operation, findSubject(parts, found, request.body));
    response.locals.faults = faults.map(({ kind }) => kind);
    const ending = faults.find(isEnding) ?? null;
    const answerAfter: Promise<void>[] = faults
      .filter(({ kind }) => kind === 'latency')
      .map(({ delayMs }) => waitWhileOpen(response, delayMs));

    if (ending !== null && !doesCallTakeEffect(ending)) {
      void Promise.all(answerAfter).then(() => end(response, ending));
      return;
    }
    takeAnswer(response, (body) => {
      if (faults.length === 0 && answerAfter.length === 0) return void response.end(body);
      void Promise.all(answerAfter).then(() => {
        if (ending === null) return sendSpoiled(response, body, createSpoiling(faults));
        return end(response, ending);
      });
    });
    parts.deliveries.holdingAnswer(answerAfter, next);
  };
}

function isEnding(fault: Fault): fault is Fault & { kind: EndingKind } {
  return fault.kind in endings;
}

function end(response: Response, ending: Fault & { kind: EndingKind }): void {
  if (!response.closed) endings[ending.kind](response, ending);
}

/** Real time, since a real client waits. Ends early where the client goes away or the simulator closes. */
function waitWhileOpen(response: Response, delayMs: number): Promise<void> {
  return new Promise((done) => {
    const stop = () => {
      clearTimeout(timer);
      response.off('close', stop);
      done();
    };
    const timer = setTimeout(stop, delayMs);
    response.once('close', stop);
  });
}

const amountSchema = z.object({ amount: z.object({ value: z.int() }) });

function findSubject(
  { intents }: Pick<Parts, 'intents'>,
  { operation, id }: { operation: Operation; id: string | null },
  body: unknown,
): FaultSubject {
  if (operation === 'create-payment-intent') {
    const asked = parseBody(amountSchema, body);
    return { paymentIntentId: null, amount: asked.kind === 'valid' ? asked.data.amount.value : null };
  }
  const intent = operation === 'get-refund' ? intents.findByRefund(id ?? '') : intents.find(id ?? '');
  return { paymentIntentId: intent?.id ?? null, amount: intent?.request.amount.value ?? null };
}
