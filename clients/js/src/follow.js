// `follow`: one job from its first event to its end.
//
// Any number of followed jobs share one stream of all that the caller may see (and with other tabs, where they use the cookie).
// A job's own history comes as JSON; ids of one job's events rise in the order of their commits, so its history up to id n and
// the shared stream's events above n are the whole, each once.
import { apiAddress, homeOf } from './address.js';
import { retryDelay } from './backoff.js';
import { connect, openStream } from './connect.js';
import { Credentials, isFinal } from './credentials.js';
import { applyEvent, EMPTY_JOB, isTerminal } from './progress.js';
import { safely } from './safely.js';

const LINGER_MS = 2_000;
const PAGE = 1_000;
const feeds = [];

/** Follows a job. See types/index.d.ts. */
export function follow(jobId, options = {}) {
  return new JobFollower(jobId, options);
}

export class JobFollower {
  #options;
  #last = 0;
  #stop = () => {};
  #closed = false;
  #queue;
  #wake = () => {};
  #resolve;
  #reject;

  constructor(id, options) {
    this.id = id;
    this.#options = options;
    this.job = { ...EMPTY_JOB, id };
    this.ended = new Promise((resolve, reject) => { this.#resolve = resolve; this.#reject = reject; });
    this.ended.catch(() => {});
    options.signal?.addEventListener('abort', () => this.close(), { once: true });
    const isShared = options.share !== false && (options.ticket === undefined || options.share !== undefined);
    if (!options.signal?.aborted) this.#stop = isShared ? this.#joinFeed() : this.#openOwn();
  }

  close() {
    this.#reject(new Error('closed'));
    this.#finish({ phase: 'closed' });
  }

  /** All events from the first. Nothing is kept for whoever might come: a later loop reads the history again. */
  async *[Symbol.asyncIterator]() {
    if (this.#queue === undefined && this.#last === 0) yield* this.#iterate();
    else if (!this.#closed || isTerminal(this.job.status)) yield* this.#again();
    if (this.error) throw this.error;
  }

  async *#iterate() {
    this.#queue = [];
    const queue = this.#queue;
    try {
      while (!this.#closed || queue.length) {
        if (queue.length) yield queue.shift();
        else await new Promise((resolve) => { this.#wake = resolve; });
      }
    } finally {
      this.#queue = undefined;
    }
  }

  async *#again() {
    const { url, token, ticket, share, heartbeatSeconds, signal } = this.#options;
    const own = new JobFollower(this.id, { url, token, ticket, share, heartbeatSeconds, signal });
    try {
      yield* own;
    } finally {
      own.close();
    }
  }

  #openOwn() {
    const stream = openStream(`jobs/${this.id}/events`, {
      ...this.#options,
      onEvents: (events) => this.#take(events),
      onEvent: undefined,
      share: false,
      onReset: () => { this.#last = 0; },
      onEnd: () => this.#finish(),
      onState: (state) => this.#state(state),
    });
    return () => stream.close();
  }

  #joinFeed() {
    const feed = feedFor(this.#options);
    const held = [];
    let isLoading = false;
    let isStale = false;
    const load = async () => {
      isStale = true;
      if (isLoading) return;
      isLoading = true;
      for (let attempt = 0; isStale && !this.#closed; attempt += 1) {
        isStale = false;
        try {
          await this.#readHistory(feed.credentials);
        } catch (error) {
          if (isFinal({ status: error.status, error })) return this.#fail(error);
          isStale = true;
          await new Promise((resolve) => { setTimeout(resolve, retryDelay(attempt)); });
        }
      }
      isLoading = false;
      return this.#take(held.splice(0));
    };
    const leave = feed.stream.listen({
      onEvents: (events) => {
        const own = events.filter((event) => event.job_id === this.id);
        if (!own.length) return;
        if (isLoading) held.push(...own);
        else this.#take(own);
      },
      // A part of the shared stream was lost; of this job nothing is: its history tells.
      onReset: () => load(),
      onState: (state) => {
        if (state.phase === 'live' && this.#last === 0) load();
        this.#state(state);
      },
    });
    const { state } = feed.stream;
    if (state.phase === 'live') load();
    queueMicrotask(() => this.#state(state));
    return () => {
      leave();
      feed.release();
    };
  }

  async #readHistory(credentials) {
    for (;;) {
      const address = apiAddress(this.#options.url, `jobs/${this.id}/events`);
      address.searchParams.set('after', String(this.#last));
      address.searchParams.set('limit', String(PAGE));
      const page = await credentials.read(address, { signal: this.#options.signal });
      if (this.#closed) return;
      // Pruned: instead of what is gone there comes one made event, with the id of the last one.
      if (page.reset) this.#last = 0;
      this.#take(page.items);
      if (page.items.length < PAGE) return;
    }
  }

  #take(events) {
    for (const event of events) {
      if (this.#closed) return;
      if (event.id <= this.#last) continue;
      this.#last = event.id;
      this.job = { ...applyEvent(this.job, event), id: this.id };
      this.#queue?.push(event);
      safely(this.#options.onEvent, event);
    }
    if (!events.length || this.#closed) return;
    safely(this.#options.onChange, this.job);
    this.#wake();
    if (isTerminal(this.job.status) || this.job.deleted) this.#finish();
  }

  #state(state) {
    if (this.#closed) return;
    if (state.phase === 'refused') this.#fail(state.error ?? Object.assign(new Error(state.detail ?? `HTTP ${state.status}`), { status: state.status }));
    else if (state.phase !== 'ended') safely(this.#options.onState, state);
  }

  #fail(error) {
    if (this.#closed) return;
    this.error = error;
    safely(this.#options.onError, error);
    this.#reject(error);
    this.#finish({ phase: 'refused', status: error.status, error });
  }

  #finish(state = { phase: 'ended' }) {
    if (this.#closed) return;
    this.#closed = true;
    if (isTerminal(this.job.status)) this.#resolve(this.job);
    else this.#reject(new Error(this.job.deleted ? 'the job was deleted' : 'the stream ended'));
    safely(this.#options.onState, state);
    this.#wake();
    // Not before the constructor has what to stop.
    queueMicrotask(() => this.#stop());
  }
}

/** The stream that follows of one page have in common; closed a moment after the last of them has gone. */
function feedFor({ url, token, ticket, share, heartbeatSeconds }) {
  const home = String(homeOf(url));
  // A name for the caller says that their credentials are as good as each other; without one they have to be the same.
  const isNamed = typeof share === 'string';
  let feed = feeds.find((one) => one.home === home && one.share === share && (isNamed || (one.token === token && one.ticket === ticket)));
  if (!feed) {
    feed = { home, token, ticket, share, users: 0, timer: undefined };
    feed.credentials = new Credentials({ token, ticket });
    feed.stream = connect({ url, token, ticket, share, heartbeatSeconds });
    feed.release = () => {
      feed.users -= 1;
      if (feed.users === 0) feed.timer = setTimeout(() => closeFeed(feed), LINGER_MS);
    };
    feeds.push(feed);
  }
  clearTimeout(feed.timer);
  feed.users += 1;
  return feed;
}

function closeFeed(feed) {
  feeds.splice(feeds.indexOf(feed), 1);
  feed.stream.close();
}
