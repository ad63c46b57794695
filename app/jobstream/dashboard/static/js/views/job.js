// One job: where it stands and why, all that happened, its attempts, arguments and result, and what belongs to it.
import { cancelJob, retryJob, runNow } from '../actions.js';
import { isTerminal } from '../data/job-row.js';
import { JobDetail } from '../data/job-detail.js';
import { timeline } from '../data/timeline.js';
import { h } from '../dom.js';
import { clockTime, duration, exact, firstLine, number, timeOfDay } from '../format.js';
import { link } from '../router.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Json, Text } from '../ui/code.js';
import { Bar, Button, Card, Empty, Failed, Id, Labels, Loading, Tag } from '../ui/parts.js';
import { reasonOf, Shape, Status } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { openNewJob } from './new-job.js';
import { openReschedule } from './reschedule.js';

export function create({ id }) {
  const detail = new JobDetail(id);
  // A key does what the button does, where there is one.
  const act = (label) => detail.job && may('write') ? offered(detail.job).find((one) => one.label === label && !one.disabled)?.run() : undefined;
  return {
    get title() { return detail.job?.spec.kind ?? 'Job'; },
    stop: () => detail.stop(),
    sql: () => [sql.timeline(id), sql.job(id), sql.explain(id)],
    keys: {
      c: { label: 'cancel', run: () => act('Cancel') ?? act('Ask to stop') },
      r: { label: 'retry', run: () => act('Retry') },
    },
    render() {
      const { job, error } = detail;
      if (!job && error) return error.status === 404 || error.status === 400 ? h(Empty, { title: 'No such job' }, 'It was deleted, or it is not yours.') : h(Failed, { error, onRetry: () => detail.reload() });
      if (!job) return h(Loading, { lines: 10 });
      return [
        h(Head, { detail, job }),
        h('div', { class: 'two even' },
          h(Timeline, { detail, job }),
          h('div', { class: 'column' }, h(Attempts, { job }), h(Result, { job }), h(Card, { title: 'Arguments' }, h(Json, { value: job.spec.args, label: 'Arguments' })), h(Facts, { job }))),
      ];
    },
  };
}

function Head({ detail, job }) {
  const { lifecycle, spec } = job;
  return h('section', { class: 'card job-head', 'aria-label': 'Job' },
    h('div', { class: 'line' },
      h(Status, { status: lifecycle.status, note: lifecycle.reason ? reasonOf(lifecycle.reason) : undefined }), h(Id, { id: job.id, to: null, isWhole: true }),
      h('span', {}, 'in ', h('a', { href: link('jobs', undefined, { queue: spec.queue }) }, spec.queue)),
      lifecycle.cancel_requested && h(Tag, { kind: 'warn' }, 'asked to stop'), detail.isDeleted && h(Tag, { kind: 'warn' }, 'deleted'),
      h(Labels, { labels: spec.labels })),
    lifecycle.status === 'running' && h('div', { class: 'line' }, h(Bar, { progress: lifecycle.progress, status: 'running' }), h('span', { class: 'soft' }, lifecycle.progress?.step, lifecycle.progress?.eta_secs ? `, about ${duration(lifecycle.progress.eta_secs)} left` : '')),
    !isTerminal(lifecycle.status) && detail.explanation && h('p', { class: 'soft explain' }, timed(detail.explanation)),
    may('write') && h(Actions, { job }));
}

const MOMENT = /(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d+)?)\+00(?::00)?/;

/** What the database says, with its moments as the page says them. */
function timed(text) {
  const parts = text.split(MOMENT);
  return parts.map((part, place) => (place % 3 === 0 ? part : place % 3 === 1 && moment(`${part}T${parts[place + 1]}Z`)));
}

const moment = (at) => h('time', { datetime: at, title: exact(at) }, timeOfDay(at));

/** What can be done to it, each with the function that it calls. */
function offered({ id, lifecycle, scheduling }) {
  const { status, cancel_requested: isAsked } = lifecycle;
  const isOver = isTerminal(status);
  const isDue = ['waiting', 'failed'].includes(status) && scheduling.scheduled_at;
  return [
    !isOver && status !== 'running' && { label: 'Cancel', run: () => cancelJob(id), title: sql.call.cancel(id) },
    status === 'running' && { label: 'Ask to stop', run: () => cancelJob(id, { force: true }), title: sql.call.cancel(id, true), disabled: isAsked },
    (isOver || status === 'failed') && { label: 'Retry', kind: status === 'dlq' ? 'pri' : '', run: () => retryJob(id), title: sql.call.retry(id) },
    isDue && { label: 'Run now', run: () => runNow(id, scheduling.scheduled_at), title: sql.call.runNow(id) },
    (isDue || status === 'pending') && { label: 'Reschedule…', run: () => openReschedule(id, scheduling.scheduled_at) },
  ].filter(Boolean);
}

const Actions = ({ job }) => h('div', { class: 'line actions' },
  offered(job).map(({ label, kind, run, title, disabled }) => h(Button, { key: label, kind, onClick: run, title, disabled }, label)),
  h(Button, { onClick: () => openNewJob(job) }, 'Clone and edit…'));

function Timeline({ detail, job }) {
  const lines = timeline(detail.events, job);
  const next = job.lifecycle.status === 'failed' || job.lifecycle.status === 'waiting' ? job.scheduling.scheduled_at : undefined;
  return h(Card, { title: 'Timeline' },
    !lines.length && (detail.isLoading ? h(Loading, { lines: 5 }) : h(Empty, { title: 'Its history was pruned' })),
    h('ol', { class: 'tl' },
      lines.map((line, place) => h('li', { key: line.key, class: `s-${line.status}` },
        h('span', { class: 'dot' }, line.status === 'log' ? null : h(Shape, { status: line.status })),
        h('span', { class: 'what' }, line.text, line.by && [' by ', h('b', {}, line.by)], line.note && h('span', { class: 'soft' }, ` ${line.note}`), line.count > 1 && h('span', { class: 'faint' }, ` (${line.count} reports)`),
          line.detail !== undefined && h('code', { class: 'inline-json' }, JSON.stringify(line.detail))),
        h('time', { datetime: line.at, title: exact(line.at) }, place === 0 ? clockTime(line.at) : `+${duration((Date.parse(line.at) - Date.parse(lines[place - 1].at)) / 1000)}`))),
      detail.isCut && h('li', { key: 'cut' }, h('span', { class: 'dot' }), h('span', { class: 'what soft' }, `its first ${number(detail.events.length)} events; the rest in psql, see Show SQL`)),
      next && h('li', { key: 'next', class: 's-waiting' }, h('span', { class: 'dot' }, h(Shape, { status: 'waiting' })), h('span', { class: 'what' }, job.lifecycle.status === 'failed' ? 'next attempt ' : 'due ', h(Time, { at: next })))));
}

function Attempts({ job }) {
  const { retry } = job;
  const errors = [...(retry.errors ?? [])].reverse();
  const hidden = (retry.errors_count ?? errors.length) - errors.length;
  return h(Card, { title: 'Attempts', aside: h('span', { class: 'soft' }, `${number(retry.attempt)} made, ${number(retry.failures)} of ${number(retry.max_attempts)} failed${retry.crashes ? `, ${number(retry.crashes)} crashed` : ''}`) },
    !errors.length && h('p', { class: 'soft' }, 'No attempt has failed.'),
    errors.map((error, place) => h('details', { key: `${error.attempt} ${error.at}`, open: place === 0 && job.lifecycle.status !== 'done' },
      h('summary', {}, h(Shape, { status: 'failed' }), ` attempt ${error.attempt}: `, h('b', {}, error.type ? `${error.type}: ` : ''), firstLine(error.message), h('span', { class: 'faint' }, ' ', h(Time, { at: error.at }))),
      error.worker && h('p', { class: 'soft' }, `on ${error.worker}`),
      h(Text, { text: error.traceback || error.message || 'no traceback' }))),
    hidden > 0 && h('p', { class: 'faint' }, `${number(hidden)} earlier ones are not kept`));
}

function Result({ job }) {
  if (job.lifecycle.status !== 'done') return null;
  return h(Card, { title: 'Result' }, job.lifecycle.result === null ? h('p', { class: 'soft' }, 'None.') : h(Json, { value: job.lifecycle.result, label: 'Result' }));
}

function Facts({ job }) {
  const { lifecycle, scheduling, spec, lineage } = job;
  const facts = [
    ['created', h(Time, { at: lifecycle.created_at })],
    ['started', lifecycle.started_at && h(Time, { at: lifecycle.started_at })],
    ['ended', lifecycle.completed_at && h(Time, { at: lifecycle.completed_at })],
    ['worker', lifecycle.worker], ['owner', job.owner], ['priority', spec.priority || null],
    ['due', scheduling.scheduled_at && h(Time, { at: scheduling.scheduled_at })],
    ['deadline', scheduling.deadline && h(Time, { at: scheduling.deadline })],
    ['timeout', job.timeout_seconds && duration(job.timeout_seconds)],
    ['concurrency key', spec.concurrency_key], ['unique', spec.unique_key], ['idempotency key', job.idempotency_key],
    ['triggered by', lineage.triggered_by ?? (scheduling.trigger === 'demand' ? null : scheduling.trigger)], ['cron', scheduling.cron_expr],
    ['cost', lineage.cost_usd && `$ ${lineage.cost_usd}`],
    ['pipeline', lineage.pipeline_id && h('span', {}, h(Id, { id: lineage.pipeline_id, to: 'pipelines' }), lineage.pipeline_step && ` step ${lineage.pipeline_step}`)],
    ['parent', lineage.parent_job && h(Id, { id: lineage.parent_job })],
    ['waits for', scheduling.await_jobs?.length && h('span', { class: 'labels' }, scheduling.await_jobs.map((id) => h(Id, { id, key: id })))],
    ['children', lineage.children?.length && h('span', { class: 'labels' }, lineage.children.slice(0, 20).map((id) => h(Id, { id, key: id })), lineage.children_count > 20 && h('span', { class: 'soft' }, `of ${number(lineage.children_count)}`))],
  ].filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== 0);
  return h(Card, { title: 'Facts' }, h('dl', { class: 'facts' }, facts.map(([name, value]) => h('div', { key: name }, h('dt', {}, name), h('dd', {}, value)))));
}
