import fc from 'fast-check';

const oddTexts = [
  ...['', '\0', '\r\n', '%', '%00', '%ZZ', '"', '\\', '\\ud800', '{', '[', '&', '=', ';', ',', '.', '-', '+'],
  ...['__proto__', 'constructor', 'null', '1e999', '-0', '0x10', '١', '\u202e', '😀', 'e\u0301', '\u2028'],
];
const oddValues: readonly unknown[] = [
  ...[null, true, '', ' ', '\0', '\ud800', 0, -1, 0.5, 1e21, Number.MAX_SAFE_INTEGER, [], {}, [[]], [null]],
  ...[
    'x'.repeat(5_000),
    '__proto__',
    'toString',
    '../..',
    '1e3',
    '9'.repeat(400),
    { toString: 1 },
    undefined,
  ],
];

/** A valid text with one to four places cut out, doubled or replaced, which comes further than a random one. */
export function mutatedText(valid: string): fc.Arbitrary<string> {
  const place = fc.nat(valid.length);
  const put = fc.oneof(fc.constantFrom(...oddTexts), fc.string({ maxLength: 4, unit: 'binary' }));
  const change = fc.tuple(place, place, fc.boolean(), put);
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) =>
    changes.reduce((text, [from, length, isShort, odd]) => {
      const end = from + (isShort ? length % 3 : length);
      return text.slice(0, from) + odd + text.slice(end);
    }, valid),
  );
}

/** A valid value with one to three of its members, at any depth, replaced, removed, or exchanged with another. */
export function mutatedValue(valid: object): fc.Arbitrary<unknown> {
  const paths = pathsOf(valid);
  const put = fc.oneof(fc.constantFrom(...oddValues), fc.jsonValue({ maxDepth: 2 }));
  const change = fc.tuple(fc.constantFrom(...paths), put);
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = structuredClone(valid);
    for (const [path, odd] of changes) setAt(copy, path, odd);
    return copy;
  });
}

function pathsOf(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [
    [...path, name],
    ...pathsOf(member, [...path, name]),
  ]);
}

/** Leaves the value alone if an earlier change has removed the way there. */
function setAt(value: object, path: readonly string[], odd: unknown): void {
  let at: unknown = value;
  for (const name of path.slice(0, -1)) at = (at as Record<string, unknown> | null | undefined)?.[name];
  if (typeof at === 'object' && at !== null) (at as Record<string, unknown>)[path.at(-1) ?? ''] = odd;
}
