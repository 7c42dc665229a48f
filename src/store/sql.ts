export type SqlValue = string | number | Uint8Array | null;

/** Parameters are written `$1`, `$2`, …; rows come back as objects. */
export type SqlTransaction = {
  all(sql: string, params?: readonly SqlValue[]): Promise<unknown[]>;
  exec(sql: string): Promise<void>;
};

/** What the order store needs of a database. A write is durable when its promise resolves, or changed nothing. */
export type SqlDatabase = {
  write<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  read<T>(work: (tx: SqlTransaction) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};
