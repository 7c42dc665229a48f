import { z } from 'zod';
import { webhookFaultKinds } from '../faults.ts';
import { instantSchema } from './instant.ts';
import type { StateFile } from './state-file.ts';

/** Why a try was made: it was due, its event comes twice, or someone asked for it. */
export const tryReasons = ['schedule', 'duplicate', 'by-hand'] as const;
export type TryReason = (typeof tryReasons)[number];

const trySchema = z
  .object({
    at: instantSchema,
    reason: z.enum(tryReasons),
    /** Null without an answer. */
    status: z.int().nullable(),
    /** What went wrong; null with an answer. */
    error: z.string().nullable(),
    latencyMs: z.int(),
    /** The faults injected into this try. */
    faults: z.array(z.enum(webhookFaultKinds)).readonly(),
  })
  .readonly();
/** One try to deliver a webhook. */
export type DeliveryTry = z.output<typeof trySchema>;

/** The bytes of a JSON text; in the state file, the text. */
const bodySchema = z.codec(z.string(), z.instanceof(Uint8Array), {
  decode: (text) => Buffer.from(text),
  encode: (bytes) => Buffer.from(bytes).toString('utf8'),
});

const deliverySchema = z
  .object({
    /** The id of the event, `evt_…`. */
    id: z.string(),
    /** The number of the event since the chances started; its tries draw by it. */
    number: z.int().default(0),
    event: z.string(),
    paymentIntentId: z.string(),
    /** The status in the event; null if the state file is older than this member. */
    paymentStatus: z.string().nullable().default(null),
    /** The amount of the intent at the time of the event, in minor units. */
    amount: z.int(),
    subscriptionId: z.string(),
    /** The exact bytes that every try signs and sends. */
    body: bodySchema,
    createdAt: instantSchema,
    /** The faults injected into the event, not into one try. */
    faults: z.array(z.enum(webhookFaultKinds)).readonly(),
    /** In the order in which they ended. */
    tries: z.array(trySchema).readonly(),
    /** `dropped`: never sent unless by hand. `given-up`: the last scheduled try was not acknowledged. */
    state: z.enum(['pending', 'delivered', 'given-up', 'dropped']),
    /** When a pending delivery is due: held back, or tried again. Null while it is on its way. */
    dueAt: instantSchema.nullable(),
  })
  .readonly();
export type Delivery = z.output<typeof deliverySchema>;

/** All pending deliveries, and the last `finishedKept` finished ones. */
export type DeliveryLog = {
  find(id: string): Delivery | null;
  put(delivery: Delivery): void;
  /** Oldest first. */
  values(): IterableIterator<Delivery>;
  count(): number;
  /** Newest first. */
  list(limit?: number): Delivery[];
  clear(): void;
};

const finishedKept = 10_000;

export function createDeliveryLog(file: StateFile): DeliveryLog {
  const deliveries = new Map<string, Delivery>();
  /** Ids, in the order in which deliveries finished. */
  const finished = new Set<string>();
  for (const record of file.load('delivery')) remember(deliverySchema.parse(renameTries(record)));

  function remember(delivery: Delivery): void {
    deliveries.set(delivery.id, delivery);
    if (delivery.state === 'pending') return;
    finished.add(delivery.id);
    for (const id of finished) {
      if (finished.size <= finishedKept) break;
      finished.delete(id);
      deliveries.delete(id);
      file.drop('delivery', id);
    }
  }

  return {
    find: (id) => deliveries.get(id) ?? null,
    put(delivery) {
      file.keep('delivery', delivery.id, () => z.encode(deliverySchema, delivery));
      remember(delivery);
    },
    values: () => deliveries.values(),
    count: () => deliveries.size,
    list: (limit = Number.POSITIVE_INFINITY) => [...deliveries.values()].reverse().slice(0, limit),
    clear() {
      deliveries.clear();
      finished.clear();
    },
  };
}

/** Older state files call the tries `attempts`. */
function renameTries(record: unknown): unknown {
  if (typeof record !== 'object' || record === null || !('attempts' in record)) return record;
  const { attempts, ...delivery } = record;
  return { ...delivery, tries: attempts };
}
