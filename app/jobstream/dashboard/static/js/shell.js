// What surrounds every view: navigation, title, whether it is live, the SQL of it, messages.
import { counts } from './data/counts.js';
import { h } from './dom.js';
import { many, number, short, ticking } from './format.js';
import * as live from './live.js';
import { link } from './router.js';
import { redraw } from './screen.js';
import { may, session, signOut } from './session.js';
import { Dialog } from './ui/dialog.js';
import { Button, Chip } from './ui/parts.js';
import { Sql } from './ui/code.js';
import { Toasts } from './ui/toast.js';
import { VIEWS } from './views.js';
import { openNewJob } from './views/new-job.js';

const NUMBERS = {
  jobs: (byStatus) => Object.values(byStatus).reduce((sum, count) => sum + count, 0),
  dead: (byStatus) => byStatus.dlq ?? 0,
};

export function Shell({ route, entry, view, state }) {
  return h('div', { class: 'shell' },
    h('a', { class: 'skip', href: '#main', onClick: skip }, 'To the content'),
    h(Nav, { current: entry.name }),
    h('main', { id: 'main', tabindex: -1, class: `view-${entry.name}${route.id ? ' detail' : ''}` },
      h('header', { class: 'top' },
        h('h1', {}, view.title),
        view.controls?.(),
        h('span', { class: 'spring' }),
        h(Live),
        h(Button, { onClick: state.toggleSql, kind: state.showsSql ? 'on' : '', title: 'The same in psql', label: 'Show SQL' }, h('span', { class: 'opt' }, 'Show '), 'SQL'),
        may('write') && h(Button, { kind: 'pri', onClick: () => openNewJob(), label: 'New job' }, 'New', h('span', { class: 'opt' }, ' job'))),
      h(Banner),
      state.showsSql && h('section', { class: 'card', 'aria-label': 'SQL' }, view.sql().map((text) => h(Sql, { text, key: text }))),
      h('div', { class: 'view', key: `${entry.name}/${route.id ?? ''}` }, view.render())),
    h(Dialog),
    h(Toasts));
}

function skip(event) {
  event.preventDefault();
  document.getElementById('main').focus();
}

function Nav({ current }) {
  return h('nav', { 'aria-label': 'Views' },
    h('a', { class: 'brand', href: link('overview') },
      h('svg', { viewBox: '0 0 18 18', width: 18, height: 18, 'aria-hidden': 'true' },
        h('path', { d: 'M1 6c4 0 4 6 8 6s4-6 8-6', fill: 'none', stroke: 'currentColor', 'stroke-width': 2.4, 'stroke-linecap': 'round' })),
      'jobstream'),
    VIEWS.filter((one) => !one.scope || may(one.scope)).map((one) => h('a', {
      key: one.name, href: link(one.name), class: `item${one.name === current ? ' on' : ''}`, 'aria-current': one.name === current ? 'page' : undefined,
    }, h('span', {}, one.label), h(Count, { name: one.name }))),
    h('div', { class: 'who' },
      h('span', { class: 'name', title: `scopes: ${session.scopes.join(', ')}` }, session.principal),
      !may('write') && h('span', { class: 'tag' }, 'read only'),
      session.auth === 'off' && h('span', { class: 'tag', title: 'Only this machine is served' }, 'no auth'),
      session.auth === 'token' && h(Button, { kind: 'plain', onClick: () => signOut().then(redraw) }, 'Sign out')));
}

function Count({ name }) {
  if (!counts.byStatus || !NUMBERS[name]) return null;
  const count = NUMBERS[name](counts.byStatus);
  if (!count) return null;
  return h('i', { class: name === 'dead' ? 'hot' : '', title: number(count) }, short(count));
}

/** The truth about itself. A click stops what moves, and lets it go again. */
function Live() {
  const { phase, isPaused, missed } = live.live;
  if (isPaused) return h(Chip, { isOn: true, onClick: () => { live.resume(); redraw(); }, title: 'Go on and read everything again' }, `paused by you${missed ? `, ${many(missed, 'event')} passed` : ''}`);
  if (phase === 'live') return h('button', { type: 'button', class: 'live', onClick: () => { live.pause(); redraw(); }, title: 'Hold still' }, 'live');
  if (phase === 'refused') return h('span', { class: 'live off', role: 'status' }, 'not connected');
  if (!live.live.wasLive) return h('span', { class: 'live wait', role: 'status' }, 'connecting');
  const heard = live.lastHeard();
  return h('button', { type: 'button', class: 'live wait', onClick: live.reconnect, title: 'Try now' },
    `reconnecting, last heard ${ticking((Date.now() - heard) / 1000)} ago`);
}

function Banner() {
  const { phase, wasLive } = live.live;
  if (!wasLive || ['live', 'connecting'].includes(phase)) return null;
  const text = phase === 'refused'
    ? 'The server does not let this page follow events. What you see is what was last read.'
    : 'The connection is lost. What you see is what was known then; it goes on from there by itself.';
  return h('p', { class: 'banner', role: 'status' }, text);
}
