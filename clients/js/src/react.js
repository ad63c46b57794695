// React hooks. React is a peer dependency; TanStack Query is known only by the one method that is called on your client.
import { useEffect, useRef, useState } from 'react';
import { connect } from './connect.js';
import { follow } from './follow.js';
import { Invalidator } from './invalidation.js';
import { EMPTY_JOB } from './progress.js';
import { summary } from './summary.js';

const CONNECTING = Object.freeze({ phase: 'connecting' });

/** One job, live: `{job, phase, error}`. No id: nothing is followed. */
export function useJob(jobId, options = {}) {
  const [seen, setSeen] = useState({ id: jobId, job: { ...EMPTY_JOB, id: jobId }, error: undefined });
  const [state, setState] = useState(CONNECTING);
  const latest = useLatest(options);
  useEffect(() => {
    if (!jobId) return undefined;
    const show = (job, error) => setSeen({ id: jobId, job, error });
    const follower = follow(jobId, {
      ...latest.current,
      onEvent: (event) => latest.current.onEvent?.(event),
      onChange: (job) => show(job),
      onError: (error) => show(follower.job, error),
      onState: setState,
    });
    return () => follower.close();
  }, [jobId, options.url, options.share, latest]);
  const isMine = seen.id === jobId;
  return {
    job: isMine ? seen.job : { ...EMPTY_JOB, id: jobId },
    error: isMine ? seen.error : undefined,
    phase: state.phase,
  };
}

/** What goes on among the jobs of a filter: `{summary, isRunning, phase}`; `summary` is undefined until it is known. */
export function useSummary(filter = {}, options = {}) {
  const [value, setValue] = useState(undefined);
  const [state, setState] = useState(CONNECTING);
  const latest = useLatest(options);
  const key = JSON.stringify(filter);
  useEffect(() => {
    const handle = summary(JSON.parse(key), { ...latest.current, onChange: setValue, onState: setState });
    return () => handle.close();
  }, [key, options.url, options.share, latest]);
  return { summary: value, isRunning: value?.is_running, phase: state.phase };
}

/**
 * Events as they happen: `onEvent(event)`, and queries of TanStack Query made stale. `invalidate` is a list of query keys, or a
 * function that gives it for an event; what comes within `batchMs` is invalidated together, each key once.
 */
export function useJobEvents({ filter = {}, queryClient, invalidate, batchMs = 100, onEvent, onReset, ...options } = {}) {
  const [state, setState] = useState(CONNECTING);
  const latest = useLatest({ onEvent, onReset, invalidate, options });
  const key = JSON.stringify(filter);
  useEffect(() => {
    const invalidator = new Invalidator({ queryClient, batchMs, keysOf: (event) => keysOf(latest.current.invalidate, event) });
    const stream = connect({
      ...latest.current.options,
      filter: JSON.parse(key),
      onEvents: (events) => {
        for (const event of events) latest.current.onEvent?.(event);
        invalidator.take(events);
      },
      onReset: (reset) => {
        latest.current.onReset?.(reset);
        const { invalidate: keys } = latest.current;
        invalidator.all(Array.isArray(keys) ? keys : []);
      },
      onState: setState,
    });
    return () => {
      stream.close();
      invalidator.stop();
    };
  }, [key, queryClient, batchMs, options.url, options.share, latest]);
  return { phase: state.phase };
}

function keysOf(invalidate, event) {
  return (typeof invalidate === 'function' ? invalidate(event) : invalidate) ?? [];
}

/** Callbacks may be new at each render; what is open stays open. */
function useLatest(value) {
  const box = useRef(value);
  useEffect(() => { box.current = value; });
  return box;
}
