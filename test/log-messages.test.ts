import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { messages } from '../src/log.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(`${root}${file}`, 'utf8');

const sources = globSync('src/**/*.ts', { cwd: root })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => !file.startsWith('src/simulator/'));

describe('every line of the log is a message of the list', () => {
  const used = sources
    .map((file) => read(file).replace(/messages = Object\.freeze\(.*?^\}/ms, ''))
    .filter((source) => /\blogEvent\b/i.test(source))
    .flatMap((source) => [...source.matchAll(/'(\w+)'/g)].map(([, name = '']) => name));

  test('that some code logs', () => {
    expect(Object.keys(messages).filter((name) => !used.includes(name))).toEqual([]);
  });

  test('and no code logs in another way', () => {
    const direct = /\blog(?:ger)?\s*(?:\.(?:trace|debug|info|warn|error|fatal)\b|\[)|\bconsole\./;
    expect(sources.filter((file) => direct.test(read(file)))).toEqual(['src/log.ts']);
  });
});

describe('docs/logs.md', () => {
  const rows = read('docs/logs.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.slice(2, -2).split(' | '));
  const code = (cell = '') => cell.replaceAll('`', '');

  test('has a row for each message, with its level, words, meaning and what to do', () => {
    const documented = rows.filter((row) => row.length === 5);
    expect(documented.map(([event, level, text]) => [code(event), level, code(text)])).toEqual(
      Object.entries(messages).map(([event, [level, text]]) => [event, level, text]),
    );
    for (const [, , , meaning, action] of documented) {
      expect(meaning).toMatch(/\w.*\./);
      expect(action).toMatch(/\w/);
    }
  });

  test('has a row for each field', () => {
    const [, type = ''] = /^type Fields = \{\n(.*?)^\};/ms.exec(read('src/log.ts')) ?? [];
    const fields = [...type.matchAll(/^ {2}(\w+): /gm)].map(([, name]) => name);
    expect(fields.length).toBeGreaterThan(20);
    const documented = rows.filter((row) => row.length === 2);
    expect(documented.flatMap(([names]) => code(names).split(', '))).toEqual(fields);
  });
});
