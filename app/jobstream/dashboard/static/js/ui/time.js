// <rel-time at="…">: how long ago, or in how long, kept current by one timer for the whole page; exact on hover.
import { dayAndTime, exact, rough, secondsSince, ticking } from '../format.js';
import { h } from '../dom.js';

const shown = new Set();
let timer;

function tick() {
  for (const element of shown) element.show();
}

class RelativeTime extends HTMLElement {
  static observedAttributes = ['at', 'form'];

  connectedCallback() {
    shown.add(this);
    timer ??= setInterval(() => document.visibilityState === 'visible' && tick(), 1_000);
    this.show();
  }

  disconnectedCallback() {
    shown.delete(this);
    if (shown.size) return;
    clearInterval(timer);
    timer = undefined;
  }

  attributeChangedCallback() {
    if (this.isConnected) this.show();
  }

  show() {
    const at = this.getAttribute('at');
    const words = at ? wordsFor(at, this.getAttribute('form')) : '–';
    if (this.textContent !== words) this.textContent = words;
    const title = at ? exact(at) : '';
    if (this.title !== title) this.title = title;
  }
}

function wordsFor(at, form) {
  const seconds = secondsSince(at);
  if (form === 'age') return ticking(seconds);
  if (form === 'rough') return rough(seconds);
  if (form === 'when' && Math.abs(seconds) > 86_400) return dayAndTime(at);
  if (seconds < -0.5) return `in ${ticking(-seconds)}`;
  return seconds < 1 ? 'now' : `${rough(seconds)} ago`;
}

document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && tick());
customElements.define('rel-time', RelativeTime);

/** `form`: age (`4 s`, `2 min 10 s`), rough (`2 min`), ago (`4 s ago`, `in 8 s`), when (a date where it is more than a day away). */
export const Time = ({ at, form = 'ago' }) => h('rel-time', { at: at ?? '', form });
