import type { z } from 'zod';

/** What is wrong with the input, by field. */
export type InputErrors = Readonly<Record<string, readonly string[]>>;

/** States for every field what it must be. `known` lists the fields that exist. */
export function describeErrors(error: z.ZodError, known: readonly string[]): InputErrors {
  const errors: Record<string, string[]> = Object.create(null);
  const add = (field: string, text: string) => {
    errors[field] ??= [];
    errors[field].push(text);
  };
  for (const issue of error.issues) {
    const field = issue.path.join('.') || 'body';
    if (issue.code !== 'unrecognized_keys') add(field, describeIssue(issue) ?? issue.message);
    else for (const key of issue.keys) add(key, `is not one of ${known.join(', ')}`);
  }
  return errors;
}

/** What the field must be, worded to follow its name; null if the issue's own message says it better. */
export function describeIssue(issue: z.core.$ZodIssue): string | null {
  switch (issue.code) {
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      return issue.inclusive === false
        ? `must be more than ${issue.minimum}`
        : describeLimit(issue.origin, `${issue.minimum} or more`);
    case 'too_big':
      return describeLimit(issue.origin, `${issue.maximum} or less`);
    case 'invalid_type':
      return `must be ${typeNames[issue.expected] ?? issue.expected}`;
    case 'invalid_format':
      return issue.format === 'datetime' ? 'must be a time like 2026-11-22T10:00:00Z' : null;
    default:
      return null;
  }
}

function describeLimit(origin: string, limit: string): string {
  if (origin === 'string') return `must have ${limit} characters`;
  if (origin === 'array') return `must have ${limit} entries`;
  return `must be ${limit}`;
}

const typeNames: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'text',
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
  array: 'a list',
};
