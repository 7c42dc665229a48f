import { StoreError } from './order-store.ts';

/** What became of one item of a group: its result, or why it alone was refused. */
export type Settled<Result> =
  | { readonly status: 'fulfilled'; readonly value: Result }
  | { readonly status: 'rejected'; readonly reason: unknown };

export type GroupCommit<Item, Result> = {
  /** Resolves once the item is durable. Rejects at once with `StoreError` where too many wait already. */
  add(item: Item): Promise<Result>;
  /** Takes nothing more, and waits for what is under way and what waits behind it. */
  close(): Promise<void>;
};

/** Whoever comes when so many wait would wait for seconds, and is better told at once. */
const maxWaiting = 5_000;
/** A group beyond this gains nothing more from being one, and its first item would wait for its last. */
const maxGroup = 500;

/**
 * Everything that arrives while one group is being made durable goes into the next: one writer, one group under way.
 * Nothing waits for company: a writer that is free takes what there is. `commit` answers for its items in their order,
 * or rejects for all of them.
 */
export function createGroupCommit<Item, Result>(
  commit: (items: readonly Item[]) => Promise<readonly Settled<Result>[]>,
): GroupCommit<Item, Result> {
  type Entry = { readonly item: Item } & PromiseWithResolvers<Result>;
  let waiting: Entry[] = [];
  let running: Promise<void> | null = null;
  let isClosing = false;

  async function run(): Promise<void> {
    // Requests that came in the same turn of the event loop go together.
    await new Promise(setImmediate);
    while (waiting.length > 0) {
      const group = waiting.slice(0, maxGroup);
      waiting = waiting.slice(maxGroup);
      await commitGroup(group);
    }
    running = null;
  }

  async function commitGroup(group: readonly Entry[]): Promise<void> {
    try {
      const settled = await commit(group.map((entry) => entry.item));
      for (const [index, entry] of group.entries()) {
        const outcome = settled[index];
        if (outcome?.status === 'fulfilled') entry.resolve(outcome.value);
        else entry.reject(outcome?.reason ?? new Error('An item of a group got no answer.'));
      }
    } catch (error) {
      for (const entry of group) entry.reject(error);
    }
  }

  return {
    add(item) {
      if (isClosing) return Promise.reject(new StoreError('The order store is closing'));
      if (waiting.length >= maxWaiting) {
        return Promise.reject(new StoreError(`${maxWaiting} changes wait for the database already`));
      }
      const entry = { item, ...Promise.withResolvers<Result>() };
      waiting.push(entry);
      running ??= run();
      return entry.promise;
    },
    async close() {
      isClosing = true;
      await running;
    },
  };
}
