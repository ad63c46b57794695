// A long list of which only what is seen is in the document. Rows have one height, so the scroll bar is true.
import { h } from '../dom.js';
import { redraw } from '../screen.js';

const SPARE = 8;
// On a phone what there is to say about a row stands below it.
const NARROW = matchMedia('(max-width: 760px)');
NARROW.addEventListener('change', redraw);

export class Window {
  #box;
  #first = 0;
  #count = 30;
  #onScroll = () => this.#measure();
  #observer;

  /** Called when the end comes near. */
  onNearEnd = () => {};

  get rowHeight() {
    return NARROW.matches ? 56 : 36;
  }

  get isAtTop() {
    return (this.#box?.scrollTop ?? 0) < this.rowHeight;
  }

  scrollToTop() {
    this.#box?.scrollTo({ top: 0 });
  }

  /** Brings a row into sight. */
  reveal(index) {
    if (!this.#box) return;
    const top = index * this.rowHeight;
    const { scrollTop, clientHeight } = this.#box;
    if (top < scrollTop) this.#box.scrollTop = top;
    else if (top + this.rowHeight > scrollTop + clientHeight) this.#box.scrollTop = top + this.rowHeight - clientHeight;
  }

  /** Rows came in above what is read: it stays where it is. */
  shift(rows) {
    if (this.#box && !this.isAtTop) this.#box.scrollTop += rows * this.rowHeight;
  }

  #attach(box) {
    this.#box = box;
    box.addEventListener('scroll', this.#onScroll, { passive: true });
    this.#observer = new ResizeObserver(() => this.#measure());
    this.#observer.observe(box);
  }

  #detach() {
    this.#observer?.disconnect();
    this.#box = undefined;
  }

  #measure() {
    if (!this.#box) return;
    const { scrollTop, clientHeight, scrollHeight } = this.#box;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - SPARE);
    const count = Math.ceil(clientHeight / this.rowHeight) + 2 * SPARE;
    if (scrollHeight - scrollTop - clientHeight < this.rowHeight * 20) this.onNearEnd();
    if (first === this.#first && count === this.#count) return;
    this.#first = first;
    this.#count = count;
    redraw();
  }

  render({ total, row, label, head, foot, kind = '' }) {
    const first = Math.max(0, Math.min(this.#first, total - 1));
    const rows = [];
    for (let index = first; index < Math.min(total, first + this.#count); index += 1) {
      const node = row(index);
      node.props.style = { transform: `translateY(${index * this.rowHeight}px)` };
      node.props['aria-rowindex'] = index + 2;
      rows.push(node);
    }
    return h('div', { class: `window ${kind}`, role: 'table', 'aria-label': label, 'aria-rowcount': total + 1, tabindex: 0, ref: (dom) => this.#attach(dom), onGone: () => this.#detach() },
      h('div', { role: 'rowgroup', class: 'window-head' }, head),
      h('div', { role: 'rowgroup', class: 'window-body', style: { height: `${total * this.rowHeight}px` } }, rows),
      foot);
  }
}
