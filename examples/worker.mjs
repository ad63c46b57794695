// A jobstream worker in Node with the package pg: woken by LISTEN, it claims jobs, renews their leases, reports progress,
// completes or fails them. Login: role jobstream_work. JOBSTREAM_DATABASE_URL=postgresql://… node worker.mjs QUEUE
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

const [queue, worker, lease, most] = [process.argv[2] ?? "default", `${hostname()}/${process.pid}`, 30, 10];
const connection = { connectionString: process.env.JOBSTREAM_DATABASE_URL, application_name: "worker.mjs" };
const [pool, ears] = [new pg.Pool(connection), new pg.Client(connection)];
const sql = async (text, ...values) => (await pool.query(text, values)).rows;
const running = new Map(); // id → { attempt, stop }
let [wake, stopping] = [() => {}, false];
const handlers = {
  async checksum({ path }, { progress }) {
    await progress(0, 1, `reading ${path}`);
    return createHash("sha256").update(await readFile(path)).digest("hex");
  },
  async nap({ seconds }, { progress, signal }) {
    for (let at = 0; at < seconds; await progress(++at, seconds)) await sleep(1000, null, { signal });
  },
};

async function run({ id, attempt, kind, args }) {
  const verb = (call, ...values) => sql(`select jobstream.${call}`, id, attempt, ...values);
  const progress = (current, total, step) => verb("report_progress($1, $2, $3, $4, $5)", current, total, step);
  const stop = new AbortController();
  running.set(id, { attempt, stop });
  try {
    if (!handlers[kind]) return await verb("release($1, $2, '10 s')");
    const result = await handlers[kind](args, { progress, signal: stop.signal });
    await verb("complete($1, $2, $3)", JSON.stringify(result ?? null));
  } catch ({ name, message, stack, code }) {
    console.error(`${id} ${kind}: ${message}`); // JS410: the lease is lost, and what is said here counts no more
    const error = JSON.stringify({ type: name, message, traceback: stack });
    if (code !== "JS410") await verb("fail($1, $2, $3)", error).catch((refused) => console.error(refused.message));
  } finally {
    running.delete(id);
    wake();
  }
}

await ears.connect(); // whatever breaks a connection ends the process: who started it starts it again
await ears.on("notification", ({ payload }) => payload === queue && wake()).query("listen jobstream_ready");
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => wake((stopping = true)));
setInterval(async () => {
  const held = [[...running.keys()], [...running.values()].map(({ attempt }) => attempt), `${lease} s`];
  const told = await sql("select * from jobstream.heartbeat($1, $2, $3)", ...held);
  told.filter((job) => job.lost || job.cancel_requested).forEach(({ id }) => running.get(id)?.stop.abort());
}, (lease * 1000) / 3);
while (!stopping || running.size) {
  const [woken, room] = [new Promise((resolve) => (wake = resolve)), stopping ? 0 : most - running.size];
  const jobs = await sql("select * from jobstream.claim($1, $2, $3, $4)", [queue], room, worker, `${lease} s`);
  jobs.forEach(run);
  const [{ due }] = await sql("select jobstream.maintain() as due"); // null: nothing that time alone brings
  const rest = jobs.length < room || room === 0 ? Math.min(30_000, (due ?? Infinity) - Date.now()) : 0;
  if (rest > 0) await Promise.race([woken, sleep(rest)]);
}
process.exit();
