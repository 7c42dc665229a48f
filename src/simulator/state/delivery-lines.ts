/**
 * The events of one intent leave one after another: each waits until the first attempt of the one before it has ended. One
 * that is held back does not stand in the line; it joins behind the next event that does.
 */
export type DeliveryLines = {
  /** Joins the line of the intent, and whoever is held back joins behind it. */
  join(intentId: string, id: string): void;
  /** Joins behind the last one, and leaves whoever is held back where it is. */
  joinBeside(intentId: string, id: string): void;
  holdBack(intentId: string, id: string): void;
  isHoldingBack(intentId: string): boolean;
  /** Ends the wait of one that is held back. */
  letGo(intentId: string, id: string): void;
  /** The first attempt has ended: the next one's turn. */
  leave(intentId: string, id: string): void;
  clear(): void;
};

/** `onTurn` is called when it is a delivery's turn, perhaps at once; `onLetGo` when it is no longer held back. */
export function createDeliveryLines(
  onTurn: (id: string) => void,
  onLetGo: (id: string) => void,
): DeliveryLines {
  const lines = new Map<string, string[]>();
  const heldBack = new Map<string, string>();

  function joinBeside(intentId: string, id: string): void {
    const line = lines.get(intentId) ?? [];
    lines.set(intentId, line);
    line.push(id);
    if (line.length === 1) onTurn(id);
  }

  function letGo(intentId: string, id: string): void {
    if (heldBack.get(intentId) !== id) return;
    heldBack.delete(intentId);
    onLetGo(id);
    joinBeside(intentId, id);
  }

  return {
    join(intentId, id) {
      joinBeside(intentId, id);
      const held = heldBack.get(intentId);
      if (held !== undefined) letGo(intentId, held);
    },
    joinBeside,
    holdBack: (intentId, id) => void heldBack.set(intentId, id),
    isHoldingBack: (intentId) => heldBack.has(intentId),
    letGo,
    leave(intentId, id) {
      const line = lines.get(intentId);
      if (line?.[0] !== id) return;
      line.shift();
      const next = line[0];
      if (next === undefined) lines.delete(intentId);
      else onTurn(next);
    },
    clear() {
      lines.clear();
      heldBack.clear();
    },
  };
}
