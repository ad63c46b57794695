// Keys: `g` and a letter for views, `/` to search, `?` for this; views add their own.
import { dialogIsOpen, openDialog } from './ui/dialog.js';
import { h } from './dom.js';
import { go, link } from './router.js';
import { may } from './session.js';
import { VIEWS } from './views.js';

let isGoing = false;

/** `current()` gives the view that is shown; its `keys` map a key to `{label, run}`. */
export function listenForKeys(current) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialogIsOpen() || isTyping(event)) return;
    if (isGoing) {
      isGoing = false;
      const view = VIEWS.find((one) => one.key === event.key && (!one.scope || may(one.scope)));
      if (view) return handled(event, () => go(link(view.name)));
    }
    if (event.key === 'g') return handled(event, () => { isGoing = true; });
    if (event.key === '?') return handled(event, () => openHelp(current()));
    if (event.key === '/') return handled(event, search);
    const key = current()?.keys?.[event.key];
    if (key) handled(event, () => key.run(event));
  });
}

function handled(event, run) {
  event.preventDefault();
  run();
}

function isTyping({ target, key }) {
  const isField = target.matches?.('input:not([type=checkbox]), textarea, select, [contenteditable]');
  if (isField && key === 'Escape') target.blur();
  // Enter and the space bar belong to whatever has the focus.
  return isField || (target.matches?.('button, a, input') && ['Enter', ' '].includes(key));
}

function search() {
  const field = document.querySelector('input[type=search]');
  if (field) field.focus();
  else go(link('jobs', undefined, { focus: 'search' }));
}

function openHelp(view) {
  const own = Object.entries(view?.keys ?? {}).filter(([, { label }]) => label);
  openDialog({
    title: 'Keys',
    render: () => h('div', { class: 'keys' },
      h('dl', {}, [
        ...own.map(([key, { label }]) => [key, label]),
        ['/', 'search'], ['?', 'this'], ['Esc', 'close'],
        ...VIEWS.filter((one) => !one.scope || may(one.scope)).map((one) => [`g ${one.key}`, one.label]),
      ].map(([key, label]) => h('div', { key }, h('dt', {}, h('kbd', {}, key)), h('dd', {}, label))))),
  });
}
