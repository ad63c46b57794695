// Where a server and its streams are, and what a filter looks like in a URL.

const OWN_ADDRESS = import.meta.url;

/** The address of the jobstream server: where `/client.js` came from, else the root of this page's site. */
export function homeOf(url) {
  const page = globalThis.document?.baseURI ?? globalThis.location?.href;
  if (url !== undefined) return new URL(url, page);
  if (/\/client\.js(\?|$)/.test(OWN_ADDRESS)) return new URL('.', OWN_ADDRESS);
  return new URL('/', page);
}

/** The address of a route of the API; `url` is the server's address, or that of the API (`…/api/v1`) itself. */
export function apiAddress(url, path) {
  const home = homeOf(url);
  const prefix = home.pathname.replace(/\/(api\/v1\/?)?$/, '');
  return new URL(`${prefix}/api/v1/${path}`, home.origin);
}

/** The address of a stream: `url` may name one itself (it ends in `/events` or `/summary`). */
export function streamAddress(url, path, filter) {
  const home = homeOf(url);
  const address = /\/(events|summary)\/?$/.test(home.pathname) ? home : apiAddress(url, path);
  for (const [name, value] of filterPairs(filter)) address.searchParams.append(name, value);
  address.searchParams.sort();
  return address;
}

/** A filter as pairs: `{queue: ['a', 'b'], label: {team: 'x'}}` → queue=a, queue=b, label=team:x. Empty values are left out. */
export function filterPairs(filter = {}) {
  const pairs = [];
  for (const [name, given] of Object.entries(filter)) {
    const isLabels = name === 'label' && given !== null && typeof given === 'object' && !Array.isArray(given);
    const values = isLabels ? Object.entries(given).map(([key, value]) => `${key}:${value}`) : [given].flat();
    for (const value of values) {
      if (value !== undefined && value !== null && value !== '') pairs.push([name, String(value)]);
    }
  }
  return pairs;
}
