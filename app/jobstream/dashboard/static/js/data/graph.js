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
  const rows = rowsOf(columns, upstream);
  const place = new Map(jobs.map((job) => [job.id, { x: depth.get(job.id) * (BOX.width + BOX.gapX), y: rows.get(job.id) * (BOX.height + BOX.gapY) }]));
  const tallest = Math.max(0, ...rows.values()) + 1;
  return {
    nodes: jobs.map((job) => ({ job, key: job.lineage.pipeline_step ?? job.spec.kind, ...place.get(job.id) })),
    edges: jobs.flatMap((job) => upstream(job).map((id) => ({ from: id, to: job.id, path: curve(place.get(id), place.get(job.id)) }))),
    width: Math.max(1, columns.length) * (BOX.width + BOX.gapX) - BOX.gapX,
    height: tallest * (BOX.height + BOX.gapY) - BOX.gapY,
  };
}

/** The row of each job: as near as may be to those before it, then the first ones to those after them; none upon another. */
function rowsOf(columns, upstream) {
  const rows = new Map();
  const mean = (ids) => (ids.length ? ids.reduce((sum, id) => sum + rows.get(id), 0) / ids.length : 0);
  const settle = (column, wanted) => {
    let free = 0;
    for (const job of [...column].sort((a, b) => wanted(a) - wanted(b))) {
      rows.set(job.id, Math.max(free, wanted(job)));
      free = rows.get(job.id) + 1;
    }
  };
  for (const column of columns) {
    const wanted = new Map(column.map((job) => [job, mean(upstream(job))]));
    settle(column, (job) => wanted.get(job));
  }
  if (columns.length > 1) {
    const after = (job) => columns[1].filter((next) => upstream(next).includes(job.id)).map(({ id }) => id);
    const wanted = new Map(columns[0].map((job) => [job, after(job).length ? mean(after(job)) : rows.get(job.id)]));
    settle(columns[0], (job) => wanted.get(job));
  }
  return rows;
}

function curve(from, to) {
  const [x1, y1] = [from.x + BOX.width, from.y + BOX.height / 2];
  const [x2, y2] = [to.x, to.y + BOX.height / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`;
}
