"use strict";
// What every script of the page shares: the data, how numbers are written, legends, and how a figure is shown.
const harness = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const cells = new Map(data.cells.map((cell) => [cell.cell, cell]));

  /** Rows as objects from columns as arrays. */
  const rowsOf = (columns) => {
    const names = Object.keys(columns);
    return columns[names[0]].map((_, i) => Object.fromEntries(names.map((name) => [name, columns[name][i]])));
  };

  /** Seconds as a person writes them: 13 min 10 s, 99 s, 9.5 s, 0.82 s. */
  const seconds = (value) => {
    if (value === null || value === undefined) return "-";
    if (value >= 600) {
      const whole = Math.round(value);
      return whole % 60 ? `${Math.floor(whole / 60)} min ${whole % 60} s` : `${whole / 60} min`;
    }
    return `${value.toFixed(value >= 20 ? 0 : value >= 1 ? 1 : 2)} s`;
  };

  const interval = (pair) => (pair ? ` [${seconds(pair[0])}, ${seconds(pair[1])}]` : "");

  const colour = (name) => `var(--${cells.has(name) ? cells.get(name).colour : "reference"})`;
  const dash = (name) => (cells.has(name) && cells.get(name).dash) || null;

  /** Ticks of a logarithmic axis as plain numbers: 1, 2, 5, 10 where there is room, else 1, 10, 100. */
  const logTicks = (low, high) => {
    const from = Math.floor(Math.log10(low)), to = Math.ceil(Math.log10(high));
    if (window.innerWidth < 600) return d3.range(from, to + 1).map((power) => 10 ** power).filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
    const steps = high / low < 8 ? [1, 1.5, 2, 3, 4, 5, 7] : to - from > 4 ? [1] : [1, 2, 5];
    return d3.range(from, to + 1)
      .flatMap((power) => steps.map((step) => step * 10 ** power))
      .filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
  };

  /** A logarithmic axis: its scale, its marks, and the least value that it shows. Every tick has its number. */
  const logAxis = (side, values, { label, low = 0.8, high = 1.25, ticks, text = (d) => `${+d.toPrecision(6)}`, anchor }) => {
    const known = values.filter((value) => value > 0);
    const domain = known.length ? [d3.min(known) * low, d3.max(known) * high] : [0.1, 1];
    const at = ticks ?? logTicks(...domain);
    const [axis, grid] = side === "x" ? [Plot.axisX, Plot.gridX] : [Plot.axisY, Plot.gridY];
    // A phone has room for the name of an axis, not for what else there is to say of it.
    const options = { label: window.innerWidth < 600 ? label.split(/[;(]/)[0] : label, text, ...(anchor ? { anchor } : {}) };
    return { scale: { type: "log", domain }, marks: [grid(at), axis(at, options)], least: domain[0] };
  };

  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name in made && name !== "style" && name !== "list") made[name] = value;
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  };

  const swatch = (paint, lines) => {
    const mark = element("span", { className: lines ? "swatch line" : "swatch", ariaHidden: "true" });
    mark.style.borderTopColor = paint;
    if (lines) mark.style.borderTopStyle = { line: "solid", "2 2": "dotted" }[lines] ?? "dashed";
    return mark;
  };

  /** What the colours mean: entries of [text, paint, dashes]. */
  const legend = (entries) =>
    element("p", { className: "legend" }, ...entries.map(([text, paint, lines]) => element("span", {}, swatch(paint, lines), text)));

  const cellLegend = (names) => legend(names.map((name) => [name, colour(name), dash(name)]));

  /** Width of the drawing in the page: phones get what they have. */
  const widthOf = (place) => Math.max(300, Math.min(1100, place.clientWidth || 900));

  const shared = { marginLeft: 60, marginTop: 30, marginBottom: 48, style: { fontSize: "12px", background: "transparent", overflow: "visible" } };
  const tip = { fontSize: 12, lineWidth: 60, fill: "var(--panel)", stroke: "var(--line)", textPadding: 8 };

  const draw = {};
  return { data, cells, rowsOf, seconds, interval, colour, dash, logAxis, element, legend, cellLegend, widthOf, shared, tip, draw };
})();
