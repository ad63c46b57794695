// What might be wrong with the whole, and jobs that should have moved on.
import { api } from '../api.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import * as live from '../live.js';
import * as sql from '../sql.js';
import { Card, Empty, Id, Shown } from '../ui/parts.js';
import { Mark, Status } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';

const LABELS = {
  workers: 'Workers', stuck_jobs: 'Stuck jobs', dead_letters: 'Dead letters', paused_queues: 'Paused queues',
  event_days: 'Room for events', old_snapshot: 'Old snapshots',
};
const COLUMNS = [{ title: 'Job' }, { title: 'Kind' }, { title: 'Queue', kind: 'opt' }, { title: 'Status' }, { title: 'Why' }, { title: 'Since', kind: 'n' }];

export function create() {
  const health = new Resource((signal) => api.get('health', {}, { signal }), { isAbout: (event) => event.type === 'status', everyMs: 5_000, isQuiet: true });
  return {
    title: 'Health',
    stop: () => health.stop(),
    sql: () => [sql.health(), sql.stuck()],
    render: () => h(Shown, { resource: health, draw: ({ checks, stuck }) => [
      h(Card, { title: 'Checks' }, h('ul', { class: 'checks' },
        checks.map(({ name, status, detail }) => h('li', { key: name }, h(Mark, { level: status }), h('b', {}, LABELS[name] ?? name), h('span', {}, detail), h('span', { class: 'unseen' }, status))),
        h('li', { key: 'stream' }, h(Mark, { level: live.live.phase === 'live' ? 'ok' : 'warning' }), h('b', {}, 'This page'), h('span', {}, streamWords())))),
      h(Card, { title: 'Stuck jobs' }, stuck.length
        ? h(Table, { label: 'Stuck jobs', columns: COLUMNS, rows: stuck.map((job) => ({ key: job.id, cells: [h(Id, { id: job.id }), job.kind, job.queue, h(Status, { status: job.status }), job.why, h(Time, { at: job.since, form: 'age' })] })) })
        : h(Empty, { title: 'None' }, 'Every job that could move on has.')),
    ] }),
  };
}

function streamWords() {
  if (live.live.phase !== 'live') return 'not live just now';
  return live.isLeading() ? 'live; this tab holds the connection of all tabs' : 'live, over another tab’s connection';
}
