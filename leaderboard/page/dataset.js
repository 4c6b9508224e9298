// One dataset: its film plays, stops and goes where it is told to; commands can be copied.
"use strict";
(() => {
  const { h } = board;

  const play = (figure) => {
    const still = figure.querySelector("img");
    const { film, columns, frames, fps, returns } = figure.dataset;
    const [count, across, speed, soFar] = [Number(frames), Number(columns), Number(fps), JSON.parse(returns)];
    const [width, height] = [still.width, still.height].map((side) => side * (still.naturalWidth || still.width) / still.width);
    const canvas = h("canvas", { className: "screen", width, height, role: "img", "aria-label": still.alt.replace(/: the first of them$/, "") });
    canvas.style.width = still.style.width;
    const pen = canvas.getContext("2d");
    const picture = new Image();
    let frame = 0;
    let timer = null;

    const words = () => `t = ${frame}, return ${soFar[frame].toFixed(1)}`;
    const told = h("span", { className: "told" });
    const slider = h("input", { type: "range", min: 0, max: count - 1, value: 0, "aria-label": "Time step" });
    const button = h("button", { type: "button" });

    const draw = () => {
      const [x, y] = [frame % across, Math.floor(frame / across)];
      pen.drawImage(picture, x * width, y * height, width, height, 0, 0, width, height);
      told.textContent = words();
      slider.value = frame;
      slider.setAttribute("aria-valuetext", words());
    };
    const name = () => { button.textContent = timer === null ? "▶ Play" : "❚❚ Pause"; };
    const stop = () => { clearInterval(timer); timer = null; name(); };
    const start = () => {
      timer = setInterval(() => { frame = (frame + 1) % count; draw(); }, 1000 / speed);
      name();
    };
    button.addEventListener("click", () => (timer === null ? start() : stop()));
    slider.addEventListener("input", () => { stop(); frame = Number(slider.value); draw(); });

    picture.addEventListener("load", () => {
      still.replaceWith(canvas);
      figure.append(h("div", { className: "controls" }, button, slider, told));
      draw();
      if (matchMedia("(prefers-reduced-motion: reduce)").matches || count < 2) stop();
      else start();
    });
    picture.src = film;
  };

  // Over plain http there is no clipboard, and it may be refused: then the text is selected, and copied as by hand.
  const copy = async (code) => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(code);
      return document.execCommand("copy");
    }
  };

  const copyable = (block) => {
    const title = block.querySelector("h3").textContent;
    const button = h("button", { type: "button", className: "ghost copy", "aria-label": `Copy: ${title}` }, "Copy");
    button.addEventListener("click", async () => {
      const told = (await copy(block.querySelector("code"))) ? "Copied" : "Selected";
      button.textContent = told;
      board.say(told);
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    block.querySelector("h3").after(button);
  };

  document.querySelectorAll("figure.film").forEach(play);
  document.querySelectorAll(".command").forEach(copyable);
})();
