// Small pieces that every view uses.
import { h } from '../dom.js';
import { clockTime, shortId } from '../format.js';
import { link } from '../router.js';
import { toast } from './toast.js';

export const Button = ({ onClick, kind = '', label, disabled, title, children, id }) => h('button', {
  type: 'button', id, class: kind, onClick, disabled: Boolean(disabled), title, 'aria-label': label,
}, children);

export const Chip = ({ isOn, onClick, children, title }) => h('button', {
  type: 'button', class: `chip${isOn ? ' on' : ''}`, onClick, title, 'aria-pressed': String(Boolean(isOn)),
}, children);

export const Tag = ({ children, kind = '' }) => h('span', { class: `tag ${kind}` }, children);

export const Card = ({ title, aside, children, label, kind = '' }) => h('section', { class: `card ${kind}`, 'aria-label': label ?? (typeof title === 'string' ? title : undefined) },
  title && h('h2', {}, h('span', {}, title), aside), children);

/** An id, shortened in the middle, whole on hover; it leads to its job and is copied by a click on its button. */
export function Id({ id, to = 'jobs', isWhole }) {
  if (!id) return h('span', { class: 'faint' }, '–');
  return h('span', { class: 'id', title: id },
    to ? h('a', { href: link(to, id) }, isWhole ? id : shortId(id)) : h('span', {}, isWhole ? id : shortId(id)),
    h(Copy, { text: id, label: `Copy ${id}` }));
}

export const Copy = ({ text, label = 'Copy' }) => h('button', { type: 'button', class: 'copy', 'aria-label': label, title: 'Copy', onClick: (event) => copy(text, event.currentTarget) },
  h('svg', { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    h('path', { d: 'M4 4V1.5h6.5V8H8M1.5 4H8v6.5H1.5Z', fill: 'none', stroke: 'currentColor' })));

async function copy(text, button) {
  const isCopied = await navigator.clipboard?.writeText(text).then(() => true, () => false) || copyByHand(text, button);
  toast(isCopied ? 'Copied' : 'The browser does not let this page copy');
}

/** Over plain http there is no clipboard for scripts; what is selected can be copied all the same. */
function copyByHand(text, button) {
  const field = document.createElement('textarea');
  field.value = text;
  // Beside the button: a dialog lets nothing outside of it have the focus.
  button.after(field);
  field.select();
  const isCopied = document.execCommand('copy');
  field.remove();
  button.focus();
  return isCopied;
}

export function Bar({ progress, status }) {
  const percent = status === 'done' ? 100 : progress?.percent;
  if (percent === undefined || percent === null) return null;
  const text = `${Math.round(percent)} %${progress?.step ? `, ${progress.step}` : ''}`;
  return h('span', { class: 'progress', title: text },
    h('span', { class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': 100, 'aria-valuenow': Math.round(percent), 'aria-label': 'Progress' },
      h('i', { class: `b-${status}`, style: { transform: `scaleX(${percent / 100})` } })),
    h('span', { class: 'percent' }, `${Math.round(percent)} %`));
}

export function Labels({ labels }) {
  const pairs = Object.entries(labels ?? {});
  if (!pairs.length) return null;
  return h('span', { class: 'labels' }, pairs.map(([name, value]) => h('a', {
    class: 'tag', href: link('jobs', undefined, { label: `${name}:${value}` }), key: name,
    title: `${name}: ${value}`,
  }, h('bdi', {}, name), ': ', h('bdi', {}, value))));
}

/** What stands where there is nothing to show yet, nothing at all, or no answer. */
export function Empty({ title, children }) {
  return h('div', { class: 'empty' },
    h('svg', { viewBox: '0 0 36 18', width: 36, height: 18, 'aria-hidden': 'true' },
      h('path', { d: 'M2 4c8 0 8 10 16 10S26 4 34 4', fill: 'none', stroke: 'currentColor', 'stroke-width': 2.4, 'stroke-linecap': 'round' })),
    h('p', { class: 'strong' }, title), children && h('p', { class: 'soft' }, children));
}

export function Failed({ error, onRetry }) {
  const [title, text] = error.status === 0 ? ['The server does not answer', 'It is tried again as soon as the stream is back.']
    : error.status === 403 ? ['This is not for you to see', error.message] : ['This could not be read', error.message];
  return h('div', { class: 'empty', role: 'alert' }, h('p', { class: 'strong' }, title), h('p', { class: 'soft' }, text),
    onRetry && error.status !== 403 && h(Button, { onClick: onRetry }, 'Try again'));
}

/** As many quiet lines as the content will have, so that nothing jumps. */
export const Loading = ({ lines = 6 }) => h('div', { class: 'loading', 'aria-busy': 'true', 'aria-label': 'Loading' },
  Array.from({ length: lines }, (_, line) => h('i', { key: line })));

const Old = ({ resource }) => h('p', { class: 'banner', role: 'alert' },
  'This is of ', h('time', {}, clockTime(resource.readAt).slice(0, 8)), `: ${resource.error.message} `, h(Button, { onClick: () => resource.reload() }, 'Try again'));

/** A resource's value as `draw(value)` shows it, or what stands in its place. */
export function Shown({ resource, lines, draw }) {
  if (resource.value !== undefined) return h('div', {}, resource.error && h(Old, { resource }), draw(resource.value));
  if (resource.error) return h(Failed, { error: resource.error, onRetry: () => resource.reload() });
  return h(Loading, { lines });
}
