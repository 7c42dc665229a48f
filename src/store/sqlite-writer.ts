import { Worker } from 'node:worker_threads';
import { type OrderStore, type ReceivedEvent, StoreError } from './order-store.ts';
import { busyLimitMs } from './sqlite.ts';
import { type EventParcel, packEvents } from './worker-messages.ts';

/** What the thread is asked. It answers in the order in which it was asked. */
export type Question =
  | { readonly kind: 'open'; readonly path: string; readonly patienceMs: number }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'commit';
      /** Calls; a number stands for a call of `recordEvents` with so many of the events. */
      readonly calls: readonly (Call | number)[];
      readonly events: EventParcel;
      /** By the clock that all threads share, see `sharedNow`. */
      readonly deadline: number;
    };
/** For so many of the questions as it has outcomes; each call is one. */
export type Answer = readonly SentOutcome[];
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

/** Whoever comes when so many wait would wait for seconds, and is better told at once. */
const maxWaiting = 5_000;
/**
 * So many calls are worth a message before the turn of the event loop ends: the thread works on them while the rest are read.
 * With one message for all of a turn 64 connections got a fifth fewer answers.
 */
const messageSize = 16;

/** Monotonic, in ms. Each thread's own `performance.now` begins when the thread does. */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * Opens a SQLite file, or `:memory:`, in a thread of its own and brings its schema up to date. Calls are sent as they come;
 * what arrives while one transaction is being made durable goes into the next. Rejects with `StoreError`.
 *
 * A thread that ends unasked fails the calls that it had; the next opens the file in another, since the file is all
 * that there is to know. What was in memory only is gone, and every further call says so.
 */
export async function openSqliteThread(path: string): Promise<SqliteThreadWriter> {
  let thread = await openThread(path);
  let unsent: Waiting[] = [];
  let sending: Promise<void> | null = null;
  let closing: Promise<void> | null = null;

  /** What came in the rest of this turn of the event loop. */
  async function sendLater(): Promise<void> {
    await new Promise(setImmediate);
    try {
      if (!thread.isAlive()) {
        if (path === ':memory:') throw new StoreError('The thread with the orders in memory has ended');
        thread = await openThread(path);
      }
      send();
    } catch (error) {
      refuse(error);
    }
    sending = null;
  }

  function send(): void {
    try {
      if (unsent.length > 0) thread.commit(unsent);
      unsent = [];
    } catch (error) {
      refuse(error);
    }
  }

  function refuse(error: unknown): void {
    for (const { reject } of unsent) reject(error);
    unsent = [];
  }

  async function close(): Promise<void> {
    await sending;
    if (!thread.isAlive()) return;
    await thread.ask({ kind: 'close' });
    idle.push(thread);
  }

  return {
    call(call) {
      if (closing !== null) return Promise.reject(new StoreError('The order store is closing'));
      if (unsent.length + thread.unanswered() >= maxWaiting) {
        return Promise.reject(new StoreError(`${maxWaiting} changes wait for the database already`));
      }
      const waiting = { call, ...Promise.withResolvers<unknown>() };
      unsent.push(waiting);
      if (unsent.length >= messageSize && thread.isAlive()) send();
      else sending ??= sendLater();
      return waiting.promise;
    },
    close: () => (closing ??= close()),
    breakThread: () => thread.end(),
  };
}

type Waiting = { readonly call: Call } & Pick<PromiseWithResolvers<unknown>, 'resolve' | 'reject'>;

type Thread = {
  isAlive(): boolean;
  unanswered(): number;
  /** Rejects with `StoreError` where the thread ends before it answers. */
  ask(question: Question & { readonly kind: 'open' | 'close' }): Promise<unknown>;
  /** Answers each of them. */
  commit(waiting: readonly Waiting[]): void;
  end(): Promise<void>;
};

/** A thread takes a tenth of a second to start, so one whose database was closed is kept for the next. */
const idle: Thread[] = [];

async function openThread(path: string): Promise<Thread> {
  const thread = idle.pop() ?? startThread();
  if (!thread.isAlive()) return openThread(path);
  try {
    await thread.ask({ kind: 'open', path, patienceMs: busyLimitMs });
    return thread;
  } catch (error) {
    // It holds nothing, and another would be started for each call while a disk is away.
    if (thread.isAlive()) idle.push(thread);
    throw error;
  }
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
  let asked: Pick<Waiting, 'resolve' | 'reject'>[] = [];

  worker.on('message', (answer: Answer) => {
    const answered = asked.slice(0, answer.length);
    asked = asked.slice(answer.length);
    if (asked.length === 0) worker.unref();
    for (const [index, waiting] of answered.entries()) settle(waiting, answer[index]);
  });
  worker.on('error', (error) => {
    fault = error;
  });
  worker.on('exit', () => {
    isAlive = false;
    for (const { reject } of asked) reject(hasEnded(fault));
    asked = [];
  });

  function post(question: Question, waiting: readonly Pick<Waiting, 'resolve' | 'reject'>[]): void {
    worker.postMessage(question, question.kind === 'commit' ? [question.events.bytes.buffer] : []);
    if (asked.length === 0) worker.ref();
    asked.push(...waiting);
  }

  return {
    isAlive: () => isAlive,
    unanswered: () => asked.length,
    ask(question) {
      if (!isAlive) return Promise.reject(hasEnded(fault));
      const waiting = Promise.withResolvers<unknown>();
      post(question, [waiting]);
      return waiting.promise;
    },
    commit(waiting) {
      post(questionOf(waiting.map(({ call }) => call)), waiting);
    },
    async end() {
      await worker.terminate();
    },
  };
}

function hasEnded(cause: unknown): StoreError {
  return new StoreError('The thread that writes to the database has ended', { cause });
}

function questionOf(calls: readonly Call[]): Question {
  const events: ReceivedEvent[] = [];
  const sent = calls.map(({ method, args }) => {
    if (method !== 'recordEvents') return { method, args: args.map(withTightBytes) };
    const [given] = args as [readonly ReceivedEvent[]];
    events.push(...given);
    return given.length;
  });
  return { kind: 'commit', calls: sent, events: packEvents(events), deadline: sharedNow() + busyLimitMs };
}

function settle({ resolve, reject }: Pick<Waiting, 'resolve' | 'reject'>, outcome?: SentOutcome): void {
  if (outcome?.status === 'fulfilled') resolve(outcome.value);
  else reject(outcome === undefined ? new Error('A call got no answer.') : receivedError(outcome.error));
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
