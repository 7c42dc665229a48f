import { describe, expect, test } from 'vitest';
import { DojoError, type DojoErrorKind, parseProblem } from '../../src/dojo/errors.ts';

const nothing = { title: null, detail: null, traceId: null, fieldErrors: {} };
const traceId = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

describe('the problem in an error body is read', () => {
  const said = { title: 'Bad', detail: 'Too much', traceId, fieldErrors: { Reference: ['is required'] } };

  test('from the documented members', () => {
    const body = {
      type: 't',
      title: 'Bad',
      status: 400,
      detail: 'Too much',
      traceId,
      errors: said.fieldErrors,
    };
    expect(parseProblem(body)).toEqual(said);
  });

  test('from members in PascalCase, as a live refund answered', () => {
    const body = {
      Status: 400,
      Title: 'Bad',
      Detail: 'Too much',
      TraceId: traceId,
      Errors: said.fieldErrors,
    };
    expect(parseProblem(body)).toEqual(said);
  });

  test('even when most of it is missing', () => {
    expect(parseProblem({ Status: 400, Detail: 'Too much' })).toEqual({ ...nothing, detail: 'Too much' });
  });

  test('and cut to 500 characters', () => {
    expect(parseProblem({ detail: 'x'.repeat(100_000) }).detail).toBe('x'.repeat(500));
  });
});

test.each([undefined, null, '', '<!doctype html><h1>502</h1>', 1, true, [], {}, [['title', 'x']]])(
  'nothing is read from %j',
  (body) => {
    expect(parseProblem(body)).toEqual(nothing);
  },
);

test('members of an undocumented type are ignored', () => {
  const body = JSON.parse(
    '{"title":1,"detail":{"a":1},"traceId":null,"errors":{"A":"text","B":null,"C":[1,null,"kept",{"toString":1}],"__proto__":["p"]}}',
  );
  const problem = parseProblem(body);
  expect({ ...problem, fieldErrors: null }).toEqual({ ...nothing, fieldErrors: null });
  expect(Object.entries(problem.fieldErrors)).toEqual([
    ['C', ['kept']],
    ['__proto__', ['p']],
  ]);
  expect(parseProblem({ errors: 'text' })).toEqual(nothing);
  expect(parseProblem({ errors: null })).toEqual(nothing);
  expect(({} as { p?: unknown }).p).toBeUndefined();
});

/** May a call that failed with this kind have taken effect all the same? */
const ambiguity: Record<DojoErrorKind, boolean> = {
  unreachable: false,
  paused: false,
  unauthorized: false,
  forbidden: false,
  invalid: false,
  'not-found': false,
  conflict: false,
  'rate-limited': false,
  timeout: true,
  network: true,
  unavailable: true,
  malformed: true,
};

test.each(Object.entries(ambiguity) as [DojoErrorKind, boolean][])(
  'a call that ended in %s may have taken effect: %s',
  (kind, isAmbiguous) => {
    expect(new DojoError(kind, 'It failed.').isAmbiguous).toBe(isAmbiguous);
  },
);

test('an error has null for what is not known', () => {
  expect(new DojoError('network', 'It failed.')).toMatchObject({
    name: 'DojoError',
    kind: 'network',
    message: 'It failed.',
    status: null,
    traceId: null,
    fieldErrors: {},
    retryAfterMs: null,
  });
});
