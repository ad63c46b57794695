// What needs somebody, computed from what is known: each line leads to the view, and where there is one names the action. Pure.
import { now as serverNow } from '../clock.js';
import { firstLine, many } from '../format.js';
import { link } from '../router.js';
import { reasonOf } from '../ui/status.js';

const MOST_GROUPS = 4;
const LONG_SECONDS = 60;
const LONGEST = 80;
const DAY_MS = 86_400_000;

/** `[{key, level, text: [..], href, at, action}]`, the gravest first. */
export function attention({ queues = [], workers, groups = [], checks = [], schedules = [], failing, now = serverNow() }) {
  const dead = groups.filter((group) => now - Date.parse(group.last_at) < DAY_MS);
  const found = [
    ...dead.slice(0, MOST_GROUPS).map(deadGroup),
    ...(dead.length > MOST_GROUPS ? [{ key: 'dead', level: 'bad', strong: many(dead.length - MOST_GROUPS, 'more cause'), rest: ' of dead letters', href: link('dead') }] : []),
    ...queues.flatMap((queue) => queueTrouble(queue, workers)),
    ...schedules.filter((schedule) => schedule.last_error).map(failedSchedule),
    ...checks.filter(({ name, status }) => status !== 'ok' && OWN_CHECKS.includes(name)).map(check),
  ];
  if (failing > 0.2) found.unshift({ key: 'failing', level: 'bad', strong: `${Math.round(failing * 100)} % of attempts fail`, rest: '', href: link('jobs', undefined, { status: ['failed', 'dlq'] }) });
  const order = ['bad', 'warning', 'note'];
  return found.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
}

// Paused queues and dead letters have lines of their own that say more.
const OWN_CHECKS = ['workers', 'stuck_jobs', 'event_days', 'old_snapshot'];

function deadGroup({ kind, match, reason, count, first_at: at, sample_error: error }) {
  const line = firstLine(error) || reasonOf(reason);
  const cause = line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
  return { key: `dead ${kind} ${match} ${reason}`, level: 'bad', strong: `${count} × ${cause}`, rest: ' in ', code: kind, at, href: link('dead') };
}

function queueTrouble(queue, workers) {
  const pending = queue.counts?.pending ?? 0;
  const { name } = queue;
  if (pending === 0) return [];
  if (queue.paused) {
    return [{ key: `paused ${name}`, level: 'warning', strong: name, rest: ` is paused${queue.paused_by ? ` by ${queue.paused_by}` : ''}, ${many(pending, 'job')} wait`, at: queue.paused_at, href: link('queues'), action: { label: 'Resume', queue: name } }];
  }
  if (workers && !workers.some((worker) => worker.queues?.includes(name))) {
    return [{ key: `nobody ${name}`, level: 'bad', strong: name, rest: ` has no worker, ${many(pending, 'job')} wait`, href: link('workers') }];
  }
  if ((queue.oldest_pending_seconds ?? 0) > LONG_SECONDS) {
    return [{ key: `slow ${name}`, level: 'warning', strong: name, rest: ` is behind: ${many(pending, 'job')} wait`, seconds: queue.oldest_pending_seconds, href: link('jobs', undefined, { queue: name, status: 'pending' }) }];
  }
  return [];
}

const check = ({ name, status, detail }) => ({ key: `check ${name}`, level: status === 'warning' ? 'warning' : 'bad', strong: detail, rest: '', href: link('health') });

const failedSchedule = ({ name, last_error: error, last_at: at }) => ({ key: `schedule ${name}`, level: 'warning', strong: name, rest: `, a schedule, made no job: ${error}`, at, href: link('schedules') });
