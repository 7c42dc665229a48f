import { Agent, request } from 'undici';
import { signatureHeader } from '../../dojo/webhook.ts';

/** Sockets to one shop, and tries under way at once. */
export const connections = 16;

export type WebhookPost = {
  readonly url: string;
  readonly body: Uint8Array;
  /** Null sends none. */
  readonly signature: string | null;
  /** From connecting to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

/** `error` is the code or name of what went wrong where no answer came. */
export type WebhookAnswer = { readonly status: number | null; readonly error: string | null };

export type WebhookSender = {
  /** Never rejects: an address that is none is an answer with an error too. Redirects are not followed. */
  post(call: WebhookPost): Promise<WebhookAnswer>;
  close(): Promise<void>;
};

export function createWebhookSender(): WebhookSender {
  const agent = new Agent({ connections, pipelining: 1 });
  const enter = createGate(connections);

  return {
    // The time limit must not run while others are served, so a try waits here instead of in the agent.
    post: ({ url, body, signature, timeoutMs, signal }) =>
      enter(async () => {
        try {
          const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
          limit.throwIfAborted();
          const response = await request(url, {
            method: 'POST',
            headers: {
              'content-type': 'application/json; charset=utf-8',
              ...(signature !== null && { [signatureHeader]: signature }),
            },
            body,
            dispatcher: agent,
            signal: limit,
          });
          await response.body.dump({ limit: 64 * 1024 });
          // undici takes a body that the limit has cut off for one that was read.
          limit.throwIfAborted();
          return { status: response.statusCode, error: null };
        } catch (error) {
          return { status: null, error: nameOfError(error) };
        }
      }),
    close: () => agent.destroy(),
  };
}

/** Lets so many through at once, the rest in the order in which they came. */
function createGate(limit: number) {
  const waiting: (() => void)[] = [];
  let free = limit;
  return async <Result>(task: () => Promise<Result>): Promise<Result> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((enter) => waiting.push(enter));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    }
  };
}

function nameOfError(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
