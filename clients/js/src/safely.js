// Calls of what others wrote.

/** One listener's fault is not the others': the page hears of it, the stream goes on. */
export function safely(callback, value) {
  try {
    callback?.(value);
  } catch (error) {
    globalThis.reportError ? globalThis.reportError(error) : console.error(error);
  }
}
