// Queues: what stands in them, pause, limits.
import { setPaused } from '../actions.js';
import { api } from '../api.js';
import { countOf, oldestAt, queuesResource } from '../data/queues.js';
import { h } from '../dom.js';
import { number } from '../format.js';
import { link } from '../router.js';
import { redraw } from '../screen.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button, Card, Empty, Shown, Tag } from '../ui/parts.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';
import { toast } from '../ui/toast.js';

const COUNTED = ['pending', 'running', 'waiting', 'failed', 'dlq'];
const COLUMNS = [{ title: 'Queue' }, { title: 'Pending', kind: 'n' }, { title: 'Running', kind: 'n' }, { title: 'Waiting', kind: 'n opt' }, { title: 'Failed', kind: 'n opt' }, { title: 'Dead', kind: 'n opt' }, { title: 'Oldest', kind: 'n' }, { title: 'Limits', kind: 'opt' }];

export function create() {
  const queues = queuesResource();
  return {
    title: 'Queues',
    stop: () => queues.stop(),
    sql: () => [sql.queues()],
    render: () => h(Card, { label: 'Queues' }, h(Shown, { resource: queues, draw: ({ items }) => (items.length
      ? h(Table, { label: 'Queues', columns: may('operate') ? [...COLUMNS, { title: '', kind: 'n' }] : COLUMNS, rows: items.map((queue) => ({ key: queue.name, cells: cellsOf(queue, queues) })) })
      : h(Empty, { title: 'No queues yet' }, 'A queue is there as soon as a job is put into it.')) })),
  };
}

function cellsOf(queue, queues) {
  const at = oldestAt(queue, queues.readAt);
  return [
    h('span', {}, h('a', { href: link('jobs', undefined, { queue: queue.name }) }, h('b', {}, queue.name)),
      queue.paused && h(Tag, { kind: 'warn' }, 'paused', queue.paused_by && h('span', { class: 'opt' }, ` by ${queue.paused_by}`))),
    ...COUNTED.map((status) => (countOf(queue, status) ? h('a', { href: link('jobs', undefined, { queue: queue.name, status }) }, number(countOf(queue, status))) : h('span', { class: 'faint' }, '0'))),
    countOf(queue, 'pending') && at ? h(Time, { at, form: 'rough' }) : '–',
    h('span', { class: 'soft' }, limits(queue)),
    ...(may('operate') ? [h('span', { class: 'line tight' },
      h(PauseButton, { queue, queues }),
      h(Button, { onClick: () => openLimits(queue, queues), label: `Limits of ${queue.name}` }, 'Limits…'))] : []),
  ].filter((cell) => cell !== undefined);
}

export const PauseButton = ({ queue: { name, paused }, queues }) => h(Button, {
  onClick: () => setPaused(name, !paused).then(() => queues.reload()),
  title: paused ? sql.call.resume(name) : sql.call.pause(name),
}, paused ? 'Resume' : 'Pause');

function limits({ max_running: most, key_limit: perKey, rate_limit: rate }) {
  return [most !== null && most !== undefined && `${number(most)} running`, perKey > 1 && `${number(perKey)} a key`, rate && `${number(rate.count)} in ${number(rate.per_seconds)} s`].filter(Boolean).join(', ') || 'none';
}

const FIELDS = [
  [['max_running', 'Most running at once', 'no limit']], [['key_limit', 'Most running for one concurrency key', '1']],
  [['count', 'Most claims', 'no limit'], ['per_seconds', 'in so many seconds', '']], [['retention_days', 'Days that ended jobs are kept', '7']],
];

function openLimits(queue, queues) {
  const text = (value) => (value === null || value === undefined ? '' : String(value));
  const form = {
    max_running: text(queue.max_running), key_limit: text(queue.key_limit), retention_days: text(queue.retention_days),
    count: text(queue.rate_limit?.count), per_seconds: text(queue.rate_limit?.per_seconds), error: '',
  };
  const submit = async (event) => {
    event.preventDefault();
    form.error = Boolean(form.count) === Boolean(form.per_seconds) ? '' : 'A rate is so many claims in so many seconds: fill in both, or neither.';
    if (form.error) return redraw();
    try {
      await api.patch(`queues/${encodeURIComponent(queue.name)}`, changes(form));
      closeDialog();
      toast(`Limits of ${queue.name} are set`);
      queues.reload();
    } catch (error) {
      form.error = error.problem?.errors?.[0] ? `${error.problem.errors[0].pointer.slice(1)}: ${error.problem.errors[0].detail}` : error.message;
    }
    return redraw();
  };
  openDialog({ title: `Limits of ${queue.name}`, render: () => h('form', { class: 'form', onSubmit: submit },
    FIELDS.map((row) => h('div', { class: 'pair', key: row[0][0] }, row.map(([name, label, placeholder]) => h('div', { class: 'field', key: name }, h('label', { for: `limit-${name}` }, label),
      h('input', { id: `limit-${name}`, inputmode: 'numeric', pattern: '[0-9]*', placeholder, value: form[name], onInput: (event) => { form[name] = event.target.value; redraw(); } }))))),
    form.error && h('p', { class: 'wrong', role: 'alert' }, form.error),
    h(Sql, { text: sql.call.setQueue(queue.name, inSql(form)) }),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'), h('button', { type: 'submit', class: 'pri' }, 'Set limits'))) });
}

const whole = (text) => (text === '' ? null : Number(text));

function changes(form) {
  return {
    max_running: whole(form.max_running), key_limit: whole(form.key_limit) ?? 1, retention_days: whole(form.retention_days) ?? 7,
    rate_limit: form.count && form.per_seconds ? { count: Number(form.count), per_seconds: Number(form.per_seconds) } : null,
  };
}

function inSql(form) {
  const rate = form.count && form.per_seconds ? { rate_count: form.count, rate_seconds: form.per_seconds } : { rate_count: -1 };
  return { max_running: form.max_running || -1, key_limit: form.key_limit || 1, ...rate, retention_days: form.retention_days || 7 };
}
