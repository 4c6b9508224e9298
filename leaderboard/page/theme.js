// Light, dark, or what the system says; remembered where the browser allows it.
"use strict";
(() => {
  const themes = ["auto", "light", "dark"];
  const button = document.getElementById("theme");
  const setTheme = (name) => {
    document.documentElement.dataset.theme = name;
    button.textContent = { auto: "◐ Auto", light: "☀ Light", dark: "☾ Dark" }[name];
    button.setAttribute("aria-label", `Theme: ${name}. Change it.`);
    try { localStorage.setItem("theme", name); } catch { /* a page from a folder may have no storage */ }
  };
  button.addEventListener("click", () => setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % 3]));
  let stored = "auto";
  try { stored = localStorage.getItem("theme") ?? "auto"; } catch { stored = "auto"; }
  setTheme(themes.includes(stored) ? stored : "auto");
})();
