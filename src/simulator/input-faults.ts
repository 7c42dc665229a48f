import type { z } from 'zod';

/** What is wrong with what was sent, by the field as it was sent. */
export type InputFaults = Readonly<Record<string, readonly string[]>>;

/** Says of every field what it must be. `known` are the fields that there are. */
export function describeFaults(error: z.ZodError, known: readonly string[]): InputFaults {
  const faults: Record<string, string[]> = Object.create(null);
  const add = (field: string, fault: string) => {
    faults[field] ??= [];
    faults[field].push(fault);
  };
  for (const issue of error.issues) {
    const field = issue.path.join('.') || 'body';
    if (issue.code !== 'unrecognized_keys') add(field, describeIssue(issue) ?? issue.message);
    else for (const key of issue.keys) add(key, `is none of ${known.join(', ')}`);
  }
  return faults;
}

/** What a field must be, to be put behind its name; null where only the issue’s own message tells. */
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
