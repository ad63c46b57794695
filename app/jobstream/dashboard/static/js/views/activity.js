// What people did: to jobs, one by one and in bulk.
import { api } from '../api.js';
import { Older } from '../data/older.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { many, number } from '../format.js';
import * as sql from '../sql.js';
import { FurtherBack } from '../ui/further-back.js';
import { Card, Empty, Id, Shown, Tag } from '../ui/parts.js';
import { Mark, Shape } from '../ui/status.js';
import { Time } from '../ui/time.js';

const VERBS = { cancelled: 'cancelled', pending: 'set going', waiting: 'set going', dlq: 'set aside', done: 'ended', failed: 'failed', running: 'asked to stop' };
const BULK = { cancel: 'cancel', retry: 'retry', delete: 'delete' };

export function create() {
  const first = new Resource((signal) => api.get('activity', {}, { signal }), { isAbout: (event) => event.by && event.by !== 'maintenance' && event.data?.from !== null, everyMs: 1_000 });
  const older = new Older((before) => api.get('activity', { before }), (deed) => deed.event_id);
  return {
    title: 'Activity',
    stop: () => first.stop(),
    sql: () => [sql.activity(), sql.bulk()],
    render: () => h(Shown, { resource: first, draw: (value) => {
      const lines = merged(older.below(value.items), value.bulk);
      return h(Card, { label: 'Activity' },
        !lines.length && h(Empty, { title: 'Nobody has intervened' }, 'Cancels, retries, changes by hand and bulk operations are noted here, whoever did them, in psql too.'),
        h('ul', { class: 'log' }, lines.map((line) => (line.action ? h(Bulk, { line, key: line.id }) : h(Deed, { line, key: line.event_id })))),
        h(FurtherBack, { older, cursor: value.next_before }));
    } }),
  };
}

/** By time; the many transactions of one bulk operation are its one line. */
function merged(deeds, bulk) {
  const isOfBulk = (deed) => bulk.some((one) => one.by === deed.by
    && Date.parse(deed.at) >= Date.parse(one.created_at) && (!one.completed_at || Date.parse(deed.at) <= Date.parse(one.completed_at) + 1_000));
  const alone = deeds.filter((deed) => !isOfBulk(deed));
  return [...alone, ...bulk].sort((a, b) => Date.parse(b.at ?? b.created_at) - Date.parse(a.at ?? a.created_at));
}

const Deed = ({ line }) => h('li', {},
  h(Shape, { status: line.type === 'deleted' ? 'cancelled' : line.status ?? 'waiting' }),
  h('span', {}, h('b', {}, line.by), ` ${line.type === 'updated' ? 'changed' : line.type === 'deleted' ? 'deleted' : VERBS[line.status] ?? line.status} `,
    line.count === 1 ? h(Id, { id: line.sample }) : many(line.count, 'job'), line.kinds.length > 0 && h('span', { class: 'soft' }, ` ${line.kinds.join(', ')}`)),
  h('em', {}, h(Time, { at: line.at, form: 'when' })));

const Bulk = ({ line }) => h('li', {},
  h(Mark, { level: line.status === 'done' ? 'ok' : 'warning' }),
  h('span', {}, h('b', {}, line.by ?? 'somebody'), ` bulk ${BULK[line.action]}: ${number(line.done)} of ${number(line.matched)} jobs `, line.status === 'running' && h(Tag, {}, 'running'), h('code', {}, line.filter)),
  h('em', {}, h(Time, { at: line.created_at, form: 'when' })));
