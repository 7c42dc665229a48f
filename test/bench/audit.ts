import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventIdOf } from './requests.ts';

/** The file in which the shop's connections record how durable they are. */
export function durabilityFile(folder: string): string {
  return join(folder, 'durability');
}

/** Throws unless every connection that wrote recorded `journal` and `synchronous=FULL`. */
export function assertDurable(folder: string, journal: 'wal' | 'delete', synchronous = 2): void {
  const lines = readFileSync(durabilityFile(folder), 'utf8').trim().split('\n');
  rmSync(durabilityFile(folder));
  const wrong = lines.filter((line) => line !== JSON.stringify([journal, synchronous]));
  if (wrong.length > 0) throw new Error(`Connections wrote with ${wrong.join(', ')}.`);
}

/** How many events of a run were acknowledged, numbered from the first. */
export type Acknowledged = { readonly run: string; readonly from: number; readonly count: number };

/** Throws unless the SQLite file has each of the events once. */
export function assertKept(databasePath: string, acknowledged: Acknowledged): void {
  const sql = 'SELECT event_id FROM events WHERE event_id GLOB ?';
  compareKept(readColumn(databasePath, sql, `evt_${acknowledged.run}_*`), acknowledged);
}

/** `kept` is every event of the run that the store has. Throws if one is missing or stored twice. */
export function compareKept(kept: readonly unknown[], { run, from, count }: Acknowledged): void {
  const ids = new Set(kept);
  const missing = Array.from({ length: count }, (_, index) => eventIdOf(run, from + index)).filter(
    (id) => !ids.has(id),
  );
  if (missing.length > 0)
    throw new Error(`${missing.length} acknowledged events are missing, for example ${missing[0]}.`);
  if (kept.length > count) throw new Error(`${kept.length} events were kept, and ${count} acknowledged.`);
}

/** Throws unless each answered checkout is an order with the intent that the shopper was sent to. */
export function assertPlaced(databasePath: string, run: string, placed: number): void {
  const [kept] = readColumn(
    databasePath,
    `SELECT COUNT(*) FROM orders JOIN attempts ON order_id = id WHERE checkout_key GLOB ? AND state = 'attached'`,
    `${run}-*`,
  );
  if (kept !== placed) throw new Error(`${kept} orders have an intent, and ${placed} were answered.`);
}

/** Tokens of orders from all over the database. */
export function readTokens(databasePath: string, count: number): string[] {
  const all = readColumn(databasePath, 'SELECT token FROM orders ORDER BY random() LIMIT ?', count);
  return all.map(String);
}

function readColumn(databasePath: string, sql: string, parameter: string | number): unknown[] {
  const database = new DatabaseSync(databasePath, { readOnly: true });
  try {
    return database
      .prepare(sql)
      .all(parameter)
      .map((row) => Object.values(row)[0]);
  } finally {
    database.close();
  }
}
