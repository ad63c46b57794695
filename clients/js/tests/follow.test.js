import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connect } from '../src/connect.js';
import { follow } from '../src/follow.js';

// A server as far as the client sees one: a history for each job, and streams that the test speaks on.
const ID = '01K9ZSB7M2AAAAAAAAAAAAAAAA';
const status = (id, to, job = ID) => ({ id, job_id: job, type: 'status', status: to, attempt: 1, at: 't', data: {} });
let history;
let streams;
let asked;

function block(type, data, id) {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\nid: ${id}\n\n`;
}

function server(address, { headers, signal }) {
  const url = new URL(address);
  asked.push(url);
  if (headers.Accept === 'application/json') {
    const items = history.filter((event) => event.id > Number(url.searchParams.get('after')));
    return Promise.resolve(Response.json({ items, next_cursor: 'x', reset: null }));
  }
  let speak;
  const body = new ReadableStream({ start(control) { speak = (text) => control.enqueue(new TextEncoder().encode(text)); } });
  streams.push({ url, signal, say: (...values) => speak(block(...values)) });
  return Promise.resolve(new Response(body));
}

beforeEach(() => {
  [history, streams, asked] = [[], [], []];
  vi.stubGlobal('fetch', server);
});
afterEach(() => vi.unstubAllGlobals());

const until = (condition) => vi.waitFor(() => expect(condition()).toBeTruthy(), { timeout: 5_000, interval: 5 });
const options = (more = {}) => ({ url: 'http://jobs.example', token: async () => 't', share: `user ${Math.random()}`, ...more });

test('who follows a second job over a stream that is live is told that it is live', async () => {
  const given = options();
  const phases = [];
  const first = follow(ID, given);
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  await until(() => asked.some(({ pathname }) => pathname.includes(ID)));
  const second = follow('01K9ZSB7M2BBBBBBBBBBBBBBBB', { ...given, onState: ({ phase }) => phases.push(phase) });
  await until(() => phases.length > 0);
  expect(phases).toEqual(['live']);
  second.close();
  first.close();
  expect(phases).toEqual(['live', 'closed']);
});

test('callers of one name share a connection, whatever function gives their token', async () => {
  const given = options();
  const followers = [1, 2, 3].map(() => follow(ID, { ...given, token: async () => 't' }));
  await until(() => streams.length > 0);
  streams[0].say('hello', {}, 'c0');
  await until(() => asked.filter(({ pathname }) => pathname.includes(ID)).length === 3);
  expect(streams).toHaveLength(1);
  for (const one of followers) one.close();
});

test('a job that has ended says so, is settled, and is not followed any longer', async () => {
  history = [status(1, 'pending'), status(2, 'running'), status(3, 'done')];
  const phases = [];
  const follower = follow(ID, options({ onState: ({ phase }) => phases.push(phase) }));
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  expect(await follower.ended).toMatchObject({ status: 'done', id: ID });
  await until(() => phases.at(-1) === 'ended');
  follower.close();
  expect(phases.at(-1)).toBe('ended');
});

test('each loop is of all events from the first, however late it begins', async () => {
  history = [status(1, 'pending'), status(2, 'running')];
  const follower = follow(ID, options());
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  await until(() => follower.job.status === 'running');
  const late = (async () => {
    const seen = [];
    for await (const event of follower) seen.push(event.id);
    return seen;
  })();
  await until(() => asked.filter(({ pathname }) => pathname.includes(ID)).length >= 2);
  history.push(status(3, 'done'));
  streams[0].say('status', status(3, 'done'), 'c3');
  expect(await late).toEqual([1, 2, 3]);
});

test('a part of the shared stream that was lost while the history was being read is read again', async () => {
  history = [status(1, 'pending')];
  const answers = [];
  vi.stubGlobal('fetch', async (...request) => {
    const found = await server(...request);
    if (request[1].headers.Accept === 'application/json') await new Promise((resolve) => { answers.push(resolve); });
    return found;
  });
  const seen = [];
  const follower = follow(ID, options({ onEvent: (event) => seen.push(event.id) }));
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  await until(() => answers.length === 1);
  history.push(status(2, 'running'));
  streams[0].say('reset', { reason: 'pruned' }, 'c1');
  streams[0].say('status', status(3, 'running'), 'c3');
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  answers[0]();
  await until(() => answers.length === 2 && seen.length);
  answers[1]();
  streams[0].say('status', status(4, 'done'), 'c4');
  await follower.ended;
  expect(seen).toEqual([1, 2, 3, 4]);
});

test('a fault in what the page does with an event is the page\'s, and the job is followed on', async () => {
  history = [status(1, 'pending'), status(2, 'running'), status(3, 'done')];
  const faults = [];
  vi.stubGlobal('reportError', (error) => faults.push(error.message));
  const follower = follow(ID, options({ onEvent: ({ id }) => { if (id < 3) throw new Error(`mine ${id}`); } }));
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  expect(await follower.ended).toMatchObject({ status: 'done' });
  expect(faults).toEqual(['mine 1', 'mine 2']);
});

test('a filter with no type in it hears of every type', async () => {
  vi.stubGlobal('EventSource', class { constructor() { throw new Error('it would hear of none'); } });
  const heard = [];
  const stream = connect({ url: 'http://jobs.example', filter: { type: [] }, share: false, onEvent: ({ type }) => heard.push(type) });
  await until(() => streams.length === 1);
  streams[0].say('hello', {}, 'c0');
  streams[0].say('shop.sold', { id: 1, job_id: ID, type: 'shop.sold' }, 'c1');
  await until(() => heard.length === 1);
  stream.close();
});
