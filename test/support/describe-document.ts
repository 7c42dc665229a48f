import type { Document, Schema } from './openapi.ts';

/**
 * One line for each status, body and member of the operations, as `GET /webhooks 200[].id`: `string required`. Two specifications
 * say the same if their lines are equal. Marks of our own contract are taken off, and so is what it calls `any`.
 */
export function describeDocument(document: Document, calls: readonly string[]): Record<string, string> {
  const lines: Record<string, string> = {};
  for (const call of calls) {
    const [method = '', path = ''] = call.split(' ');
    const operation = document.paths[path]?.[method.toLowerCase()];
    if (operation === undefined) continue;
    const parts = { request: operation.requestBody, ...operation.responses };
    for (const [name, part] of Object.entries(parts)) {
      const schema = part?.content?.['application/json']?.schema;
      if (schema !== undefined) describe(schema, `${call} ${name}`, false);
      else if (part !== undefined) lines[`${call} ${name}`] = 'no body';
    }
  }
  return lines;

  function describe(given: Schema, path: string, isRequired: boolean): void {
    const { schema, isNullable } = unwrap(given, document);
    const { properties, items, additionalProperties: others, required = [] } = schema;
    const isClosed = others === false;
    lines[path] = [
      ...wordsOf(schema),
      isNullable && 'or null',
      isRequired && 'required',
      isClosed && 'and nothing else',
    ]
      .filter(Boolean)
      .join(' ');
    const always = schema['x-always'] ?? [];
    for (const [name, member] of Object.entries(properties ?? {}))
      if (!schema['x-unpublished']?.includes(name))
        describe(member, `${path}.${name}`, required.includes(name) && !always.includes(name));
    if (items !== undefined) describe(items, `${path}[]`, false);
    if (typeof others === 'object') describe(others, `${path}{}`, false);
  }
}

/** What is left of `theirs` where `ours` says of a member that it may be anything. */
export function withoutUnread(
  theirs: Readonly<Record<string, string>>,
  ours: Readonly<Record<string, string>>,
): Record<string, string> {
  const unread = Object.keys(ours).filter((path) => ours[path] === '');
  const isBelow = (path: string) =>
    unread.some((above) => path.startsWith(above) && /^[.[{]/.test(path.slice(above.length)));
  return Object.fromEntries(
    Object.entries(theirs)
      .filter(([path]) => !isBelow(path))
      .map(([path, line]) => [path, unread.includes(path) ? '' : line]),
  );
}

function wordsOf({ type, format, pattern, ...schema }: Schema): (string | false | undefined)[] {
  return [
    type,
    schema.enum?.toSorted().join('|'),
    // JavaScript has one type of integer.
    !format?.startsWith('int') && format,
    pattern?.startsWith('^https') && 'https',
    range(schema.minLength ?? schema.minimum, schema.maxLength ?? schema.maximum),
  ];
}

function range(least: number | undefined, most: number | undefined): string | false {
  return (least ?? most) !== undefined && `${least ?? ''}..${most ?? ''}`;
}

/** The schema behind references and unions of one, joined where it is made of several. */
function unwrap(given: Schema, document: Document): { schema: Schema; isNullable: boolean } {
  const name = given.$ref?.split('/').at(-1);
  const parts = given.oneOf ?? given.allOf ?? [];
  if (name === undefined && parts.length === 0) return { schema: given, isNullable: given.nullable === true };
  const inner = name === undefined ? parts : [document.components.schemas[name] ?? {}];
  const unwrapped = inner.map((part) => unwrap(part, document));
  const schemas = unwrapped.map(({ schema }) => schema);
  const properties = Object.assign({}, ...schemas.map((schema) => schema.properties));
  return {
    schema: {
      ...Object.assign({}, ...schemas),
      ...(Object.keys(properties).length > 0 && { properties }),
    },
    isNullable: given.nullable === true || unwrapped.some(({ isNullable }) => isNullable),
  };
}
