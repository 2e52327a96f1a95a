/* The figures of a bench result in format 2 (see `ungil help bench`), as the report wants them. bench.html puts this,
   bench_charts.js and bench.js into one function: what one names, the next ones use. */
const result = page.data();
const list = x => (Array.isArray(x) ? x : []);
const text = x => (x === null || x === undefined ? "" : String(x));
const rows = list(result.kernels).filter(r => r && typeof r === "object"),
  builds = list(result.builds),
  machine = result.machine || {};

/* --- figures --- */

const good = r => r && r.ratio > 0 && r.workers > 0;
/* One round gives no interval. */
for (const r of rows.flatMap(row => list(row.ratios)).filter(good))
  if (!(r.low > 0 && r.high >= r.low)) Object.assign(r, {bare: true, low: r.ratio, high: r.ratio});
const times = v => v.toFixed(v < 10 ? 2 : 1) + "×";
const percent = v => {
  const p = Math.round((v - 1) * 100);
  return p === 0 ? "0\u00a0%" : (p < 0 ? "−" : "+") + Math.abs(p) + "\u00a0%";
};
const seconds = v => (v >= 10 ? v.toFixed(1) + " s" : v >= 1 ? v.toFixed(2) + " s" : (v * 1000).toFixed(0) + " ms");
const median = values => {
  const v = [...values].sort((a, b) => a - b),
    m = v.length >> 1;
  return v.length % 2 ? v[m] : (v[m - 1] + v[m]) / 2;
};
const plural = (n, one, many) => `${n} ${n === 1 ? one : many || one + "s"}`;
const joined = words =>
  words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words[words.length - 1];

const ratios = (row, what, like) =>
  list(row.ratios).filter(r => r.what === what && good(r) && Object.entries(like).every(([k, v]) => r[k] === v));
const ratio = (row, what, like) => ratios(row, what, like)[0];
const scaling = (row, build, mode, workers) => ratio(row, "scaling", {build, mode, workers});
const modesOf = row => [
  ...new Set(
    list(row.ratios)
      .concat(list(row.cells))
      .map(r => r.mode),
  ),
];
const title = row => (text(row.kernel) + " " + text(row.form)).trim();

const has = id => builds.some(b => b.id === id);
const pair = ["gil", "ft"].filter(has);
const buildName = {gil: "with the GIL", ft: "free-threaded", "ft+gil": "free-threaded, GIL on"};
/* The most workers that anything was compared on. */
const N = Math.max(
  1,
  ...rows
    .flatMap(r => list(r.ratios))
    .filter(r => r.what === "scaling" && good(r))
    .map(r => r.workers),
);
const threads = plural(N, "thread");
const kinds = {
  friendly: ["Workers share nothing they write", "What free-threading is for: each worker has data of its own."],
  contended: ["Workers contend for one thing", "The same threads, but all of them write to one and the same place."],
  released: ["The library lets go of the GIL by itself", "Parallel on every build, and was so before free-threading."],
};
const ofKind = kind => rows.filter(r => r.kind === kind);

/* The middle of several ratios with the middle of their intervals; null of none. */
function middle(found) {
  const all = found.filter(good);
  if (!all.length) return null;
  return {
    n: all.length,
    ratio: median(all.map(r => r.ratio)),
    low: median(all.map(r => r.low)),
    high: median(all.map(r => r.high)),
    least: Math.min(...all.map(r => r.ratio)),
    most: Math.max(...all.map(r => r.ratio)),
  };
}
const gain = (kind, build) => middle(ofKind(kind).map(r => scaling(r, build, "threads", N)));
const free = gain("friendly", "ft"),
  held = gain("friendly", "gil");
const contended = gain("contended", "ft");
const overheads = rows
  .map(row => ({row, r: ratio(row, "build_overhead", {mode: "threads", workers: 1})}))
  .filter(o => o.r);
const overhead = middle(overheads.map(o => o.r));

/* Nothing is said that an interval leaves open. */

const worth = 1.1,
  single = rows.some(r => list(r.ratios).some(q => q.bare));
const unsteady = free && !single && free.low <= worth && free.high >= worth;
const within = (m, f) => `${f(m.low)} to ${f(m.high)}`;
