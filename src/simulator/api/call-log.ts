import type { ApiFaultKind } from '../faults.ts';
import type { Operation } from '../operations.ts';

/** One call to the API as a person reads it: never the whole key, never a body. */
export type ApiCall = {
  readonly at: Date;
  readonly method: string;
  readonly path: string;
  /** Null where the path is none of Dojo's. */
  readonly operation: Operation | null;
  /** As it was sent; null where it was not. */
  readonly version: string | null;
  /** `sk_sandbox_abcd`: enough to tell two keys apart. */
  readonly keyPrefix: string | null;
  /** Null where no answer was given. */
  readonly status: number | null;
  /** What the problem in the answer says; null where there was none. */
  readonly problem: string | null;
  /** What was made to go wrong. */
  readonly faults: readonly ApiFaultKind[];
  readonly latencyMs: number;
};

export type ApiCalls = {
  add(call: ApiCall): void;
  count(): number;
  /** Newest first, at most `callsKept`. */
  list(options?: { limit?: number }): readonly ApiCall[];
  clear(): void;
};

export const callsKept = 1_000;

export function createApiCalls(): ApiCalls {
  const calls: ApiCall[] = [];
  return {
    add(call) {
      calls.push(call);
      if (calls.length > callsKept) calls.shift();
    },
    count: () => calls.length,
    list: ({ limit = callsKept } = {}) => calls.toReversed().slice(0, limit),
    clear: () => void calls.splice(0),
  };
}
