import { expect, test } from 'vitest';
import { Stream } from '../src/stream.js';

function line() {
  let sink;
  const stream = new Stream({ start: (given) => { sink = given; return { start() {}, close() {}, state: { phase: 'live' } }; }, read: async () => ({}) });
  return { stream, say: (...items) => sink.items(items) };
}

test('an event that two tabs tell is heard once, each state of a bulk operation is heard', () => {
  const { stream, say } = line();
  const heard = [];
  stream.listen({ onEvent: (event) => heard.push(event.id), onBulk: (bulk) => heard.push(bulk.done), onHeartbeat: () => heard.push('beat') });
  say({ type: 'status', data: { id: 7 } }, { type: 'status', data: { id: 7 } });
  say({ type: 'bulk', data: { id: '01A', done: 0 } }, { type: 'heartbeat', data: {} }, { type: 'bulk', data: { id: '01A', done: 500 } });
  expect(heard).toEqual([7, 0, 'beat', 500]);
});

test("one listener's fault is not the others'", () => {
  const { stream, say } = line();
  const heard = [];
  const faults = [];
  globalThis.reportError = (error) => faults.push(error.message);
  stream.listen({ onEvent: () => { throw new Error('mine'); } });
  stream.listen({ onEvent: (event) => heard.push(event.id) });
  say({ type: 'progress', data: { id: 1 } });
  delete globalThis.reportError;
  expect([heard, faults]).toEqual([[1], ['mine']]);
});
