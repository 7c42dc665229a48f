import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('../src', import.meta.url));
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'))
  .toSorted();

type Import = {
  readonly from: string;
  /** A file below src, or the name of a package. */
  readonly to: string;
  readonly isOurs: boolean;
  readonly isType: boolean;
  readonly names: readonly string[];
};

/**
 * What each folder may import besides its own files, as docs/style.md says: whole folders or single files. `types` may be imported
 * as types only. `file.ts#name` allows that one name.
 */
const table: Record<string, { values: string[]; types: string[] }> = {
  dojo: { values: [], types: [] },
  shop: { values: [], types: ['dojo'] },
  store: { values: ['shop'], types: [] },
  checkout: {
    values: ['shop', 'dojo/webhook.ts', 'dojo/errors.ts', 'log.ts'],
    types: ['dojo', 'store', 'outbox', 'config.ts', 'context.ts'],
  },
  http: {
    values: ['shop', 'checkout', 'dojo/webhook.ts', 'log.ts'],
    types: ['store', 'config.ts', 'context.ts'],
  },
  simulator: { values: ['dojo'], types: [] },
  outbox: { values: [], types: [] },
  cli: { values: ['shop', 'checkout', 'dojo', 'store', 'config.ts', 'log.ts', 'context.ts'], types: [] },
  'app.ts': {
    values: ['http', 'shop', 'checkout', 'dojo', 'store', 'config.ts', 'log.ts', 'context.ts'],
    types: [],
  },
  'create-shop.ts': {
    values: ['checkout', 'outbox', 'shop', 'app.ts', 'config.ts', 'log.ts', 'context.ts'],
    types: [],
  },
  'demo.ts': { values: ['simulator', 'dojo', 'config.ts'], types: [] },
  'main.ts': { values: ['http', 'create-shop.ts', 'log.ts'], types: [] },
  'context.ts': { values: ['shop', 'checkout', 'dojo', 'store', 'config.ts', 'log.ts'], types: [] },
  'config.ts': { values: ['dojo', 'setting-value.ts'], types: [] },
  'setting-value.ts': { values: [], types: [] },
  'log.ts': { values: ['log-output.ts', 'log-redaction.ts'], types: ['shop'] },
  'log-output.ts': { values: [], types: [] },
  'log-redaction.ts': { values: ['dojo'], types: [] },
};

/** The entries of processes. */
const mayReadEnvironment = ['main.ts', 'cli/shop.ts', 'simulator/main.ts', 'demo.ts'];

const imports = files.flatMap((file) => importsOf(file, readSource(file)));
const ours = imports.filter((entry) => entry.isOurs);

describe('the search for imports', () => {
  const source = `
    import 'dotenv/config';
    import type { A } from './a.ts';
    import { type B, c as d } from '../b.ts';
    import {
      type E,
      type F,
    } from "./e.ts";
    import * as g from 'node:g';
    import h, { i } from 'h';
    export { j } from './j.ts';
    export * from './k.ts';
    export type { L } from './l.ts';
    const m = await import('./m.ts');
    export const text = 'not from here';
    // import { n } from './n.ts';
  `.replace(/^ {4}/gm, '');

  test('finds every form of import', () => {
    expect(
      importsOf('http/file.ts', source).map(({ to, isType, names }) => [to, isType, names.join()]),
    ).toEqual([
      ['http/a.ts', true, 'A'],
      ['b.ts', false, 'B,c'],
      ['http/e.ts', true, 'E,F'],
      ['node:g', false, '*'],
      ['h', false, 'h,i'],
      ['http/j.ts', false, 'j'],
      ['http/k.ts', false, '*'],
      ['http/l.ts', true, 'L'],
      ['dotenv/config', false, ''],
      ['http/m.ts', false, '*'],
    ]);
  });

  test('finds the imports of the shop', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(ours.length).toBeGreaterThan(50);
    expect(ours.some(({ from, to }) => from === 'create-shop.ts' && to === 'app.ts')).toBe(true);
  });
});

test('every folder imports only what the table allows', () => {
  expect(
    ours.flatMap((entry) => (isAllowed(entry) ? [] : [describeImport(entry, ruleFor(entry.from))])),
  ).toEqual([]);
});

test('every folder and file directly in src has a row in the table', () => {
  expect(files.map(areaOf).filter((area) => table[area] === undefined)).toEqual([]);
});

test('only app and main import http', () => {
  const wrong = ours.filter(
    ({ from, to }) => areaOf(to) === 'http' && !['http', 'app.ts', 'main.ts'].includes(areaOf(from)),
  );
  expect(wrong.map((entry) => describeImport(entry, 'only app and main import http'))).toEqual([]);
});

test('no production code imports the simulator', () => {
  const wrong = ours.filter(
    ({ from, to }) => areaOf(to) === 'simulator' && !['simulator', 'demo.ts'].includes(areaOf(from)),
  );
  expect(wrong.map((entry) => describeImport(entry, 'production code never imports the simulator'))).toEqual(
    [],
  );
});

test('no imports form a cycle', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push(
        `src/${[...path.slice(path.indexOf(file)), file].join(' -> ')}: imports never form a cycle`,
      );
      return;
    }
    if (done.has(file)) return;
    for (const { from, to } of ours) if (from === file) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(cycles).toEqual([]);
});

test('every relative import names an existing file with its suffix', () => {
  const wrong = ours.filter(({ to }) => !to.endsWith('.ts') || !existsSync(join(root, to)));
  expect(wrong.map((entry) => describeImport(entry, 'names no file'))).toEqual([]);
});

test('only the entries of processes read the environment', () => {
  const wrong = files.filter((file) => /\bprocess\s*(\.|\[')env\b|\bimport\.meta\.env\b/.test(codeOf(file)));
  expect(
    wrong
      .filter((file) => !mayReadEnvironment.includes(file))
      .map((file) => `src/${file}: process.env is read in ${mayReadEnvironment.join(', ')} only`),
  ).toEqual([]);
});

describe('the code of the trade', () => {
  const shop = files.filter((file) => areaOf(file) === 'shop');

  test('needs no package but zod', () => {
    const wrong = imports.filter(
      ({ from, to, isOurs }) => areaOf(from) === 'shop' && !isOurs && to !== 'zod',
    );
    expect(wrong.map((entry) => describeImport(entry, 'shop has no I/O and no framework'))).toEqual([]);
  });

  test.each(shop)('in %s uses no clock, randomness, process or network', (file) => {
    expect(
      codeOf(file).match(/Date\.now\(|new Date\(\)|Math\.random\(|\bprocess\.|\bsetTimeout\(|\bfetch\(/g),
    ).toBe(null);
  });
});

function isAllowed({ from, to, isType, names }: Import): boolean {
  if (areaOf(from) === areaOf(to)) return true;
  const rule = table[areaOf(from)];
  const targets = [to, areaOf(to)];
  if (rule?.values.some((place) => targets.includes(place))) return true;
  if (isType) return rule?.types.some((place) => targets.includes(place)) ?? false;
  return names.length > 0 && names.every((name) => rule?.values.includes(`${to}#${name}`));
}

function ruleFor(file: string): string {
  const rule = table[areaOf(file)] ?? { values: [], types: [] };
  const types = rule.types.length > 0 ? `, and types of ${rule.types.join(', ')}` : '';
  return `${areaOf(file)} may import ${rule.values.join(', ') || 'nothing of ours'}${types}`;
}

function describeImport({ from, to, isType, names }: Import, rule: string): string {
  return `src/${from} imports ${isType ? 'the type ' : ''}${names.join(', ')} from ${to}: ${rule}`;
}

/** The folder of a file, or the file itself if it is directly in src. */
function areaOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** The source without comments, which may mention what the code must not do. */
function codeOf(file: string): string {
  return readSource(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '');
}

function importsOf(file: string, source: string): Import[] {
  const found = (specifier: string, isType: boolean, names: readonly string[]): Import => {
    const isOurs = specifier.startsWith('.');
    const to = isOurs
      ? relative(root, join(root, dirname(file), specifier)).replaceAll('\\', '/')
      : specifier;
    return { from: file, to, isOurs, isType, names };
  };
  const statements = source.matchAll(
    /^(?:import|export)\s+(type\s+)?([\w$\s{},*]+?)\s+from\s+['"]([^'"]+)['"]/gm,
  );
  const bare = source.matchAll(/^import\s+['"]([^'"]+)['"]/gm);
  const dynamic = source.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g);
  return [
    ...[...statements].map(([, type, clause = '', specifier = '']) => {
      const parts = clause
        .replace(/[{}]/g, ',')
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean);
      const names = parts.map((part) => part.replace(/^type\s+/, '').split(/\s+as\s+/)[0] ?? part);
      return found(specifier, type !== undefined || parts.every((part) => part.startsWith('type ')), names);
    }),
    ...[...bare].map(([, specifier = '']) => found(specifier, false, [])),
    ...[...dynamic].map(([, specifier = '']) => found(specifier, false, ['*'])),
  ];
}
