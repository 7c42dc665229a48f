import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { countAnswers, countCheckpoints, cutPower, findUnsynced, watchShop } from './power-cut.ts';
import { projectFolder } from './server.ts';

// A killed process loses nothing that the system has accepted. A power cut does, so this watches the disk itself.

const folder = mkdtempSync(join(tmpdir(), 'power-cut-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('between reading a webhook and answering it, the shop writes it and waits for the disk', {
  timeout: 60_000,
}, async () => {
  // More pages than the write-ahead log holds before it is written back.
  const shop = await watchShop({ folder: join(folder, 'full'), webhooks: 1_200 });
  expect(shop.answered).toHaveLength(1_200);
  expect(countAnswers(shop)).toBe(1_200);
  expect(findUnsynced(shop)).toEqual([]);

  expect(countCheckpoints(shop)).toBeGreaterThan(0);
  const { cuts, lost } = cutPower(shop, {
    folder,
    cutAt: (answer, sinceCheckpoint) => answer <= 20 || answer % 50 === 0 || sinceCheckpoint <= 5,
  });
  expect(cuts).toBeGreaterThan(40);
  expect(lost).toEqual([]);
});

describe('the same proof fails for a connection that answers before the disk has it', () => {
  test.each([
    ['NORMAL', 1],
    ['OFF', 0],
  ])('PRAGMA synchronous = %s', { timeout: 60_000 }, async (mode, number) => {
    const shop = await watchShop({
      folder: join(folder, mode),
      webhooks: 30,
      project: copyProject(mode, number),
    });
    expect(countAnswers(shop)).toBe(30);
    expect(findUnsynced(shop)).toEqual(shop.answered);
    const { lost } = cutPower(shop, { folder, cutAt: (answer) => answer === 30 });
    expect(lost).toEqual(shop.answered);
  });
});

/** A copy of this project without the setting that decides, and without the shop's guard of it. */
function copyProject(mode: string, number: number): string {
  const copy = join(folder, `project-${mode}`);
  cpSync(join(projectFolder, 'src'), join(copy, 'src'), { recursive: true });
  for (const name of ['node_modules', 'views', 'public', 'package.json'])
    symlinkSync(join(projectFolder, name), join(copy, name));
  const file = join(copy, 'src/store/sqlite/database.ts');
  const changes = [
    ['PRAGMA synchronous = FULL', `PRAGMA synchronous = ${mode}`],
    ['synchronous !== 2', `synchronous !== ${number}`],
  ] as const;
  let source = readFileSync(file, 'utf8');
  for (const [before, after] of changes) {
    expect(source.split(before), `src/store/sqlite/database.ts says "${before}" once`).toHaveLength(2);
    source = source.replace(before, after);
  }
  writeFileSync(file, source);
  return copy;
}
