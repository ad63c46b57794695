// What stands under a list that has not been read to its end.
import { h } from '../dom.js';
import { Button } from './parts.js';

/** `older`: an `Older`; `cursor`: where the first page of the list ended, null at the end of all. */
export function FurtherBack({ older, cursor }) {
  if (!older.next(cursor)) return null;
  return h('p', { class: 'further' },
    h(Button, { onClick: () => older.more(cursor), disabled: older.isReading }, 'Look further back'),
    older.error && h('span', { class: 'wrong', role: 'alert' }, ` ${older.error.message}`));
}
