import { parentPort } from 'node:worker_threads';
import type { Settled } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { type OrderStore, type ReceivedEvent, StoreError } from './order-store.ts';
import type { SqlDatabase } from './sql.ts';
import { createSqlOrderStore } from './sql-order-store.ts';
import { type Attempt, openSqliteWriter, type SqliteWriter } from './sqlite.ts';
import type { Answer, Call, Question, SentError, SentOutcome } from './sqlite-writer.ts';

// The thread that writes. It answers one question at a time; whoever asks waits for the answer before the next.

/** Often enough that each takes milliseconds, seldom enough that a page written twice is written back once. */
const checkpointEveryMs = 500;

let open: { readonly writer: SqliteWriter; readonly store: OrderStore } | null = null;
let checkpointing: NodeJS.Timeout | null = null;

parentPort?.on('message', async (question: Question) => {
  parentPort?.postMessage(await answer(question));
});

async function answer(question: Question): Promise<Answer> {
  try {
    if (question.kind === 'open') await openDatabase(question.path, question.patienceMs);
    else if (question.kind === 'close') closeDatabase();
    else return { kind: 'done', outcomes: (await commit(question)).map(toSent) };
    return { kind: 'done', outcomes: [] };
  } catch (error) {
    return { kind: 'failed', error: sentError(error) };
  }
}

async function openDatabase(path: string, patienceMs: number): Promise<void> {
  const writer = openSqliteWriter(path);
  try {
    await writer.commit(() => migrate(writer.tx), patienceMs);
  } catch (error) {
    writer.close();
    throw error;
  }
  // The transaction is around all calls of a group already.
  const run: SqlDatabase['write'] = (work) => work(writer.tx);
  const store = createSqlOrderStore({ write: run, read: run, close: () => Promise.resolve() });
  open = { writer, store };
}

function closeDatabase(): void {
  if (checkpointing !== null) clearTimeout(checkpointing);
  checkpointing = null;
  open?.writer.close();
  open = null;
}

function commit({
  calls,
  patienceMs,
}: Question & { readonly kind: 'commit' }): Promise<readonly Settled<unknown>[]> {
  if (open === null) throw new Error('No database is open.');
  const { writer, store } = open;
  checkpointing ??= setTimeout(() => {
    checkpointing = null;
    writer.checkpoint();
  }, checkpointEveryMs);
  return writer.commit(async (attempt) => {
    const recorded = await recordTogether(store, calls, attempt);
    const outcomes: Settled<unknown>[] = [];
    for (const call of calls) {
      outcomes.push(recorded.get(call) ?? (await attempt(() => run(store, call))));
    }
    return outcomes;
  }, patienceMs);
}

/**
 * Webhooks that came together are recorded as one list, each order loaded and saved once. Where that fails there is no
 * outcome, so that each is tried by itself, and the one at fault is refused alone.
 */
async function recordTogether(
  store: OrderStore,
  calls: readonly Call[],
  attempt: Attempt,
): Promise<ReadonlyMap<Call, Settled<unknown>>> {
  const webhooks = calls.filter(({ method }) => method === 'recordEvents');
  if (webhooks.length < 2) return new Map();
  const lists = webhooks.map(({ args }) => args[0] as readonly ReceivedEvent[]);
  const all = await attempt(() => store.recordEvents(lists.flat()));
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

function toSent(outcome: Settled<unknown>): SentOutcome {
  return outcome.status === 'fulfilled' ? outcome : { status: 'rejected', error: sentError(outcome.reason) };
}

/** Errors lose their class between threads. */
function sentError(error: unknown): SentError {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { isOfStore: error instanceof StoreError, message, stack };
}
