import type { SqlScalar, SqlTable } from '../sql.ts';

// Lists as PostgreSQL takes them in its binary format: nothing to quote here, and nothing to read back there. For the
// layout see `array_recv` in its sources: dimensions, whether there are nulls, the type of the items, how many, the first
// index, and each item behind its length.

/** A parameter of type `BIGINT[]`, `TEXT[]` or `BYTEA[]`. */
export function listOf(type: SqlTable['columns'][number]['type'], values: readonly SqlScalar[]): Buffer {
  if (type === 'BIGINT') return listOfIntegers(values as (number | null)[]);
  return type === 'TEXT' ? listOfTexts(values as (string | null)[]) : listOfBytes(values as Uint8Array[]);
}

const header = 20;
const types = { int8: 20, text: 25, bytea: 17 } as const;

/** For a parameter `BIGINT[]`. */
export function listOfIntegers(values: readonly (number | null)[]): Buffer {
  const list = Buffer.allocUnsafe(header + values.length * 12);
  let at = writeHeader(list, 'int8', values);
  for (const value of values) {
    if (value === null) {
      at = list.writeInt32BE(-1, at);
    } else {
      if (!Number.isSafeInteger(value)) throw new Error(`${value} is no safe integer.`);
      at = list.writeInt32BE(8, at);
      at = list.writeInt32BE(Math.floor(value / 2 ** 32), at);
      at = list.writeUInt32BE(value >>> 0, at);
    }
  }
  return list.subarray(0, at);
}

/** For a parameter `TEXT[]`. */
export function listOfTexts(values: readonly (string | null)[]): Buffer {
  const texts = values.map((value) => (value === null ? null : withoutNul(value)));
  const size = texts.reduce((sum, text) => sum + 4 + (text === null ? 0 : Buffer.byteLength(text)), header);
  const list = Buffer.allocUnsafe(size);
  let at = writeHeader(list, 'text', texts);
  for (const text of texts) {
    const length = text === null ? -1 : list.write(text, at + 4);
    list.writeInt32BE(length, at);
    at += 4 + Math.max(length, 0);
  }
  return list;
}

/** For a parameter `BYTEA[]`. */
export function listOfBytes(values: readonly Uint8Array[]): Buffer {
  const size = values.reduce((sum, value) => sum + 4 + value.byteLength, header);
  const list = Buffer.allocUnsafe(size);
  let at = writeHeader(list, 'bytea', values);
  for (const value of values) {
    at = list.writeInt32BE(value.byteLength, at);
    list.set(value, at);
    at += value.byteLength;
  }
  return list;
}

/** Returns where the items begin. */
function writeHeader(list: Buffer, type: keyof typeof types, values: readonly unknown[]): number {
  list.writeInt32BE(1, 0);
  list.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  list.writeInt32BE(types[type], 8);
  list.writeInt32BE(values.length, 12);
  return list.writeInt32BE(1, 16);
}

/** PostgreSQL's text has no place for U+0000. The bytes of an event that has one are kept as they came. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
