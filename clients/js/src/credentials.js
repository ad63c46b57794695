// How a request says who asks: the cookie (nothing to do), a bearer token, or a ticket in the URL of a stream.

/** Reads a credential option: a string, or a function that gives one (async, asked anew for each connection). */
async function given(value) {
  const found = typeof value === 'function' ? await value() : value;
  if (found === undefined || found === null) return undefined;
  return typeof found === 'object' ? found.ticket ?? found.token : String(found);
}

export class Credentials {
  #token;
  #ticket;

  constructor({ token, ticket } = {}) {
    this.#token = token;
    this.#ticket = ticket;
  }

  /** Whether a new one can be had where the old one is refused. */
  get renewable() {
    return typeof this.#token === 'function' || typeof this.#ticket === 'function';
  }

  /** What tabs must have in common to share a connection; undefined: they must not. */
  get shareName() {
    if (this.#ticket !== undefined || this.#token !== undefined) return undefined;
    return 'cookie';
  }

  get isBearer() {
    return this.#token !== undefined;
  }

  /** Puts the credential on a request: `{url, init}` for fetch, `url` alone for an EventSource. */
  async sign(address) {
    const url = new URL(address);
    const ticket = await given(this.#ticket);
    if (ticket !== undefined) url.searchParams.set('ticket', ticket);
    const token = await given(this.#token);
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const withCookie = ticket === undefined && token === undefined;
    return { url, init: { headers, credentials: withCookie ? 'same-origin' : 'omit', cache: 'no-store' } };
  }

  /** GET of JSON. Throws an Error with `status` for anything but success. */
  async read(address, { signal } = {}) {
    const { url, init } = await this.sign(address);
    init.headers.Accept = 'application/json';
    const response = await fetch(url, { ...init, signal });
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }
}

/** Whether asking again would only get the same answer. A 404 that does not speak our language is a proxy's whose server is away. */
export function isFinal({ status, error }) {
  return [401, 403].includes(status) || ([400, 404, 405, 422].includes(status) && error?.problem !== undefined);
}

/** An Error for an answer that is none: `status`, and `problem`, the body of RFC 9457 if there is one. */
export async function problemOf(response) {
  const isProblem = response.headers.get('content-type')?.includes('problem+json') ?? false;
  const problem = isProblem ? await response.json().catch(() => undefined) : undefined;
  const error = new Error(problem?.detail ?? problem?.title ?? `HTTP ${response.status}`);
  const after = Number(response.headers.get('retry-after'));
  return Object.assign(error, {
    name: 'JobstreamError',
    status: response.status,
    problem,
    retryAfter: Number.isFinite(after) && after > 0 ? after * 1000 : undefined,
  });
}
