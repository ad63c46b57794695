// What a view shows, as a statement for psql. Text only: nothing here is ever sent to the server.
import { may, session } from './session.js';

export const literal = (value) => `'${String(value).replaceAll("'", "''")}'`;
const json = (value) => literal(JSON.stringify(value));

function among(column, values) {
  return values.length === 1 ? `${column} = ${literal(values[0])}` : `${column} in (${values.map(literal).join(', ')})`;
}

const lines = (...parts) => `${parts.filter(Boolean).join('\n')};`;

function conditions(filter) {
  const all = [];
  for (const name of ['status', 'kind', 'queue', 'owner', 'pipeline_id']) if (filter[name]) all.push(among(name, filter[name]));
  if (filter.label) {
    const pairs = filter.label.map((pair) => {
      const colon = pair.indexOf(':');
      return `labels @> ${json({ [pair.slice(0, colon)]: pair.slice(colon + 1) })}`;
    });
    all.push(pairs.length === 1 ? pairs[0] : `(${pairs.join(' or ')})`);
  }
  if (filter.since) all.push(`created_at >= ${literal(filter.since)}`);
  if (filter.until) all.push(`created_at < ${literal(filter.until)}`);
  if (filter.q) {
    const text = literal(filter.q.toLowerCase());
    all.push(`(strpos(lower(kind), ${text}) > 0 or strpos(lower(last_error), ${text}) > 0)`);
  }
  // Whoever is no operator sees what is theirs.
  if (!filter.owner && !may('operate')) all.push(`owner = ${literal(session.principal)}`);
  return all.length ? `where ${all.join('\n    and ')}` : '';
}

export const jobs = (filter) => lines(
  'select id, status, kind, queue, attempt, progress, created_at, last_error', 'from jobstream.jobs',
  conditions(filter), 'order by id desc', 'limit 100');

export const job = (id) => lines('select * from jobstream.jobs', `where id = ${literal(id)}`);
export const timeline = (id) => lines('select * from jobstream.job_timeline', `where job_id = ${literal(id)}`, 'order by id');
export const explain = (id) => `select jobstream.explain_job(${literal(id)});`;
export const queues = () => lines('select * from jobstream.queue_stats', 'order by queue');
export const workers = () => 'select * from jobstream.live_workers;';
export const schedules = () => lines('select * from jobstream.schedules', 'order by name');
/** What errors of one cause have in common is their first line up to the first figure. */
export const dead = () => lines(
  'select kind, reason,',
  "    btrim(left(substring(split_part(coalesce(last_error, ''), E'\\n', 1) from '^[^0-9]*'), 120)) as error,",
  '    count(*), min(completed_at) as first_at, max(completed_at) as last_at, max(id) as sample',
  'from jobstream.dlq_jobs', 'group by 1, 2, 3', 'order by 4 desc, 6 desc');
export const health = () => 'select * from jobstream.health;';
export const stuck = () => 'select * from jobstream.stuck_jobs;';
export const status = () => 'select * from jobstream.status;';
export const pipelines = (status) => lines('select * from jobstream.pipelines', status.length && `where ${among('status', status)}`, 'order by id desc', 'limit 50');
export const pipeline = (id) => lines('select * from jobstream.pipelines', `where id = ${literal(id)}`);
export const pipelineJobs = (id) => lines('select pipeline_step, id, status, await_jobs from jobstream.jobs', `where pipeline_id = ${literal(id)}`, 'order by id');
export const activity = () => lines(
  'select max(at) as at, by, type, status, count(*), max(job_id) as sample', 'from jobstream.job_events',
  "where by is not null and by <> 'maintenance'", "    and type in ('status', 'updated', 'deleted')",
  "    and (type <> 'status' or attempt > 0 or data ->> 'from' is not null)",
  'group by xid, by, type, status', 'order by max(id) desc', 'limit 500');
export const bulk = () => lines('select * from jobstream.bulk_operations', 'order by id desc', 'limit 100');
export const flow = (seconds, step) => lines(
  `select date_bin('${step} s', at, 'epoch') as bucket,`,
  "    count(*) filter (where attempt = 0 and data ->> 'from' is null) as enqueued,",
  "    count(*) filter (where status = 'done') as done,",
  "    count(*) filter (where status in ('failed', 'dlq') and attempt > 0) as failed",
  'from jobstream.job_events', "where type = 'status'", `    and at >= date_bin('${step} s', now(), 'epoch') - interval '${seconds - step} s'`, 'group by 1', 'order by 1');
export const pickup = (seconds) => lines(
  'select percentile_cont(array[0.5, 0.95]) within group (order by started_at - greatest(created_at, scheduled_at))',
  'from jobstream.jobs', `where attempt = 1 and started_at > now() - interval '${seconds} s'`, '    and await_jobs is null and concurrency_key is null');

/** The parameters of enqueue that are not at their defaults. */
function parameters({ spec, retry, scheduling, timeout_seconds: timeout, owner }) {
  const filled = (value) => value !== undefined && value !== null && Object.keys(value).length > 0;
  return [
    spec.queue !== 'default' && ['queue', literal(spec.queue)], spec.priority && ['priority', spec.priority],
    scheduling?.delay_seconds && ['delay', literal(`${scheduling.delay_seconds} s`)],
    retry.max_attempts !== 3 && ['max_attempts', retry.max_attempts], filled(retry.backoff) && ['backoff', json(retry.backoff)],
    timeout && ['timeout_seconds', timeout], filled(spec.labels) && ['labels', json(spec.labels)],
    ...['concurrency_key', 'unique_key', 'class', 'mode', 'scope'].map((name) => spec[name] && [name, literal(spec[name])]),
    spec.unique && ['unique_for', literal(spec.unique)], owner && ['owner', literal(owner)],
  ].filter(Boolean).map(([name, value]) => `, ${name} => ${value}`).join('');
}

/** What the actions call. */
export const call = {
  cancel: (id, force) => `select jobstream.cancel(${literal(id)}${force ? ', force => true' : ''});`,
  retry: (id) => `select jobstream.retry(${literal(id)});`,
  runNow: (id) => `select jobstream.run_now(${literal(id)});`,
  reschedule: (id, at) => `select jobstream.reschedule(${literal(id)}, ${literal(at)});`,
  pause: (name) => `select jobstream.pause_queue(${literal(name)});`,
  resume: (name) => `select jobstream.resume_queue(${literal(name)});`,
  where: (action, filter) => `select * from jobstream.${action}_where(${json(filter)}, dry_run => false);`,
  setQueue: (name, settings) => `select jobstream.set_queue(${literal(name)}${Object.entries(settings).map(([key, value]) => `, ${key} => ${value}`).join('')});`,
  runSchedule: (name) => `select jobstream.run_schedule(${literal(name)});`,
  pauseSchedule: (name, paused) => `update jobstream.schedules set paused = ${paused} where name = ${literal(name)};`,
  deleteSchedule: (name) => `select jobstream.delete_schedule(${literal(name)});`,
  cancelPipeline: (id) => `select jobstream.cancel_pipeline(${literal(id)});`,
  retryPipeline: (id) => `select jobstream.retry_pipeline(${literal(id)});`,
  putSchedule: ({ name, cron, timezone, spec, catch_up, paused, owner }) => `select jobstream.put_schedule(${literal(name)}, ${literal(cron)}, ${literal(timezone)}, ${json(spec)}, catch_up => ${literal(catch_up)}${paused ? ', paused => true' : ''}${owner ? `, owner => ${literal(owner)}` : ''});`,
  enqueue: (job) => `select * from jobstream.enqueue(${literal(job.spec.kind)}, ${json(job.spec.args)}${parameters(job)});`,
};
