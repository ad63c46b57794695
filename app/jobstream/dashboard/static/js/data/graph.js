// Where the steps of a pipeline stand in a picture: columns by depth, edges from left to right. Pure.

export const BOX = { width: 176, height: 54, gapX: 56, gapY: 16 };

/** `{nodes: [{job, key, x, y}], edges: [{from, to, path}], width, height}`. */
export function layout(jobs) {
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const upstream = (job) => (job.scheduling.await_jobs ?? []).filter((id) => byId.has(id));
  const depth = new Map();
  const depthOf = (id) => {
    if (!depth.has(id)) {
      depth.set(id, 0);
      depth.set(id, Math.max(0, ...upstream(byId.get(id)).map((before) => depthOf(before) + 1)));
    }
    return depth.get(id);
  };
  const columns = [];
  for (const job of [...jobs].sort((a, b) => (a.id < b.id ? -1 : 1))) (columns[depthOf(job.id)] ??= []).push(job);
  const place = new Map();
  const tallest = Math.max(0, ...columns.map((column) => column.length));
  columns.forEach((column, x) => {
    const centre = (job) => {
      const above = upstream(job).map((id) => place.get(id).y);
      return above.length ? above.reduce((sum, y) => sum + y, 0) / above.length : 0;
    };
    const sorted = x === 0 ? column : [...column].sort((a, b) => centre(a) - centre(b));
    const inset = ((tallest - sorted.length) * (BOX.height + BOX.gapY)) / 2;
    sorted.forEach((job, y) => place.set(job.id, { x: x * (BOX.width + BOX.gapX), y: inset + y * (BOX.height + BOX.gapY) }));
  });
  return {
    nodes: jobs.map((job) => ({ job, key: job.lineage.pipeline_step ?? job.spec.kind, ...place.get(job.id) })),
    edges: jobs.flatMap((job) => upstream(job).map((id) => ({ from: id, to: job.id, path: curve(place.get(id), place.get(job.id)) }))),
    width: Math.max(1, columns.length) * (BOX.width + BOX.gapX) - BOX.gapX,
    height: Math.max(1, tallest) * (BOX.height + BOX.gapY) - BOX.gapY,
  };
}

function curve(from, to) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}
