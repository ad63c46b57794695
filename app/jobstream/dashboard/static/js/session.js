// Who is signed in, and what they may do.
import { api, ApiError } from './api.js';

export const session = { principal: undefined, scopes: [], auth: undefined, heartbeatSeconds: undefined, isKnown: false, error: undefined };

export async function restore() {
  try {
    accept(await api.get('session'));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    forget([401, 403].includes(error.status) ? undefined : error);
  }
  return session;
}

export async function signIn(token) {
  const found = await api.post('session', { token });
  if (!allow(found.scopes, 'read')) {
    await signOut();
    throw new Error(`This token may only ${found.scopes.join(', ')}; the page needs one that may read.`);
  }
  accept(found);
}

export async function signOut() {
  await api.delete('session').catch(() => {});
  forget();
}

export function forget(error) {
  Object.assign(session, { principal: undefined, scopes: [], isKnown: false, error });
}

function accept({ principal, scopes, auth, heartbeat_seconds: heartbeatSeconds }) {
  Object.assign(session, { principal, scopes, auth, heartbeatSeconds, isKnown: true, error: undefined });
}

/** `operate` includes `read` and `write`. */
const allow = (scopes, scope) => scopes.includes(scope) || scopes.includes('operate');

/** Whether the signed-in caller has a scope. */
export const may = (scope) => allow(session.scopes, scope);
