// How many jobs there are of each status: read once, then kept by the events; read again when things have settled, for a
// count that is only ever added to would drift.
import { api } from '../api.js';
import * as live from '../live.js';
import { redrawSoon } from '../screen.js';

const SETTLED_MS = 2_000;
const AT_LATEST_MS = 15_000;

export const counts = { byStatus: undefined, error: undefined };
let leave = () => {};
let timer;
let deadline = 0;

export function start() {
  leave = live.listen({ onEvents: take, onReset: read, onBack: read });
  read();
}

export function stop() {
  leave();
  clearTimeout(timer);
  timer = undefined;
  counts.byStatus = undefined;
}

async function read() {
  clearTimeout(timer);
  timer = undefined;
  try {
    const summary = await api.get('summary');
    Object.assign(counts, { byStatus: summary.counts, error: undefined });
  } catch (error) {
    counts.error = error;
  }
  redrawSoon();
}

function take(events) {
  if (!counts.byStatus) return;
  for (const event of events) {
    const { byStatus } = counts;
    if (event.type === 'deleted') move(byStatus, event.status, undefined);
    else if (event.type === 'status') move(byStatus, event.data?.from, event.status);
  }
  schedule();
  redrawSoon();
}

function move(byStatus, from, to) {
  if (from && byStatus[from] > 0) byStatus[from] -= 1;
  if (to) byStatus[to] = (byStatus[to] ?? 0) + 1;
}

function schedule() {
  const now = Date.now();
  if (timer === undefined) deadline = now + AT_LATEST_MS;
  clearTimeout(timer);
  timer = setTimeout(read, Math.min(SETTLED_MS, Math.max(0, deadline - now)));
}
