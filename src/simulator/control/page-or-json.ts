import express, { type Request, type RequestHandler, type Response, Router } from 'express';
import { z } from 'zod';
import { Problem } from '../api/problem.ts';
import type { InputErrors } from '../input-errors.ts';
import { type ControlPageName, sendPage } from '../pages.ts';

type Input = { readonly isForm: boolean; readonly value: unknown };

/** Reads JSON, or a form of the control page, into `req.body`, whatever Content-Type says: a form never begins with a brace. */
export function readInput(): RequestHandler {
  const router = Router();
  router.use(express.text({ type: () => true, limit: '100kb' }));
  router.use((req, _res, next) => {
    const text = typeof req.body === 'string' ? req.body.trim() : '';
    req.body = parseInput(text, Boolean(req.is('urlencoded')));
    next();
  });
  return router;
}

function parseInput(text: string, isUrlEncoded: boolean): Input {
  if (text === '') return { isForm: isUrlEncoded, value: {} };
  if (isUrlEncoded && !/^[[{]/.test(text))
    return { isForm: true, value: Object.fromEntries(new URLSearchParams(text)) };
  try {
    return { isForm: false, value: JSON.parse(text) };
  } catch {
    throw new Problem(400, 'The body must be JSON.');
  }
}

/** The body as JSON would have it: the empty fields of a form are left out, the others get the given types. */
export function inputOf(req: Request, types: Readonly<Record<string, 'number' | 'boolean'>> = {}): unknown {
  const { isForm, value } = req.body as Input;
  if (!isForm) return value;
  return Object.fromEntries(
    Object.entries(value as Record<string, string>).flatMap(([name, text]) =>
      text.trim() === '' ? [] : [[name, parseTyped(text.trim(), types[name])]],
    ),
  );
}

/** What was typed into a form, to show it again next to the errors. */
export function typedInto(req: Request): Readonly<Record<string, string>> {
  const { isForm, value } = req.body as Input;
  return isForm ? (value as Record<string, string>) : {};
}

/** Text that does not convert stays text, and the schema reports it. */
function parseTyped(text: string, type: 'number' | 'boolean' | undefined): unknown {
  if (type === 'number') return Number.isNaN(Number(text)) ? text : Number(text);
  if (type === 'boolean') return text === 'true' || (text === 'false' ? false : text);
  return text;
}

/** Browsers ask for pages and programs for JSON, at the same addresses. */
export function wantsPage(req: Request): boolean {
  return req.accepts(['json', 'html']) === 'html';
}

/** Redirects a browser to the page, which confirms the change; sends a program its answer. */
export function sendDone(
  req: Request,
  res: Response,
  done: { page: string; notice: Notice; json?: unknown; status?: number },
): void {
  if (wantsPage(req)) res.redirect(303, `${done.page}?done=${done.notice}`);
  else if (done.json === undefined) res.status(204).end();
  else res.status(done.status ?? 200).json(done.json);
}

/** Sends a browser its form again with the errors. Throws the same errors as a Problem for a program. */
export function refuseInput(
  req: Request,
  errors: InputErrors,
  sendForm: (errors: InputErrors) => void,
): void {
  if (!wantsPage(req)) throw new Problem(400, errors);
  sendForm(errors);
}

/** Sends a page with forms. `labels` names its fields; an error in any other field links to the element with the id `whole`. */
export function sendFormPage(
  req: Request,
  res: Response,
  form: {
    name: ControlPageName;
    title: string;
    errors: InputErrors | undefined;
    labels: Readonly<Record<string, string>>;
    whole: string;
    page: Readonly<Record<string, unknown>>;
  },
): void {
  const errors = Object.entries(form.errors ?? {}).map(([field, texts]) => {
    const label = Object.hasOwn(form.labels, field) ? form.labels[field] : undefined;
    return {
      field: label === undefined ? form.whole : field,
      message: `${label ?? field} ${texts.join(', ')}`,
    };
  });
  const isWrong = errors.length > 0;
  sendPage(res, {
    name: form.name,
    status: isWrong ? 400 : 200,
    page: {
      ...form.page,
      title: isWrong ? `Error: ${form.title}` : form.title,
      notice: noticeOf(req),
      errors,
    },
  });
}

const notices = Object.freeze({
  saved: 'Settings saved.',
  'switched-on': 'Fault switched on.',
  'switched-off': 'Fault switched off.',
  restarted: 'All faults are switched off, and their chances restarted.',
  moved: 'Clock changed.',
  sent: 'Webhook sent again.',
  deleted: 'Everything is deleted but settings, faults and time.',
} as const);
export type Notice = keyof typeof notices;

/** The confirmation that the address asks for; null if it asks for none. */
export function noticeOf(req: Request): string | null {
  const { done } = req.query;
  return typeof done === 'string' && Object.hasOwn(notices, done) ? notices[done as Notice] : null;
}

export const mostRows = 10_000;
const limitSchema = z.coerce.number().int().min(1).max(mostRows).default(100);

/** The number of rows in `?limit=`, or the default. */
export function parseLimit(req: Request): number {
  const parsed = limitSchema.safeParse(req.query.limit);
  if (parsed.success) return parsed.data;
  throw new Problem(400, { limit: [`must be a whole number from 1 to ${mostRows}`] });
}
