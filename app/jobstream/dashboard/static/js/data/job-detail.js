// One job: as it stands, and all that happened to it. Ids of one job's events rise as they are committed, so what is read up to
// an id and what the stream brings above it are the whole.
import { api } from '../api.js';
import * as live from '../live.js';
import { redraw, redrawSoon } from '../screen.js';

const PAGE = 1_000;
const MOST = 5_000;
const REREAD_MS = 150;

export class JobDetail {
  job = undefined;
  events = [];
  explanation = undefined;
  error = undefined;
  isDeleted = false;
  /** There are more events than are kept here. */
  isCut = false;
  isLoading = true;
  #path;
  #last = 0;
  #held = [];
  #isReading = false;
  #isStopped = false;
  #timer;
  #leave;

  constructor(id) {
    this.id = id;
    this.#path = `jobs/${encodeURIComponent(id)}`;
    this.#leave = live.listen({ onEvents: (events) => this.#take(events), onReset: () => this.reload(), onBack: () => this.reload() });
    this.reload();
  }

  stop() {
    this.#isStopped = true;
    this.#leave();
    clearTimeout(this.#timer);
  }

  async reload() {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      await this.#readJob();
      await this.#readEvents();
      this.error = undefined;
    } catch (error) {
      this.error = error;
    }
    this.isLoading = false;
    this.#isReading = false;
    this.#append(this.#held.splice(0));
    redraw();
  }

  async #readJob() {
    this.job = await api.get(this.#path);
    redraw();
    const { explanation } = await api.get(`${this.#path}/explain`).catch(() => ({}));
    this.explanation = explanation;
  }

  async #readEvents() {
    while (!this.#isStopped && !this.isCut) {
      const page = await api.get(`${this.#path}/events`, { after: this.#last, limit: PAGE });
      if (page.reset) this.events = [];
      if (page.reset) this.#last = 0;
      this.#append(page.items);
      if (page.items.length < PAGE) return;
    }
  }

  #take(events) {
    const own = events.filter((event) => event.job_id === this.id);
    if (!own.length) return;
    if (this.#isReading) this.#held.push(...own);
    else this.#append(own);
    for (const event of own) this.#apply(event);
    redrawSoon();
  }

  #append(events) {
    const fresh = events.filter((event) => event.id > this.#last);
    if (!fresh.length || this.isCut) return;
    this.#last = fresh.at(-1).id;
    this.events = [...this.events, ...fresh];
    this.isCut = this.events.length >= MOST;
  }

  #apply(event) {
    if (event.type === 'deleted') this.isDeleted = true;
    if (event.type === 'progress' && this.job?.lifecycle.status === 'running') {
      this.job = { ...this.job, lifecycle: { ...this.job.lifecycle, progress: event.data } };
    }
    if (event.type !== 'status' && event.type !== 'updated') return;
    if (event.type === 'status' && this.job) {
      this.job = { ...this.job, lifecycle: { ...this.job.lifecycle, status: event.status } };
    }
    // The row tells more than the event: worker, errors, result, when it is due.
    this.#timer ??= setTimeout(async () => {
      this.#timer = undefined;
      await this.#readJob().catch(() => {});
      redraw();
    }, REREAD_MS);
  }
}
