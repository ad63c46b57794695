// Query keys gathered for a moment and invalidated together: a thousand events make ten refetches, not a thousand.

/** Beyond so many keys it is not remembered which: all queries are then what may be stale. */
const MOST_KNOWN = 1_000;

export class Invalidator {
  #queryClient;
  #batchMs;
  #keysOf;
  #waiting = new Map();
  #known = new Map();
  #isAll = false;
  #timer;

  constructor({ queryClient, batchMs, keysOf }) {
    this.#queryClient = queryClient;
    this.#batchMs = batchMs;
    this.#keysOf = keysOf;
  }

  take(events) {
    if (!this.#queryClient) return;
    for (const event of events) {
      for (const key of this.#keysOf(event)) this.#waiting.set(JSON.stringify(key), key);
    }
    this.#arm();
  }

  /** Events were lost: whatever was ever invalidated may be stale, and `more`. */
  all(more = []) {
    if (!this.#queryClient) return;
    this.#isAll = this.#known.size >= MOST_KNOWN;
    for (const [text, key] of this.#known) this.#waiting.set(text, key);
    for (const key of more) this.#waiting.set(JSON.stringify(key), key);
    this.#arm();
  }

  /** What was gathered is still said: the queries outlive whoever listened. */
  stop() {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#flush();
  }

  #arm() {
    if (this.#waiting.size === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#flush(), this.#batchMs);
  }

  #flush() {
    this.#timer = undefined;
    const keys = this.#isAll ? [[]] : [...this.#waiting.values()];
    for (const [text, key] of this.#waiting) if (this.#known.size < MOST_KNOWN) this.#known.set(text, key);
    this.#waiting.clear();
    this.#isAll = false;
    for (const queryKey of keys) this.#queryClient.invalidateQueries({ queryKey });
  }
}
