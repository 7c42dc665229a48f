export type SqlValue = SqlScalar | readonly SqlScalar[];
type SqlScalar = string | number | Uint8Array | null;

/** Parameters are written `$1`, `$2`, …; rows come back as objects. */
export type SqlTransaction = {
  readonly dialect: SqlDialect;
  all(sql: string, params?: readonly SqlValue[]): Promise<unknown[]>;
  /** How many rows it changed. SQLite would make a table of its own for RETURNING, each time. */
  run(sql: string, params?: readonly SqlValue[]): Promise<number>;
  /** Statements without parameters, several at once. */
  exec(sql: string): Promise<void>;
  /**
   * The time by which processes compare leases and claims with each other: the caller's on one machine, the database's
   * own where processes run on several, whose clocks differ.
   */
  commonTime(now: Date): Promise<Date>;
};

/** Where the two databases differ; all other text they read alike. */
export type SqlDialect = {
  readonly name: 'sqlite' | 'postgres';
  /** Ends a SELECT whose rows stay as they are until this transaction ends. SQLite has one writer and needs nothing. */
  readonly forUpdate: string;
  /** The same, passing over rows that another process is at. */
  readonly skipLocked: string;
  /** Written behind a column: its value is in the list that the parameter holds. */
  isOneOf(param: string): string;
  /** Types and endings of tables. The text is SQLite's. */
  schema(text: string): string;
};

/** What the order store needs of a database. A write is durable when its promise resolves, or changed nothing. */
export type SqlDatabase = {
  /** The work may be run again from its beginning where other processes were in the way. */
  write<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  /** Sees one moment's state. */
  read<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

/** The same wish in the time by which processes compare: what was `ms` away stays as far away. */
export async function inCommonTime(
  tx: SqlTransaction,
  now: Date,
  until: Date,
): Promise<{ now: number; until: number }> {
  const common = (await tx.commonTime(now)).getTime();
  return { now: common, until: common + until.getTime() - now.getTime() };
}
