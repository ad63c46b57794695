// Requests to the server, relative to where the page lies.
import { learn } from './clock.js';

const HOME = new URL('.', document.baseURI);

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? (status ? `the server answered ${status}` : 'the server does not answer'));
    this.status = status;
    this.problem = problem;
  }
}

const refusedListeners = new Set();

/** Called when a request was refused because nobody is signed in any more. */
export function onUnauthorized(listener) {
  refusedListeners.add(listener);
}

export function address(path, query = {}) {
  const url = new URL(`api/v1/${path}`, HOME);
  const pairs = query instanceof URLSearchParams ? [...query] : Object.entries(query);
  for (const [name, given] of pairs) {
    for (const value of [given].flat()) if (value !== undefined && value !== null && value !== '') url.searchParams.append(name, value);
  }
  return url;
}

async function request(method, path, { query, body, headers = {}, signal } = {}) {
  const init = { method, headers: { Accept: 'application/json', ...headers }, credentials: 'same-origin', cache: 'no-store', signal };
  if (method !== 'GET') {
    init.headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(body ?? {});
  }
  let response;
  const asked = Date.now();
  try {
    response = await fetch(address(path, query), init);
    learn(response, asked);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0);
  }
  if (response.ok) return response;
  const problem = await response.json().catch(() => undefined);
  if (response.status === 401 && path !== 'session') for (const listener of refusedListeners) listener();
  throw new ApiError(response.status, problem);
}

async function json(response) {
  return response.status === 204 ? undefined : response.json();
}

export const api = {
  get: async (path, query, options) => json(await request('GET', path, { query, ...options })),
  /** The body and the cursor from which a stream goes on. */
  seen: async (path, query, options) => {
    const response = await request('GET', path, { query, ...options });
    return { value: await json(response), cursor: response.headers.get('Event-Cursor') };
  },
  post: async (path, body, options) => json(await request('POST', path, { body, ...options })),
  put: async (path, body) => json(await request('PUT', path, { body })),
  patch: async (path, body) => json(await request('PATCH', path, { body })),
  delete: async (path) => json(await request('DELETE', path)),
};

/** A key for one press of a button. `crypto.randomUUID` wants https; this does not. */
export function idempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
