// Long lists: all entries, and every number that a paper printed. Paged, searched and sorted.
"use strict";
(() => {
  const { h, number } = board;
  const text = (data) => document.createTextNode(data ?? "");
  const node = (make, order) => (data, type, row) => (type === "display" ? make(row) : order(row));

  const list = (element, columns, rows, order) =>
    new DataTable(element, {
      data: rows, columns, order, autoWidth: false, deferRender: true, pageLength: 15,
      lengthMenu: [15, 50, 100, 250],
      layout: { topStart: "info", topEnd: "pageLength", bottomStart: null, bottomEnd: "paging" },
      language: {
        info: "_START_ to _END_ of _TOTAL_", infoEmpty: "none", infoFiltered: "(of _MAX_)",
        lengthMenu: "_MENU_ per page", zeroRecords: "Nothing matches the filters.",
      },
    });

  const entryRows = () =>
    board.data.entries.flatMap((entry) => entry.scores.map((score) => ({
      entry, score, suite: entry.suite, behavior: entry.behavior, distraction: entry.distraction,
      size: entry.size, provenance: board.provenance(entry),
      words: [entry.algorithm, entry.label, entry.benchmark, entry.task, entry.dataset, score.environment].join(" ").toLowerCase(),
    })));

  const suiteTitle = (key) => board.data.suites.find((suite) => suite.key === key).title;

  const entryColumns = () => [
    { title: "Algorithm", className: "text", render: node((row) => h("span", {}, h("a", { href: board.entryAddress(row.entry.key) }, row.entry.algorithm), row.entry.label ? h("span", { className: "label" }, row.entry.label) : null), (row) => row.entry.algorithm.toLowerCase()), data: null },
    { title: "Suite", className: "text", data: null, render: node((row) => text(suiteTitle(row.suite)), (row) => row.suite) },
    { title: "Task", className: "text", data: null, render: node((row) => text(row.entry.task), (row) => row.entry.task) },
    { title: "Dataset", className: "text narrow", data: null, render: node((row) => text(row.entry.dataset), (row) => `${board.orders.behavior.indexOf(row.behavior)} ${row.entry.dataset}`) },
    { title: "Environment", className: "text narrow", data: null, render: node((row) => text(board.data.words.environments[row.score.environment]), (row) => row.score.environment) },
    { title: "Size", data: null, type: "num", render: node((row) => text(row.size ?? "–"), (row) => row.size ?? 0) },
    { title: "Score", className: "strong", data: null, type: "num", orderSequence: ["desc", "asc", ""], render: node((row) => h("span", {}, number(row.score.value), row.score.spread === null ? null : h("span", { className: "label" }, `± ${number(row.score.spread)}`)), (row) => row.score.value) },
    { title: "Seeds", data: null, type: "num", render: node((row) => text(row.score.seeds ?? "–"), (row) => row.score.seeds ?? 0) },
    { title: "Provenance", className: "text", data: null, render: node((row) => h("span", {}, board.badge(row.provenance), board.marks(row.entry.marks)), (row) => row.provenance) },
  ];

  // Filters by exact values and by words; each change redraws one page of rows.
  const filterRows = (table, filters, words) => {
    const wanted = Object.entries(filters).filter(([, value]) => value);
    const search = words.toLowerCase().split(/\s+/).filter(Boolean);
    const keep = (_, row) =>
      wanted.every(([name, value]) => String(row[name]) === value) && search.every((word) => row.words.includes(word));
    table.search.fixed("filters", wanted.length || search.length ? keep : null);
    table.draw();
  };

  board.entryList = () => {
    const element = h("table", { className: "list" }, h("caption", { className: "visually-hidden" }, "All entries"));
    const section = h("section", { className: "table" }, element);
    let table = null;
    return {
      section,
      start: () => { table = list(element, entryColumns(), entryRows(), [[6, "desc"]]); },
      filter: (filters, words) => {
        filterRows(table, filters, words);
        return table.page.info().recordsDisplay;
      },
    };
  };

  const papers = ["V-D4RL", "SeMOPO", "LOMPO", "MOTO", ""];

  const mentions = () => {
    const rows = [];
    for (const entry of board.data.entries) {
      for (const number of entry.content.published ?? []) {
        rows.push({
          paper: number.source.paper, table: number.source.table, url: number.source.url, algorithm: entry.algorithm,
          subject: entry.benchmark, key: entry.key, quantity: number.environment === "original" ? "result" : `result, ${board.data.words.environments[number.environment]}`,
          mean: number.mean, printed: board.printed(number.mean, number.spread, number.scale), scale: board.data.words.scales[number.scale],
          note: [number.source.quoted_from ? `Quoted from ${number.source.quoted_from}.` : "", number.note ?? ""].join(" ").trim(),
        });
      }
    }
    for (const one of board.data.printed) rows.push({ ...one, printed: board.printed(one.mean, one.spread, one.scale), key: null });
    for (const row of rows) row.words = Object.values(row).join(" ").toLowerCase();
    const rank = (row) => papers.findIndex((name) => row.paper.startsWith(name));
    return rows.sort((a, b) => rank(a) - rank(b) || a.table.localeCompare(b.table, "en", { numeric: true }));
  };

  const plain = (title, name, className = "text") => ({ title, className, data: null, render: node((row) => text(row[name]), (row) => row[name] ?? "") });

  const paperLink = (row) => (row.url ? board.link(row.url, row.paper) : text(row.paper));

  const mentionColumns = () => [
    { title: "Dataset", className: "text", data: null, render: node((row) => (row.key ? h("a", { href: board.entryAddress(row.key) }, row.subject) : text(row.subject)), (row) => row.subject) },
    plain("Algorithm", "algorithm"),
    { title: "Printed", className: "strong", data: null, type: "num", orderSequence: ["desc", "asc", ""], render: node((row) => text(row.printed), (row) => row.mean) },
    plain("What", "quantity", "text narrow"),
    plain("Scale", "scale", "text narrow"),
    { title: "Paper", className: "text narrow", data: null, render: node(paperLink, (row) => row.paper) },
    plain("Table", "table", "text narrow"),
    plain("Note", "note", "text wrap"),
  ];

  board.mentionList = () => {
    const element = h("table", { className: "list" }, h("caption", { className: "visually-hidden" }, "Every printed number"));
    const section = h("section", { className: "table" }, element);
    let table = null;
    return {
      section,
      start: () => { table = list(element, mentionColumns(), mentions(), []); },
      filter: (filters, words) => {
        filterRows(table, {}, words);
        return table.page.info().recordsDisplay;
      },
    };
  };
})();
