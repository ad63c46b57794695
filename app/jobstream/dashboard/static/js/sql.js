// What a view shows, as a statement for psql. Text only: nothing here is ever sent to the server.

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
export const dead = () => lines('select kind, reason, last_error, count(*), max(completed_at)', 'from jobstream.dlq_jobs', 'group by 1, 2, 3', 'order by 4 desc');
export const health = () => 'select * from jobstream.health;';
export const stuck = () => 'select * from jobstream.stuck_jobs;';
export const status = () => 'select * from jobstream.status;';
export const pipelines = () => lines('select * from jobstream.pipelines', 'order by id desc', 'limit 50');
export const pipelineJobs = (id) => lines('select pipeline_step, id, status, await_jobs from jobstream.jobs', `where pipeline_id = ${literal(id)}`, 'order by id');
export const activity = () => lines("select at, by, type, status, job_id, data", 'from jobstream.job_events', "where by is not null and by <> 'maintenance'", "    and data ->> 'from' is not null", 'order by id desc', 'limit 100');
export const flow = (seconds, step) => lines(
  `select date_bin('${step} s', at, 'epoch') as bucket,`,
  "    count(*) filter (where status = 'done') as done,",
  "    count(*) filter (where status in ('failed', 'dlq')) as failed",
  'from jobstream.job_events', `where type = 'status' and at > now() - interval '${seconds} s'`, 'group by 1', 'order by 1');

/** What the actions call. */
export const call = {
  cancel: (id, force) => `select jobstream.cancel(${literal(id)}${force ? ', force => true' : ''});`,
  retry: (id) => `select jobstream.retry(${literal(id)});`,
  runNow: (id) => `select jobstream.run_now(${literal(id)});`,
  pause: (name) => `select jobstream.pause_queue(${literal(name)});`,
  resume: (name) => `select jobstream.resume_queue(${literal(name)});`,
  where: (action, filter) => `select * from jobstream.${action}_where(${json(filter)}, dry_run => false);`,
  setQueue: (name, settings) => `select jobstream.set_queue(${literal(name)}${Object.entries(settings).map(([key, value]) => `, ${key} => ${value}`).join('')});`,
  runSchedule: (name) => `select jobstream.run_schedule(${literal(name)});`,
  deleteSchedule: (name) => `select jobstream.delete_schedule(${literal(name)});`,
  cancelPipeline: (id) => `select jobstream.cancel_pipeline(${literal(id)});`,
  retryPipeline: (id) => `select jobstream.retry_pipeline(${literal(id)});`,
  enqueue: ({ kind, args, queue, priority, delay }) => `select * from jobstream.enqueue(${literal(kind)}, ${json(args)}${queue && queue !== 'default' ? `, queue => ${literal(queue)}` : ''}${priority ? `, priority => ${priority}` : ''}${delay ? `, delay => '${delay} s'` : ''});`,
};
