// Figures with Observable Plot: SVG in the colors of the page. Tables above them say the same.
"use strict";
(() => {
  const { h } = board;
  const behaviors = ["random", "medium-replay", "medium", "medium-expert", "expert", "scripted", "demonstrations"];
  const shades = ["#8c6bb1", "#3182bd", "#1aa398", "#e6a117", "#d94801", "#7f7f7f", "#d6619e"];
  const hues = ["#2f7ed8", "#d9580d", "#178a5b", "#b0309c", "#8a6d1a", "#0e9aa7", "#c22f3d", "#6a51c7", "#6b7785", "#7a9a01", "#b5651d", "#3b528b"];
  const width = () => Math.max(290, Math.min(640, document.getElementById("main").clientWidth - 60));
  const narrow = () => width() < 480;
  const style = { background: "transparent", color: "var(--ink)", fontFamily: "inherit", fontSize: "12px", overflow: "visible" };

  const legend = (names, colors) =>
    h("ul", { className: "legend" }, names.map((name, i) => {
      const dot = h("i", {});
      dot.style.background = colors[i];
      return h("li", {}, dot, name);
    }));

  const figure = (title, detail, parts, svg) => {
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${title}. ${detail}`);
    return h("figure", {}, h("figcaption", {}, title, h("small", {}, detail)), parts, svg);
  };

  // Rows are told apart by algorithm, label and size; names must differ for the axis.
  const rowNames = (rows) => {
    const twice = (row) => rows.filter((other) => other.algorithm === row.algorithm).length > 1;
    return rows.map((row) => {
      const extra = [row.label, board.sizes(row.sizes), row.provenance].filter(Boolean).join(", ");
      return twice(row) ? `${row.algorithm} (${extra})` : row.algorithm;
    });
  };
  const short = (name) => {
    const most = narrow() ? 14 : 22;
    return name.length > most ? `${name.slice(0, most - 1)}…` : name;
  };

  const strip = (table, columns, rows) => {
    const shown = rows.slice(0, 20);
    const names = rowNames(shown);
    const points = shown.flatMap((row, i) =>
      columns.filter((column) => row.cells[column.index]).map((column) => ({
        algorithm: names[i], score: row.cells[column.index].value, behavior: column.behavior,
        title: `${names[i]}\n${column.task}, ${column.dataset}\n${board.number(row.cells[column.index].value)}`,
      })));
    const present = behaviors.filter((name) => points.some((point) => point.behavior === name));
    const svg = Plot.plot({
      style, width: width(), height: 60 + 26 * shown.length, marginLeft: narrow() ? 108 : 165, marginTop: 8,
      x: { label: table.unit, grid: true, nice: true }, y: { domain: names, label: null, tickSize: 0, tickFormat: short },
      color: { domain: behaviors, range: shades },
      marks: [
        Plot.ruleX([0], { strokeOpacity: 0.25 }),
        Plot.dot(points, { x: "score", y: "algorithm", fill: "behavior", r: 4.5, fillOpacity: 0.85, stroke: "var(--card)", strokeWidth: 0.8 }),
        Plot.tickX(points, Plot.groupY({ x: "mean" }, { x: "score", y: "algorithm", strokeWidth: 2.5, stroke: "currentColor", insetTop: 3, insetBottom: 3 })),
        Plot.tip(points, Plot.pointer({ x: "score", y: "algorithm", title: "title" })),
      ],
    });
    const detail = "A dot is a dataset, colored by behavior policy; the bar is the mean over the datasets that a row has.";
    return figure("Scores by dataset", detail, legend(present, present.map((name) => shades[behaviors.indexOf(name)])), svg);
  };

  const profile = (table) => {
    const rows = table.profiles.map((one) => table.rows[one.row]);
    const names = rowNames(rows);
    const colors = hues.slice(0, names.length);
    const points = table.profiles.flatMap((one, i) =>
      one.value.map((value, j) => ({
        threshold: (j / (one.value.length - 1)) * 100, algorithm: names[i], value: value * 100,
        low: one.low ? one.low[j] * 100 : null, high: one.high ? one.high[j] * 100 : null,
      })));
    const svg = Plot.plot({
      style, width: width(), height: 320, marginLeft: 45,
      x: { label: "score", grid: true }, y: { label: "percent above", domain: [0, 100], grid: true },
      color: { domain: names, range: colors },
      marks: [
        Plot.areaY(points.filter((point) => point.low !== null), { x: "threshold", y1: "low", y2: "high", fill: "algorithm", z: "algorithm", fillOpacity: 0.15 }),
        Plot.lineY(points, { x: "threshold", y: "value", stroke: "algorithm", z: "algorithm", strokeWidth: 2, curve: "step-after" }),
        Plot.tip(points, Plot.pointer({ x: "threshold", y: "value", title: (d) => `${d.algorithm}\n${board.number(d.value, 0)} % above ${board.number(d.threshold, 0)}` })),
      ],
    });
    const runs = table.profiles.some((one) => one.of === "runs");
    const means = table.profiles.some((one) => one.of === "datasets");
    const detail = [
      runs ? "Percent of runs with a score above a threshold, with 95 % intervals." : "",
      means ? "Printed numbers have no single runs: for them, percent of datasets whose mean is above it." : "",
    ].join(" ").trim();
    return figure("Performance profiles", detail, legend(names, colors), svg);
  };

  const improvement = (table) => {
    const names = rowNames(table.rows);
    const pairs = table.improvements.map((pair) => ({ ...pair, name: `${names[pair.row]} over ${names[pair.over]}` }));
    const svg = Plot.plot({
      style, width: width(), height: 60 + 22 * pairs.length, marginLeft: narrow() ? 150 : 260,
      x: { label: "probability of improvement", domain: [0, 1], grid: true }, y: { domain: pairs.map((pair) => pair.name), label: null, tickSize: 0 },
      marks: [
        Plot.ruleX([0.5], { strokeDasharray: "3,3" }),
        Plot.ruleY(pairs, { y: "name", x1: "low", x2: "high", strokeWidth: 3, stroke: "var(--accent)", strokeOpacity: 0.5 }),
        Plot.dot(pairs, { y: "name", x: "value", fill: "var(--accent)", r: 4.5 }),
      ],
    });
    return figure("Probability of improvement", "How likely a run of the first beats a run of the second; with 95 % intervals.", [], svg);
  };

  // Mean over seeds and the range of seeds, by step.
  board.curves = (title, detail, series, axes = { x: "gradient steps", y: "episode return" }) => {
    const names = series.map((one) => one.name);
    const colors = names.map((_, i) => hues[i % hues.length]);
    const points = series.flatMap((one) => one.curves.flatMap((curve, seed) =>
      curve.map((point) => ({ name: one.name, seed: `${one.name} ${seed}`, step: point.step, value: point.mean_return }))));
    const svg = Plot.plot({
      style, width: width(), height: 300, marginLeft: 50,
      x: { label: axes.x, grid: true, tickFormat: "~s" }, y: { label: axes.y, grid: true, zero: true },
      color: { domain: names, range: colors },
      marks: [
        Plot.lineY(points, { x: "step", y: "value", z: "seed", stroke: "name", strokeOpacity: 0.3 }),
        Plot.lineY(points, Plot.groupX({ y: "mean" }, { x: "step", y: "value", z: "name", stroke: "name", strokeWidth: 2.5 })),
        Plot.tip(points, Plot.pointer({ x: "step", y: "value", title: (d) => `${d.name}\nstep ${d.step}\n${board.number(d.value)}` })),
      ],
    });
    return figure(title, detail, names.length > 1 ? legend(names, colors) : [], svg);
  };

  const curvesOf = (entry) =>
    (entry.content.evaluations ?? []).filter((one) => one.environment === "original")
      .flatMap((one) => one.runs.map((run) => run.curve ?? [])).filter((curve) => curve.length);

  board.entryCurves = curvesOf;

  // The same by environment step, in the unit of the table: percent of success where that is counted.
  board.entryOnline = (entry) =>
    (entry.content.evaluations ?? []).filter((one) => one.environment === "original")
      .flatMap((one) => one.runs.map((run) => (run.online_curve ?? []).map((point) => ({
        step: point.environment_steps, mean_return: point.success === undefined ? point.mean_return : point.success * 100,
      })))).filter((curve) => curve.length);

  board.onlineAxes = (entry) => {
    const counted = (entry.content.evaluations ?? []).some((one) => one.runs.some((run) => run.successes));
    return { x: "environment steps online", y: counted ? "success, percent" : "episode return" };
  };

  const learning = (columns, rows, of = curvesOf, title = "Learning curves", axes = undefined) => {
    const choices = columns.filter((column) => column.environment === "original").map((column) => {
      const series = rows.map((row) => row.cells[column.index]).filter(Boolean)
        .map((cell) => board.entries.get(cell.entry))
        .map((entry) => ({ name: [entry.algorithm, entry.label, entry.size].filter(Boolean).join(", "), entry, curves: of(entry) }))
        .filter((one) => one.curves.length).slice(0, hues.length);
      return { column, series };
    }).filter((choice) => choice.series.length);
    if (!choices.length) return null;
    const place = h("div", {});
    const draw = (i) => {
      const { column, series } = choices[i];
      place.replaceChildren(board.curves(title, "Thin lines are seeds, thick ones their mean.", series, axes?.(series[0].entry)));
      board.say(`${title} of ${column.task}, ${column.dataset}`);
    };
    const select = h("select", { onchange: () => draw(select.selectedIndex) },
      choices.map(({ column }) => h("option", {}, `${column.task}, ${column.dataset}`)));
    draw(0);
    return h("div", { className: "learning" }, h("label", {}, "Dataset ", select), place);
  };

  board.onlineFigure = (table, columns, rows) => {
    const made = learning(columns, rows, board.entryOnline, "Online curves", board.onlineAxes);
    return made && h("div", { className: "figures" }, made);
  };

  // Tables first: figures are drawn when the browser has nothing better to do.
  const whenIdle = window.requestIdleCallback ?? ((draw) => setTimeout(draw, 30));

  board.tableFigures = (table, columns, rows) => {
    if (!table.ranked || columns.length < 2) return null;
    const place = h("div", { className: "figures" });
    const makers = [];
    if (columns.length >= 4) makers.push(() => strip(table, columns, rows));
    if (table.profiles.length > 1 && table.columns.length >= 8) makers.push(() => profile(table));
    if (table.improvements.length) makers.push(() => improvement(table));
    makers.push(() => learning(columns, rows));
    const draw = () => {
      if (!place.isConnected) return;
      const made = makers.shift()();
      if (made) place.append(made);
      if (makers.length) whenIdle(draw);
    };
    setTimeout(() => whenIdle(draw), 250);
    return place;
  };
})();
