// Pages and their addresses. The address holds the filters, so that a view can be sent.
"use strict";
(() => {
  const { h, filterBar, pairs } = board;
  const main = document.getElementById("main");
  const datasets = Object.keys(board.data.datasets).length ? [h("a", { href: "datasets/index.html" }, "Datasets")] : [];
  const pages = [["entries", "All entries"], ["printed", "Printed numbers"], ["about", "About"]];

  const read = () => {
    const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
    const [page, ...rest] = path.split("/");
    let key = "";
    try { key = decodeURIComponent(rest.join("/")); } catch { key = ""; }
    return { page: page || board.data.suites[0].key, key, filters: new URLSearchParams(query) };
  };

  const write = (page, filters) => {
    const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value)).toString();
    history.replaceState(null, "", `#/${page}${query ? `?${query}` : ""}`);
  };

  const navigation = (current) => {
    const item = ([key, title]) => h("a", { href: `#/${key}`, "aria-current": key === current ? "page" : null }, title);
    document.getElementById("nav").replaceChildren(
      ...board.data.suites.map(({ key, title }) => item([key, title])), h("span", { className: "gap", "aria-hidden": "true" }), ...datasets, ...pages.map(item));
  };

  const lead = (entries, papers, raw) => {
    if (!entries) return "No entries yet.";
    const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
    const from = papers ? ` with numbers from ${count(papers, "paper", "papers")}` : "";
    const runs = raw ? `, ${raw} of them with the raw returns of every run` : "";
    return `${count(entries, "entry", "entries")}${from}${runs}. Choose a number to see how it came about.`;
  };

  const suitePage = (suite, given) => {
    const tables = board.data.tables.filter((table) => table.suite === suite.key);
    const columns = tables.flatMap((table) => table.columns);
    const rows = tables.flatMap((table) => table.rows);
    const place = h("div", { id: "tables" });
    const choices = {
      behavior: pairs(columns.map((column) => column.behavior), "behavior"),
      size: pairs(rows.flatMap((row) => row.sizes), "size"),
      provenance: pairs(rows.map((row) => row.provenance), "provenance"),
      distraction: pairs(columns.map((column) => column.distraction), "distraction"),
    };
    const { bar, apply } = filterBar(choices, given, (filters) => {
      write(suite.key, filters);
      const made = tables.map((table) => board.matrix(table, filters));
      const used = Object.values(filters).some(Boolean) ? made.filter((one) => one.count) : made;
      const nothing = h("p", { className: "note" }, "Nothing matches the filters.");
      place.replaceChildren(...(used.length ? used.map((one) => one.section) : [nothing]));
      for (const one of used) one.start();
      board.say(`${used.length} tables, ${used.reduce((sum, one) => sum + one.count, 0)} rows`);
    });
    const entries = board.data.entries.filter((entry) => entry.suite === suite.key);
    const papers = new Set(entries.flatMap((entry) => (entry.content.published ?? []).map((number) => number.source.paper)));
    const raw = entries.filter((entry) => entry.kind !== "published").length;
    main.replaceChildren(
      h("h1", {}, suite.title), h("p", { className: "lead" }, lead(entries.length, papers.size, raw)),
      bar, place);
    apply();
  };

  const listPage = (page, title, lead, made, choices, given) => {
    const { bar, apply } = filterBar(choices, given, ({ words = "", ...filters }) => {
      write(page, { ...filters, words });
      board.say(`${made.filter(filters, words)} rows`);
    }, "algorithm, dataset …");
    main.replaceChildren(h("h1", {}, title), h("p", { className: "lead" }, lead), bar, made.section);
    made.start();
    apply();
  };

  const entryChoices = () => {
    const entries = board.data.entries;
    return {
      suite: board.data.suites.map(({ key, title: name }) => [key, name]),
      behavior: pairs(entries.map((entry) => entry.behavior), "behavior"),
      size: pairs(entries.map((entry) => entry.size), "size"),
      provenance: pairs(entries.map(board.provenance), "provenance"),
      distraction: pairs(entries.map((entry) => entry.distraction), "distraction"),
    };
  };

  const routes = {
    entry: ({ key }) => main.replaceChildren(board.entryPage(key)),
    entries: ({ filters }) => listPage("entries", "All entries", "One row for each entry and environment.", board.entryList(), entryChoices(), filters),
    printed: ({ filters }) => listPage("printed", "Printed numbers", "Every number that was taken from a paper, as printed, with its table: results, statistics of datasets, and summaries.", board.mentionList(), {}, filters),
    about: () => main.replaceChildren(document.getElementById("about").content.cloneNode(true)),
  };

  const route = (focus) => {
    const where = read();
    const suite = board.data.suites.find(({ key }) => key === where.page);
    navigation(where.page);
    if (suite) suitePage(suite, where.filters);
    else if (Object.hasOwn(routes, where.page)) routes[where.page](where);
    else main.replaceChildren(h("h1", {}, "There is no such page"));
    document.title = `${main.querySelector("h1").textContent} · Offline RL from pixels`;
    if (focus) { scrollTo(0, 0); main.focus({ preventScroll: true }); }
  };

  DataTable.ext.errMode = "throw";
  addEventListener("hashchange", () => route(true));
  document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
  route(false);
})();
