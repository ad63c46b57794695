// What `connect` gives back: listeners, an async iterator, the state, and lists lined up with the stream.
import { Gate, lineUp, Reset } from './lineup.js';
import { safely } from './safely.js';

const REMEMBERED = 2_000;
const TRIES = 3;

/** Control events for whoever listens; what a connection does about them it does by itself. */
const CALLBACKS = { reset: 'onReset', end: 'onEnd', summary: 'onSummary', bulk: 'onBulk', hello: 'onHello', heartbeat: 'onHeartbeat' };

export class Stream {
  #connection;
  #listeners = new Set();
  #recent = new Set();
  #read;
  #whenLive;

  /** `start(sink) → connection`; `read(after)` reads a page of the same stream as JSON. */
  constructor({ start, read }) {
    this.#read = read;
    this.#whenLive = deferred();
    this.#connection = start({ items: (items) => this.#items(items), state: (state) => this.#state(state) });
    this.#connection.start();
  }

  get state() {
    return this.#connection.state;
  }

  /** The id after which the stream goes on. */
  get cursor() {
    return this.#connection.cursor;
  }

  /** When the server was last heard, in ms since 1970; 0: never. */
  get heard() {
    return this.#connection.heard;
  }

  /** Whether this tab holds the connection that the others share. */
  get isLeading() {
    return this.#connection.isLeading ?? true;
  }

  /** Adds `{onEvents, onEvent, onReset, onEnd, onSummary, onBulk, onState}`; returns what takes them away again. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  reconnect() {
    this.#connection.reconnect();
  }

  close() {
    this.#connection.close();
    this.#listeners.clear();
  }

  /**
   * Reads a list and goes on from it. `load() → {value, cursor}` with the answer's `Event-Cursor`; `onValue(value)` is called with it,
   * then `onEvents(events)` with exactly what the list does not show yet, for as long as it is joined.
   */
  async join({ load, onValue, onEvents, signal }) {
    for (let attempt = 1; ; attempt += 1) {
      await Promise.race([this.#whenLive.promise, abortOf(signal)]);
      const position = this.cursor;
      const gate = new Gate(onEvents);
      const leave = this.listen({ onEvents: (events) => gate.push(events) });
      signal?.addEventListener('abort', leave);
      try {
        const { value, cursor } = await load();
        signal?.throwIfAborted();
        onValue(value);
        const line = await lineUp({ position, cursor, read: this.#read });
        signal?.throwIfAborted();
        gate.open(line);
        return leave;
      } catch (error) {
        leave();
        if (!(error instanceof Reset) || attempt === TRIES) throw error;
      }
    }
  }

  async *[Symbol.asyncIterator]() {
    const queue = [];
    let next = deferred();
    const leave = this.listen({
      onEvents: (events) => { queue.push(...events); next.resolve(); },
      onState: ({ phase }) => phase !== 'live' && next.resolve(),
    });
    try {
      for (;;) {
        while (queue.length) yield queue.shift();
        if (['ended', 'closed'].includes(this.state.phase)) return;
        if (this.state.phase === 'refused') throw this.state.error ?? new Error(this.state.detail ?? 'refused');
        await next.promise;
        next = deferred();
      }
    } finally {
      leave();
    }
  }

  #items(items) {
    let events = [];
    const pass = () => {
      if (events.length) this.#call('onEvents', events);
      for (const event of events) this.#call('onEvent', event);
      events = [];
    };
    for (const item of items) {
      // Events are numbered; a handler may give its own any name.
      if (Number.isInteger(item.data?.id)) {
        if (this.#isNew(item.data.id)) events.push(item.data);
      } else if (Object.hasOwn(CALLBACKS, item.type)) {
        pass();
        if (item.type === 'reset') this.#recent.clear();
        this.#call(CALLBACKS[item.type], item.data);
      }
    }
    pass();
  }

  /** Where one tab takes over from another, an event may be told by both. */
  #isNew(id) {
    if (this.#recent.has(id)) return false;
    this.#recent.add(id);
    if (this.#recent.size > REMEMBERED) this.#recent.delete(this.#recent.values().next().value);
    return true;
  }

  #state(state) {
    if (state.phase === 'live') this.#whenLive.resolve();
    this.#call('onState', state);
  }

  #call(name, value) {
    // Whoever is taken away meanwhile hears nothing more, whoever is added hears of what comes next.
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) safely((given) => listener[name]?.(given), value);
    }
  }
}

function deferred() {
  let resolve;
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}

function abortOf(signal) {
  return new Promise((_, reject) => {
    if (signal?.aborted) reject(signal.reason);
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
