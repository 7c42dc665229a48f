import type { OrderStore } from './order-store.ts';
import { createSqlOrderStore } from './sql-order-store.ts';
import { openSqliteReader } from './sqlite.ts';
import { type Call, openSqliteThread, type SqliteThreadWriter } from './sqlite-writer.ts';

/** Whether a call needs the thread that writes. */
const kinds = {
  placeOrder: 'write',
  beginAttempt: 'write',
  attachIntent: 'write',
  endAttempt: 'write',
  recordEvents: 'write',
  quarantine: 'write',
  recordObservation: 'write',
  planCheck: 'write',
  claimChecks: 'write',
  claimOrphans: 'write',
  endOrphanCheck: 'write',
  beginRefund: 'write',
  endRefund: 'write',
  claimOpenRefund: 'write',
  claimFulfilments: 'write',
  completeFulfilment: 'write',
  claimNotifications: 'write',
  endNotification: 'write',
  acquireLease: 'write',
  checkWritable: 'write',
  pruneEvents: 'write',
  checkReplay: 'read',
  findOrderByReference: 'read',
  findOrderByToken: 'read',
  findOrderByCheckoutKey: 'read',
} as const satisfies Record<Call['method'], 'read' | 'write'>;

/**
 * Opens the order store on a SQLite file, or in memory. What writes is done in a thread of its own, so that requests
 * never wait for the disk; what reads a file takes microseconds and is done at once, on a connection of its own.
 * Rejects with `StoreError`.
 */
export async function openSqliteStore(path: string): Promise<OrderStore> {
  const writer = await openSqliteThread(path);
  return path === ':memory:'
    ? createStore(writer, null)
    : createStore(writer, await openReader(writer, path));
}

type Reader = ReturnType<typeof createSqlOrderStore>;

async function openReader(writer: SqliteThreadWriter, path: string): Promise<Reader> {
  try {
    return createSqlOrderStore(openSqliteReader(path));
  } catch (error) {
    await writer.close();
    throw error;
  }
}

/** Memory is seen by one connection only, so without a reader the thread that writes does everything. */
function createStore(writer: SqliteThreadWriter, reader: Reader | null): OrderStore {
  const reads: Partial<OrderStore> = reader ?? {};
  const calls = Object.entries(kinds).map(([name, kind]) => {
    const method = name as Call['method'];
    const read = kind === 'read' ? reads[method] : undefined;
    return [method, read ?? ((...args: readonly unknown[]) => writer.call({ method, args }))];
  });
  return {
    ...(Object.fromEntries(calls) as Omit<OrderStore, 'close'>),
    async close() {
      await reader?.close();
      await writer.close();
    },
  };
}
