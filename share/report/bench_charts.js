/* The charts of the bench report, each drawn into an element of some width; see page.made. */

/* --- dots: every kernel on N workers --- */

const spread = ["spread", "95 % interval"];
const sorted = (items, key) =>
  items
    .map(x => [x, key(x)])
    .sort((a, b) => b[1] - a[1])
    .map(x => x[0]);

/* items: {name, gil, ft}, ratios or undefined */
function dots(box, width, items, top) {
  const beside = width >= 430,
    lane = beside ? 30 : 50,
    label = beside ? 165 : 0,
    figures = pair.length * 50 + 6;
  const height = items.length * lane + 44,
    marks = page.ticks(0, top, width > 500 ? 5 : 3);
  const chart = new Chartist.LineChart(
    box,
    {series: [items.map((_, i) => ({x: 1, y: i}))]},
    {
      width: width + "px",
      height: height + "px",
      showLine: false,
      showPoint: false,
      chartPadding: {top: 18, right: figures, bottom: 0, left: beside ? 6 : 12},
      axisX: {
        type: Chartist.FixedScaleAxis,
        highLow: {low: 0, high: top},
        ticks: marks,
        showLabel: false,
        offset: 22,
      },
      axisY: {
        type: Chartist.FixedScaleAxis,
        highLow: {low: items.length - 0.5, high: -0.5},
        ticks: [],
        showLabel: false,
        offset: label,
      },
    },
  );
  return page.made(chart, width, height, c => {
    for (const t of marks) c.text(c.x(t), c.bottom + 16, t + "×", "middle");
    c.line(c.x(1), c.top, c.x(1), c.bottom, "one");
    if (N > 1) {
      c.line(c.x(N), c.top, c.x(N), c.bottom, "ideal");
      c.text(c.x(N), 12, "ideal", "middle");
    }
    pair.forEach((b, k) => c.text(width - (pair.length - 1 - k) * 52, 12, b === "gil" ? "GIL" : "free", "end " + b));
    items.forEach((item, i) => {
      const y = c.y(i) + (beside ? 0 : 10);
      c.text(beside ? 0 : c.left, beside ? y + 5 : y - 16, short(item.name, beside ? 21 : 34), "row");
      c.line(c.left, y, c.right, y, "lane");
      pair.forEach((b, k) => {
        const r = item[b],
          shift = pair.length > 1 ? (k ? 4 : -4) : 0;
        if (!r) return c.text(width - (pair.length - 1 - k) * 52, y + 5, "–", "end");
        if (!r.bare)
          c.node.append(page.whisker(b, c.x(r.low), y + shift, c.x(Math.min(r.high, top)), y + shift, r.high > top));
        c.node.append(page.mark(b, c.x(Math.min(r.ratio, top)), y + shift, 4));
        c.text(width - (pair.length - 1 - k) * 52, y + 5, times(r.ratio), "end " + b);
      });
    });
  });
}
const short = (words, n) => (words.length > n ? words.slice(0, n - 1) + "…" : words);
const interval = (r, f) => (r.bare ? "" : ` (${f(r.low)} to ${f(r.high)})`);
const withSpread = (r, f) => (r ? f(r.ratio) + interval(r, f) : "–");

/* --- curves: speed-up by number of threads --- */

function curve(box, width, row, most, top) {
  const height = Math.round(Math.min(190, Math.max(132, width * 0.8)));
  const scale =
    most > 8 ? Math.log2 : v => v - 1; /* many workers: doublings, so that the ideal stays a straight line */
  const rise = most > 8 ? v => Math.log2(Math.max(v, 0.5)) : v => v;
  const points = build => [
    {x: scale(1), y: rise(1)},
    ...sorted(ratios(row, "scaling", {build, mode: "threads"}), r => -r.workers).map(r => ({
      x: scale(r.workers),
      y: rise(Math.min(r.ratio, top)),
    })),
  ];
  const workers = [1, ...list(result.workers).filter(w => w > 1 && w <= most)];
  const few = workers.filter((_, i) => i % Math.ceil(workers.length / 4) === 0),
    marks = most > 8 ? few : [0, ...few];
  const low = most > 8 ? rise(0.5) : 0;
  const chart = new Chartist.LineChart(
    box,
    {
      series: [
        {
          className: "ct-series-ideal",
          data: [
            {x: scale(1), y: rise(1)},
            {x: scale(most), y: rise(most)},
          ],
        },
        ...pair.map(b => ({className: "ct-series-" + b, data: points(b)})),
      ],
    },
    {
      width: width + "px",
      height: height + "px",
      showPoint: false,
      lineSmooth: Chartist.Interpolation.none(),
      chartPadding: {top: 8, right: 56, bottom: 0, left: 0},
      axisX: {
        type: Chartist.FixedScaleAxis,
        highLow: {low: scale(1), high: scale(most)},
        ticks: workers.map(scale),
        showGrid: false,
        showLabel: false,
        offset: 20,
      },
      axisY: {
        type: Chartist.FixedScaleAxis,
        highLow: {low, high: rise(top)},
        ticks: marks.map(rise),
        showLabel: false,
        offset: 26,
      },
    },
  );
  return page.made(chart, width, height, c => {
    for (const t of marks) c.text(c.left - 6, c.y(rise(t)) + 4, t + "×", "end");
    for (const w of workers) c.text(c.x(scale(w)), c.bottom + 15, String(w), "middle");
    const ends = [];
    pair.forEach((b, k) => {
      const all = ratios(row, "scaling", {build: b, mode: "threads"});
      c.node.append(page.mark(b, c.x(scale(1)), c.y(rise(1)), 3));
      for (const r of all) {
        const x = c.x(scale(r.workers)) + (pair.length > 1 ? (k ? 1.5 : -1.5) : 0);
        if (!r.bare)
          c.node.append(page.whisker(b, x, c.y(rise(r.low)), x, c.y(rise(Math.min(r.high, top))), r.high > top));
        c.node.append(page.mark(b, x, c.y(rise(Math.min(r.ratio, top))), 3.5));
        if (r.workers === most) ends.push({b, y: c.y(rise(Math.min(r.ratio, top))), words: times(r.ratio)});
      }
    });
    ends.sort((p, q) => p.y - q.y);
    if (ends.length === 2 && ends[1].y - ends[0].y < 15) {
      const between = (ends[0].y + ends[1].y) / 2,
        up = Math.min(between, c.bottom - 8);
      ends[0].y = up - 7.5;
      ends[1].y = up + 7.5;
    }
    for (const e of ends) c.text(c.right + 9, e.y + 4.5, e.words, e.b);
  });
}

/* --- overhead bars --- */

function bars(box, width, items) {
  const beside = width >= 560,
    lane = beside ? 28 : 44,
    label = beside ? 165 : 0,
    figures = beside ? 170 : 64;
  const value = r => (r - 1) * 100,
    all = items.map(o => value(o.r.ratio)),
    room = 0.5 * Math.max(...all.map(Math.abs)) + 5;
  /* An interval that goes on and on would leave no room for the bars. */
  const low = Math.max(Math.min(-5, ...items.map(o => value(o.r.low))), Math.min(...all, 0) - room) * 1.02;
  const high = Math.min(Math.max(10, ...items.map(o => value(o.r.high))), Math.max(...all, 5) + room) * 1.02,
    height = items.length * lane + 30;
  const marks = page.ticks(low, high, width > 700 ? 8 : width > 500 ? 5 : 4);
  /* Bars as lines between two points: a bar chart of Chartist knows no scale with a fixed place for every bar. */
  const chart = new Chartist.LineChart(
    box,
    {
      series: items.map((o, i) => ({
        className: "bars",
        data: [
          {x: 0, y: i},
          {x: value(o.r.ratio), y: i},
        ],
      })),
    },
    {
      width: width + "px",
      height: height + "px",
      showPoint: false,
      lineSmooth: Chartist.Interpolation.none(),
      classNames: {line: "ct-bar"},
      chartPadding: {top: 4, right: figures, bottom: 0, left: 6},
      axisX: {type: Chartist.FixedScaleAxis, highLow: {low, high}, ticks: marks, showLabel: false, offset: 22},
      axisY: {
        type: Chartist.FixedScaleAxis,
        highLow: {low: items.length - 0.5, high: -0.5 - (beside ? 0 : 0.2)},
        ticks: [],
        showLabel: false,
        offset: label,
      },
    },
  );
  return page.made(chart, width, height, c => {
    for (const t of marks) c.text(c.x(t), c.bottom + 16, percent(1 + t / 100), "middle");
    c.line(c.x(0), c.top, c.x(0), c.bottom, "one");
    items.forEach((o, i) => {
      const y = c.y(i);
      c.text(beside ? 0 : c.left, beside ? y + 5 : y - 13, short(title(o.row), beside ? 21 : 34), "row");
      if (!o.r.bare)
        c.node.append(
          page.whisker(
            "plain",
            c.x(Math.max(low, value(o.r.low))),
            y,
            c.x(Math.min(high, value(o.r.high))),
            y,
            value(o.r.high) > high,
            value(o.r.low) < low,
          ),
        );
      c.text(width, y + 5, percent(o.r.ratio) + (beside ? interval(o.r, percent) : ""), "end");
    });
  });
}
