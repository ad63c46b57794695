// The form for a new job, also for one like another.
import { createJob } from '../actions.js';
import { h } from '../dom.js';
import { go, link } from '../router.js';
import { redraw } from '../screen.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button } from '../ui/parts.js';
import { toast } from '../ui/toast.js';

/** `like`: a job in JSON whose specification is the beginning. */
export function openNewJob(like) {
  const spec = like?.spec;
  const form = {
    kind: spec?.kind ?? '',
    queue: spec?.queue ?? 'default',
    args: JSON.stringify(spec?.args ?? {}, null, 2),
    priority: String(spec?.priority ?? 0),
    delay: '',
    labels: Object.entries(spec?.labels ?? {}).map(([name, value]) => `${name}:${value}`).join(', '),
    errors: {},
    isBusy: false,
  };
  openDialog({ title: like ? `Clone of ${spec.kind}` : 'New job', kind: 'wide', render: () => Form(form) });
}

const FIELDS = { '/spec/kind': 'kind', '/spec/queue': 'queue', '/spec/args': 'args', '/spec/priority': 'priority', '/spec/labels': 'labels', '/scheduling/delay_seconds': 'delay' };

function Form(form) {
  const submit = async (event) => {
    event.preventDefault();
    const wanted = read(form);
    if (!wanted) return redraw();
    form.isBusy = true;
    redraw();
    try {
      const { id } = await createJob(wanted);
      closeDialog();
      toast('Created', { action: { label: 'Show', run: () => go(link('jobs', id)) } });
    } catch (error) {
      form.errors = {};
      for (const { pointer, detail } of error.problem?.errors ?? []) form.errors[FIELDS[pointer] ?? 'all'] = detail;
      if (!Object.keys(form.errors).length) form.errors.all = error.message;
    }
    form.isBusy = false;
    return redraw();
  };
  return h('form', { onSubmit: submit, class: 'form' },
    h('div', { class: 'pair' },
      Field(form, 'kind', 'Kind', { required: true, ref: (dom) => dom.focus(), placeholder: 'thumbnail' }),
      Field(form, 'queue', 'Queue', { required: true })),
    Field(form, 'args', 'Arguments, as JSON', { tag: 'textarea', rows: 7, spellcheck: 'false' }),
    h('div', { class: 'pair' },
      Field(form, 'priority', 'Priority, smaller first', { inputmode: 'numeric' }),
      Field(form, 'delay', 'Delay in seconds', { inputmode: 'decimal', placeholder: '0' })),
    Field(form, 'labels', 'Labels, name:value with commas', { placeholder: 'team:shop, customer:42' }),
    form.errors.all && h('p', { class: 'wrong', role: 'alert' }, form.errors.all),
    h('details', {}, h('summary', {}, 'The same in SQL'), h(Sql, { text: sql.call.enqueue(read({ ...form, errors: {} }) ?? { kind: form.kind, args: {} }) })),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Cancel'), h('button', { type: 'submit', class: 'pri', disabled: form.isBusy }, 'Create job')));
}

function Field(form, name, label, { tag = 'input', ...props }) {
  const id = `new-${name}`;
  return h('div', { class: 'field', key: name },
    h('label', { for: id }, label),
    h(tag, { id, name, value: form[name], onInput: (event) => { form[name] = event.target.value; redraw(); }, 'aria-invalid': form.errors[name] ? 'true' : undefined, ...props }),
    form.errors[name] && h('p', { class: 'wrong', role: 'alert' }, form.errors[name]));
}

/** What the form says; undefined, with the errors noted, where it says nothing sound. */
function read(form) {
  form.errors = {};
  const labels = {};
  for (const pair of form.labels.split(',').map((text) => text.trim()).filter(Boolean)) {
    const colon = pair.indexOf(':');
    if (colon < 1) form.errors.labels = 'write name:value';
    else labels[pair.slice(0, colon)] = pair.slice(colon + 1).trim();
  }
  let args;
  try {
    args = JSON.parse(form.args || '{}');
  } catch (error) {
    form.errors.args = error.message;
  }
  const priority = Number(form.priority || 0);
  if (!Number.isInteger(priority)) form.errors.priority = 'a whole number';
  const delay = Number(form.delay || 0);
  if (!(delay >= 0)) form.errors.delay = 'a number of seconds';
  if (Object.keys(form.errors).length) return undefined;
  return { kind: form.kind.trim(), queue: form.queue.trim(), args, priority, delay, labels };
}
