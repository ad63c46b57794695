// <jobstream-progress job="…">: a bar that follows a job. Works from another site's page, with a ticket.
//
// Attributes: job; url (the server; by default where this module came from); ticket (an address of your own site that answers a
// ticket, asked again whenever one has run out); share (a name: bars with the same one use one connection); quiet (no words).
// Events: `change` and `end`, both with the job's state in `detail`. Properties: job, ticket and token (async functions), state.
import { follow } from './follow.js';
import { percentOf } from './progress.js';

const STYLE = `
:host { display: inline-block; min-width: 12em; font: inherit; font-variant-numeric: tabular-nums; }
:host([hidden]) { display: none; }
[part=track] { height: var(--jobstream-height, 6px); border-radius: 99px; overflow: hidden;
  background: var(--jobstream-track, color-mix(in srgb, currentColor 15%, transparent)); }
[part=bar] { height: 100%; width: 100%; border-radius: inherit; background: var(--jobstream-accent, #2f5fd0);
  transform-origin: left; transition: transform 150ms ease-out; }
[part=text] { font-size: .85em; margin-top: .25em; opacity: .75; min-height: 1.2em; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
:host([quiet]) [part=text] { display: none; }
:host([state=failed]) [part=bar] { background: var(--jobstream-failed, #c2560c); }
:host([state=dlq]) [part=bar], :host([state=lost]) [part=bar] { background: var(--jobstream-dlq, #b3261e); }
:host([state=done]) [part=bar] { background: var(--jobstream-done, #2c7a44); }
:host([state=cancelled]) [part=bar] { background: var(--jobstream-cancelled, #8a8c85); }
.unknown { width: 35%; animation: wander 1.6s ease-in-out infinite alternate; }
@keyframes wander { from { transform: translateX(0); } to { transform: translateX(186%); } }
@media (prefers-reduced-motion: reduce) { [part=bar] { transition: none; } .unknown { animation: none; width: 100%; opacity: .4; } }
`;

let sheet;
const ticketSources = new Map();

/** The same function for the same address: bars that share a connection know each other by it. */
function ticketsFrom(address) {
  if (!ticketSources.has(address)) ticketSources.set(address, () => fetchTicket(new URL(address, document.baseURI)));
  return ticketSources.get(address);
}

async function fetchTicket(address) {
  const response = await fetch(address, { credentials: 'same-origin', cache: 'no-store' });
  if (!response.ok) throw Object.assign(new Error('no ticket'), { status: response.status });
  const text = await response.text();
  return text.trimStart().startsWith('{') ? JSON.parse(text).ticket : text.trim();
}

function makeElement() {
  return class JobstreamProgress extends HTMLElement {
    static observedAttributes = ['job', 'url', 'ticket', 'share'];
    #follower;
    #ticket;
    #token;
    #parts;
    state = undefined;

    get job() { return this.getAttribute('job') ?? ''; }
    set job(id) { this.setAttribute('job', id); }

    get ticket() { return this.#ticket ?? this.getAttribute('ticket'); }
    set ticket(source) {
      this.#ticket = source;
      this.#restart();
    }

    get token() { return this.#token; }
    set token(source) {
      this.#token = source;
      this.#restart();
    }

    connectedCallback() {
      this.#parts ??= this.#build();
      // Set before this module was there: it hides the accessor of the class.
      for (const name of ['ticket', 'token']) {
        if (!Object.hasOwn(this, name)) continue;
        const value = this[name];
        delete this[name];
        this[name] = value;
      }
      this.#restart();
    }

    disconnectedCallback() {
      this.#follower?.close();
      this.#follower = undefined;
    }

    attributeChangedCallback() {
      if (this.isConnected && this.#parts) this.#restart();
    }

    #restart() {
      if (!this.isConnected) return;
      this.#follower?.close();
      this.#follower = undefined;
      this.#show({ status: undefined, progress: null });
      if (!this.job) return;
      this.#follower = follow(this.job, {
        url: this.getAttribute('url') ?? undefined,
        share: this.getAttribute('share') ?? undefined,
        ticket: this.#ticketSource(),
        token: this.#token,
        onChange: (job) => this.#changed(job),
        onError: (error) => this.#fail(error),
      });
      const follower = this.#follower;
      follower.ended.then((job) => this.#tell('end', job), () => {});
    }

    #ticketSource() {
      if (typeof this.#ticket === 'function') return this.#ticket;
      return this.ticket ? ticketsFrom(this.ticket) : undefined;
    }

    #changed(job) {
      this.#show(job);
      this.#tell('change', job);
    }

    #fail(error) {
      this.setAttribute('state', 'lost');
      this.#parts.text.textContent = error.status === 404 ? 'no such job' : 'not available';
    }

    #tell(type, detail) {
      this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
    }

    #show(job) {
      this.state = job;
      const { track, bar, text } = this.#parts;
      const percent = percentOf(job);
      if (job.status) this.setAttribute('state', job.status);
      else this.removeAttribute('state');
      const isMoving = job.status === 'running' && percent === undefined;
      bar.className = isMoving ? 'unknown' : '';
      bar.style.transform = isMoving ? '' : `scaleX(${(percent ?? 0) / 100})`;
      if (percent === undefined) track.removeAttribute('aria-valuenow');
      else track.setAttribute('aria-valuenow', String(Math.round(percent)));
      text.textContent = wordsOf(job, percent);
      track.setAttribute('aria-valuetext', text.textContent);
    }

    #build() {
      const root = this.attachShadow({ mode: 'open' });
      sheet ??= new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      const [track, bar, text] = ['track', 'bar', 'text'].map((part) => {
        const node = document.createElement('div');
        node.part = part;
        return node;
      });
      track.setAttribute('role', 'progressbar');
      track.setAttribute('aria-valuemin', '0');
      track.setAttribute('aria-valuemax', '100');
      track.setAttribute('aria-label', this.getAttribute('label') ?? 'Progress');
      track.append(bar);
      root.append(track, text);
      return { track, bar, text };
    }
  };
}

function wordsOf({ status, progress, error }, percent) {
  if (status === undefined) return '';
  if (status === 'running') {
    const share = percent === undefined ? 'running' : `${Math.round(percent)} %`;
    return progress?.step ? `${share}, ${progress.step}` : share;
  }
  if (status === 'failed') return 'failed, will be tried again';
  if (status === 'dlq') return error ? `failed: ${String(error).split('\n')[0]}` : 'failed';
  return status;
}

if (globalThis.customElements && !customElements.get('jobstream-progress')) {
  customElements.define('jobstream-progress', makeElement());
}
