// Reads out the bars: by pointer, by touch (the first tap reads, the second opens) and by
// the arrow keys, with which the chart is one stop of the Tab key. Without it bars are links.

const GAP = 12;

for (const chart of document.querySelectorAll("[data-bars]")) start(chart);

function start(chart) {
  const bars = [...chart.querySelectorAll("[data-bar]")];
  const tip = chart.querySelector("[data-bar-tip]");
  const said = chart.parentElement.querySelector("[data-bar-said]");
  let shown = -1;

  const show = (at) => {
    shown = at;
    const bar = bars[at];
    const title = document.createElement("strong");
    title.textContent = bar.dataset.label;
    const lines = bar.dataset.lines.split("|").map((text) => {
      const line = document.createElement("span");
      line.textContent = text;
      return line;
    });
    tip.replaceChildren(title, ...lines);
    tip.hidden = false;
    place(chart, bar, tip);
  };

  const hide = () => {
    shown = -1;
    tip.hidden = true;
  };

  const focus = (at) => {
    const next = Math.min(Math.max(at, 0), bars.length - 1);
    bars.forEach((bar, place) => bar.setAttribute("tabindex", place === next ? "0" : "-1"));
    bars[next].focus();
    if (said && bars[next].tagName !== "a") said.textContent = bars[next].getAttribute("aria-label");
  };

  bars.forEach((bar, at) => {
    let isTouch = false;
    let wasShown = false;
    bar.setAttribute("tabindex", at === 0 ? "0" : "-1");
    bar.addEventListener("pointerdown", (event) => {
      isTouch = event.pointerType !== "mouse";
      wasShown = shown === at;
    });
    bar.addEventListener("pointerenter", () => show(at));
    bar.addEventListener("focus", () => show(at));
    bar.addEventListener("blur", hide);
    bar.addEventListener("click", (event) => {
      if (isTouch && !wasShown) {
        event.preventDefault();
        show(at);
      }
      isTouch = false;
    });
  });

  chart.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") hide();
  });
  chart.addEventListener("keydown", (event) => {
    const at = bars.indexOf(document.activeElement);
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: bars.length - 1 };
    if (at >= 0 && event.key in steps) {
      event.preventDefault();
      focus(steps[event.key]);
    } else if (event.key === "Escape") {
      hide();
    }
  });
}

function place(chart, bar, tip) {
  const box = chart.getBoundingClientRect();
  const slot = bar.querySelector(".bar-slot").getBoundingClientRect();
  const middle = slot.left + slot.width / 2 - box.left;
  const right = middle + GAP + tip.offsetWidth <= box.width;
  const left = right ? middle + GAP : Math.max(0, middle - GAP - tip.offsetWidth);
  tip.style.transform = `translate(${Math.round(left)}px, 1.5rem)`;
}
