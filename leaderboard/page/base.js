// The leaderboard's data, and how its numbers and marks are written.
"use strict";
board.data = JSON.parse(document.getElementById("data").textContent);

board.number = (value, digits = 1) =>
  value === null || value === undefined ? "–" : value.toFixed(digits);

// As papers print it: at least as many digits as their tables have.
const printedDigits = { "return/10": 1, normalized: 2, lompo_0_100: 1 };
const printedOne = (value, digits) =>
  ((String(value).split(".")[1] ?? "").length < digits ? value.toFixed(digits) : String(value));
board.printed = (mean, spread, scale) => {
  const digits = printedDigits[scale] ?? 0;
  const tail = spread === null || spread === undefined ? "" : ` ± ${printedOne(spread, digits)}`;
  return printedOne(mean, digits) + tail;
};

board.entryAddress = (key) => `#/entry/${encodeURIComponent(key)}`;

board.entries = new Map(board.data.entries.map((entry) => [entry.key, entry]));
board.tables = new Map(board.data.tables.map((table) => [table.key, table]));

board.explain = {
  published: "Typed from a paper's table",
  submitted: "Raw returns, checked",
  reproduced: "Measured with this project's own code",
  replayed: "Its actions, played again, gave these returns",
  "no online tuning": "No evaluation in the environment informed any choice",
  "one setting": "One setting of all hyperparameters for the whole suite",
};

for (const [mark, meaning] of Object.entries(board.data.words.marks)) board.explain[mark] = meaning;

// What must be known before a result is compared: its data, or an older evaluation protocol.
board.marks = (marks) => marks.map((mark) => {
  const older = `Evaluated by version ${mark.split(" ")[1]} of the evaluation protocol; the newest is ${board.data.words.protocol}`;
  return board.h("span", { className: "badge mark", title: board.explain[mark] ?? older }, mark);
});

board.badge = (name) =>
  board.h("span", { className: `badge ${name}`, title: board.explain[name] ?? "" }, name);

board.link = (address, text) =>
  /^https:\/\//.test(address)
    ? board.h("a", { href: address, rel: "noopener noreferrer nofollow", target: "_blank" }, text)
    : text;

board.sizes = (sizes) => (sizes.length ? sizes.join(", ") : "–");

board.provenance = (entry) => (entry.replayed ? "replayed" : entry.kind);
