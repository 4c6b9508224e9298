// Tables of algorithms by datasets. Filters take rows and columns away; means and ranks follow.
"use strict";
(() => {
  const { h, number } = board;

  const environmentOf = (column) => board.data.words.environments[column.environment];

  board.keptColumns = (table, filters) =>
    table.columns
      .map((column, index) => ({ ...column, index }))
      .filter((column) => !filters.behavior || column.behavior === filters.behavior)
      .filter((column) => !filters.distraction || column.distraction === filters.distraction);

  board.keptRows = (table, columns, filters) =>
    table.rows.filter(
      (row) =>
        (!filters.provenance || row.provenance === filters.provenance) &&
        (!filters.size || row.sizes.includes(Number(filters.size))) &&
        columns.some((column) => row.cells[column.index]),
    );

  // Mean over the kept columns, and average rank among the kept rows that have all of them.
  const summarize = (rows, columns) => {
    const complete = rows.filter((row) => columns.every((column) => row.cells[column.index]));
    const sums = new Map(complete.map((row) => [row, { mean: 0, rank: 0 }]));
    for (const { index } of columns) {
      const values = complete.map((row) => row.cells[index].value);
      complete.forEach((row, i) => {
        const better = values.filter((value) => value > values[i]).length;
        const equal = values.filter((value) => value === values[i]).length;
        const sum = sums.get(row);
        sum.mean += values[i] / columns.length;
        sum.rank += (better + (equal + 1) / 2) / columns.length;
      });
    }
    return sums;
  };

  const empty = () => h("span", { className: "empty" }, "–");

  const cellLink = (cell, column, row) => {
    const spread = cell.spread === null ? null : h("span", { className: "spread" }, `± ${number(cell.spread)}`);
    const some = cell.marks.length && row.cells.some((other) => other && !other.marks.length);
    const dagger = some ? h("sup", {}, "†") : null;
    const link = h("a", { href: board.entryAddress(cell.entry), title: cell.marks.join(", ") }, number(cell.value), dagger, spread);
    link.style.setProperty("--v", Math.max(0, Math.min(100, cell.value)));
    link.setAttribute("aria-label", [`${row.algorithm}, ${column.task} ${column.dataset}: ${number(cell.value)}`, ...cell.marks].join(", "));
    return link;
  };

  const head = (table, columns, extra) => {
    const fixed = [["Algorithm", "corner"], ["Size", ""], ...extra.map((title) => [title, ""])];
    const groups = [];
    for (const column of columns) {
      const name = column.task;
      if (groups.at(-1)?.name === name) groups.at(-1).span += 1;
      else groups.push({ name, span: 1 });
    }
    const several = new Set(columns.map((column) => column.environment)).size > 1;
    return h("thead", {},
      h("tr", { className: "groups" },
        h("td", { className: "corner", "data-dt-order": "disable" }),
        h("td", { colSpan: fixed.length - 1, "data-dt-order": "disable" }),
        groups.map(({ name, span }) => h("th", { colSpan: span, scope: "colgroup", className: "group", "data-dt-order": "disable" }, name))),
      h("tr", {},
        fixed.map(([title, className]) => h("th", { scope: "col", className }, title)),
        columns.map((column) =>
          h("th", { scope: "col", className: column.first ? "first" : "", title: column.dataset }, column.short,
            several ? h("span", { className: "label" }, environmentOf(column)) : null))));
  };

  const bestOf = (rows, column) =>
    Math.max(...rows.map((row) => row.cells[column.index]?.value ?? -Infinity));

  const summaries = (table, rows, columns, filtered) => {
    if (!table.ranked) return [];
    const sums = summarize(rows, columns);
    const list = [
      { title: "Rank", of: (row) => sums.get(row)?.rank, digits: 2 },
      { title: "Mean", of: (row) => sums.get(row)?.mean, digits: 1, strong: true },
    ];
    if (!filtered && rows.some((row) => row.paper_rank !== null)) {
      list.splice(1, 0, { title: "Rank in its paper", of: (row) => row.paper_rank, digits: 2 });
    }
    if (!filtered && rows.some((row) => row.intervals.iqm)) {
      for (const [name, title] of [["iqm", "IQM"], ["optimality_gap", "Gap"]]) {
        const of = (row) => row.intervals[name]?.value;
        const range = (row) => row.intervals[name] && `${number(row.intervals[name].low)} to ${number(row.intervals[name].high)}`;
        list.push({ title, of, digits: 1, range });
      }
    }
    return list;
  };

  // A column of DataTables: what is shown, what it is sorted by, and the class of its cells.
  const field = (show, order, className = "", more = {}) => ({
    data: null, className, defaultContent: "", type: more.type ?? "num",
    render: (row, type) => (type === "display" ? show(row) : order(row)), ...more,
  });

  const nameField = field(
    (row) => h("div", {}, row.algorithm, row.label ? h("span", { className: "label" }, row.label) : null,
      h("span", { className: "under" }, board.badge(row.provenance), board.marks(row.marks))),
    (row) => row.algorithm.toLowerCase(), "",
    { type: "string", cellType: "th", orderSequence: ["asc", "desc", ""], createdCell: (cell) => cell.setAttribute("scope", "row") });

  const sizeField = field((row) => document.createTextNode(board.sizes(row.sizes)), (row) => row.sizes[0] ?? 0);

  const summaryField = (summary) => field((row) => {
    const value = summary.of(row);
    if (value === null || value === undefined) return h("span", { className: "missing" }, "–");
    const range = summary.range?.(row);
    return h("span", {}, number(value, summary.digits), range ? h("span", { className: "label" }, range) : null);
  }, (row) => summary.of(row) ?? -1e9, summary.strong ? "strong" : "");

  const cellField = (column, best) => field(
    (row) => (row.cells[column.index] ? cellLink(row.cells[column.index], column, row) : empty()),
    (row) => row.cells[column.index]?.value ?? -1e9,
    column.first ? "cell first" : "cell",
    { createdCell: (cell, _, row) => cell.classList.toggle("best", row.cells[column.index]?.value === best) });

  const quiet = { searching: false, autoWidth: false, order: [], orderDescReverse: true };
  const most = 15; // rows at once; further ones are a page away

  const wide = (table, columns, rows, filtered) => {
    columns.forEach((column, i) => (column.first = column.task !== columns[i - 1]?.task));
    const extra = summaries(table, rows, columns, filtered);
    const element = h("table", { className: "matrix" },
      h("caption", { className: "visually-hidden" }, `${table.title}: ${table.unit}`),
      head(table, columns, extra.map(({ title }) => title)));
    const fields = [nameField, sizeField, ...extra.map(summaryField),
      ...columns.map((column) => cellField(column, rows.length > 1 && table.compared ? bestOf(rows, column) : Infinity))];
    const several = rows.length > most;
    const start = () => new DataTable(element, {
      ...quiet, data: rows, columns: fields.map((one) => ({ orderSequence: ["desc", "asc", ""], ...one })),
      deferRender: true, paging: several, pageLength: most, lengthMenu: [most, 50, 100, { label: "all", value: -1 }],
      language: { info: "_START_ to _END_ of _TOTAL_ rows", lengthMenu: "_MENU_ per page" },
      layout: { topStart: null, topEnd: null, bottomStart: several ? ["info", "pageLength"] : null, bottomEnd: several ? "paging" : null },
    });
    return { element, start };
  };

  // Datasets down, algorithm and environment across: one table per task.
  const long = (table, task, columns, rows) => {
    const environments = [...new Set(columns.map((column) => column.environment))];
    const datasets = [...new Set(columns.map((column) => column.dataset))];
    const present = rows.filter((row) => columns.some((column) => row.cells[column.index]));
    const body = datasets.map((dataset, i) =>
      h("tr", {},
        h("th", { scope: "row", "data-order": i }, columns.find((column) => column.dataset === dataset).short),
        present.flatMap((row) => environments.map((environment, j) => {
          const column = columns.find((c) => c.dataset === dataset && c.environment === environment);
          const cell = row.cells[column?.index];
          return h("td", { className: j === 0 ? "cell first" : "cell", "data-order": cell?.value ?? -1e9 },
            cell ? cellLink(cell, column, row) : empty());
        }))));
    const element = h("table", { className: "matrix" },
      h("caption", {}, `${task}, ${columns[0].behavior}`),
      h("thead", {},
        h("tr", { className: "groups" }, h("td", { className: "corner", "data-dt-order": "disable" }),
          present.map((row) => h("th", { colSpan: environments.length, scope: "colgroup", className: "group", "data-dt-order": "disable" },
            `${row.algorithm}, ${board.sizes(row.sizes)} px`))),
        h("tr", {}, h("th", { scope: "col", className: "corner" }, "Distraction, part of the data"),
          present.flatMap(() => environments.map((name, j) =>
            h("th", { scope: "col", className: j === 0 ? "first" : "" }, board.data.words.environments[name]))))),
      h("tbody", {}, body));
    const start = () => new DataTable(element, {
      ...quiet, paging: false, info: false,
      columnDefs: [{ targets: 0, orderSequence: ["asc", "desc", ""] }, { targets: "_all", orderSequence: ["desc", "asc", ""] }],
      layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    });
    return { element, start };
  };

  board.matrix = (table, filters) => {
    const exports = ["csv", "tex", "md"].map((suffix, i) =>
      [i ? " · " : "", h("a", { href: `exports/${table.key}.${suffix}`, download: true }, { csv: "CSV", tex: "LaTeX", md: "Markdown" }[suffix])]);
    const section = h("section", { className: "table", id: table.key, "aria-labelledby": `${table.key}-title` },
      h("header", {}, h("h2", { id: `${table.key}-title` }, table.title), h("span", { className: "exports" }, "Export: ", ...exports)),
      h("p", { className: "about" }, table.about));
    const columns = board.keptColumns(table, filters);
    const rows = board.keptRows(table, columns, filters);
    const filtered = Object.values(filters).some(Boolean);
    if (!rows.length || !columns.length) {
      const text = table.rows.length ? "Nothing in this table matches the filters." : "No entries yet. Be the first.";
      section.append(h("p", { className: "note" }, text));
      return { section, count: 0, start: () => {} };
    }
    const tables = table.online ? [board.onlineTable(table, columns, rows)] : table.by_benchmark
      ? [...new Set(columns.map((column) => column.task))].map((task) => long(table, task, columns.filter((column) => column.task === task), rows))
      : [wide(table, columns, rows, filtered)];
    section.append(h("div", { className: "side-by-side" }, tables.map(({ element }) =>
      h("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": `${table.title}, scrolls sideways` }, element))));
    section.append(h("p", { className: "note" }, `Unit: ${table.unit}. ± is one standard deviation over training seeds${table.by_benchmark || !table.compared ? "" : `; bold is the best of a ${table.online ? "dataset" : "column"}`}.`));
    const figures = table.online ? board.onlineFigure(table, columns, rows) : board.tableFigures(table, columns, rows);
    if (figures) section.append(figures);
    return { section, count: rows.length, start: () => tables.forEach((one) => one.start()) };
  };
})();
