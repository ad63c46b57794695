// Small plots: a line over time, its area if it is an amount.
import { h } from '../dom.js';

/** `points`: numbers at equal distances, null where nothing is known. */
export function Spark({ points, kind = 'soft', isArea, height = 34, label }) {
  const width = 200;
  const known = points.filter((value) => value !== null);
  const top = Math.max(...known, 0) || 1;
  const pad = 2;
  const x = (index) => (points.length < 2 ? width : (index / (points.length - 1)) * width);
  const y = (value) => height - pad - (value / top) * (height - 2 * pad);
  const runs = runsOf(points);
  const path = (run) => run.map(([index, value], place) => `${place ? 'L' : 'M'}${round(x(index))} ${round(y(value))}`).join('');
  const line = runs.filter((run) => run.length > 1).map(path).join('');
  // One point alone is a dot: a line of no length with round ends.
  const dots = runs.filter((run) => run.length === 1).map((run) => `${path(run)}h.01`).join('');
  const area = runs.map((run) => `${path(run)}L${round(x(run.at(-1)[0]))} ${height}L${round(x(run[0][0]))} ${height}Z`).join('');
  return h('svg', { class: `spark c-${kind}`, viewBox: `0 0 ${width} ${height}`, height, preserveAspectRatio: 'none', role: 'img', 'aria-label': label },
    isArea && area && h('path', { d: area, fill: 'currentColor', opacity: 0.14 }),
    dots && h('path', { key: 'dots', d: dots, fill: 'none', stroke: 'currentColor', 'stroke-width': 4, 'stroke-linecap': 'round', 'vector-effect': 'non-scaling-stroke' }),
    (line || !dots) && h('path', { d: line || `M0 ${height - pad}L${width} ${height - pad}`, fill: 'none', stroke: 'currentColor', 'stroke-width': 1.6, 'stroke-linejoin': 'round', 'stroke-linecap': 'round', 'vector-effect': 'non-scaling-stroke', opacity: line ? 1 : 0.3 }));
}

function runsOf(points) {
  const runs = [];
  let run;
  points.forEach((value, index) => {
    if (value === null) run = undefined;
    else if (run) run.push([index, value]);
    else runs.push(run = [[index, value]]);
  });
  return runs;
}

const round = (value) => Math.round(value * 10) / 10;
