import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { projectFolder } from './processes.ts';
import { figure, formatTable, quantile } from './stats.ts';

const bench = fileURLToPath(new URL('bench.ts', import.meta.url));

test('a suite runs, finds every acknowledged event in the store, and ends by itself', {
  timeout: 300_000,
}, () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bench, '--quick', '--only', 'intake'], {
    cwd: projectFolder,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  const report = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  expect(Object.keys(report.figures)).toEqual(['intake']);
  expect(report.aims.filter((aim: { got: number | null }) => aim.got === null)).toEqual([]);
});

test('an unknown suite is named', () => {
  const { status, stderr } = spawnSync(process.execPath, [bench, '--only', 'intake,speed'], {
    encoding: 'utf8',
  });
  expect([status, stderr]).toEqual([1, expect.stringContaining('There is no suite speed')]);
});

test.each([
  [[4, 1, 3, 2, 5], 0.5, 3],
  [[4, 1, 3, 2], 0.5, 2],
  [[4, 1, 3, 2], 0.99, 4],
  [[7], 0, 7],
  [[], 0.5, Number.NaN],
])('of %j the quantile %s is %s', (values, share, wanted) => {
  expect(quantile(values, share)).toBe(wanted);
});

test.each([
  [12_345.6, '12,346'],
  [123.4, '123'],
  [1.234, '1.23'],
  [0.012_34, '0.0123'],
  [0, '0'],
  [Number.NaN, '-'],
])('%s is written as %s', (value, wanted) => {
  expect(figure(value)).toBe(wanted);
});

test('a table is aligned Markdown', () => {
  expect(formatTable(['a', 'long'], [['xyz', '1']])).toBe('| a   | long |\n|-----|------|\n| xyz | 1    |\n');
});
