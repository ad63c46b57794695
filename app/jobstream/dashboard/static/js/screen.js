// When to draw: at most once a frame for what people do, a little less often for what merely happens.

const EVENT_MS = 80;
let draw = () => {};
let isAsked = false;
let timer;

export function onDraw(callback) {
  draw = callback;
}

/** Draw with the next frame. */
export function redraw() {
  if (isAsked) return;
  isAsked = true;
  clearTimeout(timer);
  timer = undefined;
  requestAnimationFrame(() => {
    isAsked = false;
    draw();
  });
}

/** Draw soon: a thousand events a second are one drawing every 80 ms. */
export function redrawSoon() {
  if (isAsked || timer !== undefined) return;
  timer = setTimeout(redraw, EVENT_MS);
}
