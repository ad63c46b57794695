// Something that is read from the server and read again when an event says that it may have changed: not by the clock.
import { now as serverNow } from '../clock.js';
import * as live from '../live.js';
import { redraw } from '../screen.js';

export class Resource {
  value = undefined;
  error = undefined;
  isLoading = true;
  readAt = 0;
  #triedAt = 0;
  #read;
  #isAbout;
  #everyMs;
  #unlisten;
  #timer;
  #abort = new AbortController();
  #isReading = false;
  #isStale = false;

  /**
   * `read(signal)`; `isAbout(event)`: whether it may change what was read; at most once in `everyMs`. `isQuiet`: it changes without
   * events too (workers come and go), so it is also read when the server gives a sign of life in silence. */
  constructor(read, { isAbout = () => false, everyMs = 1_000, isQuiet = false } = {}) {
    this.#read = read;
    this.#isAbout = isAbout;
    this.#everyMs = everyMs;
    this.#unlisten = live.listen({
      onEvents: (events) => events.some((event) => this.#isAbout(event)) && this.touch(),
      onBeat: () => isQuiet && this.touch(),
      onReset: () => this.reload(),
      onBack: () => this.reload(),
    });
    this.reload();
  }

  stop() {
    this.#abort.abort();
    this.#unlisten();
    clearTimeout(this.#timer);
  }

  /** Read again, soon. */
  touch() {
    if (this.#timer !== undefined) return;
    const wait = Math.max(0, this.#triedAt + this.#everyMs - Date.now());
    this.#timer = setTimeout(() => this.reload(), wait);
  }

  async reload() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isReading) {
      this.#isStale = true;
      return;
    }
    this.#isReading = true;
    const { signal } = this.#abort;
    try {
      this.value = await this.#read(signal);
      this.readAt = serverNow();
      this.error = undefined;
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    this.#isReading = false;
    this.#triedAt = Date.now();
    redraw();
    if (this.#isStale) {
      this.#isStale = false;
      this.touch();
    }
  }
}
