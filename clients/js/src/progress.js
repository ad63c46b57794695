// What a job's events add up to. Pure: the same events give the same state, here and in React.

export const TERMINAL = ['done', 'dlq', 'cancelled'];

export const EMPTY_JOB = Object.freeze({
  status: undefined,
  attempt: 0,
  progress: null,
  result: undefined,
  error: undefined,
  reason: null,
  kind: undefined,
  queue: undefined,
  at: undefined,
  deleted: false,
});

export function isTerminal(status) {
  return TERMINAL.includes(status);
}

/** The state after one more event of the job. */
export function applyEvent(job, event) {
  const next = { ...job, attempt: event.attempt ?? job.attempt, at: event.at, kind: event.kind, queue: event.queue };
  if (event.type === 'progress') return { ...next, status: event.status, progress: event.data };
  if (event.type === 'deleted') return { ...next, deleted: true };
  if (event.type !== 'status') return next;
  const data = event.data ?? {};
  const starts = event.status === 'running' || event.status === 'pending';
  return {
    ...next,
    status: event.status,
    reason: data.reason ?? null,
    progress: starts ? null : job.progress,
    result: event.status === 'done' ? data.result : undefined,
    error: data.error ?? (starts ? undefined : job.error),
  };
}

/** 0 to 100, or undefined where nobody knows. */
export function percentOf({ status, progress }) {
  if (status === 'done') return 100;
  if (typeof progress?.percent === 'number') return Math.min(100, Math.max(0, progress.percent));
  return undefined;
}
