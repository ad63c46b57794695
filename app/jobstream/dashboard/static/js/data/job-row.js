// A job as lists show it, and how an event changes it. Pure.

const TERMINAL = ['done', 'dlq', 'cancelled'];

export const isTerminal = (status) => TERMINAL.includes(status);

/** From a job in JSON. */
export function rowOf({ id, owner, spec, scheduling, lifecycle, retry, lineage }) {
  return {
    id,
    owner,
    kind: spec.kind,
    queue: spec.queue,
    priority: spec.priority,
    labels: spec.labels,
    status: lifecycle.status,
    reason: lifecycle.reason,
    attempt: retry.attempt,
    maxAttempts: retry.max_attempts,
    error: retry.last_error,
    progress: lifecycle.progress,
    createdAt: lifecycle.created_at,
    startedAt: lifecycle.started_at,
    completedAt: lifecycle.completed_at,
    scheduledAt: scheduling.scheduled_at,
    worker: lifecycle.worker,
    isCancelling: lifecycle.cancel_requested,
    pipelineId: lineage.pipeline_id,
  };
}

/** From the event of its creation. */
export function rowOfCreation(event) {
  return {
    id: event.job_id,
    owner: undefined,
    kind: event.kind,
    queue: event.queue,
    priority: undefined,
    labels: event.labels,
    status: event.status,
    reason: event.data?.reason ?? null,
    attempt: event.attempt,
    error: event.data?.error ?? null,
    progress: null,
    createdAt: event.at,
    startedAt: null,
    completedAt: isTerminal(event.status) ? event.at : null,
    scheduledAt: null,
    worker: null,
    isCancelling: false,
    pipelineId: event.pipeline_id,
  };
}

export const isCreation = (event) => event.type === 'status' && event.data?.from === null;

/** Whether the row already shows something later than the event. Attempts never go back, and each begins with running. */
export function isOlder(event, row) {
  if (event.attempt !== row.attempt) return event.attempt < row.attempt;
  return (event.status === 'running') && row.status !== 'running';
}

/** The row after an event of its job; the same object where nothing changed. */
export function changed(row, event) {
  if (isOlder(event, row)) return row;
  if (event.type === 'progress') {
    return row.status === 'running' ? { ...row, progress: event.data } : row;
  }
  if (event.type !== 'status') return event.status === row.status ? row : { ...row, status: event.status };
  const { status, attempt, at, data } = event;
  const next = { ...row, status, attempt, labels: event.labels, reason: data?.reason ?? null, isCancelling: false };
  if (status === 'running') return { ...next, startedAt: at, progress: null, scheduledAt: null, completedAt: null };
  next.worker = null;
  next.error = data?.error ?? (status === 'pending' || status === 'done' ? null : row.error);
  next.completedAt = isTerminal(status) ? at : null;
  // When the next attempt is due stands in the job, not in the event.
  next.scheduledAt = status === 'failed' || status === 'waiting' ? undefined : row.scheduledAt;
  if (status === 'pending') next.progress = null;
  return next;
}
