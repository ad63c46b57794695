// Query keys gathered for a moment and invalidated together: a thousand events make ten refetches, not a thousand.

export class Invalidator {
  #queryClient;
  #batchMs;
  #keysOf;
  #waiting = new Map();
  #known = new Map();
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
    for (const [text, key] of this.#known) this.#waiting.set(text, key);
    for (const key of more) this.#waiting.set(JSON.stringify(key), key);
    this.#arm();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm() {
    if (this.#waiting.size === 0 || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#flush(), this.#batchMs);
  }

  #flush() {
    this.#timer = undefined;
    const keys = [...this.#waiting];
    this.#waiting.clear();
    for (const [text, key] of keys) {
      this.#known.set(text, key);
      this.#queryClient.invalidateQueries({ queryKey: key });
    }
  }
}
