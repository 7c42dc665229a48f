import { z } from 'zod';
import { type Delivery, deliverySchema } from './delivery.ts';
import type { StateFile } from './state-file.ts';

/** Every delivery that is pending, and the last `finishedKept` of the others. */
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
  /** Ids, in the order in which they were finished. */
  const finished = new Set<string>();
  for (const delivery of z.array(deliverySchema).parse(file.load('delivery'))) remember(delivery);

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
