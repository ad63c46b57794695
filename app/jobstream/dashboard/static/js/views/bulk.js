// Cancel, retry or delete everything that matches: first how many, then the deed, then how far it is.
import { connect } from '../../../client.js';
import { address, api } from '../api.js';
import { h } from '../dom.js';
import { many, number } from '../format.js';
import { redraw } from '../screen.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button, Chip, Tag } from '../ui/parts.js';
import { nameOf } from '../ui/status.js';

/** Deleting is for operators; the rest whoever may write does to what is theirs. */
const offered = () => Object.entries(WHAT).filter(([action]) => action !== 'delete' || may('operate'));

const WHAT = {
  cancel: { label: 'Cancel', touches: 'those that wait, are pending, or failed and would be tried again' },
  retry: { label: 'Retry', touches: 'those that failed or ended' },
  delete: { label: 'Delete', touches: 'those that ended, with their history in the list; this cannot be undone' },
};

/** `filter` as the server takes it; `action` to begin with. */
export function openBulk({ filter, action = 'cancel', title = 'All that match' }) {
  const state = { filter, action, matched: undefined, error: undefined, running: undefined, stream: undefined };
  openDialog({ title, render: () => Bulk(state), onClose: () => state.stream?.close() });
  preview(state);
}

async function preview(state) {
  const { action, filter } = state;
  Object.assign(state, { matched: undefined, error: undefined });
  redraw();
  try {
    const { matched } = await api.post(`bulk/${action}`, { filter, dry_run: true });
    if (state.action === action) state.matched = matched;
  } catch (error) {
    state.error = error;
  }
  redraw();
}

async function run(state) {
  try {
    const { id, matched } = await api.post(`bulk/${state.action}`, { filter: state.filter, dry_run: false });
    state.running = { id, matched, done: 0, skipped: 0, status: 'running' };
    redraw();
    follow(state);
  } catch (error) {
    state.error = error;
    redraw();
  }
}

/** The operation's own stream says how far it is, until it has ended; it comes back by itself like any other. */
function follow(state) {
  const show = (changes) => { state.running = { ...state.running, ...changes }; redraw(); };
  state.stream = connect({
    url: address(`bulk/${state.running.id}/events`),
    share: false,
    onBulk: (bulk) => show({ ...bulk, isLost: false }),
    onState: ({ phase }) => show({ isLost: phase === 'waiting' || phase === 'refused' }),
  });
}

function Bulk(state) {
  if (state.running) return Running(state);
  const { label, touches } = WHAT[state.action];
  return h('div', { class: 'form' },
    h('p', {}, Object.keys(state.filter).length ? describe(state.filter) : h(Tag, { kind: 'warn' }, 'every job')),
    h('div', { class: 'line', role: 'group', 'aria-label': 'Action' }, offered().map(([action, what]) => h(Chip, {
      key: action, isOn: action === state.action, onClick: () => { state.action = action; preview(state); },
    }, what.label))),
    h('p', { class: 'soft', role: 'status' }, state.error ? h('span', { class: 'wrong' }, state.error.message)
      : state.matched === undefined ? 'counting' : `${many(state.matched, 'job')}: ${touches}`),
    h(Sql, { text: sql.call.where(state.action, state.filter) }),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'),
      h(Button, { kind: state.action === 'delete' ? 'danger' : 'pri', disabled: !state.matched, onClick: () => run(state) }, `${label} ${many(state.matched ?? 0, 'job')}`)));
}

function Running({ running, action }) {
  const seen = running.done + running.skipped;
  const isOver = running.status !== 'running';
  const share = isOver ? 1 : Math.min(1, seen / Math.max(1, running.matched));
  return h('div', { class: 'form' },
    h('p', { role: 'status' }, isOver ? `${WHAT[action].label}: ${many(running.done, 'job')} done${running.skipped ? `, ${number(running.skipped)} had moved on meanwhile` : ''}` : `${number(seen)} of ${number(running.matched)}`),
    h('span', { class: 'bar wide', role: 'progressbar', 'aria-label': 'Progress', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': Math.round(share * 100) },
      h('i', { class: `b-${isOver ? 'done' : 'running'}`, style: { transform: `scaleX(${share})` } })),
    h('p', { class: 'soft' }, isOver ? 'It is in Activity.' : running.isLost ? 'The connection is lost; the work goes on, and this comes back by itself.' : 'It goes on by itself if you close this.'),
    h('footer', {}, h(Button, { kind: 'pri', onClick: closeDialog }, 'Close')));
}

function describe(filter) {
  return h('span', { class: 'labels' }, Object.entries(filter).flatMap(([name, values]) => [values].flat().map((value) => h('span', {
    class: 'tag', key: `${name} ${value}`,
  }, `${name} ${name === 'status' ? nameOf(value) : value}`))));
}
