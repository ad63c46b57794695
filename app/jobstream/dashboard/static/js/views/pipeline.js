// One pipeline as a graph whose steps are live.
import { api } from '../api.js';
import { BOX, layout } from '../data/graph.js';
import { isTerminal } from '../data/job-row.js';
import { Resource } from '../data/resource.js';
import { h } from '../dom.js';
import { many } from '../format.js';
import { link } from '../router.js';
import { may } from '../session.js';
import * as sql from '../sql.js';
import { Bar, Button, Card, Id, Shown, Tag } from '../ui/parts.js';
import { Shape, nameOf } from '../ui/status.js';
import { complain, toast } from '../ui/toast.js';
import { Time } from '../ui/time.js';
import { shapeOf, Steps } from './pipelines.js';

export function create({ id }) {
  const pipeline = new Resource((signal) => api.get(`pipelines/${encodeURIComponent(id)}`, {}, { signal }), { isAbout: (event) => event.pipeline_id === id, everyMs: 250 });
  const act = (verb, words, action) => api.post(`pipelines/${id}/${verb}`).then(() => { toast(words, { action }); pipeline.reload(); }, complain);
  const retry = () => act('retry', 'What did not succeed is set going again');
  // What is undone by a retry was cancelled by nothing else.
  const cancel = (isWhole) => act('cancel', 'Cancelled', isWhole && { label: 'Undo', run: retry });
  return {
    get title() { return pipeline.value?.name ?? 'Pipeline'; },
    stop: () => pipeline.stop(),
    sql: () => [sql.pipelineJobs(id), sql.pipeline(id)],
    render: () => h(Shown, { resource: pipeline, draw: (value) => {
      const open = value.jobs.filter((job) => !isTerminal(job.lifecycle.status));
      const ended = value.jobs.some((job) => ['dlq', 'cancelled'].includes(job.lifecycle.status));
      return [
        h('section', { class: 'card job-head', 'aria-label': 'Pipeline' },
          h('div', { class: 'line' }, h('span', { class: 'status' }, h(Shape, { status: shapeOf(value.status) }), value.status), h(Id, { id, to: null, isWhole: true }), h(Steps, { pipeline: value }),
            value.failed_step && h(Tag, { kind: 'bad' }, `failed at ${value.failed_step}`), h('span', { class: 'soft' }, 'made ', h(Time, { at: value.created_at }))),
          may('write') && h('div', { class: 'line actions' },
            ['waiting', 'running'].includes(value.status) && h(Button, { onClick: () => cancel(!ended), title: sql.call.cancelPipeline(id) }, `Cancel ${many(open.length, 'step')}`),
            ['failed', 'cancelled', 'running'].includes(value.status) && ended
              && h(Button, { kind: 'pri', onClick: retry, title: sql.call.retryPipeline(id) }, 'Retry what failed'))),
        h(Card, { title: 'Steps' }, h(Graph, { jobs: value.jobs })),
      ];
    } }),
  };
}

function Graph({ jobs }) {
  const { nodes, edges, width, height } = layout(jobs);
  const status = new Map(jobs.map((job) => [job.id, job.lifecycle.status]));
  return h('div', { class: 'scroll graph', tabindex: 0, role: 'region', 'aria-label': 'Steps and what they wait for' },
    h('div', { class: 'canvas', style: { width: `${width}px`, height: `${height}px` } },
      h('svg', { width, height, viewBox: `0 0 ${width} ${height}`, 'aria-hidden': 'true' },
        edges.map((edge) => h('path', { key: `${edge.from} ${edge.to}`, d: edge.path, class: status.get(edge.from) === 'done' ? 'edge over' : 'edge' }))),
      nodes.map(({ job, key, x, y }) => h('a', {
        key: job.id, class: `node n-${job.lifecycle.status}`, href: link('jobs', job.id), title: job.retry.last_error ?? undefined,
        style: { transform: `translate(${x}px, ${y}px)`, width: `${BOX.width}px`, height: `${BOX.height}px` },
      }, h('span', { class: 'line tight' }, h(Shape, { status: job.lifecycle.status }), h('b', { class: 'cut' }, key)),
      job.lifecycle.status === 'running' && job.lifecycle.progress ? h(Bar, { progress: job.lifecycle.progress, status: 'running' })
        : h('span', { class: 'soft cut' }, nameOf(job.lifecycle.status), job.spec.kind !== key && ` · ${job.spec.kind}`)))));
}
