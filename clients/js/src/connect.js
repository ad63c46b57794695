// `connect`: a stream over many jobs.
import { filterPairs, streamAddress } from './address.js';
import { Connection } from './connection.js';
import { Credentials } from './credentials.js';
import { openByEventSource, openByFetch } from './links.js';
import { SharedConnection, sharingIsPossible } from './sharing.js';
import { Stream } from './stream.js';

const CALLBACK_NAMES = ['onEvent', 'onEvents', 'onReset', 'onEnd', 'onState', 'onSummary', 'onBulk', 'onHeartbeat'];

/** Opens a stream of events. See types/index.d.ts for the options. */
export function connect(options = {}) {
  return openStream('events', options);
}

/** A stream at a path of the API (`events`, `summary`, `jobs/<id>/events`). */
export function openStream(path, options) {
  const { url, filter, token, ticket, cursor, since, from, signal, heartbeatSeconds } = options;
  const credentials = new Credentials({ token, ticket });
  const address = streamAddress(url, path, filter);
  const open = opener({ address, credentials, start: { since, from }, options });
  const make = (after, sink) => new Connection({
    open, sink, cursor: after, renewable: credentials.renewable, heartbeatSeconds,
  });
  const name = shareName(options, credentials, address);
  const stream = new Stream({
    start: (sink) => (name === undefined ? make(cursor, sink) : new SharedConnection({ name, make, sink, cursor, heartbeatSeconds })),
    read: (after) => {
      const page = new URL(address);
      page.searchParams.set('after', after);
      page.searchParams.set('limit', '1000');
      return credentials.read(page, { signal });
    },
  });
  stream.listen(Object.fromEntries(CALLBACK_NAMES.map((callback) => [callback, options[callback]])));
  if (signal?.aborted) stream.close();
  signal?.addEventListener('abort', () => stream.close(), { once: true });
  return stream;
}

function opener({ address, credentials, start, options }) {
  // An EventSource hears only of types named beforehand, so it serves where they are known; fetch hears of all.
  const types = knownTypes(address, options.filter);
  const useEventSource = !credentials.isBearer && types !== undefined && globalThis.EventSource !== undefined;
  return async (cursor, sink) => {
    const signed = await credentials.sign(address);
    const { searchParams } = signed.url;
    // A summary is a state, not a history: there is nothing to go on from.
    if (isSummary(address)) return useEventSource ? openByEventSource(signed, sink, types) : openByFetch(signed, sink);
    if (cursor !== undefined) searchParams.set('last_event_id', cursor);
    else if (start.since !== undefined) searchParams.set('since', moment(start.since));
    else if (start.from !== undefined) searchParams.set('from', start.from);
    return useEventSource ? openByEventSource(signed, sink, types) : openByFetch(signed, sink);
  };
}

function knownTypes(address, filter) {
  if (isSummary(address)) return [];
  const types = filterPairs({ type: filter?.type }).map(([, type]) => type);
  return types.length ? types : undefined;
}

const isSummary = (address) => address.pathname.endsWith('/summary');

function moment(value) {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** Tabs share where they ask for the same as the same caller, from now on; who brings a cursor has a line of their own. */
function shareName({ share, cursor, since, from }, credentials, address) {
  if (share === false || !sharingIsPossible()) return undefined;
  const caller = typeof share === 'string' ? share : credentials.shareName;
  if (caller === undefined || (share === undefined && (cursor ?? since ?? from) !== undefined)) return undefined;
  return `${caller} ${address}`;
}
