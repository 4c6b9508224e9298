// One entry: what was measured, how, and where the numbers are from.
"use strict";
(() => {
  const { h, number } = board;

  const show = (value) => {
    if (value === null || value === undefined) return "not stated";
    if (Array.isArray(value)) return value.map(show).join(", ");
    return String(value).replaceAll("_", " ");
  };

  const facts = (pairs) =>
    h("dl", { className: "facts" }, pairs.filter(([, value]) => value !== undefined && value !== null)
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

  const card = (title, ...children) => h("section", { className: "card" }, h("h2", {}, title), children);

  const scores = (entry) =>
    card("Score", entry.scores.map((score) =>
      h("div", {},
        h("p", { className: "big" }, number(score.value), " ",
          h("small", {}, score.spread === null ? "" : `± ${number(score.spread)} `,
            entry.scores.length > 1 ? board.data.words.environments[score.environment] : "")),
        score.offline === null ? null : h("p", { className: "note" }, `At the offline point: ${number(score.offline)}; then ${entry.content.protocol.environment_steps.toLocaleString("en")} environment steps online.`),
        score.interval ? h("p", { className: "note" }, `95 % interval of the mean over seeds: ${number(score.interval[0])} to ${number(score.interval[1])}`) : null)),
      h("p", { className: "note" }, entry.scores[0].unit, ". Table: ",
        h("a", { href: `#/${entry.suite}` }, board.tables.get(entry.scores[0].table).title), "."));

  const protocol = (entry) => {
    const p = entry.content.protocol;
    const names = { offline: "offline", offline_to_online: "offline, then online" };
    return card("Protocol", facts([
      ["Track", names[p.track ?? "offline"]],
      ["Checkpoint", p.checkpoint === "unstated" ? "not stated" : show(p.checkpoint)],
      ["Online evaluations", p.online_evaluations === null ? "not stated" : `${p.online_evaluations} used for tuning`],
      ["One setting per", p.hyperparameters_shared === "unstated" ? "not stated" : show(p.hyperparameters_shared)],
      ["Training seeds", show(p.seeds)],
      ["Episodes per seed", show(p.episodes)],
      ["Gradient steps", p.train_steps && p.train_steps.toLocaleString("en")],
      ["Environment steps online", p.environment_steps && p.environment_steps.toLocaleString("en")],
      ["Evaluation protocol", entry.episode_seeds && `version ${p.version}`],
      ["Episode seeds", entry.episode_seeds],
      ["Frames at once", p.frame_stack && String(p.frame_stack)],
      ["Image size", entry.size ? `${entry.size} × ${entry.size}` : "not stated"],
      ["Not ranked because", p.not_comparable],
      ["Unusual returns", entry.content.unusual],
    ]));
  };

  const provenance = (entry) => {
    const { algorithm, data, compute, submitter, date, license, note, traces } = entry.content;
    const hashes = [data?.content_sha256, ...(data?.part_sha256s ?? [])].filter(Boolean);
    const versions = entry.replayed && Object.entries(entry.replayed).map(([name, version]) => `${name} ${version}`).join(", ");
    return card("Provenance", facts([
      ["Kind", board.explain[entry.kind]],
      ["Replayed with", versions],
      ["Paper", algorithm.paper && board.link(algorithm.paper, algorithm.paper.slice(8))],
      ["Code", algorithm.code && board.link(algorithm.code, algorithm.code.slice(8))],
      ["Commit", algorithm.commit && h("code", {}, algorithm.commit)],
      ["Data", data && [data.origin, data.transitions ? `${data.transitions.toLocaleString("en")} transitions` : null].filter(Boolean).join(", ")],
      ["Content SHA-256", hashes.length ? h("code", {}, hashes.join(" ")) : null],
      ["Actions SHA-256", traces && h("code", {}, traces.sha256)],
      ["Hardware", compute?.hardware],
      ["Wall clock", compute?.wall_clock_seconds && `${(compute.wall_clock_seconds / 3600).toFixed(1)} h`],
      ["Versions", compute?.versions && Object.entries(compute.versions).map(([name, version]) => `${name} ${version}`).join(", ")],
      ["Submitted by", submitter], ["Date", date], ["License", license], ["Note", note],
      ["File", h("code", {}, `leaderboard/results/${entry.key}.json`)],
    ]));
  };

  const table = (caption, titles, rows) =>
    h("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
      h("table", {}, h("caption", { className: "visually-hidden" }, caption),
        h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col", className: "text" }, title)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, i) => h("td", { className: i + 1 < row.length ? "text" : "wrap" }, cell)))))));

  const printed = (entry) => {
    const rows = (entry.content.published ?? []).map((one) => [
      board.data.words.environments[one.environment],
      h("strong", {}, board.printed(one.mean, one.spread, one.scale)),
      board.data.words.scales[one.scale],
      [one.source.url ? board.link(one.source.url, one.source.paper) : one.source.paper, `, ${one.source.table}`],
      [one.source.quoted_from ? `Quoted from ${one.source.quoted_from}. ` : "", one.note ?? ""],
    ]);
    if (!rows.length) return null;
    const section = card("Printed numbers", table("Printed numbers", ["Environment", "Printed", "Scale", "Source", "Note"], rows));
    section.classList.add("wide");
    return section;
  };

  const raw = (entry) => {
    const evaluations = entry.content.evaluations ?? [];
    if (!evaluations.length) return null;
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const rows = evaluations.flatMap((one) => one.runs.map((run) => [
      board.data.words.environments[one.environment], String(run.seed), h("strong", {}, number(mean(run.returns))),
      run.returns.map((value) => number(value)).join("  "),
    ]));
    const section = card("Returns of every episode", table("Returns", ["Environment", "Seed", "Mean", "Episodes"], rows));
    section.classList.add("wide");
    const curves = board.entryCurves(entry);
    if (curves.length) section.append(board.curves("Learning curve", "Thin lines are seeds, the thick one is their mean.", [{ name: entry.algorithm, curves }]));
    const online = board.entryOnline(entry);
    if (online.length) section.append(board.curves("Online curve", "From the offline point on. Thin lines are seeds, the thick one is their mean.", [{ name: entry.algorithm, curves: online }], board.onlineAxes(entry)));
    return section;
  };

  const settings = (entry) => {
    const pairs = Object.entries(entry.content.hyperparameters ?? {});
    return pairs.length ? card("Hyperparameters", facts(pairs.map(([name, value]) => [name, h("code", {}, JSON.stringify(value))]))) : null;
  };

  // The dataset's own page, where there is one.
  const dataset = (entry) => {
    const page = board.data.datasets[`${entry.benchmark} ${entry.size}`];
    return page ? h("a", { href: page }, entry.benchmark) : entry.benchmark;
  };

  board.entryPage = (key) => {
    const entry = board.entries.get(key);
    if (!entry) return h("div", {}, h("h1", {}, "There is no such entry"), h("p", {}, h("a", { href: "#/entries" }, "All entries")));
    const suite = board.data.suites.find((one) => one.key === entry.suite);
    const name = entry.algorithm + (entry.label ? `, ${entry.label}` : "");
    return h("div", {},
      h("p", { className: "crumbs" }, h("a", { href: `#/${entry.suite}` }, suite.title), " / ", dataset(entry)),
      h("h1", {}, `${name} on ${entry.task}, ${entry.dataset}`),
      h("div", { className: "badges" }, entry.badges.map(board.badge), board.marks(entry.marks), entry.size ? h("span", { className: "badge" }, `${entry.size} px`) : null),
      h("div", { className: "cards" }, scores(entry), protocol(entry), provenance(entry), settings(entry), printed(entry), raw(entry)),
      h("details", {}, h("summary", {}, "The entry as JSON"), h("pre", {}, h("code", {}, JSON.stringify(entry.content, null, 2)))));
  };
})();
