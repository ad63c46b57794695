// Small pieces that every view uses.
import { h } from '../dom.js';
import { shortId } from '../format.js';
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

export const Copy = ({ text, label = 'Copy' }) => h('button', { type: 'button', class: 'copy', 'aria-label': label, title: 'Copy', onClick: () => copy(text) },
  h('svg', { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' },
    h('path', { d: 'M4 4V1.5h6.5V8H8M1.5 4H8v6.5H1.5Z', fill: 'none', stroke: 'currentColor' })));

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast('Copied');
  } catch {
    toast('The browser does not let this page copy; the text is in the title');
  }
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
  }, `${name}: ${value}`)));
}

/** What stands where there is nothing to show yet, nothing at all, or no answer. */
export function Empty({ title, children }) {
  return h('div', { class: 'empty' },
    h('svg', { viewBox: '0 0 36 18', width: 36, height: 18, 'aria-hidden': 'true' },
      h('path', { d: 'M2 4c8 0 8 10 16 10S26 4 34 4', fill: 'none', stroke: 'currentColor', 'stroke-width': 2.4, 'stroke-linecap': 'round' })),
    h('p', { class: 'strong' }, title), children && h('p', { class: 'soft' }, children));
}

export const Failed = ({ error, onRetry }) => h('div', { class: 'empty', role: 'alert' },
  h('p', { class: 'strong' }, error.status === 0 ? 'The server does not answer' : 'This could not be read'),
  h('p', { class: 'soft' }, error.status === 0 ? 'It is tried again as soon as the stream is back.' : error.message),
  onRetry && h(Button, { onClick: onRetry }, 'Try again'));

/** As many quiet lines as the content will have, so that nothing jumps. */
export const Loading = ({ lines = 6 }) => h('div', { class: 'loading', 'aria-busy': 'true', 'aria-label': 'Loading' },
  Array.from({ length: lines }, (_, line) => h('i', { key: line })));

/** A resource's value as `draw(value)` shows it, or what stands in its place. */
export function Shown({ resource, lines, draw }) {
  if (resource.value !== undefined) return h('div', {}, draw(resource.value));
  if (resource.error) return h(Failed, { error: resource.error, onRetry: () => resource.reload() });
  return h(Loading, { lines });
}
