/**
 * The events of one intent leave in turn: each waits until the first try of the one before it has ended. An event that is
 * held back stands outside the queue, and joins behind the next event that enters it.
 */
export type DeliveryQueue = {
  /** Joins the queue of the intent; an event that is held back joins behind it. */
  join(intentId: string, id: string): void;
  /** Joins the queue and leaves an event that is held back where it is. */
  joinAlone(intentId: string, id: string): void;
  holdBack(intentId: string, id: string): void;
  isHoldingBack(intentId: string): boolean;
  /** Lets an event that is held back join the queue. */
  letGo(intentId: string, id: string): void;
  /** The first try has ended: the next event's turn. */
  leave(intentId: string, id: string): void;
  clear(): void;
};

/** Calls `onTurn` at a delivery's turn, perhaps at once, and `onLetGo` when it is no longer held back. */
export function createDeliveryQueue(
  onTurn: (id: string) => void,
  onLetGo: (id: string) => void,
): DeliveryQueue {
  const queues = new Map<string, string[]>();
  const heldBack = new Map<string, string>();

  function joinAlone(intentId: string, id: string): void {
    const queue = queues.get(intentId) ?? [];
    queues.set(intentId, queue);
    queue.push(id);
    if (queue.length === 1) onTurn(id);
  }

  function letGo(intentId: string, id: string): void {
    if (heldBack.get(intentId) !== id) return;
    heldBack.delete(intentId);
    onLetGo(id);
    joinAlone(intentId, id);
  }

  return {
    join(intentId, id) {
      joinAlone(intentId, id);
      const held = heldBack.get(intentId);
      if (held !== undefined) letGo(intentId, held);
    },
    joinAlone,
    holdBack: (intentId, id) => void heldBack.set(intentId, id),
    isHoldingBack: (intentId) => heldBack.has(intentId),
    letGo,
    leave(intentId, id) {
      const queue = queues.get(intentId);
      if (queue?.[0] !== id) return;
      queue.shift();
      const next = queue[0];
      if (next === undefined) queues.delete(intentId);
      else onTurn(next);
    },
    clear() {
      queues.clear();
      heldBack.clear();
    },
  };
}
