import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import { sendProblem } from '../api/problem.ts';
import type { InputFaults } from '../input-faults.ts';
import { sendPage } from '../page/page-response.ts';
import type { ControlPageName } from '../page/render.ts';

type Input = { readonly isForm: boolean; readonly value: unknown };

/** Reads JSON, or a form of the control page, into `request.body`, whatever Content-Type says: a form never begins with a brace. */
export function readInput(): RequestHandler {
  const router = Router();
  router.use(express.text({ type: () => true, limit: '100kb' }));
  router.use((request, response, next) => {
    const text = typeof request.body === 'string' ? request.body.trim() : '';
    const input = parseInput(text, Boolean(request.is('urlencoded')));
    if (input === null) return sendProblem(response, { status: 400, detail: 'The body must be JSON.' });
    request.body = input;
    next();
  });
  return router;
}

function parseInput(text: string, isUrlEncoded: boolean): Input | null {
  if (text === '') return { isForm: isUrlEncoded, value: {} };
  if (isUrlEncoded && !/^[[{]/.test(text))
    return { isForm: true, value: Object.fromEntries(new URLSearchParams(text)) };
  try {
    return { isForm: false, value: JSON.parse(text) };
  } catch {
    return null;
  }
}

/** The body as JSON would have it: of a form, empty fields are left out, and those of another type than text get it. */
export function inputOf(
  request: Request,
  types: Readonly<Record<string, 'number' | 'boolean'>> = {},
): unknown {
  const { isForm, value } = request.body as Input;
  if (!isForm) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, string>).flatMap(([name, text]) =>
      text.trim() === '' ? [] : [[name, parseTyped(text.trim(), types[name])]],
    ),
  );
}

/** What was typed into a form, to be shown again beside what is wrong with it. */
export function typedInto(request: Request): Readonly<Record<string, string>> {
  const { isForm, value } = request.body as Input;
  return isForm ? (value as Record<string, string>) : {};
}

/** What can not be turned stays text, for the schema to complain of. */
function parseTyped(text: string, type: 'number' | 'boolean' | undefined): unknown {
  if (type === 'number') return Number.isNaN(Number(text)) ? text : Number(text);
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  return text;
}

/** Browsers ask for pages, programs for JSON; the addresses are the same. */
export function wantsPage(request: Request): boolean {
  return request.accepts(['json', 'html']) === 'html';
}

/** Sends a browser back to a page that says what was done, and a program its answer. */
export function sendDone(
  request: Request,
  response: Response,
  done: { page: string; says: Notice; json?: unknown; status?: number },
): void {
  if (wantsPage(request)) response.redirect(303, `${done.page}?done=${done.says}`);
  else if (done.json === undefined) response.status(204).end();
  else response.status(done.status ?? 200).json(done.json);
}

/** Sends a browser its form again with what is wrong with it, and a program a 400 with the same. */
export function sendRefusal(
  request: Request,
  response: Response,
  faults: InputFaults,
  sendForm: (faults: InputFaults) => void,
): void {
  if (wantsPage(request)) sendForm(faults);
  else sendProblem(response, { status: 400, errors: faults });
}

/**
 * Sends a page with forms, and what is wrong with one of them. `labels` name the fields that it has; a fault in any other
 * is put to the part of the page that has the id `whole`.
 */
export function sendFormPage(
  request: Request,
  response: Response,
  form: {
    name: ControlPageName;
    title: string;
    faults: InputFaults | undefined;
    labels: Readonly<Record<string, string>>;
    whole: string;
    page: Readonly<Record<string, unknown>>;
  },
): void {
  const faults = Object.entries(form.faults ?? {}).map(([field, texts]) => {
    const label = Object.hasOwn(form.labels, field) ? form.labels[field] : undefined;
    return {
      field: label === undefined ? form.whole : field,
      message: `${label ?? field} ${texts.join(', ')}`,
    };
  });
  const isWrong = faults.length > 0;
  sendPage(response, {
    name: form.name,
    status: isWrong ? 400 : 200,
    page: {
      ...form.page,
      title: isWrong ? `Error: ${form.title}` : form.title,
      notice: noticeOf(request),
      faults,
    },
  });
}

const notices = Object.freeze({
  saved: 'Saved.',
  'switched-on': 'The fault is switched on.',
  'switched-off': 'The fault is switched off.',
  anew: 'All faults are switched off, and their chances begin anew.',
  moved: 'The clock is changed.',
  sent: 'The webhook is sent again.',
  forgotten: 'Everything is forgotten but settings, faults and time.',
} as const);
export type Notice = keyof typeof notices;

/** What the page says was done; null where its address says nothing that it knows. */
export function noticeOf(request: Request): string | null {
  const { done } = request.query;
  return typeof done === 'string' && Object.hasOwn(notices, done) ? notices[done as Notice] : null;
}

export const mostRows = 10_000;
const limitSchema = z.coerce.number().int().min(1).max(mostRows).default(100);

/** How many rows a list may have, from `?limit=`; null, and a 400 is sent, where it says no such number. */
export function readLimit(request: Request, response: Response): number | null {
  const parsed = limitSchema.safeParse(request.query.limit);
  if (parsed.success) return parsed.data;
  sendProblem(response, { status: 400, errors: { limit: [`must be a whole number from 1 to ${mostRows}`] } });
  return null;
}
