import type { ReceivedEvent, RecordedEvent } from '../../shop/order-events.ts';
import { recordEvents } from '../events.ts';
import { assertNotOverloaded, createGroupCommit, partsOf, settle, type Waiting } from '../group-commit.ts';
import { type OrderStore, StoreError, type StoreOptions } from '../order-store.ts';
import { createSqlOrderStore } from '../sql-order-store.ts';
import { openPostgres, sqlStateOf } from './database.ts';

type Call = { readonly events: readonly ReceivedEvent[] } & Waiting<RecordedEvent[]>;

/**
 * Opens the order store at a `postgres://` address. Any number of processes may do so at once. Events that arrive while one
 * transaction is under way go into the next. Rejects with `StoreError`.
 */
export async function openPostgresStore(url: string, options: StoreOptions = {}): Promise<OrderStore> {
  const database = await openPostgres(url, options);
  let unanswered = 0;
  let isClosing = false;
  const group = createGroupCommit<Call>(commit);

  /** If one call breaks a constraint, the group is halved until that call stands alone and its neighbours are kept. */
  async function commit(calls: readonly Call[]): Promise<void> {
    const lists = calls.map(({ events }) => events);
    try {
      const recorded = await database.write((tx) => recordEvents(tx, lists.flat()));
      const values = partsOf(recorded, lists);
      for (const [index, call] of calls.entries())
        settle(call, { status: 'fulfilled', value: values[index] ?? [] });
    } catch (reason) {
      if (calls.length === 1 || !isFaultOfOne(reason)) {
        for (const call of calls) settle(call, { status: 'rejected', reason });
        return;
      }
      const half = Math.ceil(calls.length / 2);
      await commit(calls.slice(0, half));
      await commit(calls.slice(half));
    }
  }

  return {
    ...createSqlOrderStore(database),
    async recordEvents(events) {
      if (isClosing) throw new StoreError('The order store is closing');
      assertNotOverloaded(unanswered);
      const call = { events, ...Promise.withResolvers<RecordedEvent[]>() };
      unanswered += 1;
      group.add(call);
      return call.promise.finally(() => {
        unanswered -= 1;
      });
    },
    async close() {
      isClosing = true;
      await group.idle();
      await database.close();
    },
  };
}

/** A value that the database does not take, or a bug of ours; not a server that is away or too busy. */
function isFaultOfOne(error: unknown): boolean {
  return !(error instanceof StoreError) || /^2[23]/.test(sqlStateOf(error) ?? '');
}
