// A list of jobs that stays true: pages from the server, newest first, with everything that the stream says put into it.
import { api } from '../api.js';
import * as live from '../live.js';
import { redraw, redrawSoon } from '../screen.js';
import { admits, forServer } from './filters.js';
import { changed, isCreation, rowOf, rowOfCreation } from './job-row.js';

const PAGE = 100;
const NEXT_PAGE = 200;
const KEPT_AT_MOST = 10_000;
const LOOKED_UP_AT_ONCE = 20;

export class JobList {
  isLoading = true;
  isComplete = false;
  error = undefined;
  #byId = new Map();
  #order = [];
  #isOrdered = true;
  #asked;
  #nextCursor = null;
  #abort = new AbortController();
  #leave = () => {};
  #unlisten;
  #wanted = new Set();
  #lookup;

  constructor(filter, { limit = PAGE, cap = KEPT_AT_MOST } = {}) {
    this.filter = filter;
    this.limit = limit;
    this.cap = cap;
    this.#asked = forServer(filter);
    this.#unlisten = live.listen({ onReset: () => this.reload(), onBack: () => this.error && this.reload() });
    this.#load();
  }

  get(id) {
    return this.#byId.get(id);
  }

  /** Ids in the order of the list. Made when it is asked for: a thousand events between two drawings are one sorting. */
  get ids() {
    if (!this.#isOrdered) {
      this.#order = [...this.#byId.keys()].sort((a, b) => (a < b ? 1 : -1));
      for (const id of this.#order.splice(this.cap)) this.#byId.delete(id);
      this.#isOrdered = true;
    }
    return this.#order;
  }

  get isCut() {
    return this.#byId.size >= this.cap;
  }

  stop() {
    this.#abort.abort();
    this.#leave();
    this.#unlisten();
    clearTimeout(this.#lookup);
  }

  /** Reads the list again; what is shown stays until the answer is there. */
  reload() {
    this.#abort.abort();
    this.#leave();
    this.#abort = new AbortController();
    this.#load();
  }

  async #load() {
    const { signal } = this.#abort;
    try {
      this.#leave = await live.join({
        signal,
        load: () => api.seen('jobs', { ...this.#asked, limit: this.limit }, { signal }),
        onValue: (page) => this.#begin(page),
        onEvents: (events) => this.#take(events),
      });
      if (signal.aborted) this.#leave();
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
      this.isLoading = false;
      redraw();
    }
  }

  #begin(page) {
    this.#byId = new Map();
    for (const job of page.items) this.#byId.set(job.id, rowOf(job));
    this.#nextCursor = page.next_cursor;
    this.error = undefined;
    this.isLoading = false;
    this.#settle();
    if (page.items.length < this.limit) this.more();
    redraw();
  }

  /** More of what is below: a page at least, if there is as much. */
  async more() {
    if (this.isLoading || this.isComplete || this.isCut || this.error) return;
    this.isLoading = true;
    const { signal } = this.#abort;
    try {
      // A page of a search may be short, or empty, long before the end.
      for (let found = 0; found < this.limit && this.#nextCursor !== null;) {
        const page = await api.get('jobs', { ...this.#asked, limit: NEXT_PAGE, cursor: this.#nextCursor }, { signal });
        for (const job of page.items) if (!this.#byId.has(job.id)) this.#byId.set(job.id, rowOf(job));
        found += page.items.length;
        this.#nextCursor = page.next_cursor;
        this.#settle();
        redraw();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.error = error;
    }
    this.isLoading = false;
    redraw();
  }

  #take(events) {
    let isChanged = false;
    for (const event of events) if (event.job_id && this.#one(event)) isChanged = true;
    if (isChanged) redrawSoon();
  }

  #one(event) {
    const row = this.#byId.get(event.job_id);
    if (event.type === 'deleted') return this.#drop(event.job_id);
    if (row) return this.#change(row, event);
    if (event.type !== 'status') return false;
    if (isCreation(event)) return this.#add(rowOfCreation(event));
    // A job from before, or below the last page, that now belongs here.
    if (this.#isWithin(event.job_id) && this.#mayAdmit(event)) this.#lookUp(event.job_id);
    return false;
  }

  #change(row, event) {
    const next = changed(row, event);
    if (next === row) return false;
    if (!admits(this.#asked, next)) return this.#drop(row.id);
    this.#byId.set(row.id, next);
    if (next.scheduledAt === undefined) this.#lookUp(row.id);
    return true;
  }

  #add(row) {
    if (!admits(this.#asked, row)) return false;
    this.#byId.set(row.id, row);
    this.#isOrdered = false;
    return true;
  }

  #drop(id) {
    this.#isOrdered = false;
    return this.#byId.delete(id);
  }

  #isWithin(id) {
    return this.isComplete || this.ids.length === 0 || id > this.ids.at(-1);
  }

  #mayAdmit(event) {
    return admits({ ...this.#asked, q: undefined, since: undefined, until: undefined, owner: undefined }, {
      status: event.status, kind: event.kind, queue: event.queue, labels: event.labels, pipelineId: event.pipeline_id,
    });
  }

  /** Asks for jobs of which the events do not tell enough: few, and a moment later, for one change seldom comes alone. */
  #lookUp(id) {
    this.#wanted.add(id);
    this.#lookup ??= setTimeout(() => this.#readWanted(), 150);
  }

  async #readWanted() {
    const ids = [...this.#wanted].slice(0, LOOKED_UP_AT_ONCE);
    for (const id of ids) this.#wanted.delete(id);
    this.#lookup = this.#wanted.size ? setTimeout(() => this.#readWanted(), 300) : undefined;
    const { signal } = this.#abort;
    const found = await Promise.allSettled(ids.map((id) => api.get(`jobs/${id}`, {}, { signal })));
    if (signal.aborted) return;
    for (const { value } of found) {
      if (!value) continue;
      const row = rowOf(value);
      if (admits(this.#asked, row)) this.#byId.set(row.id, row);
      else this.#byId.delete(row.id);
    }
    this.#settle();
    redrawSoon();
  }

  #settle() {
    this.#isOrdered = false;
    this.isComplete = this.#nextCursor === null;
  }
}
