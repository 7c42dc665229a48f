import type { ReceivedEvent, RecordedEvent } from '../../shop/order-events.ts';
import { OrdersHeld, recordEvents } from '../events.ts';
import { assertNotOverloaded, createGroupCommit, partsOf, settle, type Waiting } from '../group-commit.ts';
import { type OrderStore, StoreError, type StoreOptions } from '../order-store.ts';
import { createSqlOrderStore } from '../sql-order-store.ts';
import { openPostgres, sqlStateOf } from './database.ts';

type Call = {
  readonly events: readonly ReceivedEvent[];
  /** By this time a caller has its answer. */
  readonly deadline: number;
} & Waiting<RecordedEvent[]>;

/** So few wait for locked orders at once: each keeps a connection from all the others. */
const waitersAtOnce = 2;
const patienceMs = 4_000;

/**
 * Opens the order store at a `postgres://` address. Any number of processes may do so at once. Events that arrive while one
 * transaction is under way go into the next. Rejects with `StoreError`.
 */
export async function openPostgresStore(url: string, options: StoreOptions = {}): Promise<OrderStore> {
  const database = await openPostgres(url, options);
  let unanswered = 0;
  let isClosing = false;
  const group = createGroupCommit<Call>(commit);

  const waiters = Array.from({ length: waitersAtOnce }, () => Promise.resolve());
  let nextWaiter = 0;

  /** Waits for an order that another session has locked; its neighbours do not. */
  function commitAlone(call: Call): void {
    nextWaiter = (nextWaiter + 1) % waitersAtOnce;
    waiters[nextWaiter] = (waiters[nextWaiter] ?? Promise.resolve()).then(async () => {
      try {
        if (performance.now() > call.deadline) throw new StoreError('Another session has the order locked');
        const value = await database.write((tx) => recordEvents(tx, call.events));
        settle(call, { status: 'fulfilled', value });
      } catch (reason) {
        settle(call, { status: 'rejected', reason });
      }
    });
  }

  /** If one call breaks a constraint, the group is halved until that call stands alone and its neighbours are kept. */
  async function commit(calls: readonly Call[]): Promise<void> {
    const lists = calls.map(({ events }) => events);
    try {
      const recorded = await database.write((tx) => recordEvents(tx, lists.flat(), tx.dialect.skipLocked));
      const values = partsOf(recorded, lists);
      for (const [index, call] of calls.entries())
        settle(call, { status: 'fulfilled', value: values[index] ?? [] });
    } catch (reason) {
      if (reason instanceof OrdersHeld) {
        const isHeld = ({ events }: Call) =>
          events.some(
            ({ paymentIntentId }) => paymentIntentId !== null && reason.intents.has(paymentIntentId),
          );
        for (const call of calls.filter(isHeld)) commitAlone(call);
        const others = calls.filter((call) => !isHeld(call));
        if (others.length > 0) await commit(others);
        return;
      }
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
      const deadline = performance.now() + patienceMs;
      const call = { events, deadline, ...Promise.withResolvers<RecordedEvent[]>() };
      unanswered += 1;
      group.add(call);
      return call.promise.finally(() => {
        unanswered -= 1;
      });
    },
    async close() {
      isClosing = true;
      await group.idle();
      await Promise.all(waiters);
      await database.close();
    },
  };
}

/** A value that the database does not take, or a bug of ours; not a server that is away or too busy. */
function isFaultOfOne(error: unknown): boolean {
  return !(error instanceof StoreError) || /^2[23]/.test(sqlStateOf(error) ?? '');
}
