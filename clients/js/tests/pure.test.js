import { describe, expect, test } from 'vitest';
import { filterPairs, streamAddress } from '../src/address.js';
import { retryDelay } from '../src/backoff.js';
import { Gate, lineUp, Reset } from '../src/lineup.js';
import { applyEvent, EMPTY_JOB, percentOf } from '../src/progress.js';

describe('retryDelay', () => {
  test('doubles up to its cap, each within its upper half', () => {
    for (let attempt = 0; attempt < 60; attempt += 1) {
      const full = Math.min(20_000, 500 * 2 ** attempt);
      expect(retryDelay(attempt, { random: () => 0 })).toBe(full / 2);
      expect(retryDelay(attempt, { random: () => 1 })).toBe(full);
    }
  });
});

describe('addresses', () => {
  test.each([
    ['https://a.example', 'https://a.example/api/v1/events'],
    ['https://a.example/jobs/', 'https://a.example/jobs/api/v1/events'],
    ['https://a.example/jobs/api/v1', 'https://a.example/jobs/api/v1/events'],
    ['https://a.example/x/api/v1/jobs/01/events', 'https://a.example/x/api/v1/jobs/01/events'],
  ])('%s serves its events at %s', (url, address) => {
    expect(String(streamAddress(url, 'events'))).toBe(address);
  });

  test('a filter is repeated names, labels with a colon, and nothing for what is empty', () => {
    const filter = { queue: ['a', 'b'], label: { team: 'x:y' }, kind: undefined, owner: '' };
    expect(filterPairs(filter)).toEqual([['queue', 'a'], ['queue', 'b'], ['label', 'team:x:y']]);
  });

  test('the same filter in another order has the same address', () => {
    const one = streamAddress('https://a.example', 'events', { queue: 'q', kind: 'k' });
    const other = streamAddress('https://a.example', 'events', { kind: 'k', queue: 'q' });
    expect(String(one)).toBe(String(other));
  });
});

describe('lining a list up with a stream', () => {
  // A log in the order of commits; ids were drawn in another order. A cursor is how much of the log was visible.
  const log = [3, 1, 4, 2, 9, 6, 5, 8, 7, 10].map((id) => ({ id }));
  const server = (visible) => async (after) => {
    const items = log.slice(Number(after), visible.count).slice(0, 2);
    if (items.length === 0) visible.count = Math.min(log.length, visible.count + visible.grows);
    return { items, next_cursor: String(Number(after) + items.length), reset: null };
  };

  test('whatever the moments, list and events are the whole, each once', async () => {
    for (let position = 0; position <= log.length; position += 1) {
      for (let shown = position; shown <= log.length; shown += 1) {
        for (let seen = shown; seen <= log.length; seen += 1) {
          for (const grows of [0, 1, 3]) {
            const told = [];
            const gate = new Gate((events) => told.push(...events));
            const visible = { count: seen, grows };
            const during = log.slice(position, shown);
            gate.push(during);
            gate.open(await lineUp({ position: String(position), cursor: String(shown), read: server(visible) }));
            for (const event of log.slice(position + during.length)) gate.push([event]);
            expect(told.map((event) => event.id)).toEqual(log.slice(shown).map((event) => event.id));
          }
        }
      }
    }
  });

  test('a reset on the way says: read the list again', async () => {
    const read = async () => ({ items: [], next_cursor: 'x', reset: 'pruned' });
    await expect(lineUp({ position: 'a', cursor: 'b', read })).rejects.toThrow(Reset);
  });
});

describe('what events add up to', () => {
  const event = (type, status, data, attempt = 1) => ({ type, status, data, attempt, at: 't', kind: 'k', queue: 'q' });
  const fold = (...events) => events.reduce(applyEvent, EMPTY_JOB);

  test('a job from creation to done', () => {
    const job = fold(
      event('status', 'pending', { from: null }, 0),
      event('status', 'running', { from: 'pending' }),
      event('progress', 'running', { current: 1, total: 4, percent: 25 }),
      event('log', 'running', { message: 'x' }),
      event('status', 'done', { from: 'running', result: { n: 3 } }),
    );
    expect(job).toMatchObject({ status: 'done', attempt: 1, result: { n: 3 }, error: undefined, kind: 'k' });
    expect(percentOf(job)).toBe(100);
  });

  test('an error stays until the next attempt begins', () => {
    const failed = fold(event('status', 'running', {}), event('status', 'failed', { error: 'boom' }));
    expect(failed.error).toBe('boom');
    expect(applyEvent(failed, event('status', 'running', {}, 2)).error).toBeUndefined();
  });

  test('nobody knows a percentage that was not given', () => {
    expect(percentOf(fold(event('status', 'running', {})))).toBeUndefined();
    expect(percentOf(fold(event('progress', 'running', { current: 5, total: null, percent: null })))).toBeUndefined();
    expect(percentOf({ status: 'running', progress: { percent: 140 } })).toBe(100);
  });
});
