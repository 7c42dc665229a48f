import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import {
  defaultSettings,
  settingNames,
  settingsChangeSchema,
  settingTable,
} from '../../src/simulator/settings.ts';

const readme = readFileSync(new URL('../../src/simulator/README.md', import.meta.url), 'utf8');

/** One row a setting: the question, the choices with the default first, and the reason. */
function renderTable(): string {
  const rows = settingNames.map((name) => {
    const { question, choices, reason } = settingTable[name];
    const [first, ...others] = choices.map((choice) => `\`${choice}\``);
    return `| \`${name}\` | ${question} | **${first}**, ${others.join(', ')} | ${reason} |`;
  });
  return [
    '| Setting | Open question | Choices | Why the first is the default |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n');
}

test('the README repeats the table of settings', () => {
  const found = /<!-- settings: [^>]* -->\n\n([\s\S]*?)\n\n<!-- end of settings -->/.exec(readme)?.[1];
  expect(found).toBe(renderTable());
});

test.each(settingNames)('%s has a question and a reason, and its first choice is the default', (name) => {
  const { question, choices, reason } = settingTable[name];
  expect(defaultSettings[name]).toBe(choices[0]);
  expect(choices.length).toBeGreaterThan(1);
  expect(new Set<string>(choices).size).toBe(choices.length);
  for (const text of [question, reason]) {
    expect(text).not.toMatch(/\||\n|\.$/);
    expect(text.length).toBeGreaterThan(10);
  }
});

test('every choice of every setting is accepted, and no other', () => {
  for (const name of settingNames) {
    for (const choice of settingTable[name].choices) {
      expect(settingsChangeSchema.parse({ [name]: choice })).toEqual({ [name]: choice });
    }
    expect(settingsChangeSchema.safeParse({ [name]: 'something else' }).success).toBe(false);
  }
  expect(settingsChangeSchema.safeParse({ noSuchSetting: 'x' }).success).toBe(false);
  expect(settingsChangeSchema.parse({})).toEqual({});
});

test('the defaults cannot be changed', () => {
  expect(Object.isFrozen(defaultSettings)).toBe(true);
  expect(Object.isFrozen(settingTable)).toBe(true);
});
