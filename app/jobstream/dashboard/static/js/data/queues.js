// The queues with their counts and limits, and a live overlay of the counts.
import { api } from '../api.js';
import { Resource } from './resource.js';

export const queuesResource = () => new Resource((signal) => api.get('queues', {}, { signal }), {
  isAbout: (event) => event.type === 'status' || event.type === 'deleted',
  everyMs: 1_500,
  isQuiet: true,
});

export const countOf = (queue, status) => queue.counts?.[status] ?? 0;

/** When the oldest pending job began to wait, as a moment. */
export function oldestAt(queue, readAt) {
  const seconds = queue.oldest_pending_seconds;
  return seconds === null || seconds === undefined ? undefined : new Date(readAt - seconds * 1_000).toISOString();
}
