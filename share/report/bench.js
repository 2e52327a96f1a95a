/* The report of `ungil bench --html`: its texts, and what stands where. */
const {el, table, folded, section} = page;

/* --- the message --- */

function message() {
  if (free && single) return `Without the GIL, ${threads} were ${times(free.ratio)} as fast as one, in a single round.`;
  if (free && free.low > worth) return `Without the GIL, ${threads} are ${times(free.ratio)} as fast as one.`;
  if (free && free.high < worth) return `Even without the GIL, ${threads} are hardly faster than one here.`;
  if (free) return "This run was too unsteady to tell what free-threading is worth.";
  if (held) return `With the GIL, ${threads} are ${times(held.ratio)} as fast as one.`;
  if (overhead)
    return `On one thread the free-threaded build takes ${percent(overhead.ratio)} of time; what more threads gain cannot be said here.`;
  return rows.length ? "What threads gain cannot be said from this run." : "Nothing was measured.";
}
function lede() {
  const parts = [];
  if (unsteady) {
    parts.push(
      `In the middle of ${plural(free.n, "kernel")} ${threads} were ${times(free.ratio)} as fast as one without the GIL, but that can be anything from ${within(free, times)}`,
      held ? `; with it ${times(held.ratio)}, from ${within(held, times)}.` : ".",
      " Measure again on a quiet machine, or longer.",
    );
    return parts.join("");
  }
  if (free && held)
    parts.push(`With it, they are ${times(held.ratio)}. That is Python code whose threads share nothing they write.`);
  if (free && contended)
    parts.push(`Where they contend for one thing, it is ${times(contended.ratio)} even without the GIL.`);
  if (free && overhead)
    parts.push(
      overhead.low <= 1 && overhead.high >= 1 && !single
        ? "On one thread no difference is seen in the middle."
        : `The price is paid on one thread: ${percent(overhead.ratio)} of time in the middle of ${plural(overhead.n, "kernel")}.`,
    );
  if (!has("ft")) parts.push("No free-threaded build was measured, so there is nothing to compare with.");
  else if (!has("gil")) parts.push("No build with the GIL was measured, so there is nothing to compare with.");
  return parts.join(" ");
}
const range = (m, f) =>
  m.n > 1
    ? `${f(m.least)} to ${f(m.most)} in ${plural(m.n, "kernel")}`
    : m.low < m.high
      ? `95 %: ${f(m.low)} to ${f(m.high)}`
      : "one round";
function stat(name, m, f, words) {
  return m
    ? el(
        "div",
        {class: "stat " + name},
        el("span", {class: "value"}, f(m.ratio)),
        el("span", {class: "name"}, words),
        el("span", {class: "spread"}, range(m, f)),
      )
    : null;
}
function stats() {
  const cards = [
    stat("ft", free, times, `on ${threads}, free-threaded`),
    stat("gil", held, times, `on ${threads}, with the GIL`),
    stat("", contended, times, "free-threaded, but contended"),
    stat("", overhead, percent, "time on one thread, free-threaded"),
  ].filter(Boolean);
  return cards.length ? el("div", {class: "stats"}, cards) : null;
}
function warnings() {
  const out = [];
  if (result.scaling && result.scaling !== "measured") out.push(`Scaling ${text(result.scaling)}.`);
  if (machine.cpu_granted < 0.9)
    out.push(
      `The machine was busy: one thread got as little as ${Math.round(machine.cpu_granted * 100)} % of a CPU. Measure again when it is quiet.`,
    );
  if (result.rounds < 3)
    out.push(`${plural(result.rounds, "round")} only: the intervals are wide or missing. A longer run says more.`);
  return out.map(w => el("p", {class: "warning"}, w));
}

/* --- what this means --- */

function means() {
  const out = [],
    say = (...words) => out.push(el("li", null, words)),
    strong = words => el("strong", null, words);
  if (free && free.low > worth)
    say(
      strong("Python code on chunks of data: worth it. "),
      `Expect about ${times(free.ratio)} from ${threads} (${range(free, times)}).`,
    );
  else if (unsteady)
    say(
      strong("Python code on chunks of data: this run cannot tell. "),
      `${threads} gave ${times(free.ratio)} in the middle, but the interval is ${within(free, times)}.`,
    );
  else if (free)
    say(
      strong("Python code on chunks of data: not worth it here. "),
      `${threads} gave ${times(free.ratio)} (${range(free, times)}).`,
    );
  const stuck = ofKind("contended").filter(r => {
    const s = scaling(r, "ft", "threads", N);
    return s && s.high < 1 + (N - 1) / 2;
  });
  if (stuck.length)
    say(
      strong("Threads that share objects: look before you leap. "),
      `${joined(stuck.map(title))} ${stuck.length > 1 ? "do" : "does"} not scale, `,
      "because the CPUs take one cache line or one lock from each other. Give each thread its own copy and put the results together at the end.",
    );
  const released = gain("released", "gil"),
    releasedFree = gain("released", "ft");
  if (released && released.low > 1.2)
    say(
      strong("Work inside a library that lets go of the GIL: little to win. "),
      `It has ${times(released.ratio)} with the GIL already`,
      releasedFree ? ` and ${times(releasedFree.ratio)} without it.` : ".",
    );
  if (overhead)
    say(
      strong("Programs with one thread: "),
      overhead.low > 1
        ? `stay with the GIL build, which is the faster one (${percent(overhead.ratio)} of time without the GIL; ${range(overhead, percent)}).`
        : overhead.high < 1
          ? `the free-threaded build is no slower (${percent(overhead.ratio)} of time; ${range(overhead, percent)}).`
          : `no difference seen in the middle, but it depends on the code: ${range(overhead, percent)}.`,
    );
  const apart = ["interpreters", "processes"]
    .map(mode => [mode, middle(rows.map(r => scaling(r, "gil", mode, N)))])
    .filter(a => a[1] && a[1].low > worth);
  if (apart.length)
    say(
      strong("No free-threaded build at hand? "),
      `With the GIL, ${joined(apart.map(([mode, m]) => `${N} ${mode} give ${times(m.ratio)}`))}, at the price of sending data to and fro.`,
    );
  if (has("ft"))
    say(
      "One extension module that does not declare itself safe switches the GIL back on for the whole process: ",
      el("code", null, "ungil audit"),
      " names it.",
    );
  return out.length ? section("means", "What this means", el("ul", {class: "means"}, out)) : null;
}

/* --- every kernel on N workers --- */

/* One scale for all facets, so that those side by side can be compared. */
const top =
  Math.max(N, ...rows.flatMap(r => ratios(r, "scaling", {workers: N})).map(r => Math.min(r.high, 1.5 * N))) * 1.04;
function facet(heading, about, items) {
  const alt =
    `${heading}: speed-up on ${threads}. ` +
    items
      .map(
        i =>
          `${i.name}: ` +
          pair
            .filter(b => i[b])
            .map(b => `${times(i[b].ratio)} ${buildName[b]}`)
            .join(", "),
      )
      .join("; ");
  return el(
    "div",
    {class: "facet"},
    el("h3", null, heading),
    el("p", {class: "about"}, about),
    page.chart(alt, (box, width) => dots(box, width, items, top)),
    folded(
      "These figures as a table",
      table(
        `${heading}: speed-up on ${N} workers with 95 % intervals`,
        ["kernel", ...pair.map(b => buildName[b])],
        items.map(i => [i.name, ...pair.map(b => withSpread(i[b], times))]),
      ),
    ),
  );
}
const item = (row, mode, workers, name) => ({
  name: name || title(row),
  gil: scaling(row, "gil", mode, workers),
  ft: scaling(row, "ft", mode, workers),
});
const byGain = items =>
  sorted(
    items.filter(i => i.gil || i.ft),
    i => (i.ft || i.gil).ratio,
  );

function atMost() {
  const facets = Object.entries(kinds).map(([kind, [heading, about]]) => {
    const items = byGain(ofKind(kind).map(r => item(r, "threads", N)));
    return items.length ? facet(heading, about, items) : null;
  });
  const apart = byGain(
    rows.flatMap(r =>
      modesOf(r)
        .filter(m => m !== "threads" && ratios(r, "scaling", {mode: m}).length)
        .map(m => item(r, m, N, `${text(r.kernel)}, ${m}`)),
    ),
  );
  if (apart.length)
    facets.push(
      facet(
        "Interpreters and processes",
        "Workers that cannot share objects at all: the other way round the GIL.",
        apart,
      ),
    );
  const shown = facets.filter(Boolean);
  return shown.length
    ? section(
        "gain",
        `How much faster ${threads} are than one`,
        el(
          "p",
          {class: "note"},
          `1× is no gain; the dashed line is the ideal, ${N}×. Every build is compared with itself on one thread.`,
        ),
        page.legend([...pair.map(b => [b, buildName[b]]), spread, ["ideal", "ideal"]]),
        el("div", {class: "facets"}, shown),
      )
    : null;
}

/* --- by number of threads --- */

function curves() {
  const shown = rows.filter(r => pair.some(b => ratios(r, "scaling", {build: b, mode: "threads"}).length));
  if (!shown.length) return null;
  const all = shown.flatMap(r => ratios(r, "scaling", {mode: "threads"}));
  const roof = Math.max(N, ...all.map(r => Math.min(r.high, 1.25 * N))) * 1.03;
  const groups = Object.entries(kinds)
    .map(([kind, [heading]]) => [heading, shown.filter(r => r.kind === kind)])
    .filter(g => g[1].length);
  const other = shown.filter(r => !kinds[r.kind]);
  if (other.length) groups.push(["Others", other]);
  const panel = row =>
    el(
      "div",
      {class: "panel"},
      el("h4", null, title(row)),
      page.chart(
        `${title(row)}: speed-up by number of threads. ` +
          pair
            .map(
              b =>
                `${buildName[b]}: ` +
                sorted(ratios(row, "scaling", {build: b, mode: "threads"}), r => -r.workers)
                  .map(r => `${times(r.ratio)} on ${r.workers}`)
                  .join(", "),
            )
            .join("; "),
        (box, width) => curve(box, width, row, N, roof),
      ),
    );
  const by = sorted([...new Set(all.map(r => r.workers))], w => -w);
  return section(
    "curves",
    "Speed-up by number of threads",
    el("p", {class: "note"}, "Across: threads. Up: times as fast as one thread of the same build."),
    page.legend([...pair.map(b => [b, buildName[b]]), spread, ["ideal", "ideal: N threads, N times as fast"]]),
    el(
      "div",
      {class: groups.length > 1 ? "groups" : ""},
      [groups.slice(0, 1), groups.slice(1)].map(column =>
        el(
          "div",
          null,
          column.map(([heading, members]) => [
            el("h3", null, heading),
            el("div", {class: "panels"}, members.map(panel)),
          ]),
        ),
      ),
    ),
    folded(
      "These figures as a table",
      table(
        "Speed-up by number of threads, with 95 % intervals",
        ["kernel", ...by.flatMap(w => pair.map(b => `${w} threads, ${buildName[b]}`))],
        shown.map(r => [title(r), ...by.flatMap(w => pair.map(b => withSpread(scaling(r, b, "threads", w), times)))]),
      ),
    ),
  );
}

/* --- contended beside friendly --- */

function pairs() {
  const told = ofKind("contended")
    .map(row => ({row, r: scaling(row, "ft", "threads", N)}))
    .filter(t => t.r || t.row.resource);
  if (!told.length) return null;
  const twin = row =>
    rows.find(r => r.kernel === row.kernel && r.kind === "friendly" && scaling(r, "ft", "threads", N));
  return section(
    "contended",
    "What the slow ones contend for",
    el(
      "p",
      {class: "note"},
      `Free-threaded, on ${threads}, beside the same work without contention. The CPUs are busy all the time, but with each other: a cache line or a lock can be with one of them only.`,
    ),
    el(
      "ul",
      {class: "pairs"},
      told.map(({row, r}) => {
        const other = twin(row),
          o = other && scaling(other, "ft", "threads", N);
        return el(
          "li",
          null,
          el("h3", null, title(row)),
          el(
            "div",
            {class: "versus"},
            r
              ? el("div", null, el("b", null, times(r.ratio)), el("span", null, "contended" + interval(r, times)))
              : null,
            o
              ? el("div", null, el("b", null, times(o.ratio)), el("span", null, title(other) + interval(o, times)))
              : null,
          ),
          el("p", null, "Contended: ", text(row.resource) || "not said"),
        );
      }),
    ),
  );
}

/* --- overhead --- */

function price() {
  if (!overheads.length) return null;
  const items = sorted(overheads, o => o.r.ratio);
  const undecided = items.filter(o => o.r.verdict && o.r.verdict !== "difference").length;
  return section(
    "overhead",
    "What it costs on one thread",
    el(
      "p",
      {class: "note"},
      "More time than the build with the GIL takes, in percent; to the left of zero it takes less.",
      undecided
        ? ` For ${undecided} of ${items.length} the verdict is "no difference seen": what is called a difference must hold among all comparisons of the run at once, so a single interval beside zero is not enough.`
        : "",
    ),
    page.legend([["spread", "95 % interval"]]),
    page.chart(
      "Time of the free-threaded build on one thread against the build with the GIL. " +
        items.map(o => `${title(o.row)}: ${percent(o.r.ratio)}`).join("; "),
      (box, width) => bars(box, width, items),
    ),
    folded(
      "These figures as a table",
      table(
        "Overhead of the free-threaded build on one thread",
        ["kernel", "more time", "95 % interval", "verdict"],
        items.map(o => [
          title(o.row),
          percent(o.r.ratio),
          o.r.bare ? "none" : `${percent(o.r.low)} to ${percent(o.r.high)}`,
          text(o.r.verdict) || "–",
        ]),
      ),
    ),
  );
}

/* --- claims --- */

const verdicts = {
  "does not hold here": ["fails", "✗"],
  "holds here": ["holds", "✓"],
  "cannot be said": ["open", "?"],
  "not measured": ["open", "–"],
};
function claims() {
  const all = list(result.claims);
  if (!all.length) return null;
  const order = Object.keys(verdicts),
    count = v => all.filter(c => c.verdict === v).length;
  return section(
    "claims",
    "What is said, and what was seen here",
    el(
      "p",
      {class: "note"},
      `Of ${plural(all.length, "common claim")}, ` +
        joined(
          order.filter(count).map(
            v =>
              `${count(v)} ${
                {
                  "does not hold here": count(v) === 1 ? "does not hold" : "do not hold",
                  "holds here": count(v) === 1 ? "holds" : "hold",
                }[v] || v
              }`,
          ),
        ) +
        ". A verdict is given only where the whole interval agrees with it.",
    ),
    el(
      "ul",
      {class: "claims"},
      sorted(all, c => -order.indexOf(c.verdict)).map(c => {
        const [name, sign] = verdicts[c.verdict] || ["open", "?"];
        return el(
          "li",
          {class: "claim"},
          el("p", {class: "verdict " + name}, el("span", {"aria-hidden": "true"}, sign + " "), text(c.verdict)),
          el("div", null, el("p", {class: "said"}, text(c.said)), el("p", {class: "who"}, text(c.who))),
          el("div", null, c.measured ? el("p", null, text(c.measured)) : null, el("p", {class: "why"}, text(c.why))),
        );
      }),
    ),
  );
}

/* --- facts, method, all times --- */

function facts() {
  const dl = pairsOf =>
    el(
      "dl",
      null,
      pairsOf.filter(p => text(p[1]) !== "").map(([k, v]) => [el("dt", null, k), el("dd", null, text(v))]),
    );
  const m = machine;
  const block = (heading, pairsOf) => el("div", null, el("h3", null, heading), dl(pairsOf));
  const cpus =
    m.cpus === undefined
      ? ""
      : plural(m.cpus, "CPU") +
        (m.cpus_online > m.cpus ? ` of ${m.cpus_online}` : "") +
        (m.quota ? `, quota ${m.quota}` : "");
  return section(
    "facts",
    "Machine and builds",
    el(
      "div",
      {class: "facts"},
      block("Machine", [
        ["Processor", m.cpu],
        ["May use", cpus],
        ["System", m.system],
        ["Kernel", [m.kernel, m.arch].filter(Boolean).join(", ")],
        ["Load before", m.load === undefined ? "" : Number(m.load).toFixed(2)],
        ["CPU granted", m.cpu_granted > 0 ? Math.round(m.cpu_granted * 100) + " % at least" : ""],
      ]),
      builds
        .filter(b => b.id !== "ft+gil")
        .map(b =>
          block(b.variant === "ft" ? "Free-threaded build" : "Build with the GIL", [
            ["Release", b.release],
            ["Installed as", b.name],
            ["Preset", b.preset],
            ["Compiler", b.compiler],
            ["configure", b.configure],
            ["Interpreter", b.python],
          ]),
        ),
      block("Run", [
        ["Started", text(result.started).replace("T", " ").replace("Z", " UTC")],
        ["Took", result.seconds > 0 ? `${Math.round(result.seconds)} s` : ""],
        ["Length", result.length],
        ["Rounds", result.rounds],
        ["Workers", list(result.workers).join(", ")],
        ["Scaling", result.scaling],
      ]),
    ),
  );
}
function method() {
  const shows = rows.filter(r => r.shows || r.skip);
  const cellRows = rows.flatMap(r =>
    list(r.cells).map(c => [
      title(r),
      text(buildName[c.build] || c.build),
      text(c.mode),
      text(c.workers),
      seconds(c.seconds),
      seconds(c.mad || 0),
      c.cpu_seconds > 0 && c.seconds > 0 ? (c.cpu_seconds / c.seconds).toFixed(2) : "–",
    ]),
  );
  const effect = rows.map(r => [title(r), ratio(r, "gil_effect", {mode: "threads", workers: N})]).filter(e => e[1]);
  return section(
    "method",
    "How it was measured",
    el(
      "p",
      {class: "note"},
      "Every value comes from a fresh process, after a warm-up that is not counted. A round measures all builds one after the other, so that a machine that changes its pace touches ",
      "all of them; ratios are taken within a round, and an interval says how far the rounds agree: 95 of 100 such intervals hold the true ratio. The work and its result are the same everywhere, and every worker makes sure that the GIL was on or off as it should be.",
    ),
    shows.length
      ? folded(
          "What each kernel shows",
          table(
            "Kernels",
            ["kernel", "kind", "shows"],
            shows.map(r => [title(r), text(r.kind), r.skip ? "not measured: " + text(r.skip) : text(r.shows)]),
          ),
        )
      : null,
    effect.length
      ? folded(
          "The same build with the GIL switched on again",
          table(
            `Free-threaded build on ${threads}: how many times as long it takes with the GIL on`,
            ["kernel", "times as long with the GIL on"],
            effect.map(([name, r]) => [name, withSpread(r, times)]),
          ),
        )
      : null,
    cellRows.length
      ? folded(
          "All times",
          table(
            "All times: median and median absolute deviation; CPUs is processor time by time",
            ["kernel", "build", "mode", "workers", "median", "spread", "CPUs"],
            cellRows,
          ),
        )
      : null,
  );
}

/* --- the page --- */

page.theme();
const release = builds.length ? text(builds[0].release) : "";
document.title = `Free-threading ${release} here: ${message()}`;
document.getElementById("brand").textContent = [
  "ungil bench",
  release && "CPython " + release,
  machine.cpus && plural(machine.cpus, "CPU"),
  text(result.started).slice(0, 10),
]
  .filter(Boolean)
  .join(" · ")
  .replace(/-/g, "\u2011");
document.getElementById("message").textContent = message();
document.getElementById("lede").textContent = lede();
document
  .getElementById("report")
  .append(
    ...[stats(), ...warnings(), means(), atMost(), pairs(), curves(), price(), claims(), facts(), method()].filter(
      Boolean,
    ),
  );
document
  .getElementById("footer")
  .append(
    `Made by ungil ${text(result.ungil)}. This page asks nothing of any network. Charts: Chartist, whose licence (MIT) is in the page's source.`,
  );
page.start();
