// Pipelines, the newest first.
import { api } from '../api.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { link } from '../router.js';
import * as sql from '../sql.js';
import { Card, Empty, Id, Shown, Tag } from '../ui/parts.js';
import { Shape } from '../ui/status.js';
import { Table } from '../ui/table.js';
import { Time } from '../ui/time.js';

const COLUMNS = [{ title: 'Status' }, { title: 'Name' }, { title: 'Id', kind: 'opt' }, { title: 'Steps' }, { title: 'Now', kind: 'opt' }, { title: 'Age', kind: 'n' }];

export function create() {
  const pipelines = new Resource((signal) => api.get('pipelines', {}, { signal }), { isAbout: (event) => event.pipeline_id !== null, everyMs: 500 });
  return {
    title: 'Pipelines',
    stop: () => pipelines.stop(),
    sql: () => [sql.pipelines()],
    render: () => h(Card, { label: 'Pipelines' }, h(Shown, { resource: pipelines, draw: ({ items }) => (items.length
      ? h(Table, { label: 'Pipelines', columns: COLUMNS, rows: items.map((pipeline) => ({ key: pipeline.id, cells: cellsOf(pipeline) })) })
      : h(Empty, { title: 'No pipelines yet' }, 'Jobs that depend on each other, made in one call: ', h('code', {}, 'client.pipeline("import")'), '.')) })),
  };
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
