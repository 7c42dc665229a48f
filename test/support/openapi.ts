import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv, type ValidateFunction } from 'ajv';
import ajvFormats from 'ajv-formats';
import { createContractDocument } from './contract-document.ts';

export type OpenApi = {
  /** What is wrong with a request's body: nothing, if empty. Paths may have a query and a trailing slash. */
  requestProblems(call: { method: string; path: string; body: unknown }): string[];
  /** What is wrong with a response, including a status that the operation does not name. */
  responseProblems(call: { method: string; path: string; status: number; body: unknown }): string[];
  /**
   * The examples of an operation, by the name that request and response share, or `example` without a name. A side without
   * example or body is undefined.
   */
  examples(method: string, path: string): { name: string; request: unknown; response: unknown }[];
  /** The one 2xx status that the operation names; null for an unknown operation. */
  successStatus(method: string, path: string): number | null;
};

export type Schema = {
  $ref?: string;
  type?: string;
  format?: string;
  pattern?: string;
  enum?: readonly string[];
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  nullable?: boolean;
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  required?: string[];
  items?: Schema;
  allOf?: Schema[];
  oneOf?: Schema[];
  anyOf?: Schema[];
  example?: unknown;
  /** In our own contract: members that every reply has unrequired, and members that the specification does not have. */
  'x-always'?: readonly string[];
  'x-unpublished'?: readonly string[];
};
export type Content = {
  content?: Record<
    string,
    { schema?: Schema; example?: unknown; examples?: Record<string, { value: unknown }> }
  >;
};
export type Operation = { requestBody?: Content; responses: Record<string, Content> };
export type Document = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};

const besideTheProject = fileURLToPath(
  new URL('../../../shared/dojo/openapi-2026-02-27.json', import.meta.url),
);

const contract = createOpenApi(createContractDocument());
const publishedDocument = readPublished();

/** Dojo's published specification where it is at hand. */
export const published = publishedDocument && createOpenApi(publishedDocument);

/** Our own contract, with the published specification as a second judge where it is at hand. */
export function loadOpenApi(): Pick<OpenApi, 'requestProblems' | 'responseProblems' | 'successStatus'> {
  const judges = [contract, ...(published === null ? [] : [published])];
  return {
    requestProblems: (call) => judges.flatMap((judge) => judge.requestProblems(call)),
    responseProblems: (call) => judges.flatMap((judge) => judge.responseProblems(call)),
    successStatus: contract.successStatus,
  };
}

/** The file that `DOJO_OPENAPI` names, or the one beside the project; null without. */
export function readPublished(): Document | null {
  const file = process.env.DOJO_OPENAPI || besideTheProject;
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : null;
}

function createOpenApi(document: Document): OpenApi {
  for (const schema of allSchemas(document)) mergeAllOf(schema, document);
  allowWhatExamplesHave(document);
  for (const schema of allSchemas(document)) spellOutNullable(schema);

  const ajv = new Ajv({ strict: false, allErrors: true });
  ajvFormats.default(ajv);
  ajv.addFormat('timespan', /^(\d{1,2}\.)?\d{2}:\d{2}:\d{2}$/);
  ajv.addSchema(document, 'dojo');
  const validators = new Map<string, ValidateFunction>();

  function problemsOf(pointer: string, body: unknown): string[] {
    const validate = validators.get(pointer) ?? ajv.compile({ $ref: `dojo#/${pointer}` });
    validators.set(pointer, validate);
    if (validate(body)) return [];
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || 'body'} ${message} ${JSON.stringify(params)}`,
    );
  }

  /** Prefers `/payment-intents/search` to `/payment-intents/{paymentIntentId}`. */
  function find(method: string, path: string): { operation: Operation; pointer: string } | null {
    const asked = path.replace(/\?.*$/, '').replace(/\/$/, '');
    const candidates = Object.keys(document.paths).filter((template) =>
      new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`).test(asked),
    );
    const [template] = candidates.toSorted((a, b) => a.split('{').length - b.split('{').length);
    const operation = template && document.paths[template]?.[method.toLowerCase()];
    if (!template || !operation) return null;
    const name = encodeURIComponent(template.replaceAll('~', '~0').replaceAll('/', '~1'));
    return { operation, pointer: `paths/${name}/${method.toLowerCase()}` };
  }

  return {
    requestProblems({ method, path, body }) {
      const found = find(method, path);
      if (found === null) return [`${method} ${path} is not in the specification`];
      if (found.operation.requestBody === undefined)
        return body === undefined ? [] : [`${method} ${path} takes no body`];
      return problemsOf(`${found.pointer}/requestBody/content/application~1json/schema`, body);
    },
    responseProblems({ method, path, status, body }) {
      const found = find(method, path);
      const response = found?.operation.responses[status];
      if (!found || !response) return [`${method} ${path} answering ${status} is not in the specification`];
      if (response.content === undefined)
        return body === undefined ? [] : [`${method} ${path} answers ${status} without a body`];
      return problemsOf(`${found.pointer}/responses/${status}/content/application~1json/schema`, body);
    },
    examples(method, path) {
      const operation = find(method, path)?.operation;
      const requests = examplesOf(operation?.requestBody, document);
      const responses = examplesOf(operation?.responses['200'], document);
      return [...new Set([...Object.keys(requests), ...Object.keys(responses)])].map((name) => ({
        name,
        request: requests[name],
        response: responses[name],
      }));
    },
    successStatus(method, path) {
      const statuses = Object.keys(find(method, path)?.operation.responses ?? {});
      const success = statuses.find((status) => status.startsWith('2'));
      return success === undefined ? null : Number(success);
    },
  };
}

/** By name. An example beside the schema, or in it, is called `example`. */
function examplesOf(part: Content | undefined, document: Document): Record<string, unknown> {
  const content = part?.content?.['application/json'];
  if (content?.examples !== undefined)
    return Object.fromEntries(Object.entries(content.examples).map(([name, { value }]) => [name, value]));
  const example = content?.example ?? (content?.schema && resolve(content.schema, document).example);
  return example === undefined ? {} : { example };
}

/** Every schema of the document once, outer ones before inner ones. */
function allSchemas(document: Document): Schema[] {
  const found = new Set<Schema>();
  const visit = (schema: Schema | boolean | undefined): void => {
    if (typeof schema !== 'object' || found.has(schema)) return;
    found.add(schema);
    for (const inner of Object.values(schema.properties ?? {})) visit(inner);
    for (const inner of [...(schema.allOf ?? []), ...(schema.oneOf ?? []), ...(schema.anyOf ?? [])])
      visit(inner);
    visit(schema.items);
    visit(schema.additionalProperties);
  };
  for (const schema of Object.values(document.components.schemas)) visit(schema);
  for (const { schema } of allContents(document)) visit(schema);
  return [...found];
}

function allContents(document: Document) {
  return Object.values(document.paths)
    .flatMap((item) => Object.values(item))
    .filter((operation) => operation.responses !== undefined)
    .flatMap((operation) => [operation.requestBody ?? {}, ...Object.values(operation.responses)])
    .flatMap((part) => Object.values(part.content ?? {}));
}

function resolve(schema: Schema, document: Document): Schema {
  const name = schema.$ref?.split('/').at(-1);
  return name === undefined ? schema : resolve(document.components.schemas[name] ?? {}, document);
}

/** In Dojo's specification, objects joined by `allOf` forbid each other's members, so they become one object. */
function mergeAllOf(schema: Schema, document: Document): void {
  if (schema.allOf === undefined) return;
  const parts = schema.allOf.map((part) => {
    const resolved = resolve(part, document);
    mergeAllOf(resolved, document);
    return resolved;
  });
  delete schema.allOf;
  const closed = parts.some((part) => part.additionalProperties === false);
  Object.assign(schema, {
    type: 'object',
    properties: Object.assign({}, schema.properties, ...parts.map((part) => part.properties)),
    required: [...new Set([schema, ...parts].flatMap((part) => part.required ?? []))],
    ...(closed && { additionalProperties: false }),
  });
}

/** Dojo's examples have members that its schemas forbid. Allows those members in those places. */
function allowWhatExamplesHave(document: Document): void {
  const allow = (given: Schema, example: unknown): void => {
    const schema = resolve(given, document);
    for (const branch of [...(schema.oneOf ?? []), ...(schema.anyOf ?? [])]) allow(branch, example);
    if (Array.isArray(example)) {
      for (const entry of example) if (schema.items !== undefined) allow(schema.items, entry);
    } else if (typeof example === 'object' && example !== null && schema.properties !== undefined) {
      for (const [name, member] of Object.entries(example)) {
        const known = schema.properties[name];
        if (known === undefined) schema.properties[name] = {};
        else allow(known, member);
      }
    }
  };
  for (const schema of allSchemas(document)) if (schema.example !== undefined) allow(schema, schema.example);
  for (const { schema, example, examples } of allContents(document)) {
    if (schema === undefined) continue;
    for (const value of [example, ...Object.values(examples ?? {}).map((entry) => entry.value)])
      allow(schema, value);
  }
}

/** OpenAPI 3.0 has `nullable` beside `oneOf` and `$ref`, where Ajv does not read it. */
function spellOutNullable(schema: Schema): void {
  if (schema.nullable !== true) return;
  const { nullable: _nullable, ...rest } = schema;
  for (const name of Object.keys(schema)) Reflect.deleteProperty(schema, name);
  schema.anyOf = [{ type: 'null' }, rest];
}
