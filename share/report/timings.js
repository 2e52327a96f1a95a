/* The page of `ungil install --timings FILE.html`: format 1, see `ungil help install`. */
const {el, svg, table, section} = page;
const result = page.data();
const list = x => (Array.isArray(x) ? x : []);
const text = x => (x === null || x === undefined ? "" : String(x));
const number = x => (Number.isFinite(x) ? x : 0);
const plural = (n, one) => `${n} ${n === 1 ? one : one + "s"}`;
const percent = x => (Number.isFinite(x) ? `${Math.round(x * 100)}\u00a0%` : "–");

const summary = result.summary || {},
  cpus = number(result.cpus),
  wall = number(summary.wall);
const spans = list(result.spans).filter(s => s && typeof s === "object");
const byId = new Map(spans.map(s => [s.id, s]));
const lanes = [...new Set(spans.map(s => text(s.lane)))];
/* What neither idled nor was used by this install. */
const others = Number.isFinite(summary.idle_share) ? 1 - summary.idle_share - number(summary.used_share) : 0;
const critical = spans.filter(s => s.critical);

/* A number and its unit stay on one line. */
const unbroken = words => words.replace(/ /g, "\u00a0");
function duration(s) {
  if (s < 0.0005) return unbroken("0 s");
  if (s < 1) return unbroken(`${Math.round(s * 1000)} ms`);
  if (s < 10) return unbroken(`${s.toFixed(2)} s`);
  if (s < 59.95) return unbroken(`${s.toFixed(1)} s`);
  const whole = Math.round(s),
    two = n => String(n).padStart(2, "0");
  if (whole < 3600) return unbroken(`${Math.floor(whole / 60)} min ${two(whole % 60)} s`);
  const minutes = Math.round(whole / 60);
  return unbroken(`${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`);
}
const took = s => Math.max(0, number(s.end) - number(s.start));
const nameOf = s => (text(s.stage) + " " + text(s.detail)).trim();
/* "3.14.7t" is free-threaded, "3.14.7" has the GIL, everything else is for both. */
const kind = lane => (/^\d+[.\w]*\.\d+\w*?t/.test(lane) ? "ft" : /^\d+\./.test(lane) ? "gil" : "other");

/* --- the message --- */

function message() {
  const failed = spans.find(s => s.outcome === "failed" && s.end === Math.max(...spans.map(x => number(x.end))));
  const culprit = failed || spans.filter(s => s.outcome === "failed").pop();
  if (result.outcome === "failed" && culprit)
    return `${text(culprit.lane)}: ${nameOf(culprit)} failed after ${duration(wall)}.`;
  if (result.outcome === "failed") return `The install failed after ${duration(wall)}.`;
  if (result.outcome === "interrupted") return `The install was stopped after ${duration(wall)}.`;
  if (!spans.length) return "There was nothing to do.";
  return `The install took ${duration(wall)}.`;
}
function longest() {
  const by = new Map();
  for (const s of critical) by.set(text(s.stage), (by.get(text(s.stage)) || 0) + took(s));
  return [...by].sort((a, b) => b[1] - a[1]);
}
function lede() {
  const parts = [];
  if (Number.isFinite(summary.idle_share))
    parts.push(`The ${cpus === 1 ? "CPU" : cpus + " CPUs"} idled ${percent(summary.idle_share)} of the time.`);
  if (others > 0.1)
    parts.push(`Other programs had ${percent(others)} of it: on a quiet machine these times would be others.`);
  const first = longest()[0];
  if (first && wall > 0)
    parts.push(
      `The longest part of the critical path is ${first[0]}: ${duration(first[1])}, ${percent(first[1] / wall)} of the time.`,
    );
  return parts.join(" ");
}
function stats() {
  const cards = [
    [duration(wall), "from start to end", `${plural(spans.length, "stage")} in ${plural(lanes.length, "lane")}`],
    [
      duration(number(summary.cpu_seconds) + number(summary.own_cpu_seconds)),
      "of CPU time",
      wall > 0
        ? `${((number(summary.cpu_seconds) + number(summary.own_cpu_seconds)) / wall).toFixed(2)} of ${plural(cpus, "CPU")} on average`
        : "",
    ],
    Number.isFinite(summary.idle_share)
      ? [
          percent(summary.idle_share),
          "of the CPUs' time idle",
          `half a CPU or more in ${percent(summary.underused_share)} of the time`,
        ]
      : null,
    [duration(number(summary.critical_seconds)), "on the critical path", plural(critical.length, "stage")],
  ].filter(Boolean);
  return el(
    "div",
    {class: "stats"},
    cards.map(([value, name, more]) =>
      el(
        "div",
        {class: "stat"},
        el("span", {class: "value"}, value),
        el("span", {class: "name"}, name),
        el("span", {class: "spread"}, more),
      ),
    ),
  );
}

/* --- the charts: both have time from left to right, in the same places --- */

const wide = width => width >= 640;
const letter = 6.9; /* about the width of one at 12 px */

/* As much as there is room for. */
const fit = (words, room, each) => {
  const most = Math.max(2, Math.floor(room / each));
  return words.length > most ? words.slice(0, most - 1) + "…" : words;
};

/* x of a time; the picture is `height` high. */
function scale(box, width, height) {
  const left = wide(width) ? Math.min(175, 24 + Math.max(...lanes.map(l => l.length), 4) * 8.5) : 8,
    right = width - 14;
  const node = svg("svg", {viewBox: `0 0 ${width} ${height}`, height, "aria-hidden": "true"});
  box.append(node);
  const x = t => left + (wall > 0 ? (t / wall) * (right - left) : 0);
  return {node, left, right, x};
}
function axis(c, top, bottom) {
  const minutes = wall >= 180,
    unit = minutes ? 60 : 1;
  for (const t of page.ticks(0, wall / unit, Math.max(2, (c.right - c.left) / 110))) {
    const x = c.x(t * unit),
      words = wall < 1 ? `${Math.round(t * 1000)} ms` : `${+t.toFixed(3)} ${minutes ? "min" : "s"}`;
    c.node.append(svg("line", {class: "grid", x1: x, x2: x, y1: top, y2: bottom}));
    const over = x + (words.length * letter) / 2 > c.right + 14;
    const under = x - (words.length * letter) / 2 < 0;
    c.node.append(
      svg("text", {x: under ? 0 : over ? c.right + 14 : x, y: bottom + 18, class: under ? "" : over ? "end" : "middle"}, words),
    );
  }
}

/* How high a lane is: its name where that stands above, the bar, the words below. */
const bar = 16;
const rowHeight = width => (wide(width) ? 48 : 66);
function gantt(box, width) {
  const high = rowHeight(width),
    bottom = lanes.length * high + 4,
    c = scale(box, width, bottom + 26);
  axis(c, 4, bottom);
  const top = s => lanes.indexOf(text(s.lane)) * high + (wide(width) ? 8 : 24);
  for (const s of spans) waits(c, s, top);
  const free = new Map(); /* where the next words of a lane may begin */
  for (const s of spans) draw(c, s, top(s), free, width);
  for (let i = 1; i < critical.length; i++) {
    const a = critical[i - 1],
      b = critical[i];
    if (a.lane === b.lane) continue;
    const down = top(b) > top(a);
    c.node.append(
      svg("path", {
        class: "way",
        d: `M${c.x(a.end)} ${top(a) + (down ? bar : 0)}L${c.x(b.start)} ${top(b) + (down ? 0 : bar)}`,
      }),
    );
  }
  for (const node of c.node.querySelectorAll("text")) c.node.append(node); /* words lie above lines */
  lanes.forEach((lane, i) =>
    c.node.append(
      svg(
        "text",
        {x: 0, y: i * high + (wide(width) ? 21 : 17), class: "row"},
        fit(lane, wide(width) ? c.left - 10 : width - 8, 8.5),
      ),
    ),
  );
}
function waits(c, s, top) {
  if (!(s.waited > 0) || c.x(s.start) - c.x(s.start - s.waited) < 3) return;
  const y = top(s) + bar / 2;
  c.node.append(svg("line", {class: "wait", x1: c.x(s.start - s.waited), x2: c.x(s.start), y1: y, y2: y}));
}
function draw(c, s, y, free, width) {
  const from = c.x(number(s.start)),
    to = Math.max(c.x(number(s.end)), from + 1.5),
    words = fit(text(s.stage) + (s.outcome === "failed" ? " failed" : ""), width, letter);
  const outcome = ["failed", "interrupted"].includes(s.outcome) ? " " + s.outcome : "";
  const shape = svg("rect", {
    class: `span ${kind(text(s.lane))}${s.critical ? "" : " spare"}${outcome}`,
    x: from + 1,
    y,
    width: Math.max(0.5, to - from - 2.5),
    height: bar,
  });
  shape.append(svg("title", null, `${text(s.lane)}: ${nameOf(s)}, ${duration(took(s))}`));
  c.node.append(shape);
  /* The words of a stage fit below it, or at least overlap no others; the table has them all. */
  const size = words.length * letter,
    before = free.get(s.lane) || 0;
  if ((to - from < size - 6 && outcome !== " failed") || from < before) return;
  const over = from + size > width;
  c.node.append(
    svg(
      "text",
      {
        x: over ? width : from,
        y: y + bar + 14,
        class: (over ? "end" : "") + (s.outcome === "failed" ? " bad" : ""),
      },
      words,
    ),
  );
  free.set(s.lane, from + size + 4);
}
function legend() {
  const sign = (...parts) => svg("svg", {width: 26, height: 14, viewBox: "0 0 26 14"}, parts);
  const box = name => svg("rect", {class: "span other " + name, x: 1, y: 1, width: 24, height: 12});
  const entries = [
    [sign(box("")), "on the critical path"],
    [sign(box("spare")), "beside it"],
    spans.some(s => s.waited > wall / 200)
      ? [sign(svg("line", {class: "wait", x1: 0, x2: 26, y1: 7, y2: 7})), "waiting to begin"]
      : null,
    spans.some(s => s.outcome === "failed") ? [sign(box("failed")), "failed"] : null,
    spans.some(s => s.outcome === "interrupted") ? [sign(box("spare interrupted")), "stopped"] : null,
  ].filter(Boolean);
  return el(
    "ul",
    {class: "legend", "aria-hidden": "true"},
    entries.map(([picture, words]) => el("li", null, picture, words)),
  );
}

const busy = result.busy || {};
const samples = list(busy.at)
  .map((at, i) => [number(at), number(list(busy.share)[i])])
  .filter(([at]) => at > 0);
function use(box, width) {
  const bottom = 100,
    c = scale(box, width, bottom + 26),
    y = share => bottom - share * (bottom - 18);
  axis(c, 18, bottom);
  for (const share of [0, 0.5, 1]) {
    c.node.append(svg("line", {class: "grid", x1: c.left, x2: c.right, y1: y(share), y2: y(share)}));
    if (wide(width))
      c.node.append(svg("text", {x: c.left - 8, y: y(share) + (share ? 4 : 0), class: "end"}, `${share * 100} %`));
  }
  if (!wide(width)) c.node.append(svg("text", {x: 0, y: 13}, "100 %"));
  let d = `M${c.x(0)} ${y(0)}`,
    before = 0;
  for (const [at, share] of samples) {
    d += `L${c.x(before)} ${y(share)}L${c.x(at)} ${y(share)}`;
    before = at;
  }
  c.node.append(svg("path", {class: "busy", d: d + `L${c.x(before)} ${y(0)}Z`}));
}
function charts() {
  if (!spans.length) return null;
  const way = critical.map(s => `${text(s.lane)} ${nameOf(s)} ${duration(took(s))}`).join(", ");
  return section(
    "stages",
    "Stages",
    el(
      "p",
      {class: "note"},
      "A lane is an interpreter, the source, or what is done to all at once. Nothing gets faster unless a stage of the critical path does.",
    ),
    legend(),
    page.chart(`The stages over time; the critical path is ${way}. All of them are in the table below.`, gantt),
    samples.length
      ? el(
          "div",
          {id: "use"},
          el("h3", null, `How busy ${cpus === 1 ? "the CPU was" : `the ${cpus} CPUs were`}, whoever used them`),
          page.chart(`Share of the CPUs' time that was busy; ${percent(summary.idle_share)} was idle in all.`, use),
        )
      : null,
  );
}

/* --- the figures --- */

/* A table never tears a word, so that it needs no more lines than it must; but for those no column has room for. */
const whole = words => (/[^\s\u00a0]{25,}/.test(words) ? el("span", {class: "torn"}, words) : words);
function kinds() {
  const stages = Object.entries(summary.stages || {});
  if (!stages.length) return null;
  return section(
    "kinds",
    "Where the time went",
    table(
      "Each kind of stage, all lanes added",
      ["stage", "time", "CPU time", "CPUs in use"],
      stages.map(([name, s]) => [
        whole(name),
        duration(number(s.seconds)),
        duration(number(s.cpu_seconds)),
        s.seconds > 0 ? (number(s.cpu_seconds) / s.seconds).toFixed(2) : "–",
      ]),
    ),
  );
}
function waited(s) {
  const parts = [];
  if (s.waited > 0.0005) parts.push(duration(s.waited) + (s.waited_for ? ` for ${text(s.waited_for)}` : ""));
  if (s.paused > 0.0005) parts.push(`${duration(s.paused)} in the middle`);
  return parts.join(", ") || "–";
}
const ends = {failed: ", failed", interrupted: ", stopped"};
function all() {
  if (!spans.length) return null;
  const after = s =>
    list(s.after)
      .map(id => byId.get(id))
      .filter(Boolean)
      .map(p => (p.lane === s.lane ? text(p.stage) : `${text(p.stage)} of ${text(p.lane)}`))
      .join(", ") || "–";
  return section(
    "all",
    "Every stage",
    /* on a phone each is a list of ten lines */
    el(
      "details",
      matchMedia("(max-width: 760px)").matches ? null : {open: ""},
      el("summary", null, "CPU time is of the stage's own programs; idle, of all CPUs meanwhile"),
      table(
        "Every stage, in the order in which they began",
        ["stage", "lane", "began", "took", "CPU time", "idle", "after", "waited", "critical"],
        spans.map(s => [
          whole(nameOf(s) + (s.resumed ? ", resumed" : "") + (ends[s.outcome] || "")),
          whole(text(s.lane)),
          duration(number(s.start)),
          duration(took(s)),
          duration(number(s.cpu_seconds)),
          percent(s.idle_share),
          whole(after(s)),
          whole(waited(s)),
          s.critical ? "yes" : "–",
        ]),
      ),
    ),
  );
}

/* --- the page --- */

page.theme();
document.title = message().replace(/\.$/, "");
document.getElementById("brand").textContent = [
  "ungil install",
  cpus && plural(cpus, "CPU") + (result.quota ? `, quota ${result.quota}` : ""),
  text(result.started).replace("T", " ").replace("Z", " UTC"),
]
  .filter(Boolean)
  .join(" · ")
  .replace(/-/g, "\u2011");
document.getElementById("message").textContent = message();
document.getElementById("lede").textContent = lede();
document.getElementById("report").append(...[stats(), charts(), kinds(), all()].filter(Boolean));
document
  .getElementById("footer")
  .append(`Made by ungil ${text(result.ungil)}. This page asks nothing of any network.`);
page.start();
