import type { OrderNews } from '../shop/order-news.ts';

export type SqlScalar = string | number | Uint8Array | null;
export type SqlValue = SqlScalar | readonly SqlScalar[];
/** Columns of a table that are written together, each from the member of an object with its name in camel case. */
export type SqlTable = {
  readonly name: string;
  /** The columns by which a row is found. */
  readonly key: readonly string[];
  readonly columns: readonly { readonly name: string; readonly member: string; readonly type: SqlType }[];
};
type SqlType = 'BIGINT' | 'TEXT' | 'BYTEA';

/** Names are separated by spaces. */
export function defineTable(name: string, key: string, types: Partial<Record<SqlType, string>>): SqlTable {
  const columns = Object.entries(types).flatMap(([type, names]) =>
    names.split(' ').map((column) => ({
      name: column,
      member: column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      type: type as SqlType,
    })),
  );
  return { name, key: key.split(' '), columns };
}

const narrowed = new Map<string, SqlTable>();

/** The table with its key and only those columns in which two states of a row differ; null if none does. */
export function changedColumns(table: SqlTable, before: object, after: object): SqlTable | null {
  const columns = table.columns.filter(
    ({ name, member }) =>
      table.key.includes(name) || !isSame(valueIn(before, member), valueIn(after, member)),
  );
  if (columns.length === table.key.length) return null;
  const signature = `${table.name} ${columns.map(({ name }) => name).join(' ')}`;
  let changed = narrowed.get(signature);
  if (changed === undefined) {
    changed = { ...table, columns };
    narrowed.set(signature, changed);
  }
  return changed;
}

function isSame(one: unknown, other: unknown): boolean {
  return one === other || (typeof one === 'object' && encode(one) === encode(other));
}

function valueIn(row: object, member: string): unknown {
  return (row as Record<string, unknown>)[member];
}

/** In the order of the table's columns: times in milliseconds, yes and no as 1 and 0, lists with commas. */
export function valuesOf(table: SqlTable, row: object): SqlScalar[] {
  return table.columns.map(({ member }) => encode(valueIn(row, member)));
}

function encode(value: unknown): SqlScalar {
  if (value instanceof Date) return value.getTime();
  if (typeof value === 'boolean') return Number(value);
  return Array.isArray(value) ? value.join() : ((value ?? null) as SqlScalar);
}

/** Parameters are written `$1`, `$2`, …; rows come back as objects. Statements run in the order in which they are sent. */
export type SqlTransaction = {
  readonly dialect: SqlDialect;
  /** What the transaction changes, for the log. Reported once it is durable. */
  readonly news: OrderNews[];
  all(sql: string, params?: readonly SqlValue[]): Promise<unknown[]>;
  /** Resolves to how many rows it changed. SQLite would fill a temporary table for RETURNING. */
  run(sql: string, params?: readonly SqlValue[]): Promise<number>;
  /** Statements without parameters, several at once. */
  exec(sql: string): Promise<void>;
  /** Adds rows; a unique key in the way fails the transaction. */
  insertRows(table: SqlTable, rows: readonly object[]): Promise<unknown>;
  /** Adds the rows that no unique key stands in the way of; resolves to whether each is new. */
  insertNewRows(table: SqlTable, rows: readonly object[]): Promise<boolean[]>;
  /** Sets the table's columns in the rows with these keys. */
  updateRows(table: SqlTable, rows: readonly object[]): Promise<unknown>;
  /**
   * For a statement whose answer no one needs: on PostgreSQL it resolves as soon as the statement is sent, so that COMMIT
   * goes with it. If the database refuses the statement, the transaction fails.
   */
  withCommit(statement: Promise<unknown>): Promise<unknown>;
  /**
   * The time by which processes compare leases and claims with each other: the caller's on one machine, the database's
   * if processes run on several, whose clocks differ.
   */
  commonTime(now: Date): Promise<Date>;
};

/** The differences between the two databases; they read all other text alike. */
export type SqlDialect = {
  readonly name: 'sqlite' | 'postgres';
  /** Ends a SELECT whose rows stay as they are until this transaction ends. SQLite has one writer and needs nothing. */
  readonly forUpdate: string;
  /** The same, passing over rows that another process has locked. */
  readonly skipLocked: string;
  /** Follows a column whose value is in the list that the parameter holds. */
  isOneOf(param: string): string;
  /** Types and endings of tables. The text is SQLite's. */
  schema(text: string): string;
};

/** What the order store needs of a database. A write is durable when its promise resolves, or it changed nothing. */
export type SqlDatabase = {
  /** The work may be run again from its beginning if other processes were in the way. */
  write<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  /** Sees the state of one moment. */
  read<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** The same period in the time by which processes compare: what was `ms` away stays as far away. */
export async function inCommonTime(
  tx: SqlTransaction,
  now: Date,
  until: Date,
): Promise<{ now: number; until: number }> {
  const common = (await tx.commonTime(now)).getTime();
  return { now: common, until: common + until.getTime() - now.getTime() };
}

/** A condition and its parameter: one value is compared without a list, which SQLite does in half the time. */
export function isAmong(tx: SqlTransaction, values: readonly (string | number)[]): [string, SqlValue] {
  return values.length === 1 && values[0] !== undefined
    ? ['= $1', values[0]]
    : [tx.dialect.isOneOf('$1'), values];
}
