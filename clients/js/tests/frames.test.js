import { describe, expect, test } from 'vitest';
import { FrameParser } from '../src/frames.js';

function parse(...pieces) {
  const frames = [];
  const retries = [];
  const parser = new FrameParser((frame) => frames.push(frame), (ms) => retries.push(ms));
  for (const piece of pieces) parser.push(piece);
  return { frames, retries };
}

const BLOCK = 'retry: 1500\nevent: progress\ndata: {"id": 7}\nid: g1.abc.D\n\n';

describe('FrameParser', () => {
  test('reads a block as the server writes it', () => {
    const { frames, retries } = parse(BLOCK);
    expect(frames).toEqual([{ type: 'progress', data: '{"id": 7}', id: 'g1.abc.D' }]);
    expect(retries).toEqual([1500]);
  });

  test('gives the same whatever the pieces', () => {
    const text = `${BLOCK}: comment\n\nevent: heartbeat\ndata: {}\nid: 8\n\n`;
    const whole = parse(text).frames;
    for (let size = 1; size < 40; size += 1) {
      const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g'));
      expect(parse(...pieces).frames).toEqual(whole);
    }
    expect(whole).toHaveLength(2);
  });

  test.each(['\r\n', '\r', '\n'])('takes %j as the end of a line, also cut in two', (end) => {
    const text = BLOCK.replaceAll('\n', end);
    // A lone CR at the end of all may still be half of a CR LF, so the last block waits for one more character.
    expect(parse(...text, ':').frames).toHaveLength(1);
  });

  test('a block without data, a comment and a half block are no events', () => {
    expect(parse('event: x\nid: 3\n\n: hello\n\ndata: half\n').frames).toEqual([]);
  });

  test('an id belongs to its block alone', () => {
    expect(parse('data: a\nid: 1\n\ndata: b\n\n').frames.map((frame) => frame.id)).toEqual(['1', undefined]);
  });

  test('an id with NUL is no id, a retry with letters no time', () => {
    const { frames, retries } = parse('data: a\nid: 1\0\nretry: 1s\n\n');
    expect(frames[0].id).toBeUndefined();
    expect(retries).toEqual([]);
  });

  test('joins lines of data and drops one leading blank and the byte order mark', () => {
    expect(parse('\ufeffdata:  a\ndata:b\ndata\n\n').frames[0].data).toBe(' a\nb\n');
  });
});
