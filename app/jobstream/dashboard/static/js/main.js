// Where it begins: who is there, the stream, the view of the address, and drawing.
import './ui/time.js';
import { onUnauthorized } from './api.js';
import * as counts from './data/counts.js';
import { h, render } from './dom.js';
import { listenForKeys } from './keys.js';
import * as live from './live.js';
import { onRoute, parse } from './router.js';
import { onDraw, redraw } from './screen.js';
import { forget, restore, session } from './session.js';
import { Shell } from './shell.js';
import { Failed } from './ui/parts.js';
import { moduleOf } from './views.js';
import { Login } from './views/login.js';

const root = document.getElementById('app');
const state = { showsSql: false, toggleSql: () => { state.showsSql = !state.showsSql; redraw(); } };
let shown;

function follow() {
  if (!session.isKnown) return;
  const route = parse();
  const { entry, module } = moduleOf(route);
  const isSame = shown?.module === module && shown.route.id === route.id;
  if (isSame) {
    shown.route = route;
    shown.view.update?.(route);
  } else {
    shown?.view.stop?.();
    shown = { module, entry, route, view: module.create(route) };
    scrollTo(0, 0);
    // On a phone the views are a row that scrolls.
    afterDrawing(() => document.querySelector('nav [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' }));
  }
  redraw();
}

const afterDrawing = (run) => requestAnimationFrame(() => requestAnimationFrame(run));

function begin() {
  live.open();
  counts.start();
  follow();
}

function end() {
  shown?.view.stop?.();
  shown = undefined;
  counts.stop();
  live.close();
  redraw();
}

function draw() {
  if (session.error) render(root, h(Failed, { error: session.error, onRetry: start }));
  else if (!session.isKnown) render(root, h(Login, { onSignedIn: begin }));
  else if (shown) render(root, h(Shell, { ...shown, state }));
  document.title = shown ? `${shown.view.title} · jobstream` : 'jobstream';
}

async function start() {
  await restore();
  root.querySelector('.early')?.remove();
  if (session.isKnown) begin();
  redraw();
}

onDraw(() => {
  if (!session.isKnown && shown) end();
  draw();
});
onUnauthorized(() => {
  forget();
  redraw();
});
onRoute(follow);
live.listen({ onState: ({ phase, status }) => {
  // The token was revoked, or has run out: whoever looks is asked for another one.
  if (phase === 'refused' && status === 401) forget();
  redraw();
} });
// "Last heard 4 s ago" has to count while nothing else happens.
setInterval(() => live.live.phase !== 'live' && live.live.wasLive && redraw(), 1_000);
listenForKeys(() => shown?.view);
start();
