import type { ReceivedEvent } from '../../shop/order-events.ts';
import type { OrderNews } from '../../shop/order-news.ts';
import type { OrderStore } from '../order-store.ts';

/** What the thread is asked. It answers in the order in which it was asked. */
export type Question =
  | { readonly kind: 'open'; readonly path: string; readonly patienceMs: number }
  | { readonly kind: 'close' }
  | {
      readonly kind: 'commit';
      /** Calls; a number stands for a call of `recordEvents` with so many of the events. */
      readonly calls: readonly (Call | number)[];
      readonly events: PackedEvents;
      /** By the clock that all threads share, see `sharedNow`. */
      readonly deadline: number;
    };
/** For so many of the questions as it has outcomes; each call is one. */
export type Answer = { readonly outcomes: readonly SentOutcome[]; readonly news: readonly OrderNews[] };
export type SentOutcome =
  | { readonly status: 'fulfilled'; readonly value: unknown }
  | { readonly status: 'rejected'; readonly error: SentError };
export type SentError = {
  readonly isOfStore: boolean;
  readonly isUnreachable: boolean;
  readonly message: string;
  readonly stack: string;
};

/** A call of the order store, as it is sent to the thread. */
export type Call = { readonly method: Exclude<keyof OrderStore, 'close'>; readonly args: readonly unknown[] };

/** Monotonic, in ms. Each thread's own `performance.now` begins when the thread does. */
export function sharedNow(): number {
  return performance.timeOrigin + performance.now();
}

/** Events as they go to another thread: plain values, and the bytes of all of them in one piece, which is handed over and not copied. */
export type PackedEvents = { readonly rows: readonly Row[]; readonly bytes: Uint8Array<ArrayBuffer> };

type Row = readonly [
  eventId: string,
  event: string,
  paymentIntentId: string | null,
  paymentStatus: string | null,
  secret: string,
  receivedAt: number,
  digestLength: number,
  bodyLength: number,
];

export function packEvents(events: readonly ReceivedEvent[]): PackedEvents {
  const length = events.reduce((sum, { digest, body }) => sum + digest.byteLength + body.byteLength, 0);
  const bytes = new Uint8Array(length);
  let end = 0;
  const put = (part: Uint8Array): number => {
    bytes.set(part, end);
    end += part.byteLength;
    return part.byteLength;
  };
  const rows = events.map(
    (event): Row => [
      event.eventId,
      event.event,
      event.paymentIntentId,
      event.paymentStatus,
      event.secret,
      event.receivedAt.getTime(),
      put(event.digest),
      put(event.body),
    ],
  );
  return { rows, bytes };
}

export function unpackEvents({ rows, bytes }: PackedEvents): ReceivedEvent[] {
  let end = 0;
  const take = (length: number): Uint8Array => {
    end += length;
    return bytes.subarray(end - length, end);
  };
  return rows.map(
    ([
      eventId,
      event,
      paymentIntentId,
      paymentStatus,
      secret,
      receivedAt,
      digestLength,
      bodyLength,
    ]): ReceivedEvent => ({
      eventId,
      event,
      paymentIntentId,
      paymentStatus,
      secret,
      receivedAt: new Date(receivedAt),
      digest: take(digestLength),
      body: take(bodyLength),
    }),
  );
}
