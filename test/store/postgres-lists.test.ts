import { expect, test } from 'vitest';
import { openPostgres } from '../../src/store/postgres/database.ts';
import { listOfBytes, listOfIntegers, listOfTexts } from '../../src/store/postgres/lists.ts';
import { startPostgres } from '../support/postgres.ts';

test('lists of any values reach PostgreSQL unchanged, but for NUL characters', async () => {
  const postgres = await startPostgres();
  const database = await openPostgres(await postgres.createDatabase());
  const itemsOf = (type: string, list: Buffer) =>
    database.read(async (tx) => {
      const rows = await tx.all(`SELECT item FROM unnest(CAST($1 AS ${type}[])) AS item`, [list]);
      return rows.map((row) => (row as { item: unknown }).item);
    });
  try {
    const integers = [0, 1, -1, 2 ** 31, 2 ** 32 - 1, -(2 ** 32), null, 2 ** 53 - 1, 1 - 2 ** 53];
    expect(await itemsOf('BIGINT', listOfIntegers(integers))).toEqual(integers);
    const texts = ['', 'NULL', null, '{a,"b"}\\', '£ and 😀', ' '];
    expect(await itemsOf('TEXT', listOfTexts(texts))).toEqual(texts);
    expect(await itemsOf('TEXT', listOfTexts(['a\0b']))).toEqual(['a\uFFFDb']);
    const bytes = [Buffer.alloc(0), Buffer.from([0, 255, 92, 34]), Buffer.alloc(70_000, 7)];
    expect(await itemsOf('BYTEA', listOfBytes(bytes))).toEqual(bytes);
    expect(await itemsOf('BYTEA', listOfBytes([new Uint8Array([1, 2])]))).toEqual([Buffer.from([1, 2])]);
    expect(await itemsOf('BIGINT', listOfIntegers([]))).toEqual([]);
    expect(await itemsOf('TEXT', listOfTexts([]))).toEqual([]);
    expect(await itemsOf('BYTEA', listOfBytes([]))).toEqual([]);
    for (const wrong of [Number.NaN, 0.5, 2 ** 53]) expect(() => listOfIntegers([wrong])).toThrow();
  } finally {
    await database.close();
    await postgres.stop();
  }
});
