import express, { type Request, type RequestHandler, Router } from 'express';
import type { z } from 'zod';
import { HttpProblem } from './problem.ts';

const maxFields = 50;
const maxBytes = 16 * 1024;
const typed = ['application/x-www-form-urlencoded', 'application/json'];

/** Reads a form, or JSON where `json` is true, into `req.body`; refuses other types, sizes and control characters. */
export function readBody(options: { json: boolean }): RequestHandler {
  const router = Router();
  router.use((req, _res, next) => {
    if (!req.is(options.json ? typed : typed.slice(0, 1))) throw new HttpProblem(isBodyless(req) ? 400 : 415);
    next();
  });
  router.use(express.urlencoded({ extended: false, limit: maxBytes, parameterLimit: maxFields }));
  router.use(express.json({ limit: maxBytes }));
  router.use((req, _res, next) => {
    const texts = req.is('urlencoded') ? Object.entries(req.body).flat(2) : [];
    if (texts.some(hasControlCharacter)) throw new HttpProblem(400);
    next();
  });
  return router;
}

/** What a form says, or a 400. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (!parsed.success) throw new HttpProblem(400);
  return parsed.data;
}

function isBodyless(req: Request): boolean {
  return req.headers['transfer-encoding'] === undefined && (req.headers['content-length'] ?? '0') === '0';
}

/** Our forms have one-line fields only. */
function hasControlCharacter(text: unknown): boolean {
  return typeof text === 'string' && /[\p{Cc}\p{Cs}]/u.test(text);
}
