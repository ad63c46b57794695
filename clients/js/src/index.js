// What the package offers. The order is that in which the server joins these modules into `/client.js`.
import './element.js';

export { FrameParser } from './frames.js';
export { retryDelay } from './backoff.js';
export { applyEvent, isTerminal, percentOf } from './progress.js';
export { connect } from './connect.js';
export { follow } from './follow.js';
export { summary } from './summary.js';
