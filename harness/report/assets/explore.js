"use strict";
// One cell, its batches, and one batch request by request, beside the same batch of another cell.
// Whatever a click chooses is also in the selects, for keyboards.
(() => {
  const { data, cells, colour, seconds, logAxis, element, legend, widthOf, shared, tip } = harness;
  const root = document.getElementById("explore");
  if (!root) return;
  const [cellSelect, batchSelect, besideSelect] = root.querySelectorAll("select");
  const logTime = document.getElementById("log-time");
  const places = { batches: document.getElementById("batches"), timeline: document.getElementById("one-batch") };
  const { parts: texts, kinds, outcomes, batches: known } = data.timelines;
  const key = (cell, trial, batch) => `${trial} ${batch} ${cell}`;
  let axisChosen = false;
  const chosen = { cell: null, trial: data.trial, batch: null, beside: null };

  const batchesOf = (cell) => {
    const found = data.batches[cell];
    return found.trial.map((trial, i) => ({ cell, trial, batch: found.batch[i], s: found.ms[i] / 1000, failed: found.failed[i], drawn: key(cell, trial, found.batch[i]) in known }));
  };

  const drawBatches = (rows) => {
    const found = data.batches[chosen.cell], paint = colour(chosen.cell);
    const picked = rows.filter((row) => row.trial === chosen.trial && row.batch === chosen.batch);
    const [from, to] = d3.extent(rows, (row) => row.trial);
    const y = logAxis("y", rows.map((row) => row.s), { label: "makespan of a batch, s (log)" });
    const svg = Plot.plot({
      ...shared, width: widthOf(places.batches), height: 240, ariaLabel: `Batches of ${chosen.cell}`,
      x: { label: "trial", tickFormat: (trial) => (Number.isInteger(trial) ? `${trial}` : ""), domain: [from - 0.6, to + 0.6] },
      y: y.scale,
      marks: [
        ...y.marks,
        Plot.dot(rows, { x: "trial", y: "s", r: rows.length > 600 ? 2.5 : 4, fill: (row) => (row.drawn ? paint : "none"), stroke: paint, strokeOpacity: 0.8 }),
        Plot.dot(picked, { x: "trial", y: "s", r: 9, stroke: "currentColor", strokeWidth: 2 }),
        Plot.tip(rows, Plot.pointer({ x: "trial", y: "s", ...tip, title: (row) => `trial ${row.trial}, batch ${row.batch + 1}: ${seconds(row.s)}${row.failed ? `\n${row.failed} requests failed` : ""}\n${row.drawn ? "click for its timeline" : "its timeline is not in this page"}` })),
      ],
    });
    svg.setAttribute("role", "img");
    svg.addEventListener("click", () => svg.value && choose(svg.value));
    const some = found.of > rows.length ? ` Shown are ${rows.length.toLocaleString("en")} of ${found.of.toLocaleString("en")}: the slowest, and those of trial ${data.trial}.` : "";
    const hollow = rows.some((row) => !row.drawn) ? " Empty dots: the page has no room for their timelines." : "";
    places.batches.replaceChildren(svg, element("p", { className: "small" }, `Each dot is a batch of ${chosen.cell}.${some}${hollow}`));
  };

  /** Objects from the flat list of whole numbers that the page carries; times in seconds. */
  const unpacked = (flat, names) => d3.range(0, flat.length, names.length).map((at) => Object.fromEntries(names.map((name, i) => [name, name.endsWith("_s") ? flat[at + i] / 1000 : flat[at + i]])));

  const timelineOf = (cell) => {
    const found = known[key(cell, chosen.trial, chosen.batch)];
    if (!found) return null;
    const parts = unpacked(found.parts, ["request", "attempt", "lane", "part", "from_s", "to_s"]);
    const lost = unpacked(found.lost, ["request", "attempt", "lane", "outcome", "at_s"]);
    const ends = d3.rollup([...parts.map((p) => [p.request, p.to_s]), ...lost.map((l) => [l.request, l.at_s])], (rows) => d3.max(rows, (row) => row[1]), ([request]) => request);
    const order = [...ends].sort((a, b) => b[1] - a[1]).map(([request]) => request);
    return { cell, of: found.of, parts, lost, ends, place: new Map(order.map((request, i) => [request, i])), last: d3.max(ends.values()) ?? 0 };
  };

  const drawOne = (line, axis, last) => {
    const { parts, lost, place } = line;
    const how = new Map(lost.map((l) => [`${l.request} ${l.attempt}`, outcomes[l.outcome]]));
    const rows = Math.max(10, place.size);
    const top = (row) => place.get(row.request) - 0.42 + (row.lane ? 0.42 : 0), bottom = (row) => place.get(row.request) + 0.42;
    const start = axis ? axis.least : 0;
    const svg = Plot.plot({
      ...shared, width: widthOf(places.timeline), height: 54 + rows * (rows > 250 ? 2.5 : rows > 60 ? 4.5 : 9), marginLeft: 20, marginTop: 4,
      ariaLabel: `Timeline of batch ${chosen.batch + 1} of trial ${chosen.trial} of ${line.cell}`,
      x: axis ? axis.scale : { domain: [0, last * 1.02], grid: true, label: "time since the batch was released, s" },
      y: { axis: null, domain: [-1, rows] , reverse: true },
      marks: [
        ...(axis ? axis.marks : []),
        Plot.rect(parts.filter((p) => p.to_s > start), {
          x1: (p) => Math.max(start, p.from_s), x2: "to_s", y1: top, y2: bottom, fill: (p) => `var(--part-${kinds[p.part]})`,
          title: (p) => `request ${p.request}, attempt ${p.attempt}\n${texts[p.part]}: ${seconds(p.from_s)} to ${seconds(p.to_s)}\n${how.has(`${p.request} ${p.attempt}`) ? `the attempt ended as ${how.get(`${p.request} ${p.attempt}`)}` : "the attempt brought the answer"}`,
          tip,
        }),
        Plot.dot(lost, { x: (l) => Math.max(start, l.at_s), y: (l) => place.get(l.request) + (l.lane ? 0.2 : 0), symbol: "times", r: 4, stroke: "var(--lost)", strokeWidth: 1.8 }),
      ],
    });
    svg.setAttribute("role", "img");
    const early = d3.quantile([...line.ends.values()], 0.9);
    const lines = lost.length ? `; ${how.size} attempt${how.size === 1 ? "" : "s"} did not bring the answer` : "";
    const count = !line.last ? `: ${line.of} requests that took no time at all` : place.size < line.of ? `; the ${place.size} slowest of ${line.of.toLocaleString("en")} requests are shown` : ` for ${place.size} requests, nine in ten of them within ${seconds(early)}`;
    const said = `${line.cell}: ${seconds(line.last)}${count}${lines}`;
    return [element("h3", {}, said), svg];
  };

  const drawTimelines = () => {
    const own = timelineOf(chosen.cell);
    if (!own) {
      const other = data.records && chosen.trial !== data.trial;
      const advice = other ? `harness report RUN_DIR --trial ${chosen.trial} has more of that trial` : data.records ? "there was no room for it" : "published results keep a few, a run of your own has more";
      places.timeline.replaceChildren(element("p", { className: "note" }, `The timeline of batch ${chosen.batch + 1} of trial ${chosen.trial} is not in this page: ${advice}.`));
      return;
    }
    // Few requests far behind the others are seen on a logarithmic axis, a window of them on a plain one.
    if (!axisChosen) logTime.checked = own.last > 20 * d3.median(own.ends.values());
    const lines = [own, chosen.beside && timelineOf(chosen.beside)].filter(Boolean);
    const ends = lines.flatMap((line) => line.parts.map((p) => p.to_s));
    const last = d3.max(lines, (line) => line.last);
    const axis = logTime.checked ? logAxis("x", [d3.quantile(ends, 0.02) || 0.001, last], { label: "time since the batch was released, s (log)", low: 0.5, high: 1.1 }) : null;
    const seen = kinds.map((kind, i) => [kind, i]).filter(([, i]) => lines.some((line) => line.parts.some((p) => p.part === i)));
    const patience = [...new Set(lines.map((line) => cells.get(line.cell).patience_s).filter(Boolean).map(seconds))].join(" or ");
    const entries = seen.map(([kind, i]) => [kind === "stall" ? `${texts[i]} (over ${patience})` : texts[i], `var(--part-${kind})`]);
    if (lines.some((line) => line.lost.length)) entries.push(["✕ given up or failed", "var(--lost)", "line"]);
    places.timeline.replaceChildren(legend(entries), ...lines.flatMap((line) => drawOne(line, axis, last)));
  };

  const offerBatches = (rows) => {
    const offered = rows.filter((row) => row.drawn || (row.trial === chosen.trial && row.batch === chosen.batch));
    batchSelect.replaceChildren(...offered.map((row) => element("option", { value: `${row.trial} ${row.batch}` }, `trial ${row.trial}, batch ${row.batch + 1}: ${seconds(row.s)}`)));
    batchSelect.value = `${chosen.trial} ${chosen.batch}`;
    const others = Object.keys(data.batches).filter((cell) => cell !== chosen.cell && key(cell, chosen.trial, chosen.batch) in known);
    besideSelect.replaceChildren(element("option", { value: "" }, "nothing"), ...others.map((cell) => element("option", {}, cell)));
    if (chosen.beside !== "" && !others.includes(chosen.beside)) chosen.beside = others.includes(data.beside) ? data.beside : others.includes(data.reference) ? data.reference : "";
    besideSelect.value = chosen.beside;
  };

  const choose = ({ cell = chosen.cell, trial, batch }) => {
    if (!data.batches[cell]) return;
    const rows = batchesOf(cell);
    if (batch === undefined) {
      // The same batch as before, to compare; else the slowest that can be shown, of the shown trial if possible.
      const drawn = rows.filter((row) => row.drawn), own = rows.filter((row) => row.trial === data.trial);
      const same = drawn.find((row) => row.trial === chosen.trial && row.batch === chosen.batch);
      const from = [own.filter((row) => row.drawn), drawn, own, rows].find((found) => found.length);
      ({ trial, batch } = same ?? d3.greatest(from, (row) => row.s));
    }
    Object.assign(chosen, { cell, trial: trial ?? data.trial, batch });
    cellSelect.value = cell;
    offerBatches(rows);
    for (const row of document.querySelectorAll("tr[data-cell]")) row.classList.toggle("chosen", row.dataset.cell === cell);
    drawBatches(rows);
    drawTimelines();
  };

  const move = (step) => {
    const next = batchSelect.selectedIndex + step;
    if (next < 0 || next >= batchSelect.options.length) return;
    batchSelect.selectedIndex = next;
    batchSelect.dispatchEvent(new Event("change"));
  };

  cellSelect.addEventListener("change", () => choose({ cell: cellSelect.value }));
  batchSelect.addEventListener("change", () => {
    const [trial, batch] = batchSelect.value.split(" ").map(Number);
    choose({ trial, batch });
  });
  besideSelect.addEventListener("change", () => {
    chosen.beside = besideSelect.value;
    drawTimelines();
  });
  document.getElementById("previous").addEventListener("click", () => move(-1));
  document.getElementById("next").addEventListener("click", () => move(1));
  logTime.addEventListener("change", () => {
    axisChosen = true;
    drawTimelines();
  });
  harness.choose = (choice, scroll = false) => {
    choose(choice);
    if (scroll) root.scrollIntoView({ behavior: "smooth", block: "start" });
  };
  harness.redrawBatch = () => choose({ ...chosen });
  const first = cells.has(data.reference) && data.batches[data.reference] ? data.reference : Object.keys(data.batches)[0];
  if (first !== undefined) choose({ cell: first });
})();
