// Is work flowing, is anything wrong, what should I do?
import { api } from '../api.js';
import { counts } from '../data/counts.js';
import { Flow } from '../data/flow.js';
import { JobList } from '../data/job-list.js';
import { countOf, oldestAt, queuesResource } from '../data/queues.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { duration, many, number, short } from '../format.js';
import { amend, link } from '../router.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Card, Empty, Failed, Loading, Shown } from '../ui/parts.js';
import { Spark } from '../ui/plot.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';
import { FewJobs } from './job-cells.js';
import { isSettled, NeedsAttention } from './needs-attention.js';
import { PauseButton } from './queues.js';

const MOST_QUEUES = 8;
const QUARTER = 900;
const HOUR = 3_600;
const SPANS = [[QUARTER, 'Last 15 min'], [HOUR, 'Last hour'], [86_400, 'Last day']];
const OPEN = ['failed', 'running', 'pending', 'waiting'];
const aboutJobs = (event) => event.type === 'status';

export function create(route) {
  const asked = (query) => Number(query.get('span')) || undefined;
  let flow = new Flow(asked(route.query) ?? HOUR);
  let closer;
  let isChosen = asked(route.query) !== undefined;
  // Where all that happened is young an hour shows little of it: who did not ask for one gets the quarter.
  const lookCloser = () => {
    if (!isChosen && flow.stats) {
      isChosen = true;
      if (flow.isYoungerThan(QUARTER)) closer = new Flow(QUARTER);
    }
    if (!closer?.stats) return;
    flow.stop();
    flow = closer;
    closer = undefined;
  };
  const queues = queuesResource();
  const groups = new Resource((signal) => api.get('errors', {}, { signal }), { isAbout: (event) => event.status === 'dlq' || event.data?.from === 'dlq', everyMs: 2_000 });
  const workers = new Resource((signal) => api.get('workers', {}, { signal }), { isAbout: aboutJobs, everyMs: 10_000, isQuiet: true });
  const schedules = new Resource((signal) => api.get('schedules', {}, { signal }), { isAbout: aboutJobs, everyMs: 30_000, isQuiet: true });
  const health = may('operate') ? new Resource((signal) => api.get('health', {}, { signal }), { isAbout: aboutJobs, everyMs: 10_000, isQuiet: true }) : undefined;
  const running = new JobList({ status: ['running'] }, { limit: 20, cap: 500 });
  const latest = new JobList({}, { limit: 20, cap: 100 });
  const parts = [queues, groups, workers, schedules, health, running, latest].filter(Boolean);

  return {
    title: 'Overview',
    stop: () => [flow, closer, ...parts].filter(Boolean).forEach((part) => part.stop()),
    update(next) {
      const seconds = asked(next.query) ?? HOUR;
      isChosen = true;
      closer?.stop();
      closer = undefined;
      if (seconds === flow.seconds) return;
      flow.stop();
      flow = new Flow(seconds);
    },
    sql: () => [sql.flow(flow.seconds, Math.max(1, Math.floor(flow.seconds / 60))), sql.pickup(flow.seconds), sql.queues(), sql.dead(), sql.status()],
    controls: () => (lookCloser(), h('label', { class: 'inline' }, h('span', { class: 'unseen' }, 'Span of time'),
      h('select', { value: String(flow.seconds), onChange: (event) => amend(link('overview', undefined, { span: event.target.value })) },
        SPANS.map(([seconds, label]) => h('option', { value: String(seconds), key: seconds }, label))))),
    render: () => [
      h(Tiles, { flow, queues, groups }),
      h('div', { class: 'two' }, h(Queues, { queues, flow }), h(NeedsAttention, { queues, groups, workers, schedules, health, flow })),
      // What stands below comes once it is known how tall is what stands above.
      [queues, groups, workers, schedules, health].every((part) => !part || isSettled(part)) && h('div', { class: 'two even' },
        h(Few, { title: 'Running', list: running, href: link('jobs', undefined, { status: 'running' }), empty: 'Nothing runs just now' }),
        h(Few, { title: 'Latest', list: latest, href: link('jobs'), empty: 'No jobs yet' })),
    ],
  };
}

function Tiles({ flow, queues, groups }) {
  if (flow.error && !flow.stats) return h(Failed, { error: flow.error, onRetry: () => flow.reload() });
  const done = flow.sum('done');
  const failed = flow.sum('failed');
  const share = done + failed ? (failed / (done + failed)) * 100 : 0;
  const wait = flow.stats?.wait;
  const dead = counts.byStatus?.dlq ?? 0;
  const top = groups.value?.items[0];
  return h('section', { class: 'tiles', 'aria-label': 'Figures' },
    h(Tile, { title: 'Done', figure: perSecond(flow.rate('done')), foot: `${short(done)} in this time${flow.isPartial ? ', as far as is looked at' : ''}` },
      h(Spark, { points: flow.series('done'), kind: 'done', isArea: true, label: 'Jobs done over time' })),
    h(Tile, { title: 'Failed attempts', figure: `${share ? share.toFixed(share < 10 ? 1 : 0) : 0} %`, foot: dead ? `${many(dead, 'dead letter')}${top?.count > 1 ? `, ${number(top.count)} of one kind` : ''}` : 'no dead letters' },
      h(Spark, { points: flow.series('failed'), kind: 'failed', label: 'Failed attempts over time' })),
    h(Tile, { title: 'Pickup p95', figure: wait ? duration(wait.p95) : '–', foot: wait ? `p50 ${duration(wait.p50)}` : 'no job was picked up in this time' },
      h(Spark, { points: flow.waits('p95'), kind: 'running', label: 'Seconds from due to claimed, 95th percentile, over time' })),
    h(Oldest, { queues }));
}

const Tile = ({ title, figure, foot, children }) => h('div', { class: 'card tile' }, h('span', {}, title), h('strong', {}, figure), children, h('small', {}, foot));

function Oldest({ queues }) {
  const waiting = (queues.value?.items ?? []).filter((queue) => countOf(queue, 'pending') > 0 && queue.oldest_pending_seconds !== null);
  const oldest = waiting.sort((a, b) => b.oldest_pending_seconds - a.oldest_pending_seconds)[0];
  const byStatus = counts.byStatus ?? {};
  const total = OPEN.reduce((sum, status) => sum + (byStatus[status] ?? 0), 0);
  return h('div', { class: 'card tile' }, h('span', {}, 'Oldest pending'),
    h('strong', {}, oldest ? h(Time, { at: oldestAt(oldest, queues.readAt), form: 'age' }) : 'none'),
    h('div', { class: 'stack', role: 'img', 'aria-label': OPEN.map((status) => `${number(byStatus[status])} ${status}`).join(', ') },
      OPEN.map((status) => h('i', { key: status, class: `b-${status}`, style: { 'flex-grow': String(total ? byStatus[status] ?? 0 : 0) } }))),
    h('small', {}, oldest ? ['in ', h('code', {}, oldest.name), oldest.paused && `, paused${oldest.paused_by ? ` by ${oldest.paused_by}` : ''}`] : `${number(byStatus.running)} running, ${number(byStatus.waiting)} waiting`));
}

function perSecond(rate) {
  if (rate >= 10) return `${number(Math.round(rate))} /s`;
  if (rate >= 0.1) return `${rate.toFixed(1)} /s`;
  return `${number(Math.round(rate * 60))} /min`;
}

function Queues({ queues, flow }) {
  const columns = [{ title: 'Queue' }, { title: 'Pending', kind: 'n' }, { title: 'Running', kind: 'n' }, { title: 'Limit', kind: 'n opt' }, { title: 'Done over time', kind: 'opt' }, { title: 'Oldest', kind: 'n' }, ...(may('operate') ? [{ title: '', kind: 'n' }] : [])];
  return h(Card, { title: 'Queues', aside: h('a', { href: link('queues') }, queues.value?.items.length > MOST_QUEUES ? `all ${number(queues.value.items.length)}` : 'all') },
    h(Shown, { resource: queues, lines: 4, draw: ({ items }) => (items.length === 0
      ? h(Empty, { title: 'No queues yet' }, 'A queue is there as soon as a job is put into it.')
      : h(Table, { label: 'Queues', columns, rows: busiest(items).map((queue) => ({ key: queue.name, cells: queueCells(queue, queues, flow) })) })) }));
}

/** Those with the most to do, in the order of their names. */
function busiest(items) {
  const load = (queue) => countOf(queue, 'pending') + countOf(queue, 'running');
  return [...items].sort((a, b) => load(b) - load(a)).slice(0, MOST_QUEUES).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function queueCells(queue, queues, flow) {
  const done = new Map((flow.stats?.queues[queue.name] ?? []).map(([at, count]) => [Date.parse(at), count]));
  const points = flow.levelled(flow.buckets.map((bucket) => (bucket ? done.get(bucket.at) ?? 0 : null)));
  const at = oldestAt(queue, queues.readAt);
  return [
    h('a', { href: link('jobs', undefined, { queue: queue.name }) }, queue.name, queue.paused && h('span', { class: 'tag warn' }, 'paused')),
    number(countOf(queue, 'pending')), number(countOf(queue, 'running')), queue.max_running ?? '–',
    h(Spark, { points, height: 16, label: `Jobs of ${queue.name} done over time` }),
    countOf(queue, 'pending') && at ? h(Time, { at, form: 'rough' }) : '–',
    ...(may('operate') ? [h(PauseButton, { queue, queues })] : []),
  ];
}

const Few = ({ title, list, href, empty }) => h(Card, { title, aside: h('a', { href }, 'all') },
  list.error && list.ids.length === 0 ? h(Failed, { error: list.error, onRetry: () => list.reload() })
    : list.isLoading && list.ids.length === 0 ? h(Loading, { lines: 5 })
      : list.ids.length === 0 ? h(Empty, { title: empty }) : h(FewJobs, { list, most: 8, label: title }));

