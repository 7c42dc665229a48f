import { parentPort } from 'node:worker_threads';
import type { Settled } from './group-commit.ts';
import { migrate } from './migrate.ts';
import { type OrderStore, StoreError } from './order-store.ts';
import type { SqlDatabase } from './sql.ts';
import { createSqlOrderStore } from './sql-order-store.ts';
import { openSqliteWriter, type SqliteWriter } from './sqlite.ts';
import type { Answer, Question, SentError, SentOutcome } from './sqlite-writer.ts';

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
    const [outcome] = await writer.commit([() => migrate(writer.tx)], patienceMs);
    if (outcome?.status === 'rejected') throw outcome.reason;
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
  const works = calls.map(
    ({ method, args }) =>
      () =>
        (store[method] as (...given: readonly unknown[]) => Promise<unknown>)(...args),
  );
  return writer.commit(works, patienceMs);
}

function toSent(outcome: Settled<unknown>): SentOutcome {
  return outcome.status === 'fulfilled' ? outcome : { status: 'rejected', error: sentError(outcome.reason) };
}

/** Errors lose their class between threads. */
function sentError(error: unknown): SentError {
  const { message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { isOfStore: error instanceof StoreError, message, stack };
}
