// Who is signed in, and what they may do.
import { api, ApiError } from './api.js';

export const session = { principal: undefined, scopes: [], auth: undefined, isKnown: false, error: undefined };

export async function restore() {
  try {
    accept(await api.get('session'));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    forget(error.status === 401 ? undefined : error);
  }
  return session;
}

export async function signIn(token) {
  accept(await api.post('session', { token }));
}

export async function signOut() {
  await api.delete('session').catch(() => {});
  forget();
}

export function forget(error) {
  Object.assign(session, { principal: undefined, scopes: [], isKnown: false, error });
}

function accept({ principal, scopes, auth }) {
  Object.assign(session, { principal, scopes, auth, isKnown: true, error: undefined });
}

const includes = { operate: ['operate'], write: ['operate', 'write'], read: ['operate', 'write', 'read'] };

/** Whether the signed-in caller has a scope; `operate` includes `read` and `write`. */
export function may(scope) {
  return (includes[scope] ?? [scope]).some((one) => session.scopes.includes(one));
}
