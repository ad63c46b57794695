// What needs somebody, each line with the way to it.
import { attention } from '../data/attention.js';
import { h } from '../dom.js';
import { duration, number } from '../format.js';
import { may } from '../session.js';
import { Card, Empty, Loading } from '../ui/parts.js';
import { Mark } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { PauseButton } from './queues.js';

const MOST_LINES = 10;

/** Whether it was looked at, with success or without. */
export const isSettled = ({ value, error }) => value !== undefined || error !== undefined;

export function NeedsAttention({ queues, groups, workers, schedules, health, flow }) {
  // Nobody is told that all is well before everything was looked at.
  const sources = [queues, groups, workers, schedules, health].filter(Boolean);
  if (!sources.every(isSettled)) return h(Card, { title: 'Needs attention' }, h(Loading, { lines: 3 }));
  const recent = flow.buckets.slice(-5).filter(Boolean);
  const attempts = recent.reduce((sum, bucket) => sum + bucket.failed, 0);
  const ended = attempts + recent.reduce((sum, bucket) => sum + bucket.done, 0);
  const lines = attention({
    queues: queues.value?.items, workers: workers.value?.items, groups: groups.value?.items, checks: health?.value?.checks,
    schedules: schedules.value?.items, failing: ended >= 10 ? attempts / ended : 0,
  });
  const unread = sources.find((source) => source.value === undefined);
  return h(Card, { title: 'Needs attention' },
    unread && h('p', { class: 'wrong', role: 'alert' }, `Not everything could be looked at: ${unread.error.message}`),
    !unread && lines.length === 0 && h(Empty, { title: 'Nothing needs you' }),
    lines.length > 0 && h('ul', { class: 'att' }, lines.slice(0, MOST_LINES).map(({ key, level, strong, rest, code, at, seconds, href, action }) => h('li', { key },
      h(Mark, { level }),
      h('a', { href }, h('b', {}, strong), rest, code && h('code', {}, code)),
      h('em', {}, action && may('operate') ? h(PauseButton, { queue: { name: action.queue, paused: true }, queues }) : at ? h(Time, { at, form: 'rough' }) : seconds ? duration(seconds) : null))),
    lines.length > MOST_LINES && h('p', { class: 'soft' }, `and ${number(lines.length - MOST_LINES)} more, once these are dealt with`)));
}
