// Small helpers that every page of the site shares. What strangers wrote only ever becomes text.
"use strict";
const board = {};

// An element with properties, attributes (dashed or "role") and children; strings become text.
board.h = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
};

// The values that a filter can take, in the order of the papers.
board.orders = {
  behavior: ["random", "medium-replay", "medium", "medium-expert", "expert", "random-expert", "scripted", "demonstrations"],
  distraction: ["none", "low", "moderate", "high", "video"],
  provenance: ["published", "submitted", "reproduced", "replayed"],
};

board.say = (text) => {
  document.getElementById("status").textContent = text;
};
