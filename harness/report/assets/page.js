"use strict";
// Figures into their places, tables that sort and filter, downloads, and light or dark.
(() => {
  const { data, cells, rowsOf, draw, element } = harness;
  const nothing = () => {};
  const choose = (choice, scroll) => (harness.choose ?? nothing)(choice, scroll);

  const show = (figure) => {
    const place = figure.querySelector(".drawing"), name = figure.dataset.figure;
    if (!draw[name]) return;
    const rows = rowsOf(data.figures[name].columns);
    const { svg, legend } = draw[name](rows, place);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-labelledby", `title-${name}`);
    svg.addEventListener("click", () => {
      const picked = svg.value;
      if (picked && cells.has(picked.cell)) choose({ cell: picked.cell, trial: picked.trial, batch: picked.batch }, true);
    });
    place.replaceChildren(...(legend ? [legend] : []), svg);
  };
  const figures = [...document.querySelectorAll("figure[data-figure]")];
  figures.forEach(show);

  let drawnAt = window.innerWidth;
  window.addEventListener("resize", () => {
    if (Math.abs(window.innerWidth - drawnAt) < 40) return;
    drawnAt = window.innerWidth;
    figures.forEach(show);
    (harness.redrawBatch ?? nothing)();
  });

  /** A field of a CSV file, quoted where it must be. */
  const field = (value) => {
    const text = value === null ? "" : `${value}`;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const csv = (columns) => [Object.keys(columns), ...d3.transpose(Object.values(columns))].map((row) => row.map(field).join(",")).join("\n") + "\n";
  const download = (name, text) => {
    const link = element("a", { href: URL.createObjectURL(new Blob([text], { type: "text/csv" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  for (const button of document.querySelectorAll("button[data-download]")) {
    button.addEventListener("click", () => download(`${data.experiment}-${button.dataset.download}.csv`, csv(data.figures[button.dataset.download].columns)));
  }

  // Tables: a button in each header sorts, the field above filters. Dashes stand last, whatever the order.
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim();
    if (text === "-" || text === "") return null;
    const number = Number.parseFloat(text.replace(/^\[/, "").replaceAll(",", ""));
    return Number.isNaN(number) || column === 0 ? text : number;
  };
  const compare = (a, b, direction) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return direction * (typeof a === "number" && typeof b === "number" ? a - b : `${a}`.localeCompare(`${b}`, "en", { numeric: true }));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const headers = [...table.tHead.rows[0].cells], body = table.tBodies[0];
    headers.forEach((header, column) => header.querySelector("button").addEventListener("click", () => {
      const direction = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", direction === 1 ? "ascending" : "descending");
      body.append(...[...body.rows].sort((a, b) => compare(valueOf(a, column), valueOf(b, column), direction)));
    }));
  }
  for (const input of document.querySelectorAll("input[data-filter]")) {
    const body = document.getElementById(input.dataset.filter).tBodies[0];
    const count = input.closest(".tools").querySelector("output");
    input.addEventListener("input", () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let left = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        left += !row.hidden;
      }
      count.textContent = words.length ? `${left || "none"} of ${body.rows.length} rows` : "";
    });
  }
  for (const button of document.querySelectorAll("button[data-choose]")) {
    button.addEventListener("click", () => choose({ cell: button.dataset.choose }, true));
  }

  // Light, dark, or what the system has; kept where the browser lets pages from disk keep something.
  const themes = ["auto", "light", "dark"], toggle = document.getElementById("theme");
  const kept = (() => { try { return localStorage.getItem("harness-theme"); } catch { return null; } })();
  const setTheme = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    toggle.textContent = `theme: ${theme}`;
    toggle.value = theme;
    try { localStorage.setItem("harness-theme", theme); } catch { /* not kept */ }
  };
  toggle.addEventListener("click", () => setTheme(themes[(themes.indexOf(toggle.value) + 1) % themes.length]));
  setTheme(themes.includes(kept) ? kept : "auto");
  document.documentElement.dataset.ready = "";
})();
