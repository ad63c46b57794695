// Dead letters by what went wrong: what has one cause is dealt with once.
import { api } from '../api.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { firstLine, many, number } from '../format.js';
import { link } from '../router.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Button, Card, Empty, Id, Shown, Tag } from '../ui/parts.js';
import { reasonOf } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { openBulk } from './bulk.js';

export function create() {
  const groups = new Resource((signal) => api.get('errors', {}, { signal }), {
    isAbout: (event) => event.status === 'dlq' || event.data?.from === 'dlq', everyMs: 1_000,
  });
  return {
    title: 'Dead letters',
    stop: () => groups.stop(),
    sql: () => [sql.dead()],
    render: () => h(Shown, { resource: groups, draw: ({ items, examined, complete }) => [
      !items.length && h(Empty, { title: 'No dead letters' }, 'A job comes here when nobody will try it again: attempts used up, not worth retrying, past its deadline, or poison.'),
      items.map((group) => h(Group, { group, key: `${group.kind} ${group.reason} ${group.match}` })),
      !complete && h('p', { class: 'faint' }, `the newest ${number(examined)} were looked at`),
    ] }),
  };
}

/** What a bulk operation takes to mean this group; the text is looked for in kind and error. */
function filterOf({ kind, match }) {
  return { status: ['dlq'], kind: [kind], ...(match.length >= 4 ? { q: match } : {}) };
}

function Group({ group }) {
  const filter = filterOf(group);
  const cause = firstLine(group.sample_error) || reasonOf(group.reason);
  return h(Card, { label: `${group.count} of ${group.kind}`, kind: 'group' },
    h('div', { class: 'line' },
      h('strong', { class: 'figure' }, number(group.count)), h('code', {}, group.kind), h(Tag, {}, reasonOf(group.reason)),
      h('span', { class: 'spring' }),
      h('span', { class: 'soft' }, 'first ', h(Time, { at: group.first_at }), ', last ', h(Time, { at: group.last_at }))),
    h('p', { class: 'cause' }, cause),
    h('div', { class: 'line' },
      h('a', { class: 'button', href: link('jobs', undefined, filter) }, 'Show'),
      may('write') && h(Button, { onClick: () => openBulk({ filter, action: 'retry', title: `Retry ${group.kind}` }) }, `Retry ${many(group.count, 'job')}…`),
      may('operate') && h(Button, { onClick: () => openBulk({ filter, action: 'delete', title: `Delete ${group.kind}` }) }, 'Delete…'),
      h('span', { class: 'spring' }), h('span', { class: 'soft' }, 'for example ', h(Id, { id: group.sample }))));
}
