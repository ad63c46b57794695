// The filter of the jobs view: from the address, to the server, and as a test of rows that the stream brings. Pure.
import { now as serverNow } from '../clock.js';

export const MANY = ['status', 'kind', 'queue', 'label', 'owner', 'pipeline_id'];
export const ONE = ['since', 'until', 'q'];

/** `{status: [], …, q: ''}` out of an address; `since=1h` style spans are counted back from `now`. */
export function readFilter(query) {
  const filter = {};
  for (const name of MANY) {
    const values = query.getAll(name).filter(Boolean);
    if (values.length) filter[name] = values;
  }
  for (const name of ONE) if (query.get(name)) filter[name] = query.get(name);
  return filter;
}

const SPAN = /^(\d+)(m|h|d)$/;
const MS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** As the server takes it: spans become moments. */
export function forServer(filter, now = serverNow()) {
  const asked = { ...filter };
  for (const name of ['since', 'until']) {
    const span = SPAN.exec(asked[name] ?? '');
    if (span) asked[name] = new Date(now - Number(span[1]) * MS[span[2]]).toISOString();
  }
  return asked;
}

/** Whether a row belongs into the list. */
export function admits(filter, row) {
  const among = (name, value) => !filter[name] || filter[name].includes(value);
  return among('status', row.status)
    && among('kind', row.kind)
    && among('queue', row.queue)
    && among('pipeline_id', row.pipelineId)
    && (!filter.owner || row.owner === undefined || filter.owner.includes(row.owner))
    && (!filter.label || filter.label.some((pair) => hasLabel(row.labels, pair)))
    && (!filter.since || Date.parse(row.createdAt) >= Date.parse(filter.since))
    && (!filter.until || Date.parse(row.createdAt) < Date.parse(filter.until))
    && (!filter.q || `${row.kind}\n${row.error ?? ''}`.toLowerCase().includes(filter.q.toLowerCase()));
}

function hasLabel(labels, pair) {
  const colon = pair.indexOf(':');
  return labels?.[pair.slice(0, colon)] === pair.slice(colon + 1);
}

export const isEmpty = (filter) => Object.keys(filter).length === 0;
