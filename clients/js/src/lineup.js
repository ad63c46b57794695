// A list and a stream that were started at different moments, made into one: nothing lost, nothing twice.
//
// The stream stood at `position` before the list was read, the list says what was true at its own cursor. The stream will bring
// all after `position`; of that, the list already shows what is not after its cursor. Both sets are read from the server, the
// second one after the first, so whatever the stream brings that is in neither happened later still.

const ROUNDS = 50;

/** Events between the two: `skip` ids that the list shows already, `events` that it does not show yet, in order. */
export async function lineUp({ position, cursor, read }) {
  if (position === cursor) return { skip: new Set(), events: [] };
  const passing = await readAll(position, read);
  const missing = await readAll(cursor, read);
  const later = new Set(missing.map((event) => event.id));
  const skip = new Set(later);
  for (const event of passing) skip.add(event.id);
  return { skip, events: missing };
}

async function readAll(after, read) {
  const events = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const page = await read(after);
    if (page.reset) throw new Reset(page.reset);
    events.push(...page.items);
    if (page.complete ?? page.items.length === 0) return events;
    after = page.next_cursor;
  }
  throw new Reset('busy');
}

/** The two cannot be joined: the list has to be read again. */
export class Reset extends Error {
  constructor(reason) {
    super(`the list has to be read again: ${reason}`);
    this.reason = reason;
  }
}

/** Holds events back until the list is there, then lets through what the list does not show. */
export class Gate {
  #sink;
  #held = [];
  #skip;

  constructor(sink) {
    this.#sink = sink;
  }

  push(events) {
    if (this.#held) this.#held.push(...events);
    else this.#pass(events);
  }

  open({ skip, events }) {
    const held = this.#held;
    this.#held = undefined;
    this.#skip = skip;
    if (events.length) this.#sink(events);
    this.#pass(held);
  }

  #pass(events) {
    const fresh = this.#skip.size ? events.filter((event) => !this.#skip.delete(event.id)) : events;
    if (fresh.length) this.#sink(fresh);
  }
}
