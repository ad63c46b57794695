// Who works.
import { api } from '../api.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { bytes, number } from '../format.js';
import { link } from '../router.js';
import * as sql from '../sql.js';
import { Card, Empty, Shown } from '../ui/parts.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';

const COLUMNS = [{ title: 'Worker' }, { title: 'Queues' }, { title: 'Kinds', kind: 'opt' }, { title: 'Running', kind: 'n' }, { title: 'CPU', kind: 'n opt' }, { title: 'Memory', kind: 'n opt' }, { title: 'Since', kind: 'n opt' }, { title: 'Seen', kind: 'n' }];

export function create() {
  const workers = new Resource((signal) => api.get('workers', {}, { signal }), { isAbout: (event) => event.type === 'status', everyMs: 3_000, isQuiet: true });
  return {
    title: 'Workers',
    stop: () => workers.stop(),
    sql: () => [sql.workers()],
    render: () => h(Card, { label: 'Workers' }, h(Shown, { resource: workers, draw: ({ items }) => (items.length
      ? h(Table, { label: 'Workers', columns: COLUMNS, rows: items.map((worker) => ({ key: worker.id, cells: cellsOf(worker) })) })
      : h(Empty, { title: 'No worker is live' }, 'Start one with ', h('code', {}, 'jobstream worker MODULE:APP'), '. Workers in SQL or over HTTP need not register and are not shown.')) })),
  };
}

function cellsOf(worker) {
  return [
    h('span', {}, h('b', {}, worker.id), worker.version && h('span', { class: 'soft' }, ` ${worker.version}`)),
    h('span', { class: 'labels' }, (worker.queues ?? []).map((name) => h('a', { class: 'tag', key: name, href: link('jobs', undefined, { queue: name }) }, name))),
    h('span', { class: 'soft' }, (worker.kinds ?? []).join(', ')),
    `${number(worker.running)}${worker.concurrency ? ` of ${number(worker.concurrency)}` : ''}`,
    worker.cpu_percent === null || worker.cpu_percent === undefined ? '–' : `${number(Math.round(worker.cpu_percent))} %`,
    bytes(worker.memory_bytes),
    worker.started_at ? h(Time, { at: worker.started_at, form: 'age' }) : '–',
    h(Time, { at: worker.seen_at ?? worker.seen, form: 'ago' }),
  ];
}
