// What people do to jobs and queues from any view. Each says what happened, and offers the way back where there is one.
import { api, idempotencyKey } from './api.js';
import { dayAndTime, many } from './format.js';
import { complain, toast } from './ui/toast.js';

async function tried(run) {
  try {
    return await run();
  } catch (error) {
    complain(error);
    return undefined;
  }
}

export function cancelJob(id, { force = false } = {}) {
  return tried(async () => {
    const { status } = await api.post(`jobs/${id}/cancel`, force ? { force } : {});
    if (status === 'running') toast('Its worker was asked to stop');
    else if (status === 'cancelled') toast('Cancelled', { action: { label: 'Undo', run: () => retryJob(id) } });
    else toast(`It had already ended: ${status}`);
    return status;
  });
}

export function retryJob(id) {
  return tried(async () => {
    const { status } = await api.post(`jobs/${id}/retry`);
    toast(`Set going again: ${status}`);
    return status;
  });
}

/** `before`: when it was due, to go back to. */
export function runNow(id, before) {
  return tried(async () => {
    await api.post(`jobs/${id}/run-now`);
    toast('Due now', backTo(id, before));
  });
}

/** Rethrows: the form shows what was wrong. */
export async function reschedule(id, at, before) {
  await api.post(`jobs/${id}/reschedule`, { at });
  toast(`Due ${dayAndTime(at)}`, backTo(id, before));
}

const backTo = (id, before) => ({ action: before && { label: 'Undo', run: () => tried(() => reschedule(id, before)) } });

export function setPaused(name, paused) {
  return tried(async () => {
    await api.patch(`queues/${encodeURIComponent(name)}`, { paused });
    toast(`${name} ${paused ? 'is paused' : 'hands out jobs again'}`, {
      action: { label: 'Undo', run: () => setPaused(name, !paused) },
    });
    return true;
  });
}

/** `{spec, scheduling, retry, timeout_seconds, owner}`. Rethrows: the form shows what was wrong. */
export function createJob(body) {
  return api.post('jobs', body, { headers: { 'Idempotency-Key': idempotencyKey() } });
}

const ONE_BY_ONE = { cancel: (id) => api.post(`jobs/${id}/cancel`, {}), retry: (id) => api.post(`jobs/${id}/retry`) };
const AT_ONCE = 4;

/** The same to each of some jobs, a few at a time; `onDone(count)` as it goes. Answers how many were refused. */
export async function each(action, ids, onDone) {
  const left = [...ids];
  let done = 0;
  let refused = 0;
  const cancelled = [];
  const work = async () => {
    while (left.length) {
      const id = left.shift();
      await ONE_BY_ONE[action](id).then(({ status }) => status === 'cancelled' && cancelled.push(id), () => { refused += 1; });
      onDone((done += 1));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  toast(`${action === 'cancel' ? 'Cancelled' : 'Retried'} ${many(done - refused, 'job')}${refused ? `, ${refused} refused` : ''}`, {
    action: action === 'cancel' && cancelled.length > 0 && { label: 'Undo', run: () => each('retry', cancelled, () => {}) },
  });
  return refused;
}
