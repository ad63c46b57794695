// Schedules: in words, the next times, made, changed, paused, run now.
import { api } from '../api.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { dayAndTime } from '../format.js';
import { go, link } from '../router.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Sql } from '../ui/code.js';
import { closeDialog, openDialog } from '../ui/dialog.js';
import { Button, Card, Empty, Id, Shown, Tag } from '../ui/parts.js';
import { Time } from '../ui/time.js';
import { complain, toast } from '../ui/toast.js';
import { openSchedule } from './schedule-form.js';

const MISSED = { last: 'of missed times the last is made up for', all: 'missed times are all made up for', skip: 'missed times are let go' };

export function create() {
  const schedules = new Resource((signal) => api.get('schedules', {}, { signal }), { isAbout: (event) => event.type === 'status' && event.data?.from === null, everyMs: 2_000, isQuiet: true });
  const tried = (run) => run().then(() => schedules.reload(), complain);
  return {
    title: 'Schedules',
    stop: () => schedules.stop(),
    sql: () => [sql.schedules()],
    controls: () => may('operate') && h(Button, { onClick: () => openSchedule(undefined, () => schedules.reload()) }, 'New schedule…'),
    render: () => h(Shown, { resource: schedules, draw: ({ items }) => (items.length
      ? items.map((schedule) => h(One, { schedule, schedules, tried, key: schedule.name }))
      : h(Empty, { title: 'No schedules' }, 'Make one here, or declare it in code with ', h('code', {}, '@app.schedule("0 3 * * *")'), '.')) }),
  };
}

function One({ schedule, schedules, tried }) {
  const { name, cron, timezone, paused, next_at: next, last_at: last, last_job: job, last_error: error, explanation, upcoming } = schedule;
  return h(Card, { label: name, kind: 'group' },
    h('div', { class: 'line' }, h('strong', {}, name), h('code', {}, schedule.spec?.kind ?? ''), paused && h(Tag, { kind: 'warn' }, 'paused'), h('span', { class: 'spring' }),
      !paused && next && h('span', {}, 'next ', h(Time, { at: next, form: 'when' }))),
    h('p', {}, explanation ? `${explanation}, ` : '', h('code', {}, cron), h('span', { class: 'soft' }, ` ${timezone}; ${MISSED[schedule.catch_up] ?? schedule.catch_up}`)),
    upcoming?.length > 0 && !paused && h('p', { class: 'soft' }, `then ${upcoming.slice(1).map(dayAndTime).join(' · ')}`),
    error && h('p', { class: 'wrong' }, error),
    h('div', { class: 'line' },
      may('operate') && h(Button, { title: sql.call.runSchedule(name), onClick: () => tried(async () => {
        const { id } = await api.post(`schedules/${encodeURIComponent(name)}/run`);
        toast('Its job was made', { action: { label: 'Show', run: () => go(link('jobs', id)) } });
      }) }, 'Run now'),
      may('operate') && h(Button, { title: sql.call.pauseSchedule(name, !paused), onClick: () => tried(() => put(schedule, !paused)) }, paused ? 'Resume' : 'Pause'),
      may('operate') && h(Button, { onClick: () => openSchedule(schedule, () => schedules.reload()), label: `Edit ${name}` }, 'Edit…'),
      may('operate') && h(Button, { onClick: () => confirmDelete(name, tried) }, 'Delete…'),
      h('span', { class: 'spring' }),
      last && h('span', { class: 'soft' }, 'last ', h(Time, { at: last, form: 'when' }), ' ', h(Id, { id: job }))));
}

const put = ({ name }, paused) => api.put(`schedules/${encodeURIComponent(name)}`, { paused });

function confirmDelete(name, tried) {
  openDialog({ title: `Delete ${name}?`, render: () => h('div', { class: 'form' },
    h('p', {}, 'It makes no more jobs; those that it made stay. One declared in code comes back when a worker starts.'),
    h(Sql, { text: sql.call.deleteSchedule(name) }),
    h('footer', {}, h(Button, { onClick: closeDialog }, 'Leave it'),
      h(Button, { kind: 'danger', onClick: () => { closeDialog(); tried(() => api.delete(`schedules/${encodeURIComponent(name)}`)); } }, 'Delete schedule'))) });
}
