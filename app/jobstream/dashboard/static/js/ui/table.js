// A plain table for lists that fit on a page.
import { h } from '../dom.js';

/** `columns`: `[{title, kind}]`; kind `n` is a number, `opt` may go on a narrow screen. `rows`: `[{key, cells, onClick}]`. */
export function Table({ label, columns, rows }) {
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label },
    h('table', { 'aria-label': label },
      h('thead', {}, h('tr', {}, columns.map(({ title, kind = '' }, place) => h('th', { scope: 'col', class: kind, key: place },
        title || h('span', { class: 'unseen' }, 'Actions'))))),
      h('tbody', {}, rows.map(({ key, cells, kind = '' }) => h('tr', { key, class: kind },
        cells.map((cell, place) => h('td', { class: columns[place].kind ?? '', key: place }, cell)))))));
}
