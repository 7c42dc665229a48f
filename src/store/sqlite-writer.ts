import { Worker } from 'node:worker_threads';
import { createGroupCommit, type Settled } from './group-commit.ts';
import { type OrderStore, StoreError } from './order-store.ts';
import { busyLimitMs } from './sqlite.ts';

/** What the thread is asked; it answers each before it is asked the next. */
export type Question =
  | { readonly kind: 'open'; readonly path: string; readonly patienceMs: number }
  | { readonly kind: 'commit'; readonly calls: readonly Call[]; readonly patienceMs: number }
  | { readonly kind: 'close' };
export type Answer =
  | { readonly kind: 'done'; readonly outcomes: readonly SentOutcome[] }
  | { readonly kind: 'failed'; readonly error: SentError };
export type SentOutcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly error: SentError };
export type SentError = { readonly isOfStore: boolean; readonly message: string; readonly stack: string };

/** A call of the order store, as it is sent to the thread. */
export type Call = { readonly method: Exclude<keyof OrderStore, 'close'>; readonly args: readonly unknown[] };

export type SqliteThreadWriter = {
  call(call: Call): Promise<unknown>;
  close(): Promise<void>;
  /** Ends the thread as a fault would, for proofs. */
  breakThread(): Promise<void>;
};

/**
 * Opens a SQLite file, or `:memory:`, in a thread of its own and brings its schema up to date. Calls that arrive while
 * one transaction is being made durable are committed together. Rejects with `StoreError`.
 *
 * A thread that ends unasked fails the calls that it had; the next opens the file in another, since the file is all
 * that there is to know. What was in memory only is gone, and every further call says so.
 */
export async function openSqliteThread(path: string): Promise<SqliteThreadWriter> {
  let thread = await openThread(path);

  const group = createGroupCommit<Waiting, unknown>(async (waiting) => {
    if (!thread.isAlive()) {
      if (path === ':memory:') throw new StoreError('The thread with the orders in memory has ended');
      thread = await openThread(path);
    }
    // The last to come decides: each has its time, and nobody waits for more than two such times.
    const patienceMs = Math.max(...waiting.map(({ deadline }) => deadline)) - performance.now();
    const calls = waiting.map(({ call }) => call);
    return (await ask(thread, { kind: 'commit', calls, patienceMs })).map(received);
  });

  return {
    call({ method, args }) {
      const call = { method, args: args.map(withTightBytes) };
      return group.add({ call, deadline: performance.now() + busyLimitMs });
    },
    async close() {
      await group.close();
      if (!thread.isAlive()) return;
      await ask(thread, { kind: 'close' });
      idle.push(thread);
    },
    breakThread: () => thread.end(),
  };
}

type Waiting = { readonly call: Call; readonly deadline: number };

type Thread = {
  isAlive(): boolean;
  /** Rejects with `StoreError` where the thread ends before it answers. */
  ask(question: Question): Promise<Answer>;
  end(): Promise<void>;
};

/** A thread takes a tenth of a second to start, so one whose database was closed is kept for the next. */
const idle: Thread[] = [];

async function openThread(path: string): Promise<Thread> {
  const thread = idle.pop() ?? startThread();
  if (!thread.isAlive()) return openThread(path);
  await ask(thread, { kind: 'open', path, patienceMs: busyLimitMs });
  return thread;
}

function startThread(): Thread {
  // Without this process's own flags: what they preload is not meant for a thread.
  const worker = new Worker(new URL('./sqlite-thread.ts', import.meta.url), {
    name: 'order-store',
    execArgv: [],
  });
  // Like a connection, it keeps the process alive only while somebody waits for an answer.
  worker.unref();
  let isAlive = true;
  let fault: unknown = null;
  let asked: PromiseWithResolvers<Answer> | null = null;
  worker.on('message', (answer: Answer) => {
    worker.unref();
    asked?.resolve(answer);
    asked = null;
  });
  worker.on('error', (error) => {
    fault = error;
  });
  worker.on('exit', () => {
    isAlive = false;
    asked?.reject(new StoreError('The thread that writes to the database has ended', { cause: fault }));
    asked = null;
  });
  return {
    isAlive: () => isAlive,
    ask(question) {
      if (!isAlive) return Promise.reject(new StoreError('The thread that writes to the database has ended'));
      asked = Promise.withResolvers();
      worker.ref();
      worker.postMessage(question);
      return asked.promise;
    },
    async end() {
      await worker.terminate();
    },
  };
}

async function ask(thread: Thread, question: Question): Promise<readonly SentOutcome[]> {
  const answer = await thread.ask(question);
  if (answer.kind === 'failed') throw receivedError(answer.error);
  return answer.outcomes;
}

function received(outcome: SentOutcome): Settled<unknown> {
  return outcome.status === 'fulfilled'
    ? outcome
    : { status: 'rejected', reason: receivedError(outcome.error) };
}

function receivedError({ isOfStore, message, stack }: SentError): Error {
  const error = isOfStore ? new StoreError(message) : new Error(message);
  error.stack = stack;
  return error;
}

/** A small Buffer is a window on a large block, all of which would be sent with it. */
function withTightBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(withTightBytes);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTightBytes(member)]));
}
