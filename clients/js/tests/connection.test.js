import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Connection } from '../src/connection.js';
import { Invalidator } from '../src/invalidation.js';

/** Opens links that the test speaks on: `opened` has one entry a link. */
function line(options = {}) {
  const opened = [];
  const heard = { items: [], phases: [] };
  const connection = new Connection({
    open: async (cursor, sink) => {
      const link = { cursor, ...sink, hungUp: false };
      link.say = (type, data, id) => sink.frames([{ type, data: JSON.stringify(data), id }]);
      opened.push(link);
      return () => { link.hungUp = true; };
    },
    sink: {
      items: (items) => heard.items.push(...items.map((item) => item.type)),
      state: (state) => heard.phases.push(state.phase),
    },
    ...options,
  });
  connection.start();
  return { connection, opened, heard, last: () => opened.at(-1) };
}

const settle = (ms) => vi.advanceTimersByTimeAsync(ms);

describe('Connection', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('comes back from the last id that was told', async () => {
    const { opened, last, heard } = line();
    last().say('hello', {}, 'c0');
    last().say('status', { id: 1 }, 'c1');
    last().say('heartbeat', {}, 'c2');
    last().closed({});
    await settle(1_000);
    expect(opened.map((link) => link.cursor)).toEqual([undefined, 'c2']);
    expect(heard.phases).toEqual(['live', 'waiting', 'connecting']);
  });

  test('takes silence for the end of the link, and only silence', async () => {
    const { opened, last } = line({ heartbeatSeconds: 10 });
    last().say('hello', {}, 'c0');
    for (let beat = 0; beat < 10; beat += 1) {
      await settle(10_000);
      last().say('heartbeat', {}, 'c0');
    }
    expect(opened).toHaveLength(1);
    await settle(27_000);
    expect(opened).toHaveLength(2);
    expect(opened[0].hungUp).toBe(true);
  });

  test('a server that takes the connection and says nothing is left again', async () => {
    const { opened } = line({ heartbeatSeconds: 1 });
    await settle(3_200);
    expect(opened).toHaveLength(2);
  });

  test('was last heard when the server last spoke, however often it was looked for since', async () => {
    const { connection, last } = line();
    last().say('hello', {}, 'c0');
    const spoke = Date.now();
    for (let tries = 0; tries < 4; tries += 1) {
      last().closed({ error: new Error('refused') });
      await settle(20_000);
    }
    expect(connection.heard).toBe(spoke);
  });

  test('waits longer each time that it finds nobody', async () => {
    const { opened, last } = line();
    for (let tries = 0; tries < 8; tries += 1) {
      last().closed({ error: new Error('refused') });
      await settle(20_000);
    }
    expect(opened).toHaveLength(9);
    last().closed({});
    await settle(9_000);
    expect(opened).toHaveLength(9);
  });

  test('stays away for as long as an overloaded server asks', async () => {
    const { opened, last } = line();
    last().say('hello', {}, 'c0');
    last().say('overloaded', { retry_ms: 7_000 });
    await settle(0);
    expect(opened[0].hungUp).toBe(true);
    await settle(6_900);
    expect(opened).toHaveLength(1);
    await settle(200);
    expect(opened).toHaveLength(2);
  });

  test('ends at end', async () => {
    const { connection, opened, last, heard } = line();
    last().say('hello', {}, '1');
    last().say('end', { reason: 'done' }, '5');
    await settle(60_000);
    expect(connection.state).toEqual({ phase: 'ended', reason: 'done' });
    expect(opened).toHaveLength(1);
    expect(heard.items).toEqual(['hello', 'end']);
  });

  test('an expired ticket is renewed without a word to anybody', async () => {
    const { opened, last, heard } = line({ renewable: true });
    last().say('hello', {}, 'c0');
    last().say('end', { reason: 'ticket' }, 'c1');
    await settle(1);
    expect(opened.map((link) => link.cursor)).toEqual([undefined, 'c1']);
    expect(heard.items).toEqual(['hello']);
  });

  test.each([401, 403, 404])('%d is final, until somebody says otherwise', async (status) => {
    const { connection, opened, last } = line();
    last().closed({ status, error: Object.assign(new Error('no'), { problem: { title: 'no' } }) });
    await settle(120_000);
    expect(connection.state).toMatchObject({ phase: 'refused', status });
    expect(opened).toHaveLength(1);
    connection.reconnect();
    expect(opened).toHaveLength(2);
  });

  test('a 404 of a proxy whose server is away is not ours, and is tried again', async () => {
    const { connection, opened, last } = line();
    last().closed({ status: 404, error: new Error('HTTP 404') });
    expect(connection.state).toMatchObject({ phase: 'waiting', status: 404 });
    await settle(1_000);
    expect(opened).toHaveLength(2);
  });

  test('who hands out nothing but tickets that have run out is not asked in a circle', async () => {
    const { opened, last } = line({ renewable: true });
    for (let second = 0; second < 600; second += 1) {
      last().say('end', { reason: 'ticket' }, 'c');
      await settle(100);
    }
    expect(opened.length).toBeGreaterThan(3);
    expect(opened.length).toBeLessThan(20);
  });

  test('204 is the end; 503 is not', async () => {
    const { connection, opened, last } = line();
    last().closed({ status: 503, error: Object.assign(new Error(), { retryAfter: 3_000 }) });
    await settle(2_900);
    expect(opened).toHaveLength(1);
    await settle(200);
    last().closed({ status: 204 });
    expect(connection.state.phase).toBe('ended');
  });

  test('closed means silent: what the old link still says is not passed on', async () => {
    const { connection, last, heard } = line();
    last().say('hello', {}, 'c0');
    const link = last();
    connection.close();
    link.say('status', { id: 1 }, 'c1');
    await settle(60_000);
    expect(heard.items).toEqual(['hello']);
    expect(connection.cursor).toBe('c0');
  });
});

describe('Invalidator', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  test('a thousand events within a batch are one invalidation for each key', async () => {
    const keys = [];
    const queryClient = { invalidateQueries: ({ queryKey }) => keys.push(queryKey) };
    const invalidator = new Invalidator({ queryClient, batchMs: 100, keysOf: (event) => [['jobs'], ['job', event.job_id]] });
    for (let n = 0; n < 1000; n += 1) invalidator.take([{ job_id: n % 2 }]);
    expect(keys).toEqual([]);
    await settle(100);
    expect(keys).toEqual([['jobs'], ['job', 0], ['job', 1]]);
    invalidator.all();
    await settle(100);
    expect(keys).toHaveLength(6);
  });

  test('what was gathered when the listener goes is still said', () => {
    const keys = [];
    const queryClient = { invalidateQueries: ({ queryKey }) => keys.push(queryKey) };
    const invalidator = new Invalidator({ queryClient, batchMs: 100, keysOf: () => [['jobs']] });
    invalidator.take([{}]);
    invalidator.stop();
    invalidator.stop();
    expect(keys).toEqual([['jobs']]);
  });

  test('keys without end are not all remembered: after a loss every query is stale', async () => {
    const keys = [];
    const queryClient = { invalidateQueries: ({ queryKey }) => keys.push(queryKey) };
    const invalidator = new Invalidator({ queryClient, batchMs: 100, keysOf: (event) => [['job', event.job_id]] });
    for (let n = 0; n < 5_000; n += 1) invalidator.take([{ job_id: n }]);
    await settle(100);
    keys.length = 0;
    invalidator.all();
    await settle(100);
    expect(keys).toEqual([[]]);
  });
});
