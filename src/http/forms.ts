import express, { type Request, type RequestHandler } from 'express';
import type { z } from 'zod';
import { HttpProblem } from './problem.ts';

/** Beside the quantities of a basket's lines, of which there are at most as many. */
const maxFields = 50;
const maxBytes = 16 * 1024;
const form = 'application/x-www-form-urlencoded';
const json = 'application/json';

/**
 * Reads a form, or JSON if `json` is true, into `req.body`; refuses other types, sizes and control characters.
 * A body that a host app has parsed already is held to the same limits. `mayBeEmpty` lets a request without a body pass,
 * and `multiline` names the one field that may hold several lines.
 */
export function readBody(options: {
  json: boolean;
  mayBeEmpty?: boolean;
  multiline?: string;
}): RequestHandler {
  const readForm = express.urlencoded({ extended: false, limit: maxBytes, parameterLimit: 2 * maxFields });
  const readJson = express.json({ limit: maxBytes });
  const types = options.json ? [form, json] : [form];
  return (req, res, next) => {
    if (options.mayBeEmpty && isBodyless(req)) return next();
    const type = req.is(types);
    if (type !== form && type !== json) throw new HttpProblem(isBodyless(req) ? 400 : 415);
    if (req.readableDidRead) checkParsed(req);
    const read = type === json ? readJson : readForm;
    read(req, res, (error) => {
      next(error ?? (type === form ? findFault(req.body, options.multiline) : undefined));
    });
  };
}

/** The parsed form. Throws a 400 if it is not valid. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new HttpProblem(400);
  return parsed.data;
}

function checkParsed(req: Request): void {
  if (typeof req.body !== 'object' || req.body === null || Buffer.isBuffer(req.body))
    throw new Error('The body was read before the shop and is not in req.body: mount the shop earlier');
  const isTooLong = Number(req.headers['content-length'] ?? 0) > maxBytes;
  if (isTooLong) throw new HttpProblem(413);
}

function findFault(body: object, multiline: string | undefined): HttpProblem | undefined {
  const entries = Object.entries(body).map(([name, value]) => [name, [value].flat()] as const);
  const [quantities, others] = [true, false].map((are) =>
    entries
      .filter(([name]) => name.startsWith('quantity-') === are)
      .reduce((sum, [, values]) => sum + values.length, 0),
  );
  if (Math.max(quantities ?? 0, others ?? 0) > maxFields) return new HttpProblem(413);
  const isOdd = entries.some(([name, values]) =>
    [name, ...values.map((value) => (name === multiline ? withoutLineEnds(value) : value))].some(
      hasControlCharacter,
    ),
  );
  return isOdd ? new HttpProblem(400) : undefined;
}

function isBodyless(req: Request): boolean {
  return req.headers['transfer-encoding'] === undefined && (req.headers['content-length'] ?? '0') === '0';
}

function withoutLineEnds(value: unknown): unknown {
  return typeof value === 'string' ? value.replace(/[\r\n]/g, '') : value;
}

function hasControlCharacter(text: unknown): boolean {
  return typeof text === 'string' && /[\p{Cc}\p{Cs}]/u.test(text);
}
