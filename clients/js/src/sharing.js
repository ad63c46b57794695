// One connection for all tabs of a browser: whoever holds a Web Lock connects and tells the others over a BroadcastChannel.
//
// All tabs hear the same items in the same order, so each knows how far the stream got; when the tab that leads goes away
// the next one goes on from there.

const LEAST_SILENCE_MS = 60_000;
const BEATS = 4;

export function sharingIsPossible() {
  return globalThis.navigator?.locks !== undefined && globalThis.BroadcastChannel !== undefined;
}

/** Has the interface of Connection: start, close, reconnect, state, cursor, heard. */
export class SharedConnection {
  #name;
  #make;
  #sink;
  #channel;
  #own;
  #release = () => {};
  #giveUp = new AbortController();
  #watch;
  #outbox = [];
  #summary;
  #wasAway = false;
  #silenceMs;
  #post = new MessageChannel();
  #hide = () => this.#leave();
  #show = (event) => event.persisted && this.#comeBack();
  state = { phase: 'connecting' };
  heard = 0;

  /** `make(cursor, sink) → Connection` is called in the tab that leads. */
  constructor({ name, make, sink, cursor, heartbeatSeconds = 15 }) {
    this.#silenceMs = Math.max(LEAST_SILENCE_MS, BEATS * heartbeatSeconds * 1_000);
    this.#name = `jobstream:${name}`;
    this.#make = make;
    this.#sink = sink;
    this.cursor = cursor;
    this.#post.port1.onmessage = () => this.#flush();
  }

  get isLeading() {
    return this.#own !== undefined;
  }

  start() {
    globalThis.addEventListener('pagehide', this.#hide);
    globalThis.addEventListener('pageshow', this.#show);
    this.#enterRound();
  }

  close() {
    globalThis.removeEventListener('pagehide', this.#hide);
    globalThis.removeEventListener('pageshow', this.#show);
    this.#leave();
    this.#post.port1.close();
    this.state = { phase: 'closed' };
    this.#sink.state(this.state);
  }

  reconnect() {
    if (this.#own) this.#own.reconnect();
    else this.#channel?.postMessage({ reconnect: true });
  }

  #enterRound() {
    this.#giveUp = new AbortController();
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => this.#hear(data);
    this.#channel.postMessage({ ask: true });
    this.#claim({ signal: this.#giveUp.signal });
    this.#armWatch();
  }

  #comeBack() {
    this.#wasAway = true;
    this.#enterRound();
  }

  #leave() {
    clearTimeout(this.#watch);
    this.#giveUp.abort();
    this.#resign();
    this.#channel?.close();
    this.#channel = undefined;
  }

  #claim(options) {
    const { signal } = this.#giveUp;
    const lead = () => {
      if (signal.aborted) return undefined;
      this.#lead();
      return new Promise((resolve) => { this.#release = resolve; });
    };
    navigator.locks.request(this.#name, options, lead).catch((error) => {
      // No locks for this page (a sandboxed frame): it shares with nobody.
      if (error.name !== 'AbortError') return lead();
      // Stolen: this tab slept for too long. It follows, and stands in line again.
      this.#resign();
      if (signal.aborted) return undefined;
      this.#wasAway = true;
      this.#channel.postMessage({ ask: true });
      return this.#claim({ signal });
    });
  }

  #lead() {
    clearTimeout(this.#watch);
    this.#wasAway = false;
    this.#own = this.#make(this.cursor, {
      items: (items) => this.#tell({ items }),
      state: (state) => this.#tell({ state }),
    });
    this.#own.start();
  }

  #resign() {
    const own = this.#own;
    this.#own = undefined;
    own?.close();
    this.#release();
    this.#release = () => {};
  }

  #tell({ items, state }) {
    if (!this.#own) return;
    if (items) this.#take(items, this.#own.cursor);
    if (state) this.#enter(plain(state));
    this.#outbox.push(items ? { items, cursor: this.cursor } : { state: this.state });
    // By message, not by timer: timers of tabs in the background are held back, messages are not.
    if (this.#outbox.length === 1) this.#post.port2.postMessage(null);
  }

  #flush() {
    const posts = this.#outbox;
    this.#outbox = [];
    if (posts.length) this.#channel?.postMessage({ posts, heard: this.#own?.heard });
  }

  #hear(message) {
    if (this.#own) {
      if (message.ask) this.#answer();
      if (message.reconnect) this.#own.reconnect();
      return;
    }
    if (message.heard) this.heard = message.heard;
    this.#armWatch();
    if (message.posts) {
      for (const post of message.posts) {
        if (post.items) this.#take(post.items, post.cursor);
        else this.#enter(post.state);
      }
    } else if (message.state) {
      this.#join(message);
    }
  }

  #answer() {
    // What is still to be sent belongs before the position that is told.
    this.#flush();
    const { state, cursor } = this;
    this.#channel.postMessage({ state, cursor, heard: this.#own.heard, summary: this.#summary });
  }

  #join({ state, cursor, summary }) {
    const hasMissed = this.#wasAway && this.cursor !== cursor;
    this.#wasAway = false;
    if (hasMissed || this.cursor === undefined) this.cursor = cursor;
    this.#enter(state);
    if (hasMissed) this.#sink.items([{ type: 'reset', data: { reason: 'unknown' } }]);
    if (summary) this.#sink.items([summary]);
  }

  #take(items, cursor) {
    this.heard = Date.now();
    this.cursor = cursor;
    this.#summary = items.findLast((item) => item.type === 'summary') ?? this.#summary;
    this.#sink.items(items);
  }

  #enter(state) {
    this.state = state;
    this.#sink.state(state);
  }

  #armWatch() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#suspect(), this.#silenceMs);
  }

  /** The tab that leads says nothing, not even heartbeats: it sleeps with the lock in its hand. */
  #suspect() {
    if (globalThis.document?.visibilityState === 'hidden') return this.#armWatch();
    this.#giveUp.abort();
    this.#giveUp = new AbortController();
    this.#claim({ steal: true });
  }
}

/** What a BroadcastChannel can carry. */
function plain({ error, ...state }) {
  return error ? { ...state, detail: error.message } : state;
}
