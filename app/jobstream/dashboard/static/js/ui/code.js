// SQL and JSON as text to read and copy.
import { h } from '../dom.js';
import { Copy } from './parts.js';

const LONG = 20_000;
const KEYWORDS = /\b(select|from|where|and|or|in|order by|group by|limit|desc|count|filter|interval|as|is not null|between)\b/g;
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export const Sql = ({ text }) => h('div', { class: 'code sql' }, h('pre', { tabindex: 0 }, h('code', {}, parted(text, KEYWORDS, () => 'kw'))), h(Copy, { text, label: 'Copy SQL' }));

export function Json({ value, label }) {
  const text = JSON.stringify(value, null, 2) ?? 'null';
  const shown = text.length > LONG ? `${text.slice(0, LONG)}\n…` : text;
  return h('div', { class: 'code', 'aria-label': label }, h('pre', { tabindex: 0 }, h('code', {}, parted(shown, TOKENS, kindOf))), h(Copy, { text, label: 'Copy JSON' }));
}

export const Text = ({ text }) => h('div', { class: 'code' }, h('pre', { tabindex: 0 }, h('code', {}, text)), h(Copy, { text }));

function kindOf([token, string, colon]) {
  if (string !== undefined) return colon === undefined ? 'str' : 'key';
  return /^[tfn]/.test(token) ? 'kw' : 'num';
}

function parted(text, pattern, kind) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(text.slice(end, match.index), h('span', { class: kind(match) }, match[0]));
    end = match.index + match[0].length;
  }
  return [...parts, text.slice(end)];
}
