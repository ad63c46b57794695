// One connection to one stream, by fetch or by EventSource. A link opens once and reports; coming back is for Connection.
//
// sink: opened(), frames([{type, data, id}]), retry(ms), closed({status?, error?}); nothing is reported after the
// returned function was called.
import { FrameParser } from './frames.js';
import { problemOf } from './credentials.js';

const CONTROL_TYPES = ['hello', 'heartbeat', 'reset', 'end', 'overloaded', 'summary'];

/** Takes headers, and every type of event. */
export function openByFetch({ url, init }, sink) {
  const abort = new AbortController();
  readAll().catch((error) => {
    if (!abort.signal.aborted) sink.closed({ error, status: error.status });
  });
  return () => abort.abort();

  async function readAll() {
    const headers = { ...init.headers, Accept: 'text/event-stream' };
    const response = await fetch(url, { ...init, headers, signal: abort.signal });
    if (response.status === 204) return sink.closed({ status: 204 });
    if (response.status !== 200) throw await problemOf(response);
    sink.opened();
    let frames = [];
    const parser = new FrameParser((frame) => frames.push(frame), (ms) => sink.retry(ms));
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (abort.signal.aborted) return;
      if (done) return sink.closed({});
      parser.push(value);
      if (frames.length) sink.frames(frames);
      frames = [];
    }
  }
}

/** For cookies and tickets. An EventSource only hears of types that it is told to listen for. */
export function openByEventSource({ url }, sink, types) {
  const source = new EventSource(url);
  const hear = (event) => {
    sink.frames([{ type: event.type, data: event.data, id: event.lastEventId || undefined }]);
  };
  for (const type of [...CONTROL_TYPES, ...types]) source.addEventListener(type, hear);
  let wasOpen = false;
  source.onopen = () => {
    wasOpen = true;
    sink.opened();
  };
  // It would come back by itself, but to the old URL, and for good not at all after any status but 200: Connection does that.
  source.onerror = async () => {
    source.close();
    sink.closed(wasOpen ? {} : await refusalOf(url));
  };
  return () => source.close();
}

/** An EventSource does not tell why it was refused; the same address as JSON does. */
async function refusalOf(url) {
  try {
    const response = await fetch(url, { headers: { Accept: 'application/json' }, cache: 'no-store' });
    if (response.status === 204) return { status: 204 };
    return response.ok ? {} : { status: response.status, error: await problemOf(response) };
  } catch (error) {
    return { error };
  }
}
