// The address is the state: `#/jobs?status=failed&queue=images`. Everything relative, so any prefix will do.

const listeners = new Set();

export function parse(hash = location.hash) {
  const [path, query = ''] = hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map(decoded);
  return { view: parts[0] ?? 'overview', id: parts[1], query: new URLSearchParams(query) };
}

/** An address that was mangled on its way leads nowhere, it breaks nothing. */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** An address: `link('jobs', id, {status: ['failed'], q: ''})`; empty values are left out. */
export function link(view, id, query = {}) {
  const search = new URLSearchParams();
  for (const [name, given] of Object.entries(query)) {
    for (const value of [given].flat()) if (value !== undefined && value !== null && value !== '') search.append(name, value);
  }
  const path = [view === 'overview' ? '' : view, id].filter(Boolean).map(encodeURIComponent).join('/');
  return `#/${path}${search.size ? `?${search}` : ''}`;
}

export function go(address) {
  location.hash = address.replace(/^#/, '');
}

/** The same view with other parameters; no new entry in the history for what changes while typing. */
export function amend(address) {
  history.replaceState(history.state, '', address);
  for (const listener of listeners) listener();
}

export function onRoute(listener) {
  listeners.add(listener);
  addEventListener('hashchange', listener);
}
