// Throughput and failures over a span of time: read once, carried on by the events, read again when a bucket is full.
import { api } from '../api.js';
import * as live from '../live.js';
import { redrawSoon } from '../screen.js';
import { Resource } from './resource.js';

const EMPTY = { enqueued: 0, done: 0, failed: 0, dlq: 0 };

export class Flow {
  #resource;
  #leave;
  #buckets = new Map();
  #readFrom;

  constructor(seconds) {
    this.seconds = seconds;
    this.#resource = new Resource((signal) => api.get('stats', { seconds }, { signal }), {
      isAbout: (event) => event.type === 'status',
      everyMs: Math.max(10_000, (seconds / 60) * 1_000),
    });
    this.#leave = live.listen({ onEvents: (events) => this.#take(events) });
  }

  stop() {
    this.#leave();
    this.#resource.stop();
  }

  reload() {
    this.#resource.reload();
  }

  get error() { return this.#resource.error; }
  get stats() { return this.#resource.value; }
  get stepMs() { return (this.stats?.step_seconds ?? 60) * 1_000; }

  /** One entry a bucket, also for the empty ones; null before what is covered. */
  get buckets() {
    const { stats, stepMs } = this;
    if (!stats) return [];
    this.#begin(stats);
    const now = live.moment();
    const last = Math.floor(now / stepMs) * stepMs;
    const first = last - (this.seconds * 1_000 - stepMs);
    const covered = Math.floor(Date.parse(stats.covered_since) / stepMs) * stepMs;
    const all = [];
    for (let at = first; at <= last; at += stepMs) all.push(at < covered ? null : { at, ...EMPTY, ...this.#buckets.get(at) });
    return all;
  }

  /** Of one figure, for a plot. */
  series(name) {
    return this.levelled(this.buckets.map((bucket) => (bucket ? bucket[name] : null)));
  }

  /** The bucket that runs is not a fall: what is still to come of it is taken to be as it was in the one before. */
  levelled(points) {
    const [before, last] = points.slice(-2);
    if (before === undefined || before === null || last === null) return points;
    const left = 1 - (live.moment() % this.stepMs) / this.stepMs;
    return [...points.slice(0, -1), last + before * left];
  }

  sum(name) {
    return this.buckets.reduce((sum, bucket) => sum + (bucket?.[name] ?? 0), 0);
  }

  /** A second, over the bucket that runs and the one before. */
  rate(name) {
    const two = this.buckets.slice(-2);
    if (two.length < 2) return 0;
    const elapsed = (live.moment() - two[1].at) / 1_000 + (two[0] ? this.stepMs / 1_000 : 0);
    return ((two[0]?.[name] ?? 0) + two[1][name]) / Math.max(elapsed, 1);
  }

  get isPartial() {
    return this.stats !== undefined && Date.parse(this.stats.covered_since) > Date.parse(this.stats.since) + 1_000;
  }

  /** Whether something happened, and nothing before so many seconds ago. */
  isYoungerThan(seconds) {
    const first = this.stats?.buckets[0];
    return first !== undefined && live.moment() - Date.parse(first.at) < seconds * 1_000;
  }

  /** Seconds from due to claimed, by bucket. */
  waits(name) {
    const found = new Map((this.stats?.waits ?? []).map((wait) => [Date.parse(wait.at), wait[name]]));
    return this.buckets.map((bucket) => (bucket && found.has(bucket.at) ? found.get(bucket.at) : null));
  }

  #begin(stats) {
    if (this.#readFrom === stats) return;
    this.#readFrom = stats;
    this.#buckets = new Map(stats.buckets.map((bucket) => [Date.parse(bucket.at), { ...bucket, at: Date.parse(bucket.at) }]));
  }

  #take(events) {
    if (!this.stats) return;
    this.#begin(this.stats);
    const readUntil = Date.parse(this.stats.until);
    for (const event of events) {
      const at = Date.parse(event.at);
      if (event.type !== 'status' || at <= readUntil) continue;
      const bucket = Math.floor(at / this.stepMs) * this.stepMs;
      const counts = { ...EMPTY, at: bucket, ...this.#buckets.get(bucket) };
      if (event.data?.from === null) counts.enqueued += 1;
      if (event.status === 'done') counts.done += 1;
      if (['failed', 'dlq'].includes(event.status) && event.attempt > 0) counts.failed += 1;
      this.#buckets.set(bucket, counts);
    }
    redrawSoon();
  }
}
