// The server's time. The clock of whoever looks may be off by minutes; ages and spans are the server's.

const TRUSTED_MS = 2_500;
let offset = 0;

/** Milliseconds since 1970, as the server counts them. */
export const now = () => Date.now() + offset;

/** Learns from an answer's `Date`, which has whole seconds: what is within them is left as it is. */
export function learn(response, asked, answered = Date.now()) {
  const said = Date.parse(response.headers.get('Date') ?? '');
  // A slow answer says nothing about the clock.
  if (Number.isNaN(said) || answered - asked > TRUSTED_MS) return;
  const difference = said + 500 - (asked + answered) / 2;
  offset = Math.abs(difference) > TRUSTED_MS ? difference : 0;
}
