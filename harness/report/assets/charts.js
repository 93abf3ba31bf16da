"use strict";
// One function per figure, named like its chart: (rows, place) -> { svg, legend }. What a click means is in a row's `cell`.
(() => {
  const { cells, colour, dash, seconds, interval, logAxis, cellLegend, legend, widthOf, shared, tip, draw, data } = harness;
  const names = (rows) => [...new Set(rows.map((row) => row.cell))];
  /** A drawing as wide as its place, or wider where margins for names would leave it no room: then it scrolls. */
  const plot = (place, options) => Plot.plot({
    ...shared, width: Math.max(widthOf(place), 260 + (options.marginLeft ?? shared.marginLeft) + (options.marginRight ?? 20)), ...options,
  });
  const percent = (share) => `${+(100 * share).toPrecision(3)} %`;
  const about = (name) => {
    const cell = cells.get(name);
    if (!cell) return name;
    const failed = cell.failed ? `\n${cell.failed.toLocaleString("en")} of ${cell.requests.toLocaleString("en")} requests failed` : "";
    const speedup = cell.speedup && name !== data.reference ? `\n${cell.speedup.toPrecision(3)} times faster than ${data.reference}` : "";
    return `${name}\n${data.quantity} ${seconds(cell.total_s)}${interval(cell.ci95)}${speedup}\nload ${cell.load}${failed}`;
  };

  /** Ascending places, moved so that they are `apart`: what is too close is spread about its own middle. */
  const spread = (places, apart) => {
    const groups = [];
    const low = (group) => d3.mean(group) - (apart * (group.length - 1)) / 2;
    for (const place of places) {
      groups.push([place]);
      while (groups.length > 1 && low(groups.at(-1)) < low(groups.at(-2)) + apart * groups.at(-2).length) groups.at(-2).push(...groups.splice(-1)[0]);
    }
    return groups.flatMap((group) => group.map((_, i) => low(group) + apart * i));
  };

  draw.batch_timings = (rows, place) => {
    const shown = names(rows), count = d3.max(rows, (row) => row.batch) + 1;
    const y = logAxis("y", rows.map((row) => row.makespan_s), { label: "time until the last answer, s (log)", low: 0.6 });
    const svg = plot(place, {
      height: 340,
      fx: { label: `batch (trial ${data.trial})`, padding: 0.12, tickFormat: (batch) => `${batch}`, domain: d3.range(1, count + 1) },
      x: { axis: null, domain: shown, padding: 0.08 },
      y: y.scale,
      marks: [
        ...y.marks,
        Plot.barY(rows, {
          fx: (row) => row.batch + 1, x: "cell", y1: y.least, y2: "makespan_s", fill: (row) => colour(row.cell),
          title: (row) => `${row.cell}\nbatch ${row.batch + 1}: ${seconds(row.makespan_s)}\nclick for its timeline`, tip,
        }),
      ],
    });
    return { svg, legend: cellLegend(shown) };
  };

  const tail = (column, label, says) => (all, place) => {
    const rows = all.filter((row) => row.share_slower > 0 && row[column] > 0), shown = names(rows);
    const x = logAxis("x", rows.map((row) => row[column]), { label });
    const shares = rows.map((row) => row.share_slower), least = d3.min(shares);
    const y = logAxis("y", shares, { label: "requests slower than that (log)", high: 1, text: percent, ticks: [1, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6].filter((share) => share >= least) });
    const svg = plot(place, {
      height: 380, x: x.scale, y: y.scale,
      marks: [
        ...x.marks, ...y.marks,
        ...shown.map((name) => Plot.line(rows.filter((row) => row.cell === name), {
          x: column, y: "share_slower", stroke: colour(name), strokeDasharray: dash(name),
          strokeWidth: name === data.reference ? 4.5 : 2, curve: "step-after",
        })),
        Plot.tip(rows, Plot.pointer({
          x: column, y: "share_slower", ...tip,
          title: (row) => `${row.cell}\n${percent(row.share_slower)} of requests ${says} ${seconds(row[column])}`,
        })),
      ],
    });
    return { svg, legend: cellLegend(shown) };
  };

  draw.latency_tail = tail("latency_s", "latency of a request, retries included, s (log)", "take longer than");
  draw.ttft_tail = tail("ttft_s", "time to first content of a request, retries included, s (log)", "wait for their first content for more than");

  const sweep = (column, label, ticks) => (rows, place) => {
    const curves = [...new Set(rows.map((row) => row.curve))];
    const strategies = new Set(rows.map((row) => cells.get(row.cell).strategy));
    // A curve of one strategy has the colour of that strategy; others, such as streaming on and off, the first two.
    const paint = (curve) => strategies.size > 1 ? colour(rows.find((row) => row.curve === curve).cell) : `var(--colour-${(curves.length - 1 - curves.indexOf(curve)) % 8})`;
    const at = [...new Set(rows.map((row) => row[column]))].sort(d3.ascending);
    const width = (curve) => (strategies.size > 1 || curves.indexOf(curve) ? 2 : 5);
    const x = logAxis("x", at, { label, ticks: at, text: ticks });
    const y = logAxis("y", rows.flatMap((row) => [row.total_s, row.low_s ?? row.total_s, row.high_s ?? row.total_s]), { label: `${data.quantity}, s (log)` });
    const svg = plot(place, {
      height: 380, x: x.scale, y: y.scale,
      marks: [
        ...x.marks, ...y.marks,
        Plot.ruleX(rows.filter((row) => row.low_s !== null), { x: column, y1: (row) => Math.max(row.low_s, y.least), y2: "high_s", stroke: (row) => paint(row.curve), strokeOpacity: 0.7 }),
        ...curves.map((curve) => Plot.line(rows.filter((row) => row.curve === curve), { x: column, y: "total_s", stroke: paint(curve), strokeWidth: width(curve), marker: "circle" })),
        Plot.tip(rows, Plot.pointer({ x: column, y: "total_s", ...tip, title: (row) => about(row.cell) })),
      ],
    });
    return { svg, legend: legend(curves.map((curve) => [curve, paint(curve)])) };
  };
  draw.timeout_sweep = sweep("timeout_s", "timeout, s (log; the SDK's default stands at 600)", (t) => (t === 600 ? "default" : `${t}`));
  draw.batch_size_sweep = sweep("batch_size", "batch size: requests awaited together (log)", (t) => `${t}`);

  draw.rate_sweep = (rows, place) => {
    const curves = [...new Set(rows.map((row) => row.curve))];
    const paint = (curve) => colour(rows.find((row) => row.curve === curve).cell);
    const at = [...new Set(rows.map((row) => row.rate))].sort(d3.ascending);
    const x = logAxis("x", at, { label: "requests a second that come, whatever becomes of those before them (log)", ticks: at, text: (rate) => `${rate}` });
    const y = logAxis("y", rows.flatMap((row) => [row.p50_s, row.p99_s, row.low_s ?? row.p99_s, row.high_s ?? row.p99_s]), { label: "latency, s (log): 99th percentile; dotted, the median" });
    const line = (curve, column, how) => Plot.line(rows.filter((row) => row.curve === curve), { x: "rate", y: column, stroke: paint(curve), marker: "circle", ...how });
    const svg = plot(place, {
      height: 380, x: x.scale, y: y.scale,
      marks: [
        ...x.marks, ...y.marks,
        Plot.ruleX(rows.filter((row) => row.low_s !== null), { x: "rate", y1: (row) => Math.max(row.low_s, y.least), y2: "high_s", stroke: (row) => paint(row.curve), strokeOpacity: 0.7 }),
        ...curves.map((curve) => line(curve, "p50_s", { strokeWidth: 1, strokeDasharray: "2 3" })),
        ...curves.map((curve) => line(curve, "p99_s", { strokeWidth: 2 })),
        Plot.tip(rows, Plot.pointer({
          x: "rate", y: "p99_s", ...tip,
          title: (row) => `${about(row.cell)}\nhalf of the requests within ${seconds(row.p50_s)}, 99 % within ${seconds(row.p99_s)}`,
        })),
      ],
    });
    return { svg, legend: legend(curves.map((curve) => [curve, paint(curve)])) };
  };

  const heat = { type: "log", scheme: "blues", legend: false };

  draw.grid = (rows, place) => {
    const order = [...new Set(rows.map((row) => row.timeout))];
    const [low, high] = d3.extent(rows, (row) => row.total_s);
    const svg = plot(place, {
      height: 90 + 34 * order.length,
      fx: { label: null, tickFormat: (stream) => `stream=${stream ? "True" : "False"}` },
      x: { label: "batch size", tickFormat: (size) => `${size}` },
      y: { label: "timeout, s", domain: order },
      color: { ...heat, domain: [low * 0.8, high * 1.3] },
      marks: [
        Plot.cell(rows, { fx: "stream", x: "batch_size", y: "timeout", fill: "total_s", inset: 0.5, title: (row) => about(row.cell), tip }),
        Plot.text(rows, {
          fx: "stream", x: "batch_size", y: "timeout", text: (row) => row.total_s?.toFixed(0),
          fill: (row) => (Math.log(row.total_s / low) > 0.55 * Math.log((high * 1.3) / low) ? "white" : "#1d2327"),
        }),
      ],
    });
    return { svg, legend: legend([[`fewer seconds in all: ${seconds(low)}`, d3.interpolateBlues(0.15)], [`more: ${seconds(high)}`, d3.interpolateBlues(0.9)]]) };
  };

  const GRADES = {
    unharmed: ["#EAF2F8", "all answered, in less than 1.5 times the time"],
    slower: ["#A9CCE3", "all answered, n times slower"],
    stuck: ["#4A90C2", "more than 10 times slower"],
    fails: ["#F6C28B", "n % of requests fail"],
    hangs: ["#D55E00", "n % fail, some never end"],
    wrong: ["#111111", "part of an answer passes for the whole"],
  };

  draw.fault_matrix = (rows, place) => {
    const faults = [...new Set(rows.map((row) => row.fault))], strategies = [...new Set(rows.map((row) => row.strategy))];
    const longest = d3.max(faults, (fault) => fault.length);
    const effect = (row) => `${row.fault} under ${row.strategy}\n${GRADES[row.grade][1].replace("n times", `${row.slowdown?.toPrecision(2)} times`).replace("n %", percent(row.failed_share))}`;
    const svg = plot(place, {
      width: Math.max(widthOf(place), 150 + 34 * strategies.length),
      height: 150 + 22 * faults.length, marginLeft: 7.2 * longest, marginTop: 130, marginRight: 70, marginBottom: 10,
      x: { axis: "top", label: null, domain: strategies, tickRotate: -50 },
      y: { label: null, domain: faults },
      marks: [
        Plot.cell(rows, { x: "strategy", y: "fault", fill: (row) => GRADES[row.grade][0], inset: 0.7, title: effect, tip }),
        Plot.text(rows, { x: "strategy", y: "fault", text: "text", fontSize: 10, fill: (row) => (["stuck", "hangs", "wrong"].includes(row.grade) ? "white" : "#1d2327") }),
      ],
    });
    const seen = Object.keys(GRADES).filter((grade) => rows.some((row) => row.grade === grade));
    return { svg, legend: legend(seen.map((grade) => [GRADES[grade][1], GRADES[grade][0]])) };
  };

  draw.cost_and_speed = (found, place) => {
    // A logarithmic axis has no zero: 0.1 % stands for less, too.
    const rows = found.map((row) => ({ ...row, extra_attempts_percent: Math.max(0.1, row.extra_attempts_percent) }));
    const front = rows.filter((row) => row.on_front).sort((a, b) => a.extra_attempts_percent - b.extra_attempts_percent);
    const floor = rows[0].no_stall_s;
    const values = rows.flatMap((row) => [row.total_s, row.low_s ?? row.total_s, row.high_s ?? row.total_s, floor ?? row.total_s]);
    const x = logAxis("x", rows.map((row) => row.extra_attempts_percent), { label: "attempts beyond one a request, % (log; 0.1 stands for less too)", low: 0.8, high: 1.6 });
    const y = logAxis("y", values, { label: `${data.quantity} of a trial, s (log)` });
    // Names stand in a column beside the axes, as far apart as lines of text are, each tied to its dot.
    const size = { height: Math.max(400, 90 + 16 * rows.length), marginRight: 24 + 6.6 * d3.max(rows, (row) => row.cell.length) };
    const scale = plot(place, { ...size, x: x.scale, y: y.scale, marks: [Plot.dot(rows, { x: "extra_attempts_percent", y: "total_s" })] }).scale("y");
    const ordered = [...rows].sort((a, b) => b.total_s - a.total_s);
    const beside = spread(ordered.map((row) => scale.apply(row.total_s)), 15).map(scale.invert);
    const named = ordered.map((row, i) => ({ ...row, beside: beside[i] }));
    const svg = plot(place, {
      ...size, x: x.scale, y: y.scale,
      marks: [
        ...x.marks, ...y.marks,
        ...(floor ? [Plot.ruleY([floor], { stroke: "currentColor", strokeDasharray: "2 3" }), Plot.text([floor], { y: floor, text: () => `no stalls at all: ${seconds(floor)}`, frameAnchor: "left", dx: 6, dy: -8 })] : []),
        Plot.line(front, { x: "extra_attempts_percent", y: "total_s", stroke: "currentColor", strokeOpacity: 0.35 }),
        Plot.ruleX(rows.filter((row) => row.low_s !== null), { x: "extra_attempts_percent", y1: (row) => Math.max(row.low_s, y.least), y2: "high_s", stroke: (row) => colour(row.cell), strokeOpacity: 0.7 }),
        Plot.dot(rows, { x: "extra_attempts_percent", y: "total_s", r: 6, fill: (row) => (row.fails_more ? "var(--page)" : colour(row.cell)), stroke: (row) => colour(row.cell), strokeWidth: 2 }),
        Plot.link(named, { x1: "extra_attempts_percent", y1: "total_s", x2: x.scale.domain[1], y2: "beside", stroke: (row) => colour(row.cell), strokeDasharray: "1 3" }),
        Plot.text(named, { y: "beside", text: "cell", frameAnchor: "right", textAnchor: "start", dx: 8 }),
        Plot.tip(rows, Plot.pointer({ x: "extra_attempts_percent", y: "total_s", ...tip, title: (row) => about(row.cell) + (row.fails_more ? "\nfails more than the reference" : "") + (row.on_front ? "\nno other is better in both" : "") })),
      ],
    });
    const entries = [["joins those that no other beats in both", "var(--soft)", "line"]];
    if (rows.some((row) => row.fails_more)) entries.push(["an empty dot fails more requests than the reference", "currentColor", "2 2"]);
    return { svg, legend: legend(entries) };
  };

  draw.totals = (rows, place) => {
    const shown = names(rows), means = shown.map((name) => cells.get(name));
    const longest = d3.max(shown, (name) => name.length);
    const faint = Math.max(0.15, Math.min(0.8, 15 / (rows.length / shown.length)));
    const label = (cell) => `${seconds(cell.total_s)}${cell.cell !== data.reference && cell.speedup ? `  ${cell.speedup.toFixed(1)}x` : ""}`;
    // An interval can reach below zero, for which a logarithmic axis has no place.
    const least = (d3.min(rows, (row) => row.total_s) || 0.01) / 2;
    const ends = means.filter((cell) => cell.ci95).map((cell) => [Math.max(cell.ci95[0], least), cell.ci95[1]]);
    const x = logAxis("x", [...rows.map((row) => row.total_s), ...ends.flat()], { label: `${data.one}, s (log); strokes: trials, dot: mean, bar: 95 % interval of the mean` });
    const svg = plot(place, {
      height: 90 + 34 * shown.length, marginLeft: Math.min(240, 20 + 7 * longest), marginRight: 130, marginTop: 6,
      x: x.scale,
      y: { label: null, domain: shown },
      marks: [
        ...x.marks,
        Plot.tickX(rows, { x: "total_s", y: "cell", stroke: (row) => colour(row.cell), strokeOpacity: faint, insetTop: 4, insetBottom: 4 }),
        Plot.ruleY(means.filter((cell) => cell.ci95), { x1: (cell) => Math.max(cell.ci95[0], least), x2: (cell) => cell.ci95[1], y: "cell", stroke: (cell) => colour(cell.cell), strokeWidth: 5 }),
        Plot.dot(means, { x: "total_s", y: "cell", r: 6, fill: (cell) => colour(cell.cell), stroke: "var(--page)" }),
        Plot.text(means, { y: "cell", text: label, frameAnchor: "right", textAnchor: "start", dx: 10 }),
        Plot.tip(means, Plot.pointer({ x: "total_s", y: "cell", ...tip, title: (cell) => about(cell.cell) })),
      ],
    });
    return { svg, legend: null };
  };
})();
