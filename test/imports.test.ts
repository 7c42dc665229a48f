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
 * What each folder may import, as house.md has it: its own files always, and of the others whole folders or single files.
 * `types` are imported as types only. A name behind a `#` is the one thing that may be taken from a file.
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
  'config.ts': { values: ['dojo'], types: [] },
  'log.ts': { values: ['log-output.ts', 'log-redaction.ts'], types: ['shop'] },
  'log-output.ts': { values: [], types: [] },
  'log-redaction.ts': { values: ['dojo'], types: [] },
};

/** The entries of processes, where the environment comes in. */
const mayReadEnvironment = ['main.ts', 'cli/shop.ts', 'simulator/main.ts', 'demo.ts'];

const imports = files.flatMap((file) => importsOf(file, readSource(file)));
const ours = imports.filter((entry) => entry.isOurs);

describe('imports are found', () => {
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

  test('in every way that they can be written', () => {
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

  test('in the source of the shop', () => {
    expect(files.length).toBeGreaterThan(30);
    expect(ours.length).toBeGreaterThan(50);
    expect(ours.some(({ from, to }) => from === 'create-shop.ts' && to === 'app.ts')).toBe(true);
  });
});

test('every folder imports only what the table of the house allows', () => {
  expect(ours.flatMap((entry) => (isAllowed(entry) ? [] : [told(entry, ruleFor(entry.from))]))).toEqual([]);
});

test('every folder and file at the top has a row in the table', () => {
  expect(files.map(roomOf).filter((room) => table[room] === undefined)).toEqual([]);
});

test('nothing but app and main imports http', () => {
  const wrong = ours.filter(
    ({ from, to }) => roomOf(to) === 'http' && !['http', 'app.ts', 'main.ts'].includes(roomOf(from)),
  );
  expect(wrong.map((entry) => told(entry, 'only app and main import http'))).toEqual([]);
});

test('nothing that runs in production imports the simulator', () => {
  const wrong = ours.filter(
    ({ from, to }) => roomOf(to) === 'simulator' && !['simulator', 'demo.ts'].includes(roomOf(from)),
  );
  expect(wrong.map((entry) => told(entry, 'production code never imports the simulator'))).toEqual([]);
});

test('no imports go round in a circle', () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      circles.push(
        `src/${[...path.slice(path.indexOf(file)), file].join(' -> ')}: imports never go in a circle`,
      );
      return;
    }
    if (done.has(file)) return;
    for (const { from, to } of ours) if (from === file) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

test('every import of ours names a file that is there, with its suffix', () => {
  const wrong = ours.filter(({ to }) => !to.endsWith('.ts') || !existsSync(join(root, to)));
  expect(wrong.map((entry) => told(entry, 'names no file'))).toEqual([]);
});

test('the environment is read where processes begin and nowhere else', () => {
  const wrong = files.filter((file) => /\bprocess\s*(\.|\[')env\b|\bimport\.meta\.env\b/.test(codeOf(file)));
  expect(
    wrong
      .filter((file) => !mayReadEnvironment.includes(file))
      .map((file) => `src/${file}: process.env is read in ${mayReadEnvironment.join(', ')} only`),
  ).toEqual([]);
});

describe('the trade is pure', () => {
  const shop = files.filter((file) => roomOf(file) === 'shop');

  test('it needs no package but zod', () => {
    const wrong = imports.filter(
      ({ from, to, isOurs }) => roomOf(from) === 'shop' && !isOurs && to !== 'zod',
    );
    expect(wrong.map((entry) => told(entry, 'shop has no I/O and no framework'))).toEqual([]);
  });

  test.each(shop)('%s asks neither clock nor chance nor process', (file) => {
    expect(
      codeOf(file).match(/Date\.now\(|new Date\(\)|Math\.random\(|\bprocess\.|\bsetTimeout\(|\bfetch\(/g),
    ).toBe(null);
  });
});

function isAllowed({ from, to, isType, names }: Import): boolean {
  if (roomOf(from) === roomOf(to)) return true;
  const rule = table[roomOf(from)];
  const targets = [to, roomOf(to)];
  if (rule?.values.some((place) => targets.includes(place))) return true;
  if (isType) return rule?.types.some((place) => targets.includes(place)) ?? false;
  return names.length > 0 && names.every((name) => rule?.values.includes(`${to}#${name}`));
}

function ruleFor(file: string): string {
  const rule = table[roomOf(file)] ?? { values: [], types: [] };
  const types = rule.types.length > 0 ? `, and types of ${rule.types.join(', ')}` : '';
  return `${roomOf(file)} may import ${rule.values.join(', ') || 'nothing of ours'}${types}`;
}

function told({ from, to, isType, names }: Import, rule: string): string {
  return `src/${from} imports ${isType ? 'the type ' : ''}${names.join(', ')} from ${to}: ${rule}`;
}

/** The folder of a file, or the file itself at the top of src. */
function roomOf(file: string): string {
  return file.split('/')[0] ?? file;
}

function readSource(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Without comments, which may speak of what the code must not do. */
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
