// A status is a shape and a word; the colour only helps.
import { h } from '../dom.js';

const SHAPES = {
  waiting: [['circle', { cx: 5, cy: 5, r: 3.6, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-dasharray': '2.2 1.6' }]],
  pending: [['circle', { cx: 5, cy: 5, r: 4, fill: 'currentColor' }]],
  running: [['path', { d: 'M8.6 5A3.6 3.6 0 1 1 5 1.4', fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }]],
  failed: [['path', { d: 'M5 .8 9.6 9H.4Z', fill: 'currentColor' }]],
  done: [['path', { d: 'M1 5.4 4 8.4 9.2 1.8', fill: 'none', stroke: 'currentColor', 'stroke-width': 2 }]],
  dlq: [['rect', { x: 1, y: 1, width: 8, height: 8, rx: 1, fill: 'currentColor' }]],
  cancelled: [['path', { d: 'M1.6 1.6 8.4 8.4M8.4 1.6 1.6 8.4', fill: 'none', stroke: 'currentColor', 'stroke-width': 1.8 }]],
};

export const STATUSES = Object.keys(SHAPES);
export const NAMES = { dlq: 'dead letter' };
const REASONS = {
  attempts: 'attempts used up', not_retryable: 'not worth a retry', deadline: 'past its deadline', poison: 'poison: its workers died',
  unstorable_result: 'its result cannot be stored', requested: 'on request', upstream: 'what it awaited did not succeed',
};
export const reasonOf = (reason) => REASONS[reason] ?? String(reason ?? '').replaceAll('_', ' ');
export const nameOf = (status) => NAMES[status] ?? status;

export function Shape({ status }) {
  const parts = SHAPES[status] ?? SHAPES.pending;
  return h('svg', { class: `shape s-${status}`, viewBox: '0 0 10 10', width: 10, height: 10, 'aria-hidden': 'true' },
    parts.map(([tag, props]) => h(tag, props)));
}

export function Status({ status, note }) {
  return h('span', { class: 'status' }, h(Shape, { status }), h('span', {}, nameOf(status)), note && h('span', { class: 'soft' }, `· ${note}`));
}

/** A check's or warning's mark. */
export const Mark = ({ level }) => h(Shape, { status: { ok: 'done', warning: 'pending', bad: 'dlq' }[level] ?? 'pending' });
