/* What every report needs: elements, tables, charts, the switch of colours. All text goes in as text nodes. */
"use strict";
const page = (() => {
  const svgNames = "http://www.w3.org/2000/svg";

  /* el("p", {class: "note"}, "text", child, [children], null) */
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {}))
      if (value !== null && value !== undefined) node.setAttribute(name, value);
    for (const child of children.flat(Infinity))
      if (child !== null && child !== undefined && child !== "") node.append(child);
    return node;
  }
  const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) => fill(document.createElementNS(svgNames, tag), attributes, children);

  /* A table with a head; on a phone each row becomes a block, in which the head's words stand before the figures. */
  function table(caption, head, rows) {
    return el(
      "table",
      {role: "table"},
      el("caption", {class: "unseen"}, caption),
      el(
        "thead",
        {role: "rowgroup"},
        el(
          "tr",
          {role: "row"},
          head.map(h => el("th", {scope: "col", role: "columnheader"}, h)),
        ),
      ),
      el(
        "tbody",
        {role: "rowgroup"},
        rows.map(row =>
          el(
            "tr",
            {role: "row"},
            row.map((cell, i) =>
              i === 0
                ? el("th", {scope: "row", role: "rowheader"}, cell)
                : el("td", {role: "cell", "data-label": head[i]}, cell),
            ),
          ),
        ),
      ),
    );
  }
  const folded = (summary, ...children) => el("details", null, el("summary", null, summary), children);

  const section = (id, title, ...children) =>
    el("section", {id, "aria-labelledby": id + "-title"}, el("h2", {id: id + "-title"}, title), children);

  /* --- charts: Chartist scales and draws, what it has no word for is added when it is done --- */

  const charts = [];
  /* An element in which draw(element, width) makes a chart, again whenever its width changes. `alt` is its text. */
  function chart(alt, draw) {
    const box = el("div", {class: "chart", role: "img", "aria-label": alt});
    charts.push({box, draw, width: 0});
    return box;
  }
  function drawCharts() {
    for (const c of charts) {
      const width = Math.floor(c.box.getBoundingClientRect().width);
      if (width === c.width || width < 40) continue;
      c.width = width;
      if (c.chart) c.chart.detach();
      c.box.replaceChildren();
      c.chart = c.draw(c.box, width);
    }
  }
  /* Starts drawing; charts must be in the page by then. */
  function start() {
    drawCharts();
    let soon = 0;
    new ResizeObserver(() => {
      cancelAnimationFrame(soon);
      soon = requestAnimationFrame(drawCharts);
    }).observe(document.getElementById("main"));
  }
  /* Chartist's own resize handler would draw twice; ours knows the width. A viewBox lets paper shrink the picture. */
  function made(chartist, width, height, more) {
    chartist.on("created", drawn => {
      window.removeEventListener("resize", chartist.resizeListener);
      const node = drawn.svg.getNode();
      node.setAttribute("viewBox", `0 0 ${width} ${height}`);
      node.removeAttribute("style");
      node.setAttribute("aria-hidden", "true");
      more({
        node,
        left: drawn.chartRect.x1,
        right: drawn.chartRect.x2,
        top: drawn.chartRect.y2,
        bottom: drawn.chartRect.y1,
        x: v => drawn.chartRect.x1 + drawn.axisX.projectValue({x: v}),
        y: v => drawn.chartRect.y1 - drawn.axisY.projectValue({y: v}),
        text: (x, y, words, name) => node.append(svg("text", {x, y, class: name}, words)),
        line: (x1, y1, x2, y2, name) => node.append(svg("line", {x1, y1, x2, y2, class: name})),
      });
    });
    return chartist;
  }

  /* The marks of the builds: a filled circle and an open square, so that colour is not all that tells them. */
  function mark(name, x, y, r) {
    return name === "gil"
      ? svg("rect", {class: "mark gil", x: x - r + 0.5, y: y - r + 0.5, width: 2 * r - 1, height: 2 * r - 1})
      : svg("circle", {class: "mark " + name, cx: x, cy: y, r});
  }
  /* From x1, y1 to x2, y2, which are across or upright; an end that is open goes on: an arrow. */
  function whisker(name, x1, y1, x2, y2, open2, open1) {
    const c = 4.5,
      across = y1 === y2;
    const end = (x, y, open, out) =>
      across
        ? open
          ? `M${x - out * c} ${y - c}L${x} ${y}l${-out * c} ${c}`
          : `M${x} ${y - c}v${2 * c}`
        : open
          ? `M${x - c} ${y + out * c}L${x} ${y}l${c} ${out * c}`
          : `M${x - c} ${y}h${2 * c}`;
    return svg("path", {
      class: "whisker " + name,
      d: `M${x1} ${y1}L${x2} ${y2}` + end(x1, y1, open1, -1) + end(x2, y2, open2, 1),
    });
  }
  function legend(entries) {
    return el(
      "ul",
      {class: "legend", "aria-hidden": "true"},
      entries.map(([name, words]) => {
        const sign = svg("svg", {width: 26, height: 14, viewBox: "0 0 26 14"});
        if (name === "ideal") sign.append(svg("path", {class: "ideal", d: "M0 7H26"}));
        else if (name === "spread") sign.append(whisker("plain", 3, 7, 23, 7));
        else sign.append(mark(name, 13, 7, 5));
        return el("li", null, sign, words);
      }),
    );
  }

  /* About `count` round numbers from low to high. */
  function ticks(low, high, count) {
    const raw = (high - low) / Math.max(1, count),
      power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map(m => m * power).find(s => s >= raw * 0.999);
    const out = [];
    for (let t = Math.ceil(low / step - 1e-9) * step; t <= high + step * 1e-9; t += step)
      out.push(Math.abs(t) < step / 1e6 ? 0 : t);
    return out;
  }

  /* --- the switch of colours --- */

  function theme() {
    const root = document.documentElement,
      box = document.getElementById("theme");
    const set = value =>
      value === "light" || value === "dark"
        ? root.setAttribute("data-theme", value)
        : root.removeAttribute("data-theme");
    let kept = null;
    try {
      kept = localStorage.getItem("ungil-theme");
    } catch (e) {
      /* a file may have no storage */
    }
    set(kept);
    for (const input of box.querySelectorAll("input")) {
      input.checked = input.value === (kept || "system");
      input.addEventListener("change", () => {
        set(input.value);
        try {
          localStorage.setItem("ungil-theme", input.value);
        } catch (e) {
          /* then it is for this time */
        }
      });
    }
    box.hidden = false;
  }

  return {
    el,
    svg,
    table,
    folded,
    section,
    chart,
    made,
    mark,
    whisker,
    legend,
    ticks,
    theme,
    start,
    data: () => JSON.parse(document.getElementById("data").textContent),
  };
})();
