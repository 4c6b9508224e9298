// The list of datasets: filters and words hide what does not match. The address holds them.
"use strict";
(() => {
  const { filterBar, pairs } = board;
  const cards = [...document.querySelectorAll("#datasets li")].map((element) => ({ element, ...element.dataset }));
  const groups = [...document.querySelectorAll("#datasets section")].map((element) => ({ element, count: element.querySelector(".count"), cards: [...element.querySelectorAll("li")] }));
  const nothing = document.getElementById("nothing");
  const values = (name) => cards.flatMap((card) => card[name].split(" "));
  const place = document.getElementById("filters");
  const ways = Object.entries(JSON.parse(place.dataset.ways));
  const suites = new Map(groups.map(({ element }) => [element.querySelector("li").dataset.suite, element.querySelector("h2 small").textContent]));

  const choices = {
    suite: [...suites],
    behavior: pairs(cards.map((card) => card.behavior), "behavior"),
    size: pairs(cards.map((card) => Number(card.size)), "size"),
    distraction: pairs(cards.map((card) => card.distraction), "distraction"),
    how: ways.filter(([kind]) => values("how").includes(kind)),
    here: [["shown", "shown"], ["none yet", "none yet"]],
  };

  const given = () => new URLSearchParams(location.hash.slice(1));

  const show = ({ words = "", ...filters }) => {
    const wanted = Object.entries(filters).filter(([, value]) => value);
    const search = words.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (card) =>
      wanted.every(([name, value]) => (name === "how" ? card.how.split(" ").includes(value) : card[name] === value))
      && search.every((word) => card.words.includes(word));
    let count = 0;
    for (const card of cards) {
      card.element.hidden = !fits(card);
      count += card.element.hidden ? 0 : 1;
    }
    for (const group of groups) group.element.hidden = group.cards.every((card) => card.hidden);
    nothing.hidden = count > 0;
    const query = new URLSearchParams(Object.entries({ words, ...filters }).filter(([, value]) => value)).toString();
    history.replaceState(null, "", query ? `#${query}` : location.pathname);
    board.say(`${count} of ${cards.length} datasets`);
    told.textContent = `${count.toLocaleString("en")} of ${cards.length.toLocaleString("en")} datasets`;
  };

  const told = board.h("p", { className: "note", id: "told" });
  const start = () => {
    const { bar, apply } = filterBar(choices, given(), show, "task, behavior, id …");
    place.replaceChildren(bar, told);
    apply();
  };
  addEventListener("hashchange", () => { if (location.hash !== "#main") start(); });
  start();
})();
