import { Worker } from 'node:worker_threads';
import type { ReceivedEvent } from '../../shop/order-events.ts';
import type { OrderNews } from '../../shop/order-news.ts';
import { assertNotOverloaded, type Settled, settle, type Waiting } from '../group-commit.ts';
import { StoreError } from '../order-store.ts';
import { busyLimitMs } from './database.ts';
import { watchFile } from './file-identity.ts';
import {
  type Answer,
  type Call,
  packEvents,
  type Question,
  type SentOutcome,
  sharedNow,
} from './messages.ts';

export type SqliteThreadWriter = {
  call(call: Call): Promise<unknown>;
  close(): Promise<void>;
  /** Ends the thread as a crash would, for proofs. */
  breakThread(): Promise<void>;
};

/**
 * So many calls are worth a message before the turn of the event loop ends: the thread works on them while the rest are read.
 * With one message for all of a turn 64 connections got a fifth fewer answers.
 */
const messageSize = 16;

/**
 * Opens a SQLite file, or `:memory:`, in a worker thread and brings its schema up to date. Calls are sent as they come;
 * what arrives while one transaction is being made durable goes into the next. Rejects with `StoreError`.
 *
 * If the thread ends unexpectedly, its pending calls fail, and the next call opens the same file in another thread: it holds
 * everything. Orders in memory are lost then, and every later call fails.
 */
export async function openSqliteThread(path: string, onNews: OnNews = () => {}): Promise<SqliteThreadWriter> {
  let thread = await openThread(path, onNews);
  // A thread that ends takes its log with it.
  const assertSameFile = watchFile(path, []);
  let unsent: WaitingCall[] = [];
  let sending: Promise<void> | null = null;
  let closing: Promise<void> | null = null;

  /** What came in the rest of this turn of the event loop. */
  async function sendLater(): Promise<void> {
    await new Promise(setImmediate);
    try {
      if (!thread.isAlive()) {
        if (path === ':memory:') throw new StoreError('The thread with the orders in memory has ended');
        assertSameFile();
        thread = await openThread(path, onNews);
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
    async call(call) {
      if (closing !== null) throw new StoreError('The order store is closing');
      assertNotOverloaded(unsent.length + thread.unanswered());
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

type WaitingCall = { readonly call: Call } & Waiting<unknown>;

type OnNews = (news: readonly OrderNews[]) => void;

type Thread = {
  onNews: OnNews;
  isAlive(): boolean;
  unanswered(): number;
  /** Rejects with `StoreError` if the thread ends before it answers. */
  ask(question: Question & { readonly kind: 'open' | 'close' }): Promise<unknown>;
  /** Answers each of them. */
  commit(waiting: readonly WaitingCall[]): void;
  end(): Promise<void>;
};

/** A thread takes a tenth of a second to start, so one whose database was closed is kept for the next. */
const idle: Thread[] = [];

async function openThread(path: string, onNews: OnNews): Promise<Thread> {
  const thread = idle.pop() ?? startThread();
  if (!thread.isAlive()) return openThread(path, onNews);
  thread.onNews = onNews;
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
  const worker = new Worker(new URL('./worker.ts', import.meta.url), {
    name: 'order-store',
    execArgv: [],
  });
  // Like a connection, it keeps the process alive only while a caller waits for an answer.
  worker.unref();
  let isAlive = true;
  let cause: unknown = null;
  let asked: Waiting<unknown>[] = [];

  worker.on('message', ({ outcomes, news }: Answer) => {
    const answered = asked.slice(0, outcomes.length);
    asked = asked.slice(outcomes.length);
    if (asked.length === 0) worker.unref();
    if (news.length > 0) thread.onNews(news);
    for (const [index, waiting] of answered.entries()) settle(waiting, received(outcomes[index]));
  });
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', () => {
    isAlive = false;
    for (const { reject } of asked) reject(hasEnded(cause));
    asked = [];
  });

  function post(question: Question, waiting: readonly Waiting<unknown>[]): void {
    worker.postMessage(question, question.kind === 'commit' ? [question.events.bytes.buffer] : []);
    if (asked.length === 0) worker.ref();
    asked.push(...waiting);
  }

  const thread: Thread = {
    onNews: () => {},
    isAlive: () => isAlive,
    unanswered: () => asked.length,
    ask(question) {
      if (!isAlive) return Promise.reject(hasEnded(cause));
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
  return thread;
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

function received(outcome: SentOutcome | undefined): Settled<unknown> | undefined {
  if (outcome?.status !== 'rejected') return outcome;
  const { isOfStore, isUnreachable, message, stack } = outcome.error;
  const error = isOfStore ? new StoreError(message, { isUnreachable }) : new Error(message);
  error.stack = stack;
  return { status: 'rejected', reason: error };
}

/** A small Buffer is a window on a large block, all of which would be sent with it. */
function withTightBytes(value: unknown): unknown {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (Array.isArray(value)) return value.map(withTightBytes);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withTightBytes(member)]));
}
