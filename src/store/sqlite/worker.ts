import { parentPort } from 'node:worker_threads';
import type { ReceivedEvent } from '../../shop/order-events.ts';
import type { OrderNews } from '../../shop/order-news.ts';
import { createGroupCommit, partsOf, type Settled } from '../group-commit.ts';
import { migrate } from '../migrate.ts';
import { type OrderStore, StoreError } from '../order-store.ts';
import type { SqlDatabase } from '../sql.ts';
import { createSqlOrderStore } from '../sql-order-store.ts';
import { type InSavepoint, openSqliteWriter, type SqliteWriter } from './database.ts';
import {
  type Answer,
  type Call,
  type Question,
  type SentOutcome,
  sharedNow,
  unpackEvents,
} from './messages.ts';

// The thread that writes. What arrives while one transaction is being made durable goes into the next.

/** Often enough that each takes milliseconds, seldom enough that a page written twice is written back once. */
const checkpointEveryMs = 500;

type OpenCall = { readonly call: Call; readonly deadline: number };

let open: { readonly writer: SqliteWriter; readonly store: OrderStore } | null = null;
let checkpointing: NodeJS.Timeout | null = null;
const group = createGroupCommit<OpenCall>(async (calls) => answer(await commit(calls), open?.writer.tx.news));

parentPort?.on('message', async (question: Question) => {
  if (question.kind === 'commit') take(question);
  else answer([await settled(() => serve(question))]);
});

function take({ calls, events, deadline }: Question & { readonly kind: 'commit' }): void {
  const received = unpackEvents(events);
  let from = 0;
  for (const call of calls) {
    if (typeof call === 'number') {
      const args = [received.slice(from, from + call)];
      from += call;
      group.add({ call: { method: 'recordEvents', args }, deadline });
    } else group.add({ call, deadline });
  }
}

async function serve(question: Question & { readonly kind: 'open' | 'close' }): Promise<void> {
  await group.idle();
  if (question.kind === 'close') return closeDatabase();
  const writer = openSqliteWriter(question.path);
  try {
    await writer.commit(() => migrate(writer.tx), question.patienceMs);
  } catch (error) {
    writer.close();
    throw error;
  }
  // The transaction is around all calls of a group already.
  const run: SqlDatabase['write'] = (work) => work(writer.tx);
  open = { writer, store: createSqlOrderStore({ write: run, read: run, close: () => Promise.resolve() }) };
}

function closeDatabase(): void {
  if (checkpointing !== null) clearTimeout(checkpointing);
  checkpointing = null;
  open?.writer.close();
  open = null;
}

/** All of them in one transaction. If it fails as a whole, each gets the error. */
async function commit(group: readonly OpenCall[]): Promise<readonly Settled<unknown>[]> {
  const calls = group.map(({ call }) => call);
  // The last to come decides: each has its time, and no one waits for more than two such times.
  const patienceMs = Math.max(...group.map(({ deadline }) => deadline)) - sharedNow();
  try {
    if (open === null) throw new Error('No database is open.');
    const { writer, store } = open;
    checkpointing ??= setTimeout(() => {
      checkpointing = null;
      writer.checkpoint();
    }, checkpointEveryMs);
    return await writer.commit((inSavepoint) => runAll(store, calls, inSavepoint), patienceMs);
  } catch (reason) {
    return calls.map(() => ({ status: 'rejected', reason }));
  }
}

async function runAll(
  store: OrderStore,
  calls: readonly Call[],
  inSavepoint: InSavepoint,
): Promise<Settled<unknown>[]> {
  const recorded = await recordTogether(store, calls, inSavepoint);
  const outcomes: Settled<unknown>[] = [];
  for (const call of calls) {
    outcomes.push(recorded.get(call) ?? (await inSavepoint(() => run(store, call))));
  }
  return outcomes;
}

/**
 * Webhooks that came together are recorded as one list, each order loaded and saved once. If that fails there is no
 * outcome, so that each is tried alone and only the bad one is refused.
 */
async function recordTogether(
  store: OrderStore,
  calls: readonly Call[],
  inSavepoint: InSavepoint,
): Promise<ReadonlyMap<Call, Settled<unknown>>> {
  const webhooks = calls.filter(({ method }) => method === 'recordEvents');
  if (webhooks.length < 2) return new Map();
  const lists = webhooks.map(({ args }) => args[0] as readonly ReceivedEvent[]);
  const all = await inSavepoint(() => store.recordEvents(lists.flat()));
  if (all.status === 'rejected') return new Map();
  const values = partsOf(all.value, lists);
  return new Map(webhooks.map((call, index) => [call, { status: 'fulfilled', value: values[index] }]));
}

function run(store: OrderStore, { method, args }: Call): Promise<unknown> {
  return (store[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
}

async function settled(part: () => Promise<unknown>): Promise<Settled<unknown>> {
  try {
    return { status: 'fulfilled', value: await part() };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}

function answer(outcomes: readonly Settled<unknown>[], news: readonly OrderNews[] = []): void {
  parentPort?.postMessage({ outcomes: outcomes.map(toSent), news } satisfies Answer);
}

/** Errors lose their class between threads. */
function toSent(outcome: Settled<unknown>): SentOutcome {
  if (outcome.status === 'fulfilled') return outcome;
  const { reason } = outcome;
  const { message, stack = '' } = reason instanceof Error ? reason : new Error(String(reason));
  const isOfStore = reason instanceof StoreError;
  return {
    status: 'rejected',
    error: { isOfStore, isUnreachable: isOfStore && reason.isUnreachable, message, stack },
  };
}
