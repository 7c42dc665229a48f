import { parentPort } from 'node:worker_threads';
import type { Settled } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { type OrderStore, type ReceivedEvent, StoreError } from './order-store.ts';
import type { SqlDatabase } from './sql.ts';
import { createSqlOrderStore } from './sql-order-store.ts';
import { type InSavepoint, openSqliteWriter, type SqliteWriter } from './sqlite.ts';
import { recordEvents } from './sqlite-intake.ts';
import { type Answer, type Call, type Question, type SentOutcome, sharedNow } from './sqlite-writer.ts';
import { unpackEvents } from './worker-messages.ts';

// The thread that writes. What arrives while one transaction is being made durable goes into the next. Nothing waits for
// company: where nothing is under way, what there is begins.

/** A group beyond this gains nothing more from being one, and its first call would wait for its last. */
const maxGroup = 500;
/** Often enough that each takes milliseconds, seldom enough that a page written twice is written back once. */
const checkpointEveryMs = 500;

type OpenCall = { readonly call: Call; readonly deadline: number };

let open: { readonly writer: SqliteWriter; readonly store: OrderStore } | null = null;
let waiting: OpenCall[] = [];
let committing: Promise<void> | null = null;
let checkpointing: NodeJS.Timeout | null = null;

parentPort?.on('message', async (question: Question) => {
  if (question.kind === 'commit') take(question);
  else answer([await settle(async () => serve(question))]);
});

function take({ calls, events, deadline }: Question & { readonly kind: 'commit' }): void {
  const received = unpackEvents(events);
  let from = 0;
  for (const call of calls) {
    if (typeof call === 'number') {
      const args = [received.slice(from, from + call)];
      from += call;
      waiting.push({ call: { method: 'recordEvents', args }, deadline });
    } else waiting.push({ call, deadline });
  }
  committing ??= commitWaiting();
}

async function commitWaiting(): Promise<void> {
  do {
    // What has come meanwhile is taken up first.
    await new Promise(setImmediate);
    const group = waiting.slice(0, maxGroup);
    waiting = waiting.slice(maxGroup);
    answer(await commit(group));
  } while (waiting.length > 0);
  committing = null;
}

async function serve(question: Question & { readonly kind: 'open' | 'close' }): Promise<void> {
  await committing;
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
  const store = {
    ...createSqlOrderStore({ write: run, read: run, close: () => Promise.resolve() }),
    recordEvents: (events: readonly ReceivedEvent[]) => recordEvents(writer.tx, events),
  };
  open = { writer, store };
}

function closeDatabase(): void {
  if (checkpointing !== null) clearTimeout(checkpointing);
  checkpointing = null;
  open?.writer.close();
  open = null;
}

/** All of them in one transaction. Where that fails as a whole, each has its failure. */
async function commit(group: readonly OpenCall[]): Promise<readonly Settled<unknown>[]> {
  const calls = group.map(({ call }) => call);
  // The last to come decides: each has its time, and nobody waits for more than two such times.
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
 * Webhooks that came together are recorded as one list, each order loaded and saved once. Where that fails there is no
 * outcome, so that each is tried by itself, and the one at fault is refused alone.
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
  let from = 0;
  return new Map(
    webhooks.map((call, index) => {
      const to = from + (lists[index]?.length ?? 0);
      const value = all.value.slice(from, to);
      from = to;
      return [call, { status: 'fulfilled', value }];
    }),
  );
}

function run(store: OrderStore, { method, args }: Call): Promise<unknown> {
  return (store[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args);
}

async function settle(part: () => Promise<unknown>): Promise<Settled<unknown>> {
  try {
    return { status: 'fulfilled', value: await part() };
  } catch (reason) {
    return { status: 'rejected', reason };
  }
}

function answer(outcomes: readonly Settled<unknown>[]): void {
  parentPort?.postMessage(outcomes.map(toSent) satisfies Answer);
}

/** Errors lose their class between threads. */
function toSent(outcome: Settled<unknown>): SentOutcome {
  if (outcome.status === 'fulfilled') return outcome;
  const { reason } = outcome;
  const { message, stack = '' } = reason instanceof Error ? reason : new Error(String(reason));
  return { status: 'rejected', error: { isOfStore: reason instanceof StoreError, message, stack } };
}
