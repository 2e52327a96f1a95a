/* What tests/browser.py asks of a page, as the body of a function: arguments[0] is the width of the window. */
const wide = arguments[0],
  out = {}; /* a phone would zoom out, and call that its width */
const shown = e => {
  const b = e.getBoundingClientRect();
  return b.width > 2 && b.height > 2 && getComputedStyle(e).visibility !== "hidden";
};
out.title = document.title;
out.message = (document.querySelector("h1") || {}).textContent;
out.overflow = document.documentElement.scrollWidth - wide;
out.cut = [...document.querySelectorAll("main *, footer *, header *")]
  .filter(e => shown(e) && !e.closest(".unseen, thead"))
  .filter(e => e.getBoundingClientRect().right > wide + 1 || e.getBoundingClientRect().left < -1)
  .map(e => e.tagName + " " + e.textContent.slice(0, 40));
const charts = [...document.querySelectorAll(".chart")];
out.charts = charts.length;
out.empty = charts
  .filter(c => {
    const s = c.querySelector("svg");
    return (
      !s ||
      ![...s.querySelectorAll("path, circle, rect, line")].some(p => {
        const b = p.getBoundingClientRect();
        return b.width + b.height > 1;
      }) ||
      s.querySelectorAll("text").length < 2
    );
  })
  .map(c => c.getAttribute("aria-label").slice(0, 40));
out.outside = charts.flatMap(c => {
  const a = c.getBoundingClientRect();
  return [...c.querySelectorAll("text, path, circle, rect")]
    .filter(e => {
      const b = e.getBoundingClientRect();
      return b.right > a.right + 1 || b.left < a.left - 1 || b.bottom > a.bottom + 1 || b.top < a.top - 1;
    })
    .map(e => e.tagName + " " + e.textContent);
});
out.nameless = [...document.querySelectorAll('[role="img"], section, input, table')]
  .filter(
    e =>
      !(
        e.getAttribute("aria-label") ||
        e.getAttribute("aria-labelledby") ||
        (e.labels && e.labels[0] && e.labels[0].textContent) ||
        e.querySelector("caption")
      ),
  )
  .map(e => e.outerHTML.slice(0, 80));
out.ground = getComputedStyle(document.body).backgroundColor;
const rgb = c => (c.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
const light = c => {
  const [r, g, b] = rgb(c)
    .slice(0, 3)
    .map(v => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = e => {
  for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor;
    if (rgb(c)[3] !== 0) return c;
  }
  return "rgb(255,255,255)";
};
out.contrast = [99, ""];
for (const e of document.querySelectorAll("body *")) {
  if (!shown(e) || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
  const s = getComputedStyle(e),
    a = light(e instanceof SVGElement ? s.fill : s.color),
    b = light(behind(e));
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < out.contrast[0]) out.contrast = [Math.round(ratio * 100) / 100, e.textContent.slice(0, 30)];
}
return out;
