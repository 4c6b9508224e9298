// A row of filters, and the values that they offer.
"use strict";
(() => {
  const { h } = board;

  const sorted = (values, name) => {
    const order = board.orders[name];
    return [...new Set(values)].filter((value) => value !== null && value !== undefined)
      .sort((a, b) => (order ? order.indexOf(a) - order.indexOf(b) : a - b));
  };

  const titles = { behavior: "Behavior", size: "Size", provenance: "Provenance", distraction: "Distraction", suite: "Suite", how: "To be had by", here: "Pictures", words: "Search" };

  // A row of selects; calls back with all values whenever one changes; with a search field if
  // there are words to hint at what can be searched.
  board.filterBar = (choices, given, changed, search = null) => {
    const controls = new Map();
    const values = () => Object.fromEntries([...controls].map(([name, control]) => [name, control.value]));
    const apply = () => {
      for (const control of controls.values()) control.classList.toggle("active", Boolean(control.value));
      changed(values());
    };
    const bar = h("form", { className: "filters", role: "search", "aria-label": "Filters", onsubmit: (event) => event.preventDefault() });
    if (search !== null) {
      const input = h("input", { type: "search", id: "filter-words", placeholder: search, value: given.get("words") ?? "", oninput: apply });
      controls.set("words", input);
      bar.append(h("label", { htmlFor: "filter-words" }, titles.words, input));
    }
    for (const [name, options] of Object.entries(choices)) {
      const select = h("select", { id: `filter-${name}`, onchange: apply },
        h("option", { value: "" }, "all"),
        options.map(([value, title]) => h("option", { value: String(value) }, title)));
      select.value = given.get(name) ?? "";
      if (select.selectedIndex < 0) select.value = "";
      controls.set(name, select);
      bar.append(h("label", { htmlFor: select.id }, titles[name], select));
    }
    bar.append(h("button", { type: "button", onclick: () => { for (const control of controls.values()) control.value = ""; apply(); } }, "Reset"));
    return { bar, apply, values };
  };

  board.pairs = (values, name) => sorted(values, name).map((value) => [value, name === "size" ? `${value} px` : String(value)]);
})();
