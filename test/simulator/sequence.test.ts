import { expect, test } from 'vitest';
import { createSequence } from '../../src/simulator/state/sequence.ts';
import { createRandom } from '../support/random.ts';

type Entry = { id: string; isWanted: boolean };

function fill(count: number, isWanted: (number: number) => boolean) {
  const sequence = createSequence<Entry>();
  for (let number = 0; number < count; number += 1)
    sequence.put({ id: `e${number}`, isWanted: isWanted(number) });
  return sequence;
}

test('a page reads only the entries that it needs', () => {
  const sequence = fill(10_000, () => true);
  let matched = 0;
  const matches = () => {
    matched += 1;
    return true;
  };
  sequence.page({ limit: 20 }, matches);
  sequence.page({ limit: 20, after: 'e5000' }, matches);
  sequence.page({ limit: 20, before: 'e5000' }, matches);
  expect(matched).toBeLessThanOrEqual(3 * 22);
});

test('pages in both directions give every match once, whatever matches and is removed', () => {
  const random = createRandom(4);
  for (let round = 0; round < 200; round += 1) {
    const sequence = fill(random.below(30), () => random.below(3) > 0);
    const isWanted = (entry: Entry) => entry.isWanted;
    const removed = `e${random.below(30)}`;
    const wasThere = sequence.find(removed) !== null;
    expect(sequence.remove(removed)).toBe(wasThere);
    expect(sequence.remove(removed)).toBe(false);
    const expected = [...sequence.values()].filter(isWanted).reverse();
    const limit = 1 + random.below(5);
    const seen: Entry[] = [];
    let page = sequence.page({ limit }, isWanted);
    expect(page?.before).toBeNull();
    let last = page;
    while (page !== null) {
      seen.push(...page.data);
      last = page;
      page = page.after === null ? null : sequence.page({ limit, after: page.after }, isWanted);
    }
    expect(seen).toEqual(expected);
    const back: Entry[] = [...(last?.data ?? [])];
    for (page = last; page !== null && page.before !== null; ) {
      page = sequence.page({ limit, before: page.before }, isWanted);
      back.unshift(...(page?.data ?? []));
    }
    expect(back).toEqual(expected);
    expect(sequence.count()).toBe([...sequence.values()].length);
  }
});

test('an updated entry keeps its place, and an unknown cursor has none', () => {
  const sequence = fill(3, () => true);
  sequence.put({ id: 'e0', isWanted: false });
  expect(sequence.list()).toEqual([
    { id: 'e2', isWanted: true },
    { id: 'e1', isWanted: true },
    { id: 'e0', isWanted: false },
  ]);
  expect(sequence.list(1)).toHaveLength(1);
  expect(sequence.page({ after: 'e9' }, () => true)).toBeNull();
  sequence.clear();
  expect(sequence.list()).toEqual([]);
  expect(sequence.page({ after: 'e0' }, () => true)).toBeNull();
});
