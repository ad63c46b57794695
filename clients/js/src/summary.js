// `summary`: is something running? Sent at once and when it changes, so that a button can be disabled.
import { openStream } from './connect.js';

/** Follows the summary of the jobs that a filter admits. See types/index.d.ts. */
export function summary(filter = {}, options = {}) {
  const handle = { value: undefined, close: () => stream.close(), listen, get state() { return stream.state; } };
  const listeners = new Set(options.onChange ? [options.onChange] : []);
  const stream = openStream('summary', {
    ...options,
    filter,
    onSummary: (value) => {
      handle.value = value;
      for (const listener of listeners) listener(value);
    },
  });
  return handle;

  function listen(listener) {
    listeners.add(listener);
    if (handle.value) listener(handle.value);
    return () => listeners.delete(listener);
  }
}
