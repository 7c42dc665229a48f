import type { ReceivedEvent } from './order-store.ts';

/** Events as they go to another thread: plain values, and the bytes of all of them in one piece, which is handed over and not copied. */
export type EventParcel = { readonly rows: readonly Row[]; readonly bytes: Uint8Array<ArrayBuffer> };

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

export function packEvents(events: readonly ReceivedEvent[]): EventParcel {
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

export function unpackEvents({ rows, bytes }: EventParcel): ReceivedEvent[] {
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
