// One dialog at a time, the browser's own: it keeps the focus inside and Escape closes it.
import { h } from '../dom.js';
import { redraw } from '../screen.js';
import { Button } from './parts.js';

let current;
let pressedBeside = false;

/** `render()` gives the content; it is drawn anew with everything else. */
export function openDialog({ title, render, kind = '', onClose }) {
  current?.onClose?.();
  current = { title, render, kind, onClose, opener: document.activeElement };
  redraw();
}

export function closeDialog() {
  const { opener, onClose } = current ?? {};
  current = undefined;
  onClose?.();
  redraw();
  opener?.focus?.();
}

export const dialogIsOpen = () => current !== undefined;

export function Dialog() {
  if (!current) return null;
  return h('dialog', {
    key: current.title, class: current.kind, 'aria-labelledby': 'dialog-title',
    ref: (dom) => dom.showModal(),
    onCancel: (event) => { event.preventDefault(); closeDialog(); },
    // Only a press beside it closes it, not one that began in a field and slipped out.
    onPointerdown: (event) => { pressedBeside = event.target === event.currentTarget; },
    onClick: (event) => pressedBeside && event.target === event.currentTarget && closeDialog(),
  }, h('div', { class: 'dialog' },
    h('header', {}, h('h2', { id: 'dialog-title' }, current.title), h(Button, { kind: 'plain', label: 'Close', onClick: closeDialog }, '×')),
    current.render()));
}
