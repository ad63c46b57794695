// Pages below the first one of a list, read when somebody wants to look further back.
import { redraw } from '../screen.js';

export class Older {
  isReading = false;
  error = undefined;
  #read;
  #keyOf;
  #kept = new Map();
  #next;

  /** `read(cursor) → {items, next_cursor}`, which may also be called `next_before`; `keyOf(item)` tells one from another. */
  constructor(read, keyOf) {
    this.#read = read;
    this.#keyOf = keyOf;
  }

  /** Where the next page begins; `first`: where the first page ended. */
  next(first) {
    return this.#next === undefined ? first : this.#next;
  }

  /** The first page as it is now, and what was read below: what is new above pushes nothing out that was seen. */
  below(items) {
    if (this.#next === undefined) this.#kept.clear();
    this.#keep(items);
    return [...this.#kept.values()];
  }

  async more(first) {
    this.isReading = true;
    redraw();
    try {
      const page = await this.#read(this.next(first));
      this.#keep(page.items);
      this.#next = page.next_cursor ?? page.next_before ?? null;
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    this.isReading = false;
    redraw();
  }

  #keep(items) {
    for (const item of items) this.#kept.set(this.#keyOf(item), item);
  }
}
