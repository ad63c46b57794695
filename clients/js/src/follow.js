// `follow`: one job from its first event to its end.
//
// Any number of followed jobs share one stream of all that the caller may see (and with other tabs, where they use the cookie).
// A job's own history comes as JSON; ids of one job's events rise in the order of their commits, so its history up to id n and
// the shared stream's events above n are the whole, each once.
import { apiAddress, homeOf } from './address.js';
import { connect, openStream } from './connect.js';
import { Credentials } from './credentials.js';
import { applyEvent, EMPTY_JOB, isTerminal } from './progress.js';
import { retryDelay } from './backoff.js';

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
  #queue = [];
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
    this.#finish();
    this.#reject(new Error('closed'));
  }

  async *[Symbol.asyncIterator]() {
    while (!this.#closed || this.#queue.length) {
      if (this.#queue.length) yield this.#queue.shift();
      else await new Promise((resolve) => { this.#wake = resolve; });
    }
    if (this.error) throw this.error;
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
    const load = async (attempt = 0) => {
      isLoading = true;
      try {
        await this.#readHistory(feed.credentials);
        isLoading = false;
        this.#take(held.splice(0));
      } catch (error) {
        if (this.#closed) return;
        if ([400, 401, 403, 404].includes(error.status)) this.#fail(error);
        else setTimeout(() => this.#closed || load(attempt + 1), retryDelay(attempt));
      }
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
        if (state.phase === 'live' && !isLoading && this.#last === 0) load();
        this.#state(state);
      },
    });
    const { state } = feed.stream;
    if (state.phase === 'live') load();
    if (state.phase === 'refused') queueMicrotask(() => this.#state(state));
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
      if (event.id <= this.#last) continue;
      this.#last = event.id;
      this.job = { ...applyEvent(this.job, event), id: this.id };
      this.#queue.push(event);
      this.#options.onEvent?.(event);
    }
    if (!events.length) return;
    this.#options.onChange?.(this.job);
    this.#wake();
    if (isTerminal(this.job.status) || this.job.deleted) this.#finish();
  }

  #state(state) {
    this.#options.onState?.(state);
    if (state.phase === 'refused') this.#fail(state.error ?? new Error(state.detail ?? `HTTP ${state.status}`));
  }

  #fail(error) {
    this.error = error;
    this.#options.onError?.(error);
    this.#reject(error);
    this.#finish();
  }

  #finish() {
    if (this.#closed) return;
    this.#closed = true;
    if (isTerminal(this.job.status)) this.#resolve(this.job);
    else this.#reject(new Error(this.job.deleted ? 'the job was deleted' : 'the stream ended'));
    this.#wake();
    // Not before the constructor has what to stop.
    queueMicrotask(() => this.#stop());
  }
}

/** The stream that follows of one page have in common; closed a moment after the last of them has gone. */
function feedFor({ url, token, ticket, share, heartbeatSeconds }) {
  const home = String(homeOf(url));
  let feed = feeds.find((one) => one.home === home && one.token === token && one.ticket === ticket && one.share === share);
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
