import type { Response } from 'express';

export type Problem = {
  readonly status: number;
  readonly detail?: string;
  /** By field as Dojo names them: `Amount.CurrencyCode`. */
  readonly errors?: Readonly<Record<string, readonly string[]>>;
};

const kinds: Readonly<Record<number, { type: string; title: string }>> = {
  400: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.1', title: 'Bad Request' },
  401: { type: 'https://tools.ietf.org/html/rfc7235#section-3.1', title: 'Unauthorized' },
  403: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.3', title: 'Forbidden' },
  404: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.4', title: 'Not Found' },
  405: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.5', title: 'Method Not Allowed' },
  409: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.8', title: 'Conflict' },
  413: { type: 'https://tools.ietf.org/html/rfc7231#section-6.5.11', title: 'Payload Too Large' },
  429: { type: 'https://tools.ietf.org/html/rfc6585#section-4', title: 'Too Many Requests' },
};
const unexpected = {
  type: 'https://tools.ietf.org/html/rfc7231#section-6.6.1',
  title: 'An error occurred while processing your request.',
};

/**
 * RFC 7807 as Dojo writes it. `response.locals.traceId` is set for every request; `response.locals.problem` is set here, for
 * the log of calls.
 */
export function sendProblem(response: Response, problem: Problem): void {
  const { type, title } = kinds[problem.status] ?? unexpected;
  response.locals.problem = describe(problem) || title;
  response.status(problem.status).type('application/problem+json');
  response.send(
    JSON.stringify({
      type,
      title: problem.errors === undefined ? title : 'One or more validation errors occurred.',
      status: problem.status,
      detail: problem.detail,
      traceId: response.locals.traceId,
      errors: problem.errors,
    }),
  );
}

/** What the log of calls says of it. */
function describe({ detail, errors = {} }: Problem): string {
  const faults = Object.entries(errors).map(([field, messages]) => `${field}: ${messages.join(' ')}`);
  return [...(detail === undefined ? [] : [detail]), ...faults].join(' ');
}
