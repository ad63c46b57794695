// When a job is due: another moment, in the time zone of whoever looks.
import { reschedule } from '../actions.js';
import { now as serverNow } from '../clock.js';
import { h } from '../dom.js';
import { redraw } from '../screen.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button, Chip } from '../ui/parts.js';
import { Time } from '../ui/time.js';

const OFFERED = [[10, 'in 10 min'], [60, 'in 1 h'], [1_440, 'in 1 d']];
const MINUTE = 60_000;

/** `before`: when it is due now. */
export function openReschedule(id, before) {
  const form = { at: local(Math.max(Date.parse(before ?? '') || 0, serverNow() + 10 * MINUTE)), error: '' };
  openDialog({ title: 'When is it due?', render: () => Form({ id, before, form }) });
}

/** As the browser's own field takes it. */
function local(ms) {
  const there = new Date(ms);
  return new Date(ms - there.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

function Form({ id, before, form }) {
  const moment = new Date(form.at);
  const at = Number.isNaN(moment.getTime()) ? undefined : moment.toISOString();
  const submit = async (event) => {
    event.preventDefault();
    try {
      await reschedule(id, at, before);
      closeDialog();
    } catch (error) {
      form.error = error.message;
      redraw();
    }
  };
  return h('form', { class: 'form', onSubmit: submit },
    h('div', { class: 'field' }, h('label', { for: 'due-at' }, 'Due at, in your time zone'),
      h('input', { id: 'due-at', type: 'datetime-local', required: true, value: form.at, ref: (dom) => dom.focus(), onInput: (event) => { form.at = event.target.value; redraw(); } })),
    h('div', { class: 'line' }, OFFERED.map(([minutes, words]) => h(Chip, { key: words, onClick: () => { form.at = local(serverNow() + minutes * MINUTE); redraw(); } }, words))),
    form.error && h('p', { class: 'wrong', role: 'alert' }, form.error),
    at && h('p', { class: 'soft' }, h(Time, { at })),
    at && h(Sql, { text: sql.call.reschedule(id, at) }),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'), h('button', { type: 'submit', class: 'pri', disabled: !at }, 'Reschedule job')));
}
