// How a job looks in a list.
import { h } from '../dom.js';
import { duration, firstLine, number } from '../format.js';
import { link } from '../router.js';
import { Bar, Id, Tag } from '../ui/parts.js';
import { reasonOf, Status } from '../ui/status.js';
import { Time } from '../ui/time.js';

/** What there is to say about it besides its status. */
export function Says({ row }) {
  const { status, progress, error, reason, scheduledAt } = row;
  if (status === 'running') {
    return h('span', { class: 'says' }, h(Bar, { progress, status }), progress?.step && h('span', { class: 'soft' }, progress.step),
      row.isCancelling && h(Tag, { kind: 'warn' }, 'asked to stop'));
  }
  if (status === 'failed') return h('span', { class: 'says soft', title: error }, scheduledAt && h('span', {}, 'again ', h(Time, { at: scheduledAt })), h('span', { class: 'cut' }, firstLine(error)));
  if (status === 'waiting' && scheduledAt) return h('span', { class: 'says soft' }, 'due ', h(Time, { at: scheduledAt }));
  if (status === 'dlq' || status === 'cancelled') return h('span', { class: 'says soft cut', title: error ?? reason }, firstLine(error) || reasonOf(reason));
  if (status === 'done' && row.startedAt && row.completedAt) {
    return h('span', { class: 'says faint' }, `took ${duration((Date.parse(row.completedAt) - Date.parse(row.startedAt)) / 1000)}`);
  }
  return null;
}

export function cells(row) {
  return [
    h('span', { role: 'cell', class: 'c-status' }, h(Status, { status: row.status })),
    h('span', { role: 'cell', class: 'c-kind cut', title: [row.kind, ...labelled(row)].join('\n') }, h('a', { href: link('jobs', row.id) }, row.kind),
      Object.values(row.labels ?? {}).map((value, place) => h('bdi', { class: 'faint', key: place }, ` ${value}`))),
    h('span', { role: 'cell', class: 'c-id opt' }, h(Id, { id: row.id })),
    h('span', { role: 'cell', class: 'c-queue opt cut', title: row.queue }, row.queue),
    h('span', { role: 'cell', class: 'c-says' }, h(Says, { row })),
    h('span', { role: 'cell', class: 'c-attempt n opt' }, number(row.attempt)),
    h('span', { role: 'cell', class: 'c-age n' }, h(Time, { at: row.createdAt, form: 'rough' })),
  ];
}

const labelled = ({ labels }) => Object.entries(labels ?? {}).map(([name, value]) => `${name}: ${value}`);

export const HEADS = [
  ['c-status', 'Status'], ['c-kind', 'Kind'], ['c-id opt', 'Id'], ['c-queue opt', 'Queue'], ['c-says', 'Progress'], ['c-attempt n opt', 'Attempt'], ['c-age n', 'Age'],
];

/** A few jobs in a card. */
export function FewJobs({ list, most, label }) {
  return h('div', { class: 'few', role: 'table', 'aria-label': label },
    h('div', { role: 'row', class: 'row head' }, HEADS.map(([kind, title]) => h('span', { role: 'columnheader', class: kind, key: kind }, title))),
    list.ids.slice(0, most).map((id) => h('div', { role: 'row', class: 'row', key: id }, cells(list.get(id)))));
}
