// A job's events as lines to read: progress in a row is one line, the rest one each. Pure.
import { firstLine } from '../format.js';
import { reasonOf } from '../ui/status.js';

/** `[{key, status, text, note, at, count, detail}]`, oldest first. */
export function timeline(events, job) {
  const lines = [];
  for (const event of events) {
    const before = lines.at(-1);
    if (event.type === 'progress' && before?.type === 'progress') {
      Object.assign(before, progressLine(event), { key: before.key, count: before.count + 1 });
    } else lines.push({ key: event.id, at: event.at, type: event.type, ...lineOf(event, job) });
  }
  return lines;
}

function lineOf(event, job) {
  if (event.type === 'status') return statusLine(event, job);
  if (event.type === 'progress') return { ...progressLine(event), count: 1 };
  if (event.type === 'log') return { status: 'log', text: event.data?.message ?? '', note: event.data?.level === 'info' ? undefined : event.data?.level };
  if (event.type === 'updated') return { status: 'log', text: changeWords(event.data?.changed ?? []), by: event.by };
  if (event.type === 'deleted') return { status: 'cancelled', text: 'deleted', by: event.by };
  return { status: 'log', text: event.type, detail: event.data };
}

const changeWords = (changed) => (changed.includes('cancel_requested') ? 'asked to stop' : `changed ${changed.join(', ')}`);

function progressLine(event) {
  const { percent, current, total, step } = event.data ?? {};
  const amount = percent === null || percent === undefined ? `${current ?? ''}${total ? ` of ${total}` : ''}` : `${Math.round(percent)} %`;
  return { status: 'running', text: `progress ${amount}${step ? `, “${step}”` : ''}`, at: event.at };
}

function statusLine({ status, attempt, data, by }, job) {
  const from = data?.from;
  // The maintenance is nobody: it only does what was due.
  const line = { status, by: by === 'maintenance' ? undefined : by };
  if (from === null) return { ...line, text: status === 'cancelled' ? 'enqueued, and cancelled at once' : 'enqueued', note: status === 'waiting' ? 'waits' : undefined };
  if (status === 'running') return { ...line, text: `attempt ${attempt}`, note: workerOf(attempt, job) };
  if (status === 'failed') return { ...line, text: `failed: ${firstLine(data?.error) || 'no error given'}` };
  if (status === 'done') return { ...line, text: 'done' };
  if (status === 'dlq') return { ...line, text: `set aside: ${firstLine(data?.error) || reasonOf(data?.reason)}`, note: data?.error && data?.reason ? reasonOf(data.reason) : undefined };
  if (status === 'cancelled') return { ...line, text: 'cancelled', note: data?.reason === 'upstream' ? firstLine(data?.error) : undefined };
  if (['done', 'dlq', 'cancelled'].includes(from)) return { ...line, text: 'retried' };
  if (from === 'running') return { ...line, text: 'given back' };
  if (status === 'pending') return { ...line, text: from === 'failed' ? 'next attempt is due' : 'due' };
  return { ...line, text: 'waits' };
}

function workerOf(attempt, job) {
  if (job?.retry.attempt === attempt && job.lifecycle.worker) return `on ${job.lifecycle.worker}`;
  const worker = (job?.retry.errors ?? []).find((error) => error.attempt === attempt)?.worker;
  return worker ? `on ${worker}` : undefined;
}
