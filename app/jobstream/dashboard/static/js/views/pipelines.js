// Pipelines, the newest first.
import { api } from '../api.js';
import { Older } from '../data/older.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { go, link } from '../router.js';
import * as sql from '../sql.js';
import { FurtherBack } from '../ui/further-back.js';
import { Card, Chip, Empty, Id, Shown, Tag } from '../ui/parts.js';
import { Shape } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';

const COLUMNS = [{ title: 'Status' }, { title: 'Name' }, { title: 'Id', kind: 'opt' }, { title: 'Steps' }, { title: 'Now', kind: 'opt' }, { title: 'Age', kind: 'n' }];

const STATUSES = ['waiting', 'running', 'done', 'failed', 'cancelled'];

export function create(route) {
  let asked = route.query.getAll('status');
  let first;
  let older;
  const read = () => {
    first?.stop();
    older = new Older((cursor) => api.get('pipelines', { status: asked, cursor }), ({ id }) => id);
    first = new Resource((signal) => api.get('pipelines', { status: asked }, { signal }), { isAbout: (event) => event.pipeline_id !== null, everyMs: 500 });
  };
  read();
  const toggle = (status) => go(link('pipelines', undefined, { status: asked.includes(status) ? asked.filter((one) => one !== status) : [...asked, status] }));
  return {
    title: 'Pipelines',
    stop: () => first.stop(),
    update(next) {
      asked = next.query.getAll('status');
      read();
    },
    sql: () => [sql.pipelines(asked)],
    render: () => [
      h('div', { class: 'filters', role: 'group', 'aria-label': 'Status' }, h('div', { class: 'line' }, STATUSES.map((status) => h(Chip, {
        key: status, isOn: asked.includes(status), onClick: () => toggle(status),
      }, h(Shape, { status: shapeOf(status) }), status)))),
      h(Card, { label: 'Pipelines' }, h(Shown, { resource: first, draw: (page) => h(List, { page, older, isAll: !asked.length }) })),
    ],
  };
}

function List({ page, older, isAll }) {
  if (!page.items.length) {
    return isAll ? h(Empty, { title: 'No pipelines yet' }, 'Jobs that depend on each other, made in one call: ', h('code', {}, 'client.pipeline("import")'), '.')
      : h(Empty, { title: 'No pipeline matches' }, 'New ones that do show up here by themselves.');
  }
  const rows = older.below(page.items).sort((a, b) => (a.id < b.id ? 1 : -1)).map((pipeline) => ({ key: pipeline.id, cells: cellsOf(pipeline) }));
  return [h(Table, { label: 'Pipelines', columns: COLUMNS, rows }), h(FurtherBack, { older, cursor: page.next_cursor })];
}

/** A failed pipeline is as final as a dead letter. */
export const shapeOf = (status) => (status === 'failed' ? 'dlq' : status);

export function Steps({ pipeline }) {
  const { step, total_steps: total, status } = pipeline;
  return h('span', { class: 'progress' },
    h('span', { class: 'bar', role: 'progressbar', 'aria-valuemin': 0, 'aria-valuemax': total, 'aria-valuenow': step, 'aria-label': 'Steps done' },
      h('i', { class: `b-${shapeOf(status)}`, style: { transform: `scaleX(${total ? step / total : 0})` } })),
    h('span', { class: 'percent' }, `${step} of ${total}`));
}

function cellsOf(pipeline) {
  const current = pipeline.current ?? pipeline.current_steps ?? [];
  return [
    h('span', { class: 'status' }, h(Shape, { status: shapeOf(pipeline.status) }), pipeline.status),
    h('a', { href: link('pipelines', pipeline.id) }, h('b', {}, pipeline.name)),
    h(Id, { id: pipeline.id, to: 'pipelines' }),
    h(Steps, { pipeline }),
    pipeline.failed_step ? h(Tag, { kind: 'bad' }, `failed at ${pipeline.failed_step}`) : h('span', { class: 'soft' }, [current].flat().join(', ')),
    h(Time, { at: pipeline.created_at, form: 'rough' }),
  ];
}
