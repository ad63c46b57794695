// A schedule as a form: its expression is put into words, with its next times, while it is typed.
import { api } from '../api.js';
import { h } from '../dom.js';
import { dayAndTime } from '../format.js';
import { redraw } from '../screen.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button } from '../ui/parts.js';
import { toast } from '../ui/toast.js';
import { Choice, Field, fieldsOf, noteFaults, readSpec, SpecFields } from './job-form.js';

const TYPING_MS = 200;
const CATCH_UP = [['last', 'make the last of them'], ['all', 'make them all'], ['skip', 'forget them']];
const OFFERED = [['0 3 * * *', 'every night'], ['0 * * * *', 'every hour'], ['*/15 * * * *', 'every 15 min'], ['0 9 * * mon-fri', 'weekdays at 9']];
// What the form can say of a job; the rest of a schedule that is edited stays as it is only if none of this is touched.
const SAYS = ['kind', 'args', 'queue', 'priority', 'labels', 'max_attempts', 'backoff', 'timeout_seconds', 'concurrency_key', 'unique', 'unique_for', 'unique_key', 'class', 'mode', 'scope'];

/** `like`: a schedule to edit; none: a new one. `onDone` once it is put. */
export function openSchedule(like, onDone) {
  const spec = like?.spec ?? {};
  const form = {
    ...fieldsOf({ ...spec, unique: spec.unique_for ?? spec.unique }),
    name: like?.name ?? '', cron: like?.cron ?? '0 3 * * *', timezone: like?.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    catch_up: like?.catch_up ?? 'last', paused: like?.paused ?? false, owner: like?.owner ?? '', isNew: !like, preview: undefined, onDone,
    lost: Object.keys(spec).filter((name) => !SAYS.includes(name)),
  };
  form.before = specText(form);
  openDialog({ title: like ? `Edit ${like.name}` : 'New schedule', kind: 'wide', render: () => Form(form), onClose: () => clearTimeout(form.timer) });
  look(form);
}

const specText = (form) => JSON.stringify(specOf(readSpec(form)));

/** The members of `spec` in a schedule hold retries and timeout too. */
const specOf = ({ spec, retry, timeout_seconds }) => ({ ...spec, ...retry, timeout_seconds });

async function look(form) {
  const { cron, timezone } = form;
  const preview = await api.get('cron', { expression: cron, timezone }).catch((error) => ({ error: error.message, upcoming: [] }));
  if (cron !== form.cron || timezone !== form.timezone) return;
  form.preview = preview;
  redraw();
}

function typed(form) {
  clearTimeout(form.timer);
  form.timer = setTimeout(() => look(form), TYPING_MS);
}

function Form(form) {
  const submit = async (event) => {
    event.preventDefault();
    const body = bodyOf(form);
    if (!form.name.trim()) form.errors.name = 'it needs a name';
    if (Object.keys(form.errors).length || form.isBusy) return redraw();
    form.isBusy = true;
    redraw();
    try {
      await api.put(`schedules/${encodeURIComponent(form.name.trim())}`, body);
      closeDialog();
      toast(`${form.name.trim()} is ${form.isNew ? 'made' : 'changed'}`);
      form.onDone();
    } catch (error) {
      noteFaults(form, error);
      if (error.status === 404) form.errors = { name: 'letters, digits and _ . : -, beginning with a letter or digit' };
    }
    form.isBusy = false;
    return redraw();
  };
  const again = { onInput: () => typed(form) };
  return h('form', { onSubmit: submit, class: 'form', novalidate: true },
    form.isNew && Field(form, 'name', 'Name', { required: true, placeholder: 'nightly-report', ref: (dom) => dom.focus() }),
    h('div', { class: 'pair' },
      Field(form, 'cron', 'When, as a cron expression', { required: true, spellcheck: 'false', class: 'mono', ...again }),
      Field(form, 'timezone', 'Time zone', { required: true, list: 'zones', spellcheck: 'false', ...again })),
    h('datalist', { id: 'zones' }, Intl.supportedValuesOf('timeZone').map((zone) => h('option', { value: zone, key: zone }))),
    h('div', { class: 'line' }, OFFERED.map(([cron, words]) => h('button', {
      type: 'button', class: `chip${form.cron === cron ? ' on' : ''}`, key: cron, onClick: () => { form.cron = cron; look(form); redraw(); },
    }, words))),
    h(Preview, { preview: form.preview }),
    Choice(form, 'catch_up', 'Times missed while nobody watched the clock', CATCH_UP),
    SpecFields(form, { focus: null }),
    form.lost.length > 0 && specText({ ...form }) !== form.before && h('p', { class: 'soft' }, `Not kept of what its jobs are now: ${form.lost.join(', ')}.`),
    form.errors.all && h('p', { class: 'wrong', role: 'alert' }, form.errors.all),
    h('details', {}, h('summary', {}, 'The same in SQL'), h(Sql, { text: sql.call.putSchedule({ ...form, spec: specOf(readSpec({ ...form })) }) })),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'), h('button', { type: 'submit', class: 'pri', disabled: form.isBusy }, form.isNew ? 'Make schedule' : 'Change schedule')));
}

function Preview({ preview }) {
  if (!preview) return h('p', { class: 'soft preview', role: 'status' }, ' ');
  if (preview.error) return h('p', { class: 'wrong preview', role: 'status' }, preview.error);
  return h('p', { class: 'soft preview', role: 'status' }, h('b', {}, preview.explanation ?? 'Due'), `: ${preview.upcoming.map(dayAndTime).join(' · ')}`);
}

/** Of one that is edited, what is left out stays. */
function bodyOf(form) {
  const wanted = readSpec(form);
  const isTouched = form.isNew || JSON.stringify(specOf(wanted)) !== form.before;
  return { cron: form.cron.trim(), timezone: form.timezone.trim(), catch_up: form.catch_up, ...(isTouched ? { spec: specOf(wanted) } : {}) };
}
