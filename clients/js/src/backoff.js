// When to come back after a connection was lost.

/**
 * Milliseconds before try number `attempt` (0 is the first): doubling, capped, and each client at its own time within
 * the upper half, so that a server that comes back is not met by everybody at once.
 */
export function retryDelay(attempt, { base = 500, max = 20_000, random = Math.random } = {}) {
  const full = Math.min(max, base * 2 ** Math.min(attempt, 30));
  return full * (0.5 + random() / 2);
}
