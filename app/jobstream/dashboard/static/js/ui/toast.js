// Short messages that go away by themselves, each with at most one thing to do.
import { h } from '../dom.js';
import { redraw } from '../screen.js';

const SHOWN_MS = 6_000;
let toasts = [];
let last = 0;

/** `action`: `{label, run}`. */
export function toast(text, { action, kind = '' } = {}) {
  const id = (last += 1);
  toasts = [...toasts.slice(-3), { id, text, action, kind }];
  setTimeout(() => dismiss(id), action ? SHOWN_MS * 2 : SHOWN_MS);
  redraw();
}

export const complain = (error) => toast(error.message, { kind: 'bad' });

function dismiss(id) {
  toasts = toasts.filter((one) => one.id !== id);
  redraw();
}

export const Toasts = () => h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' },
  toasts.map(({ id, text, action, kind }) => h('div', { class: `toast ${kind}`, key: id }, h('span', {}, text),
    action && h('button', { type: 'button', onClick: () => { dismiss(id); action.run(); } }, action.label),
    h('button', { type: 'button', class: 'plain', 'aria-label': 'Dismiss', onClick: () => dismiss(id) }, '×'))));
