// The bar above the jobs: everything in it is in the address.
import { h } from '../dom.js';
import { Chip } from '../ui/parts.js';
import { nameOf, Shape, STATUSES } from '../ui/status.js';

const SPANS = [['', 'any time'], ['15m', 'last 15 min'], ['1h', 'last hour'], ['24h', 'last day'], ['7d', 'last week']];
const FIELDS = [['queue', 'Queue'], ['kind', 'Kind'], ['label', 'Label name:value'], ['owner', 'Owner'], ['pipeline_id', 'Pipeline']];
const OFFERED = ['queue', 'kind', 'label'];

export function Filters({ filter, set, search, list, autofocus }) {
  const toggle = (name, value) => {
    const before = filter[name] ?? [];
    set({ ...filter, [name]: before.includes(value) ? before.filter((one) => one !== value) : [...before, value] });
  };
  return h('div', { class: 'filters', role: 'search' },
    h('div', { class: 'line' },
      h('input', { type: 'search', value: filter.q ?? '', placeholder: 'Text in kind or error', 'aria-label': 'Search in kind or last error', onInput: (event) => search(event.target.value), ref: (dom) => autofocus && dom.focus() }),
      OFFERED.map((name) => h(Adder, { key: name, name, list, add: (value) => toggle(name, value) })),
      h('select', { value: filter.since ?? '', 'aria-label': 'Created', onChange: (event) => set({ ...filter, since: event.target.value }) },
        SPANS.map(([value, label]) => h('option', { value, key: value }, label)),
        filter.since && !SPANS.some(([value]) => value === filter.since) && h('option', { value: filter.since }, `since ${filter.since}`))),
    h('div', { class: 'line' },
      STATUSES.map((status) => h(Chip, { key: status, isOn: filter.status?.includes(status), onClick: () => toggle('status', status) }, h(Shape, { status }), nameOf(status))),
      FIELDS.flatMap(([name]) => (filter[name] ?? []).map((value) => h('button', {
        type: 'button', class: 'chip on field', key: `${name} ${value}`, title: 'Take away', onClick: () => toggle(name, value),
      }, `${name === 'pipeline_id' ? 'pipeline' : name} ${value} ×`)))));
}

function Adder({ name, list, add }) {
  const [, label] = FIELDS.find(([field]) => field === name);
  const known = knownValues(name, list);
  return h('span', { class: 'adder' },
    h('input', {
      list: `known-${name}`, placeholder: label, 'aria-label': `Only this ${name}`, size: name === 'label' ? 15 : 9,
      onChange: (event) => {
        const value = event.target.value.trim();
        event.target.value = '';
        if (value && (name !== 'label' || value.indexOf(':') > 0)) add(value);
      },
    }),
    h('datalist', { id: `known-${name}` }, known.map((value) => h('option', { value, key: value }))));
}

function knownValues(name, list) {
  const values = new Set();
  for (const id of list.ids.slice(0, 200)) {
    const row = list.get(id);
    if (name === 'label') for (const [key, value] of Object.entries(row.labels ?? {})) values.add(`${key}:${value}`);
    else values.add(row[name]);
  }
  return [...values].sort().slice(0, 50);
}
