// Numbers, times and ids for people.
import { now as serverNow } from './clock.js';

const plain = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });
const exactTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' });
const dayTime = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const hourTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });

export const number = (value) => plain.format(value ?? 0);
export const short = (value) => (value < 10_000 ? plain.format(value) : compact.format(value));
export const many = (count, noun) => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

/** Seconds as a length of time: `0.2 s`, `2 min 10 s`, `3 h`. */
export function duration(seconds) {
  const s = Math.abs(seconds);
  if (s < 0.0995) return `${s < 0.01 ? plain.format(s * 1000) : Math.round(s * 1000)} ms`;
  if (s < 9.95) return `${plain.format(Math.round(s * 10) / 10)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  const parts = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']];
  const first = parts.findIndex(([size]) => s >= size);
  const [size, unit] = parts[first];
  const whole = Math.floor(s / size);
  const [nextSize, nextUnit] = parts[first + 1];
  const rest = Math.floor((s - whole * size) / nextSize);
  return rest && whole < 10 ? `${whole} ${unit} ${rest} ${nextUnit}` : `${whole} ${unit}`;
}

/** The same in whole seconds, for what ticks. */
export function ticking(seconds) {
  const s = Math.max(0, seconds);
  return s < 60 ? `${Math.floor(s)} s` : duration(s);
}

/** In one unit, for a narrow column and for what need not be exact: `42 s`, `3 min`, `2 d`. */
export function rough(seconds) {
  const s = Math.max(0, seconds);
  const [size, unit] = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']].find(([size]) => s >= size) ?? [1, 's'];
  return `${Math.floor(s / size)} ${unit}`;
}

export const secondsSince = (at, now = serverNow()) => (now - Date.parse(at)) / 1000;
export const exact = (at) => `${exactTime.format(new Date(at))} (${at})`;
export const dayAndTime = (at) => dayTime.format(new Date(at));
export const hourAndMinute = (at) => hourTime.format(new Date(at));

/** 09:31:04.112 */
export function clockTime(at) {
  const time = new Date(at);
  const pad = (value, width = 2) => String(value).padStart(width, '0');
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}

/** 09:31:04, or with its day where that is not today. */
export function timeOfDay(at) {
  const isToday = new Date(at).toDateString() === new Date(serverNow()).toDateString();
  return isToday ? clockTime(at).slice(0, 8) : dayAndTime(at);
}

export const shortId = (id) => (id && id.length > 14 ? `${id.slice(0, 6)}…${id.slice(-4)}` : id ?? '');
export const firstLine = (text) => String(text ?? '').split('\n')[0];

export function bytes(count) {
  if (count === null || count === undefined) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(count, 1)) / 10));
  return `${plain.format(count / 1024 ** power)} ${units[power]}`;
}
