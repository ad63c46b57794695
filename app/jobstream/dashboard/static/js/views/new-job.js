// The form for a new job, also for one like another.
import { createJob } from '../actions.js';
import { h } from '../dom.js';
import { go, link } from '../router.js';
import { redraw } from '../screen.js';
import { session } from '../session.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button } from '../ui/parts.js';
import { toast } from '../ui/toast.js';
import { Field, fieldsOf, noteFaults, number, readSpec, SpecFields } from './job-form.js';

/** `like`: a job in JSON whose specification is the beginning; what it awaited and its idempotency key are its own. */
export function openNewJob(like) {
  const form = { ...fieldsOf(like && flat(like)), delay: '' };
  openDialog({ title: like ? `New job like ${like.spec.kind}` : 'New job', kind: 'wide', render: () => Form(form) });
}

const flat = ({ spec, retry, timeout_seconds, owner }) => ({
  ...spec, max_attempts: retry.max_attempts, backoff: retry.backoff, timeout_seconds, owner: owner === session.principal ? '' : owner,
});

function Form(form) {
  const submit = async (event) => {
    event.preventDefault();
    const wanted = read(form);
    if (Object.keys(form.errors).length || form.isBusy) return redraw();
    form.isBusy = true;
    redraw();
    try {
      const { id } = await createJob(wanted);
      closeDialog();
      toast('Created', { action: { label: 'Show', run: () => go(link('jobs', id)) } });
    } catch (error) {
      noteFaults(form, error);
    }
    form.isBusy = false;
    return redraw();
  };
  return h('form', { onSubmit: submit, class: 'form', novalidate: true },
    SpecFields(form, { withOwner: true }),
    Field(form, 'delay', 'Delay in seconds', { inputmode: 'decimal', placeholder: '0' }),
    form.errors.all && h('p', { class: 'wrong', role: 'alert' }, form.errors.all),
    h('details', {}, h('summary', {}, 'The same in SQL'), h(Sql, { text: sql.call.enqueue(read({ ...form, errors: {} })) })),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'), h('button', { type: 'submit', class: 'pri', disabled: form.isBusy }, 'Create job')));
}

function read(form) {
  const wanted = readSpec(form);
  const delay = number(form, 'delay', (value) => value >= 0, 'a number of seconds');
  return { ...wanted, scheduling: delay ? { delay_seconds: delay } : undefined };
}
