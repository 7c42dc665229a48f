import { z } from 'zod';
import { describeIssue } from '../input-faults.ts';
import type { Problem } from './problem.ts';

export type ParsedBody<Data> = { kind: 'valid'; data: Data } | { kind: 'invalid'; problem: Problem };

/** Reads a body as Dojo does: names without regard to case, unknown members ignored, faults by field. None counts as `{}`. */
export function parseBody<Schema extends z.ZodType>(
  schema: Schema,
  given: unknown,
): ParsedBody<z.output<Schema>> {
  const body = given === undefined ? {} : given;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return {
      kind: 'invalid',
      problem: { status: 400, detail: 'The request body must be a JSON object.' },
    };
  }
  const result = schema.safeParse(foldNames(schema, body), { reportInput: true });
  if (result.success) return { kind: 'valid', data: result.data };
  return { kind: 'invalid', problem: { status: 400, errors: describeIssues(result.error.issues) } };
}

/** Gives every member the spelling of the schema; where one comes in two spellings, the last wins. */
function foldNames(schema: z.core.$ZodType, value: unknown): unknown {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return foldNames(schema.unwrap(), value);
  if (schema instanceof z.ZodArray && Array.isArray(value))
    return value.map((entry) => foldNames(schema.element, entry));
  if (!(schema instanceof z.ZodObject) || typeof value !== 'object' || value === null) return value;
  const known = new Map(Object.keys(schema.shape).map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) => {
      const spelling = known.get(name.toLowerCase());
      return spelling === undefined ? [] : [[spelling, foldNames(schema.shape[spelling], member)]];
    }),
  );
}

function describeIssues(issues: readonly z.core.$ZodIssue[]): Record<string, string[]> {
  const errors: Record<string, string[]> = Object.create(null);
  for (const issue of issues) {
    const field = fieldName(issue.path);
    errors[field] ??= [];
    errors[field].push(describeFieldIssue(field, issue));
  }
  return errors;
}

function describeFieldIssue(field: string, issue: z.core.$ZodIssue): string {
  if (issue.input === undefined) return `The ${field} field is required.`;
  const mustBe = describeIssue(issue);
  return mustBe === null ? issue.message : `The ${field} field ${mustBe}.`;
}

/** `['itemLines', 0, 'amountTotal']` becomes `ItemLines[0].AmountTotal`. */
function fieldName(path: readonly PropertyKey[]): string {
  return (
    path
      .map((part, index) => {
        if (typeof part === 'number') return `[${part}]`;
        const name = String(part);
        return `${index === 0 ? '' : '.'}${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      })
      .join('')
      // A key of metadata may be anything, and a problem is logged: also where it is an API key in the wrong place.
      .replace(/(sk_[a-z]+_).*/gi, '$1…')
  );
}
