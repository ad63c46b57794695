// What a job is to be, as fields: for a new job, for one like another, for a schedule's jobs.
import { h } from '../dom.js';
import { redraw } from '../screen.js';
import { may } from '../session.js';

const text = (value) => (value === null || value === undefined ? '' : String(value));

/** The fields as texts. `like`: `{kind, queue, args, priority, labels, max_attempts, backoff, timeout_seconds, …}`. */
export function fieldsOf(like = {}) {
  const backoff = like.backoff ?? {};
  return {
    kind: text(like.kind), queue: like.queue ?? 'default', args: JSON.stringify(like.args ?? {}, null, 2),
    priority: text(like.priority ?? 0), labels: Object.entries(like.labels ?? {}).map(([name, value]) => `${name}:${value}`).join(', '),
    max_attempts: text(like.max_attempts ?? 3), timeout_seconds: text(like.timeout_seconds), owner: text(like.owner),
    backoff: text(backoff.type), base: text(backoff.base), max: text(backoff.max), jitter: backoff.jitter,
    concurrency_key: text(like.concurrency_key), unique: text(like.unique), unique_key: text(like.unique_key),
    class: text(like.class), mode: text(like.mode), scope: text(like.scope),
    errors: {}, isBusy: false,
  };
}

/** Kind, queue, arguments and labels, and the rest behind a line that opens. `withOwner`: it can be somebody else's job. */
export function SpecFields(form, { focus = 'kind', withOwner = false } = {}) {
  const isOpen = MORE.some((name) => form.errors[name]);
  return [
    h('div', { class: 'pair' },
      Field(form, 'kind', 'Kind', { required: true, ref: focus === 'kind' ? (dom) => dom.focus() : undefined, placeholder: 'thumbnail' }),
      Field(form, 'queue', 'Queue', { required: true })),
    Field(form, 'args', 'Arguments, as JSON', { tag: 'textarea', rows: 6, spellcheck: 'false' }),
    Field(form, 'labels', 'Labels, name:value with commas', { placeholder: 'team:shop, customer:42' }),
    h('details', { open: isOpen || undefined }, h('summary', {}, 'Retries, priority and more'), h('div', { class: 'form' },
      h('div', { class: 'pair' },
        Field(form, 'max_attempts', 'Attempts', { inputmode: 'numeric' }),
        Field(form, 'priority', 'Priority, smaller first', { inputmode: 'numeric' }),
        Field(form, 'timeout_seconds', 'Timeout in seconds', { inputmode: 'numeric', placeholder: 'none' })),
      h('div', { class: 'pair' },
        Choice(form, 'backoff', 'Backoff', [['', 'the default'], ['exponential', 'exponential'], ['linear', 'linear'], ['fixed', 'fixed']]),
        form.backoff && Field(form, 'base', 'Base in seconds', { inputmode: 'decimal', placeholder: '5' }),
        form.backoff && Field(form, 'max', 'At most', { inputmode: 'decimal', placeholder: '120' })),
      h('div', { class: 'pair' },
        Field(form, 'concurrency_key', 'Concurrency key', {}),
        Choice(form, 'unique', 'Unique while', [['', 'not'], ['pending', 'pending'], ['active', 'not ended']]),
        form.unique && Field(form, 'unique_key', 'Unique key', {})),
      h('div', { class: 'pair' },
        Field(form, 'class', 'Class', {}), Field(form, 'mode', 'Mode', {}), Field(form, 'scope', 'Scope', {}),
        withOwner && may('operate') && Field(form, 'owner', 'Owner', { placeholder: 'you' })))),
  ];
}

const MORE = ['max_attempts', 'priority', 'timeout_seconds', 'base', 'max', 'concurrency_key', 'unique', 'unique_key', 'class', 'mode', 'scope', 'owner'];

export function Field(form, name, label, { tag = 'input', ...props }) {
  const id = `field-${name}`;
  const fault = form.errors[name];
  return h('div', { class: 'field', key: name },
    h('label', { for: id }, label),
    h(tag, {
      id, name, value: form[name], dir: 'auto', ...props, onInput: (event) => { form[name] = event.target.value; props.onInput?.(event); redraw(); },
      'aria-invalid': fault ? 'true' : undefined, 'aria-describedby': fault ? `${id}-fault` : undefined,
    }),
    fault && h('p', { class: 'wrong', role: 'alert', id: `${id}-fault` }, fault));
}

export function Choice(form, name, label, options) {
  const id = `field-${name}`;
  return h('div', { class: 'field', key: name },
    h('label', { for: id }, label),
    h('select', { id, name, value: form[name], onChange: (event) => { form[name] = event.target.value; redraw(); } },
      options.map(([value, words]) => h('option', { value, key: value }, words))));
}

/** `{spec, retry, timeout_seconds, owner}` as the server takes it; with `form.errors` noted where it says nothing sound. */
export function readSpec(form) {
  form.errors = {};
  const whole = (name, least) => number(form, name, (value) => Number.isInteger(value) && value >= least, least > -1 ? 'a whole number, 1 or more' : 'a whole number');
  const amount = (name) => number(form, name, (value) => value >= 0, 'a number of seconds');
  const optional = (name) => form[name].trim() || undefined;
  return {
    spec: {
      kind: form.kind.trim(), queue: form.queue.trim(), args: jsonOf(form), labels: labelsOf(form), priority: whole('priority', -Infinity) ?? 0,
      concurrency_key: optional('concurrency_key'), unique: optional('unique'), unique_key: form.unique ? optional('unique_key') : undefined,
      class: optional('class'), mode: optional('mode'), scope: optional('scope'),
    },
    retry: {
      max_attempts: whole('max_attempts', 1) ?? 3,
      backoff: form.backoff ? { type: form.backoff, base: amount('base'), max: amount('max'), jitter: form.jitter } : undefined,
    },
    timeout_seconds: whole('timeout_seconds', 1),
    owner: optional('owner'),
  };
}

/** Undefined where nothing is said. */
export function number(form, name, isSound, what) {
  const said = form[name].trim();
  if (!said) return undefined;
  const value = Number(said);
  if (!Number.isNaN(value) && isSound(value)) return value;
  form.errors[name] = what;
  return undefined;
}

function jsonOf(form) {
  try {
    return JSON.parse(form.args.trim() || '{}');
  } catch (error) {
    form.errors.args = error.message;
    return {};
  }
}

function labelsOf(form) {
  const labels = {};
  for (const pair of form.labels.split(',').map((one) => one.trim()).filter(Boolean)) {
    const colon = pair.indexOf(':');
    if (colon < 1) form.errors.labels = 'write name:value';
    else labels[pair.slice(0, colon)] = pair.slice(colon + 1).trim();
  }
  return labels;
}

/** Notes what the server found wrong beside the field that it means. */
export function noteFaults(form, error) {
  form.errors = {};
  for (const { pointer, detail } of error.problem?.errors ?? []) {
    const name = pointer.split('/').filter(Boolean).find((part) => part in form || part in SAID_OTHERWISE);
    form.errors[SAID_OTHERWISE[name] ?? name ?? 'all'] = detail;
  }
  if (!Object.keys(form.errors).length) form.errors.all = error.message;
}

const SAID_OTHERWISE = { delay_seconds: 'delay', unique_for: 'unique' };
