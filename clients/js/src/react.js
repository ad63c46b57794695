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
  const caller = callerOf(options);
  useEffect(() => {
    if (!jobId) return undefined;
    setState(CONNECTING);
    const show = (job, error) => setSeen({ id: jobId, job, error });
    const told = (name) => (value) => latest.current[name]?.(value);
    const follower = follow(jobId, {
      ...latest.current,
      onEvent: told('onEvent'),
      onChange: (job) => [show(job), told('onChange')(job)],
      onError: (error) => [show(follower.job, error), told('onError')(error)],
      onState: (next) => [setState(next), told('onState')(next)],
    });
    return () => follower.close();
  }, [jobId, caller, latest]);
  const isMine = seen.id === jobId;
  return {
    job: isMine ? seen.job : { ...EMPTY_JOB, id: jobId },
    error: isMine ? seen.error : undefined,
    phase: state.phase,
  };
}

/** What goes on among the jobs of a filter: `{summary, isRunning, phase}`; `summary` is undefined until it is known. */
export function useSummary(filter = {}, options = {}) {
  const [seen, setSeen] = useState({});
  const [state, setState] = useState(CONNECTING);
  const latest = useLatest(options);
  const caller = callerOf(options);
  const key = JSON.stringify(filter);
  useEffect(() => {
    setState(CONNECTING);
    const handle = summary(JSON.parse(key), {
      ...latest.current,
      onChange: (value) => setSeen({ key, value }),
      onState: (next) => [setState(next), latest.current.onState?.(next)],
    });
    return () => handle.close();
  }, [key, caller, latest]);
  // What was true of another filter says nothing of this one.
  const value = seen.key === key ? seen.value : undefined;
  return { summary: value, isRunning: value?.is_running, phase: state.phase };
}

/**
 * Events as they happen: `onEvent(event)`, and queries of TanStack Query made stale. `invalidate` is a list of query keys, or a
 * function that gives it for an event; what comes within `batchMs` is invalidated together, each key once.
 */
export function useJobEvents({ filter = {}, queryClient, invalidate, batchMs = 100, onEvent, onReset, ...options } = {}) {
  const [state, setState] = useState(CONNECTING);
  const latest = useLatest({ onEvent, onReset, invalidate, options });
  const caller = callerOf(options);
  const key = JSON.stringify(filter);
  useEffect(() => {
    setState(CONNECTING);
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
      onState: (next) => [setState(next), latest.current.options.onState?.(next)],
    });
    return () => {
      stream.close();
      invalidator.stop();
    };
  }, [key, queryClient, batchMs, caller, latest]);
  return { phase: state.phase };
}

function keysOf(invalidate, event) {
  return (typeof invalidate === 'function' ? invalidate(event) : invalidate) ?? [];
}

/** What makes it another connection; a function may be a new one at each render, a text that changed is somebody else's. */
function callerOf({ url, share, token, ticket }) {
  return JSON.stringify([url && String(url), share, [token, ticket].map((one) => (typeof one === 'function' ? 'asked for' : one))]);
}

/** Callbacks may be new at each render; what is open stays open. */
function useLatest(value) {
  const box = useRef(value);
  useEffect(() => { box.current = value; });
  return box;
}
