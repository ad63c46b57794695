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

test('an event is an event whatever a handler called it', () => {
  const { stream, say } = line();
  const heard = [];
  stream.listen({ onEvent: (event) => heard.push(event.type), onBulk: () => heard.push('wrong') });
  for (const [place, type] of ['bulk', 'constructor', 'hello'].entries()) say({ type, data: { id: place + 1, job_id: '01A', type } });
  expect(heard).toEqual(['bulk', 'constructor', 'hello']);
});

test('who leaves while events are told hears no more of them, who comes hears of the next', () => {
  const { stream, say } = line();
  const heard = [];
  let leave;
  stream.listen({ onEvents: () => {
    leave?.();
    if (!heard.length) stream.listen({ onEvents: (events) => heard.push(['late', events[0].id]) });
    heard.push('first');
  } });
  leave = stream.listen({ onEvents: () => heard.push('never') });
  say({ type: 'status', data: { id: 1 } });
  say({ type: 'status', data: { id: 2 } });
  expect(heard).toEqual(['first', 'first', ['late', 2]]);
});

test('a hundred thousand events leave nothing behind but the last two thousand ids', () => {
  const { stream, say } = line();
  let heard = 0;
  stream.listen({ onEvents: (events) => { heard += events.length; } });
  for (let id = 1; id <= 100_000; id += 1) say({ type: 'status', data: { id } });
  say({ type: 'status', data: { id: 100_000 } }, { type: 'status', data: { id: 98_001 } });
  expect(heard).toBe(100_000);
  say({ type: 'status', data: { id: 98_000 } });
  expect(heard).toBe(100_001);
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
