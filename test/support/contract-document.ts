import { type ContractOperation, operations, shapes } from '../data/dojo-contract.ts';
import type { Content, Document, Operation, Schema } from './openapi.ts';

/** Our own contract in the form of Dojo's specification, for the same judge. */
export function createContractDocument(): Document {
  const paths: Document['paths'] = {};
  for (const [call, operation] of Object.entries(operations)) {
    const [method = '', path = ''] = call.split(' ');
    paths[path] = { ...paths[path], [method.toLowerCase()]: createOperation(operation, path) };
  }
  const schemas = Object.entries(shapes).map(([name, members]) => [name, objectOf(members)]);
  return { paths, components: { schemas: Object.fromEntries(schemas) } };
}

function createOperation({ request, reply, refusals }: ContractOperation, path: string): Operation {
  const problem = json(path.startsWith('/webhooks') ? 'WebhookProblem' : 'Problem');
  return {
    ...(request !== undefined && { requestBody: json(request) }),
    responses: Object.fromEntries([
      reply === undefined ? [204, {}] : [200, json(reply)],
      ...refusals.map((status) => [status, problem]),
    ]),
  };
}

function json(type: string): Content {
  return { content: { 'application/json': { schema: schemaOf(type) } } };
}

function objectOf(members: Readonly<Record<string, string>>): Schema {
  const { '...': open, ...named } = members;
  const entries = Object.entries(named).map(([written, type]) => {
    const [, name = '', marks = ''] = /^(\w+)([!+~]*)$/.exec(written) ?? [];
    return { name, marks, schema: schemaOf(type) };
  });
  const namesOf = (mark: RegExp) => entries.filter(({ marks }) => mark.test(marks)).map(({ name }) => name);
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(({ name, schema }) => [name, schema])),
    required: namesOf(/[!+]/),
    ...(open === undefined && { additionalProperties: false }),
    'x-always': namesOf(/\+/),
    'x-unpublished': namesOf(/~/),
  };
}

const words: Readonly<Record<string, Schema>> = {
  any: {},
  text: { type: 'string' },
  int: { type: 'integer' },
  flag: { type: 'boolean' },
  time: { type: 'string', format: 'date-time' },
  period: { type: 'string', format: 'timespan' },
  uri: { type: 'string', format: 'uri' },
  https: { type: 'string', format: 'uri', pattern: '^https:' },
};

/** `text ..100?`, `Money[]?`, `Auto|Manual`: the types of the contract's data. */
function schemaOf(type: string): Schema {
  if (type.endsWith('?')) return { ...schemaOf(type.slice(0, -1)), nullable: true };
  if (type.endsWith('[]')) return { type: 'array', items: schemaOf(type.slice(0, -2)) };
  if (type.endsWith('{}')) return { type: 'object', additionalProperties: schemaOf(type.slice(0, -2)) };
  if (type.includes('|')) return { type: 'string', enum: type.split('|') };
  const [name = '', range] = type.split(' ');
  if (shapes[name] !== undefined) return { $ref: `#/components/schemas/${name}` };
  const word = words[name];
  if (word === undefined) throw new Error(`The contract has no type ${type}.`);
  return { ...word, ...(range !== undefined && limits(name, range)) };
}

function limits(name: string, range: string): Schema {
  const [min, max] = range.split('..');
  const [least, most] =
    name === 'int' ? (['minimum', 'maximum'] as const) : (['minLength', 'maxLength'] as const);
  return { ...(min && { [least]: Number(min) }), ...(max && { [most]: Number(max) }) };
}
