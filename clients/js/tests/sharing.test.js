import { afterEach, expect, test, vi } from 'vitest';
import { SharedConnection } from '../src/sharing.js';

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function shared(request, options = {}) {
  vi.stubGlobal('navigator', { locks: { request } });
  vi.stubGlobal('addEventListener', () => {});
  vi.stubGlobal('removeEventListener', () => {});
  const made = [];
  const connection = new SharedConnection({
    name: `test ${Math.random()}`,
    make: (cursor) => {
      const own = { cursor, heard: 0, start: vi.fn(), close: vi.fn(), reconnect: vi.fn() };
      made.push(own);
      return own;
    },
    sink: { items: () => {}, state: () => {} },
    ...options,
  });
  connection.start();
  return { connection, made };
}

test('where a page may have no locks it connects for itself', async () => {
  const request = vi.fn(() => Promise.reject(new DOMException('denied', 'SecurityError')));
  const { connection, made } = shared(request);
  await vi.waitFor(() => expect(made).toHaveLength(1));
  expect(made[0].start).toHaveBeenCalledOnce();
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  expect(request).toHaveBeenCalledOnce();
  connection.close();
  expect(made[0].close).toHaveBeenCalledOnce();
});

test('a lock that was stolen is stood in line for again', async () => {
  let steal;
  const request = vi.fn((name, options, lead) => {
    if (request.mock.calls.length > 1) return new Promise(() => {});
    lead();
    return new Promise((_, reject) => { steal = () => reject(new DOMException('stolen', 'AbortError')); });
  });
  const { connection, made } = shared(request);
  steal();
  await vi.waitFor(() => expect(request).toHaveBeenCalledTimes(2));
  expect(made).toHaveLength(1);
  expect(made[0].close).toHaveBeenCalledOnce();
  connection.close();
});

test('a tab that leads is taken for asleep only after several heartbeats that did not come', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const request = vi.fn(() => new Promise(() => {}));
  const { connection } = shared(request, { heartbeatSeconds: 60 });
  await vi.advanceTimersByTimeAsync(239_000);
  expect(request).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(request.mock.calls[1][1]).toEqual({ steal: true });
  connection.close();
});
