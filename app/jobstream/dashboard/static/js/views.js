// Every view by its name in the address. A view is made by `create(route)`: `{title, sql(), render(), stop(), update(route)}`.
import * as activity from './views/activity.js';
import * as dead from './views/dead.js';
import * as health from './views/health.js';
import * as job from './views/job.js';
import * as jobs from './views/jobs.js';
import * as overview from './views/overview.js';
import * as pipeline from './views/pipeline.js';
import * as pipelines from './views/pipelines.js';
import * as queues from './views/queues.js';
import * as schedules from './views/schedules.js';
import * as workers from './views/workers.js';

export const VIEWS = [
  { name: 'overview', label: 'Overview', key: 'o', module: overview },
  { name: 'jobs', label: 'Jobs', key: 'j', module: jobs, detail: job },
  { name: 'pipelines', label: 'Pipelines', key: 'p', module: pipelines, detail: pipeline },
  { name: 'queues', label: 'Queues', key: 'q', module: queues },
  { name: 'workers', label: 'Workers', key: 'w', module: workers },
  { name: 'schedules', label: 'Schedules', key: 's', module: schedules },
  { name: 'dead', label: 'Dead letters', key: 'd', module: dead },
  { name: 'health', label: 'Health', key: 'h', module: health, scope: 'operate' },
  { name: 'activity', label: 'Activity', key: 'a', module: activity, scope: 'operate' },
];

export function moduleOf({ view, id }) {
  const found = VIEWS.find((one) => one.name === view) ?? VIEWS[0];
  return { entry: found, module: id && found.detail ? found.detail : found.module };
}
