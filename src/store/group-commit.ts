import { StoreError } from './order-store.ts';

/** The outcome of one item of a group: its result, or why it alone was refused. */
export type Settled<Result> =
  | { readonly status: 'fulfilled'; readonly value: Result }
  | { readonly status: 'rejected'; readonly reason: unknown };

export type GroupCommit<Item> = {
  add(item: Item): void;
  /** Resolves when nothing is under way and nothing waits. */
  idle(): Promise<void>;
};

/** More than these would wait for seconds, and are refused at once. */
const maxWaiting = 5_000;
/** A larger group gains nothing, and its first item would wait for its last. */
const maxGroup = 500;

/**
 * Everything that arrives while one group is being made durable goes into the next: one writer, one group under way.
 * A free writer takes what there is, and never waits for more. `commit` settles its items and never rejects.
 */
export function createGroupCommit<Item>(
  commit: (items: readonly Item[]) => Promise<void>,
): GroupCommit<Item> {
  let waiting: Item[] = [];
  let running: Promise<void> | null = null;

  async function run(): Promise<void> {
    do {
      // What came in the same turn of the event loop goes together.
      await new Promise(setImmediate);
      const group = waiting.slice(0, maxGroup);
      waiting = waiting.slice(maxGroup);
      await commit(group);
    } while (waiting.length > 0);
    running = null;
  }

  return {
    add(item) {
      waiting.push(item);
      running ??= run();
    },
    async idle() {
      await running;
    },
  };
}

/** Throws `StoreError` if so many changes wait already that another would wait for seconds. */
export function assertNotOverloaded(waiting: number): void {
  if (waiting >= maxWaiting) throw new StoreError(`${maxWaiting} changes wait for the database already`);
}

export type Waiting<Result> = Pick<PromiseWithResolvers<Result>, 'resolve' | 'reject'>;

export function settle<Result>(
  { resolve, reject }: Waiting<Result>,
  outcome: Settled<Result> | undefined,
): void {
  if (outcome?.status === 'fulfilled') resolve(outcome.value);
  else reject(outcome?.reason ?? new Error('A change got no answer.'));
}

/** The results of lists that were done as one, list by list. */
export function partsOf<Result>(
  results: readonly Result[],
  lists: readonly (readonly unknown[])[],
): Result[][] {
  let from = 0;
  return lists.map(({ length }) => {
    from += length;
    return results.slice(from - length, from);
  });
}
