// All jobs, filtered by the address, live, with actions on what is selected or on everything that matches.
import { forServer, isEmpty, readFilter } from '../data/filters.js';
import { JobList } from '../data/job-list.js';
import { each } from '../actions.js';
import { h } from '../dom.js';
import { many, number } from '../format.js';
import { live } from '../live.js';
import { amend, go, link } from '../router.js';
import { redraw } from '../screen.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Button, Empty, Failed, Loading } from '../ui/parts.js';
import { Window } from '../ui/window.js';
import { openBulk } from './bulk.js';
import { Filters } from './job-filters.js';
import { cells, HEADS } from './job-cells.js';

const TYPING_MS = 250;
/** A running job is asked to stop on its own page. */
const TAKES = { cancel: ['waiting', 'pending', 'failed'], retry: ['failed', 'done', 'dlq', 'cancelled'] };

export function create(route) {
  let filter = readFilter(route.query);
  let list = new JobList(filter);
  const frame = new Window();
  const selected = new Set();
  let current;
  let first;
  let busy;
  let typing;
  frame.onNearEnd = () => list.more();

  // What is chosen can be gone back from; what is typed is one step with what it began from.
  const set = (next) => go(link('jobs', undefined, next));
  const search = (q) => {
    clearTimeout(typing);
    typing = setTimeout(() => amend(link('jobs', undefined, { ...filter, q })), TYPING_MS);
  };
  const toggle = (id) => {
    if (!selected.delete(id)) selected.add(id);
    redraw();
  };
  const step = (by) => {
    const place = Math.max(0, Math.min(list.ids.length - 1, current === undefined ? 0 : list.ids.indexOf(current) + by));
    current = list.ids[place];
    frame.reveal(place);
    redraw();
  };
  const act = async (action, ids) => {
    busy = { action, done: 0, total: ids.length };
    redraw();
    await each(action, ids, (done) => { busy.done = done; redraw(); });
    busy = undefined;
    selected.clear();
    redraw();
  };

  return {
    title: 'Jobs',
    stop: () => { clearTimeout(typing); list.stop(); },
    update(next) {
      const asked = readFilter(next.query);
      if (JSON.stringify(asked) === JSON.stringify(filter)) return;
      filter = asked;
      list.stop();
      list = new JobList(filter);
      selected.clear();
      current = first = undefined;
      frame.scrollToTop();
    },
    sql: () => [sql.jobs(forServer(filter))],
    keys: {
      j: { label: 'next job', run: () => step(1) },
      k: { label: 'job before', run: () => step(-1) },
      x: { label: 'select', run: () => current && may('write') && toggle(current) },
      Enter: { label: 'open', run: () => current && go(link('jobs', current)) },
      Escape: { run: () => { selected.clear(); redraw(); } },
    },
    render() {
      const { ids } = list;
      // New rows come in above; who has scrolled down keeps on reading where they were.
      const came = first === undefined ? 0 : ids.indexOf(first);
      if (came > 0) queueMicrotask(() => frame.shift(came));
      first = ids[0];
      for (const id of selected) if (!list.get(id)) selected.delete(id);
      return [
        h(Filters, { filter, set, search, list, autofocus: route.query.get('focus') === 'search' }),
        h(Selection, { selected, busy, act, filter, list }),
        h(Rows, { list, frame, selected, current, toggle, filter }),
      ];
    },
  };
}

function Selection({ selected, busy, act, filter, list }) {
  if (!may('write')) return null;
  if (busy) return h('div', { class: 'selection', role: 'status' }, `${busy.action === 'cancel' ? 'Cancelling' : 'Retrying'} ${number(busy.done)} of ${number(busy.total)}`);
  const count = selected.size;
  const chosen = [...selected].map((id) => list.get(id));
  const deed = (action, verb) => {
    const ids = chosen.filter(({ status }) => TAKES[action].includes(status)).map(({ id }) => id);
    return ids.length > 0 && h(Button, { key: action, onClick: () => act(action, ids) }, `${verb} ${many(ids.length, 'job')}`);
  };
  return h('div', { class: 'selection', role: 'group', 'aria-label': 'Actions' },
    count > 0 && h('span', {}, `${many(count, 'job')} selected`),
    deed('cancel', 'Cancel'), deed('retry', 'Retry'),
    h('span', { class: 'spring' }),
    h('span', { class: 'faint' }, describe(list)),
    h(Button, { kind: 'plain', onClick: () => openBulk({ filter: forServer(filter) }) }, isEmpty(filter) ? 'Select all jobs…' : 'Select all that match…'));
}

function describe(list) {
  const count = list.ids.length;
  if (list.isLoading) return count ? `${number(count)}, looking for more` : '';
  if (list.error) return `${number(count)} loaded, the rest could not be read`;
  if (list.isCut) return `the newest ${number(count)} that match`;
  return list.isComplete ? many(count, 'job') : `${number(count)} loaded`;
}

function Rows({ list, frame, selected, current, toggle, filter }) {
  const { ids } = list;
  if (list.error && !ids.length) return h(Failed, { error: list.error, onRetry: () => list.reload() });
  if (list.isLoading && !ids.length) return [h('p', { class: 'faint', role: 'status' }, filter.q && 'Searching'), h(Loading, { lines: 14 })];
  if (!ids.length) {
    return isEmpty(filter)
      ? h(Empty, { title: 'No jobs yet' }, 'They show up here the moment they are enqueued.')
      : h(Empty, { title: 'No job matches' }, 'New ones that do show up here by themselves.');
  }
  const mayAct = may('write');
  return frame.render({
    total: ids.length,
    label: 'Jobs',
    kind: mayAct ? '' : 'bare',
    head: h('div', { role: 'row', class: 'row head' },
      mayAct && h('span', { role: 'columnheader', class: 'c-box' }, h('input', {
        type: 'checkbox', 'aria-label': 'Select what is loaded', checked: selected.size > 0 && selected.size === ids.length,
        indeterminate: selected.size > 0 && selected.size < ids.length,
        onChange: (event) => { if (event.target.checked) ids.forEach((id) => selected.add(id)); else selected.clear(); redraw(); },
      })),
      HEADS.map(([kind, title]) => h('span', { role: 'columnheader', class: kind, key: kind }, title))),
    row: (index) => {
      const row = list.get(ids[index]);
      const kind = `row${selected.has(row.id) ? ' selected' : ''}${current === row.id ? ' current' : ''}`;
      return h('div', { role: 'row', class: kind, key: row.id, 'aria-current': current === row.id ? 'true' : undefined, onDblclick: () => go(link('jobs', row.id)) },
        mayAct && h('span', { role: 'cell', class: 'c-box' }, h('input', {
          type: 'checkbox', 'aria-label': `Select ${row.kind} ${row.id}`, checked: selected.has(row.id), onChange: () => toggle(row.id),
        })),
        cells(row));
    },
    foot: !live.isPaused && list.isLoading && h('p', { class: 'faint more' }, 'loading more'),
  });
}

