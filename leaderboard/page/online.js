// Offline, then online: a line per result, from its offline point to the end of its budget.
"use strict";
(() => {
  const { h, number } = board;
  const namespace = "http://www.w3.org/2000/svg";
  const steps = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));

  // The mean curve as a line of the size of a word; the figure below has the axes.
  const sparkline = (points, top) => {
    const [width, height] = [110, 26];
    const last = points.at(-1)[0];
    const place = ([step, value]) => `${(2 + (step / last) * (width - 4)).toFixed(1)},${(height - 3 - (value / top) * (height - 6)).toFixed(1)}`;
    const svg = document.createElementNS(namespace, "svg");
    const line = document.createElementNS(namespace, "polyline");
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) svg.setAttribute(name, value);
    svg.setAttribute("aria-label", points.map(([step, value]) => `${number(value)} after ${steps(step)} steps`).join(", "));
    for (const [name, value] of Object.entries({ points: points.map(place).join(" "), fill: "none", stroke: "var(--accent)", "stroke-width": 2 })) line.setAttribute(name, value);
    svg.append(line);
    return svg;
  };

  const score = (value, spread) => h("span", {}, number(value), spread === null ? null : h("span", { className: "spread" }, `± ${number(spread)}`));

  const line = (table, row, column, cell, best, top) => {
    const name = h("th", { scope: "row", "data-order": row.algorithm.toLowerCase() }, row.algorithm,
      row.label ? h("span", { className: "label" }, row.label) : null,
      h("span", { className: "under" }, board.badge(row.provenance), board.marks(cell.marks)));
    const [, offline, spread] = cell.online[0] ?? [0, null, null];
    const end = h("a", { href: board.entryAddress(cell.entry) }, score(cell.value, cell.spread));
    end.style.setProperty("--v", Math.max(0, Math.min(100, cell.value)));
    end.setAttribute("aria-label", `${row.algorithm}, ${column.task} ${column.dataset}: ${number(cell.value)}`);
    return h("tr", {}, name,
      h("td", { className: "text narrow" }, `${column.task}, ${column.dataset}`),
      h("td", { "data-order": row.sizes[0] ?? 0 }, board.sizes(row.sizes)),
      h("td", { className: "cell", "data-order": offline ?? -1e9 }, score(offline, spread)),
      h("td", { className: cell.value === best ? "cell best" : "cell", "data-order": cell.value }, end),
      h("td", { "data-order": cell.environment_steps ?? 0 }, steps(cell.environment_steps)),
      h("td", { "data-order": cell.seeds ?? 0 }, cell.seeds ?? "–"),
      h("td", { className: "text", "data-order": cell.online.length }, cell.online.length ? sparkline(cell.online, top) : "–"));
  };

  board.onlineTable = (table, columns, rows) => {
    const titles = ["Algorithm", "Dataset", "Size", "Offline", "After online steps", "Environment steps", "Seeds", "Curve"];
    const cells = rows.flatMap((row) => columns.map((column) => ({ row, column, cell: row.cells[column.index] })).filter(({ cell }) => cell));
    const top = Math.max(1, ...cells.flatMap(({ cell }) => [cell.value, ...cell.online.map(([, value]) => value)]));
    const bestOf = (column) => {
      const values = cells.filter((one) => one.column === column).map(({ cell }) => cell.value);
      return table.compared && values.length > 1 ? Math.max(...values) : Infinity;
    };
    const element = h("table", { className: "matrix online" },
      h("caption", { className: "visually-hidden" }, `${table.title}: ${table.unit}`),
      h("thead", {}, h("tr", {}, titles.map((title, i) => h("th", { scope: "col", className: ["corner", "text", "", "", "", "", "", "text"][i] }, title)))),
      h("tbody", {}, columns.flatMap((column) => cells.filter((one) => one.column === column)
        .map(({ row, cell }) => line(table, row, column, cell, bestOf(column), top)))));
    const start = () => new DataTable(element, {
      searching: false, autoWidth: false, order: [], paging: false, info: false,
      columnDefs: [{ targets: [0, 1], orderSequence: ["asc", "desc", ""] }, { targets: "_all", orderSequence: ["desc", "asc", ""] }],
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    });
    return { element, start };
  };
})();
