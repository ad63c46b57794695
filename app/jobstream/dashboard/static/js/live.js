// The one stream of this browser: every event that the caller may see, shared by all tabs, paused by whoever reads.
import { connect } from '../../client.js';
import { now as serverNow } from './clock.js';
import { redrawSoon } from './screen.js';
import { session } from './session.js';

const listeners = new Set();
let stream;

export const live = { phase: 'connecting', wasLive: false, isPaused: false, missed: 0 };

/**
 * Adds `{onEvents, onReset, onBack, onBeat}`; returns what takes them away. onReset: read again whatever is shown; onBeat: the server spoke
 * though nothing had happened, which is when to look at what changes without an event. */
export function listen(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function tell(name, value) {
  for (const listener of [...listeners]) listener[name]?.(value);
}

export function open() {
  stream = connect({
    url: new URL('.', document.baseURI),
    share: `dashboard ${session.principal}`,
    heartbeatSeconds: session.heartbeatSeconds,
    onEvents: (events) => {
      if (live.isPaused) live.missed += events.length;
      else tell('onEvents', events);
      if (live.isPaused) redrawSoon();
    },
    // Whoever goes on after a pause reads everything again anyway.
    onReset: () => live.isPaused || tell('onReset'),
    onHeartbeat: () => live.isPaused || tell('onBeat'),
    onState: (state) => {
      const isBack = state.phase === 'live' && live.phase !== 'live' && live.wasLive;
      Object.assign(live, { phase: state.phase, until: state.until, wasLive: live.wasLive || state.phase === 'live' });
      tell('onState', state);
      if (isBack && !live.isPaused) tell('onBack');
    },
  });
}

export function close() {
  stream?.close();
  stream = undefined;
  Object.assign(live, { phase: 'closed', wasLive: false, isPaused: false });
}

export const lastHeard = () => stream?.heard ?? 0;
/** The server's time of what is shown: it stands still while the page is held still, and while nothing is heard. */
export function moment() {
  if (live.isPaused) return live.pausedAt;
  const isLost = live.wasLive && live.phase !== 'live';
  return isLost ? serverNow() - (Date.now() - lastHeard()) : serverNow();
}

export const isLeading = () => stream?.isLeading ?? false;
export const reconnect = () => stream?.reconnect();

/**
 * A list, shown as soon as it is read, and what happens to it from that very moment on: nothing lost and nothing twice.
 * `load() → {value, cursor}`. Resolves to what leaves again, once list and stream are in line.
 */
export async function join({ load, onValue, onEvents, signal }) {
  let first = await load();
  signal?.throwIfAborted();
  onValue(first.value);
  const pass = (events) => unlessPaused(events, onEvents);
  if (!first.cursor || !stream) return listen({ onEvents });
  return stream.join({
    load: async () => {
      const found = first ?? await load();
      if (!first) onValue(found.value);
      first = undefined;
      return found;
    },
    onValue: () => {},
    onEvents: pass,
    signal,
  });
}

/** What happens meanwhile is not kept: whoever goes on reads everything again. */
export function pause() {
  Object.assign(live, { pausedAt: serverNow(), isPaused: true, missed: 0 });
}

export function resume() {
  Object.assign(live, { isPaused: false, missed: 0 });
  tell('onReset');
}

function unlessPaused(events, take) {
  if (!live.isPaused) take(events);
}
