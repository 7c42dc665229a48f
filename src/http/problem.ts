import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Logger } from 'pino';
import { logEvent } from '../log.ts';
import type { ShipRefusal } from '../shop/shipment.ts';
import type { Pages } from './pages.ts';

/** Tells programs more than the status alone. */
export type ProblemKind =
  | 'invalid'
  | 'too-many-open'
  | 'basket-changed'
  | 'total-changed'
  | 'dojo-unavailable'
  | 'dojo-refused'
  | 'exhausted'
  | 'id-taken'
  | ShipRefusal;

/** A refusal that the browser or the program reads. Nothing of the input is in it. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: number;
  readonly kind: ProblemKind | null;
  readonly headers: Readonly<Record<string, string>>;
  /** What a program needs to do better, beside the standard members. */
  readonly members: Readonly<Record<string, unknown>>;
  constructor(
    status: number,
    options: { kind?: ProblemKind; headers?: Record<string, string>; members?: Record<string, unknown> } = {},
  ) {
    super((options.kind && kindTitles[options.kind]) ?? titles[status] ?? 'Error');
    this.status = status;
    this.kind = options.kind ?? null;
    this.headers = options.headers ?? {};
    this.members = options.members ?? {};
  }
}

const titles: Readonly<Record<number, string>> = Object.freeze({
  400: 'The request is not valid',
  401: 'The signature is missing or wrong',
  403: 'The request did not come from this shop',
  404: 'Not found',
  405: 'The method is not allowed here',
  409: 'The basket has changed',
  413: 'The request is too large',
  415: 'The encoding or type is not supported',
  429: 'Too many requests',
  500: 'Something went wrong here',
  502: 'The payment provider gave an unusable answer',
  503: 'Temporarily unavailable',
});

const kindTitles: Readonly<Record<ProblemKind, string>> = Object.freeze({
  'too-many-open': 'Too many payments are open already',
  invalid: 'Fields are missing or not valid',
  'basket-changed': 'The key belongs to another basket',
  'total-changed': 'The total is not the expected one',
  exhausted: 'This key can lead to no payment page any more; use a new one',
  'dojo-unavailable': 'The payment provider cannot be reached at the moment',
  'dojo-refused': 'The payment provider gave an unusable answer',
  'id-taken': 'Another request had this webhook-id; use a new one',
  'already-sent': 'The order was sent already',
  held: 'The order is held for a person to decide; do not send it',
  'refund-under-way': 'Money of the order is being returned; do not send it',
  dismissed: 'A person decided that the order is not sent',
  'amount-unknown': 'The shop does not know yet how much was taken for the order; do not send it',
  'not-paid': 'No money is kept for the order; do not send it',
});

export function notFound(): RequestHandler {
  return () => {
    throw new HttpProblem(404);
  };
}

/** The one place where errors of the shop's pages become answers: a problem for programs, a page for people. */
export function answerErrors(pages: Pages, log: Logger): ErrorRequestHandler {
  return answerWith(log, (req, res, problem) => {
    if (wantsProblem(req)) sendProblem(res, problem);
    else
      pages.send(res, 'errors/show', {
        status: problem.status,
        requestId: res.locals.requestId,
      });
  });
}

/** The same on routes that only programs call. */
export function answerProblems(log: Logger): ErrorRequestHandler {
  return answerWith(log, (_req, res, problem) => sendProblem(res, problem));
}

function answerWith(
  log: Logger,
  answer: (req: Request, res: Response, problem: HttpProblem) => void,
): ErrorRequestHandler {
  return (error, req, res, _next) => {
    const problem = toProblem(error);
    if (problem.status >= 500 && !(error instanceof HttpProblem)) {
      logEvent(log, 'requestFailed', { err: error, requestId: res.locals.requestId });
    }
    if (res.headersSent) {
      // It is too late for another answer; a cut connection is the only honest one.
      res.destroy();
      return;
    }
    res.status(problem.status).set(problem.headers).set('Cache-Control', 'no-store');
    answer(req, res, problem);
  };
}

/** A problem in the form of RFC 9457, always below 512 bytes. */
export function problemText({ status, message, kind, members }: HttpProblem, requestId: string): string {
  const type = kind === null ? 'about:blank' : `urn:shop:${kind}`;
  return JSON.stringify({ type, title: message, status, requestId, ...members });
}

function sendProblem(res: Response, problem: HttpProblem): void {
  res.set('Content-Type', 'application/problem+json').send(problemText(problem, res.locals.requestId));
}

function wantsProblem(req: Request): boolean {
  return Boolean(req.is('json')) || req.accepts(['html', 'json', 'application/problem+json']) !== 'html';
}

function toProblem(error: unknown): HttpProblem {
  if (error instanceof HttpProblem) return error;
  if (error instanceof Error && error.name === 'StoreError')
    return new HttpProblem(503, { headers: { 'Retry-After': '5' } });
  // Express and its body parsers throw errors with a status; only those that blame the request are passed on.
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  if (!(status >= 400 && status < 500)) return new HttpProblem(500);
  return new HttpProblem(status in titles ? status : 400);
}
