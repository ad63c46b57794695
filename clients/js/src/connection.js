// A stream that stays: comes back after every loss, from the last id that was dispatched, until it ends or is refused.
//
// sink: items([{type, data, id}]) in order, state({phase, …}) at each change. Phases: connecting, live, waiting (for the next try),
// ended (nothing more will come), refused (401, 403, 404, 400: trying again would not help), closed (by us).
import { retryDelay } from './backoff.js';
import { isFinal } from './credentials.js';

const STABLE_MS = 5_000;

export class Connection {
  #open;
  #sink;
  #renewable;
  #heartbeatMs;
  #attempt = 0;
  #generation = 0;
  #hangUp = () => {};
  #timer;
  #watch;
  #retryMs = 500;
  #liveSince = 0;
  #quietSince = 0;
  #wake = () => this.#wakeUp();
  /** The network is gone, it is said, and nothing would tell of it for as long as heartbeats may take: try. */
  #doubt = () => this.state.phase === 'live' && this.#connect();
  heard = 0;
  state = { phase: 'connecting' };

  /**
   * `open(cursor, linkSink) → Promise<hangUp>` makes one link. `heartbeatSeconds`: how often the server speaks at least; after
   * two and a half times that in silence the link is taken for dead.
   */
  constructor({ open, sink, cursor, renewable = false, heartbeatSeconds = 15 }) {
    this.#open = open;
    this.#sink = sink;
    this.#renewable = renewable;
    this.#heartbeatMs = heartbeatSeconds * 1000;
    this.cursor = cursor;
  }

  start() {
    globalThis.addEventListener?.('online', this.#wake);
    globalThis.addEventListener?.('offline', this.#doubt);
    globalThis.document?.addEventListener('visibilitychange', this.#wake);
    this.#connect();
  }

  close() {
    this.#stop();
    this.#enter({ phase: 'closed' });
  }

  /** Tries at once, also after a refusal. */
  reconnect() {
    if (['closed', 'ended'].includes(this.state.phase)) return;
    this.#attempt = 0;
    this.#connect();
  }

  #stop() {
    this.#drop();
    globalThis.removeEventListener?.('online', this.#wake);
    globalThis.removeEventListener?.('offline', this.#doubt);
    globalThis.document?.removeEventListener('visibilitychange', this.#wake);
  }

  #drop() {
    this.#generation += 1;
    clearTimeout(this.#timer);
    clearTimeout(this.#watch);
    this.#watch = undefined;
    this.#hangUp();
    this.#hangUp = () => {};
  }

  async #connect() {
    this.#drop();
    this.#enter({ phase: 'connecting' });
    const generation = this.#generation;
    const mine = (react) => (...values) => generation === this.#generation && react(...values);
    // A server that takes the connection and then says nothing is noticed too; heard is only what it says.
    this.#quietSince = Date.now();
    this.#armWatch(this.#heartbeatMs * 2.5);
    try {
      const hangUp = await this.#open(this.cursor, {
        opened: mine(() => this.#hear()),
        frames: mine((frames) => this.#receive(frames)),
        retry: mine((ms) => { this.#retryMs = Math.min(Math.max(ms, 100), 60_000); }),
        closed: mine((why) => this.#lost(why)),
      });
      if (generation === this.#generation) this.#hangUp = hangUp;
      else hangUp();
    } catch (error) {
      if (generation === this.#generation) this.#lost({ error, status: error.status });
    }
  }

  #receive(frames) {
    this.#hear();
    let items = [];
    const pass = () => {
      if (items.length) this.#sink.items(items);
      items = [];
    };
    for (const frame of frames) {
      const item = { type: frame.type, data: parsed(frame.data), id: frame.id };
      items.push(item);
      if (item.id) this.cursor = item.id;
      if (item.type === 'hello' || item.type === 'summary') this.#alive();
      if (item.type === 'overloaded') {
        pass();
        return this.#wait(item.data?.retry_ms ?? 5_000);
      }
      if (item.type === 'end') {
        if (item.data?.reason === 'ticket' && this.#renewable) items.pop();
        pass();
        return this.#ended(item.data ?? {});
      }
    }
    pass();
  }

  #alive() {
    if (this.state.phase === 'live') return;
    this.#liveSince = Date.now();
    this.#enter({ phase: 'live' });
  }

  #ended({ reason }) {
    // At once, but not in a circle: whoever hands out tickets that have run out is asked ever more slowly.
    if (reason === 'ticket' && this.#renewable) {
      if (this.#hasLasted()) this.#attempt = 0;
      return this.#wait(this.#attempt === 0 ? 0 : retryDelay(this.#attempt));
    }
    this.#stop();
    this.#enter({ phase: 'ended', reason });
  }

  #lost({ status, error }) {
    if (status === 204) return this.#ended({ reason: undefined });
    if (this.#hasLasted()) this.#attempt = 0;
    const mayRenew = this.#renewable && status === 401 && this.#attempt < 3;
    if (isFinal({ status, error }) && !mayRenew) {
      this.#drop();
      return this.#enter({ phase: 'refused', status, error });
    }
    const delay = retryDelay(this.#attempt, { base: this.#attempt === 0 ? Math.min(this.#retryMs, 1000) : 500 });
    this.#wait(Math.max(delay, error?.retryAfter ?? 0), status);
  }

  #hasLasted() {
    return this.state.phase === 'live' && Date.now() - this.#liveSince > STABLE_MS;
  }

  #wait(ms, status) {
    this.#drop();
    this.#attempt += 1;
    this.#enter({ phase: 'waiting', until: Date.now() + ms, ...(status && { status }) });
    this.#timer = setTimeout(() => this.#connect(), ms);
  }

  #hear() {
    this.heard = this.#quietSince = Date.now();
    if (this.#watch === undefined) this.#armWatch(this.#heartbeatMs * 2.5);
  }

  #armWatch(ms) {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      const left = this.#quietSince + this.#heartbeatMs * 2.5 - Date.now();
      if (left > 0) this.#armWatch(left);
      else this.#lost({ error: new Error('silence') });
    }, ms);
  }

  /** The machine woke up, the page came to the front, the network is back: look whether the link still lives. */
  #wakeUp() {
    if (globalThis.document?.visibilityState === 'hidden') return;
    const isSilent = Date.now() - this.heard > this.#heartbeatMs * 1.5;
    if (this.state.phase === 'waiting' || (this.state.phase === 'live' && isSilent)) this.#connect();
  }

  #enter(state) {
    const isSame = state.phase === this.state.phase && state.phase !== 'waiting';
    this.state = state;
    if (!isSame) this.#sink.state(state);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
