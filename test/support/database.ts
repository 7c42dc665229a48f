import { DatabaseSync } from 'node:sqlite';
import type { OpenShop } from './shop.ts';

/** Rows of the database file that the shop has open. */
export function rows(shop: OpenShop, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(shop.databasePath, { readOnly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

/** Everything that a refused request must not change. */
export function contents(shop: OpenShop): Record<string, unknown[]> {
  return Object.fromEntries(
    ['orders', 'attempts', 'events', 'fulfilments', 'messages', 'api_requests', 'quarantine'].map((table) => [
      table,
      rows(shop, `SELECT * FROM ${table} ORDER BY 1, 2`),
    ]),
  );
}
