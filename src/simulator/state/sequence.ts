export type Cursor = {
  readonly limit?: number | undefined;
  readonly before?: string | null | undefined;
  readonly after?: string | null | undefined;
};

/** `before` and `after` are ids for the next cursor; null if there is nothing in that direction. */
export type Page<Entry> = {
  readonly data: Entry[];
  readonly before: string | null;
  readonly after: string | null;
};

/** Entries in order of insertion, found by id or place without a scan. */
export type Sequence<Entry extends { readonly id: string }> = {
  /** A known entry keeps its place. */
  put(entry: Entry): void;
  find(id: string): Entry | null;
  remove(id: string): boolean;
  count(): number;
  /** Oldest first. */
  values(): IterableIterator<Entry>;
  /** Newest first. */
  list(limit?: number): Entry[];
  /**
   * One page, newest first: `after` continues with older entries, `before` with newer ones, without the named entry. The id of
   * an entry that is removed or no longer matches still marks its place. Null for an unknown id.
   */
  page(cursor: Cursor, matches: (entry: Entry) => boolean): Page<Entry> | null;
  clear(): void;
};

const defaultLimit = 50;

export function createSequence<Entry extends { readonly id: string }>(): Sequence<Entry> {
  const places = new Map<string, number>();
  /** By place; undefined for a removed entry. */
  const entries: (Entry | undefined)[] = [];
  let count = 0;

  const find = (id: string) => entries[places.get(id) ?? -1] ?? null;

  /** Up to `limit` matches, from a place towards newer (1) or older (-1) entries. */
  function collect(walk: { from: number; step: 1 | -1; limit: number }, matches: (entry: Entry) => boolean) {
    const found: Entry[] = [];
    for (let place = walk.from; place >= 0 && place < entries.length; place += walk.step) {
      if (found.length >= walk.limit) break;
      const entry = entries[place];
      if (entry !== undefined && matches(entry)) found.push(entry);
    }
    return found;
  }

  return {
    put(entry) {
      if (find(entry.id) === null) count += 1;
      const place = places.get(entry.id) ?? entries.length;
      places.set(entry.id, place);
      entries[place] = entry;
    },
    find,
    remove(id) {
      const place = places.get(id);
      if (place === undefined || entries[place] === undefined) return false;
      entries[place] = undefined;
      count -= 1;
      return true;
    },
    count: () => count,
    *values() {
      for (const entry of entries) if (entry !== undefined) yield entry;
    },
    list: (limit = Number.POSITIVE_INFINITY) =>
      collect({ from: entries.length - 1, step: -1, limit }, () => true),
    page({ limit = defaultLimit, before, after }, matches) {
      const named = before || after;
      const place = named ? places.get(named) : entries.length;
      if (place === undefined) return null;
      const data =
        named && named === before
          ? collect({ from: place + 1, step: 1, limit }, matches).reverse()
          : collect({ from: place - 1, step: -1, limit }, matches);
      const endOf = (entry: Entry | undefined, step: 1 | -1) => {
        if (entry === undefined) return null;
        const from = (places.get(entry.id) ?? 0) + step;
        return collect({ from, step, limit: 1 }, matches).length > 0 ? entry.id : null;
      };
      // A first page skips no match.
      return { data, before: named ? endOf(data.at(0), 1) : null, after: endOf(data.at(-1), -1) };
    },
    clear() {
      places.clear();
      entries.length = 0;
      count = 0;
    },
  };
}
