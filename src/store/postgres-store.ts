import type { OrderStore } from './order-store.ts';
import { openPostgres, type PostgresOptions } from './postgres.ts';
import { createPostgresIntake } from './postgres-intake.ts';
import { createSqlOrderStore } from './sql-order-store.ts';

/** Opens the order store at a `postgres://` address. Any number of processes may do so at once. Rejects with `StoreError`. */
export async function openPostgresStore(url: string, options: PostgresOptions = {}): Promise<OrderStore> {
  const database = await openPostgres(url, options);
  const { recordEvents, close: closeIntake } = createPostgresIntake(database);
  return {
    ...createSqlOrderStore(database),
    recordEvents,
    async close() {
      await closeIntake();
      await database.close();
    },
  };
}
