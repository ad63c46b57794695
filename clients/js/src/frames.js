// Server-sent events out of text that arrives in pieces of any size (WHATWG HTML, "Server-sent events").

const LINE_END = /\r\n|\n|\r/;

/** Calls `onFrame({type, data, id})` for each block with data; `id` is undefined where the block bears none. */
export class FrameParser {
  #rest = '';
  #fresh = true;
  #type = '';
  #data = [];
  #id = undefined;
  #onFrame;
  #onRetry;

  constructor(onFrame, onRetry = () => {}) {
    this.#onFrame = onFrame;
    this.#onRetry = onRetry;
  }

  push(text) {
    if (text === '') return;
    let all = this.#rest + text;
    if (this.#fresh) {
      this.#fresh = false;
      if (all.startsWith('\ufeff')) all = all.slice(1);
    }
    // A CR at the very end may be half of a CR LF: it waits for what follows.
    const held = all.endsWith('\r') ? '\r' : '';
    const lines = (held ? all.slice(0, -1) : all).split(LINE_END);
    this.#rest = lines.pop() + held;
    for (const line of lines) this.#line(line);
  }

  #line(line) {
    if (line === '') return this.#block();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#onRetry(Number(value));
  }

  #block() {
    if (this.#data.length) {
      this.#onFrame({ type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id });
    }
    this.#type = '';
    this.#data = [];
    this.#id = undefined;
  }
}
