// The chooser that searches while one types has no name for screen readers: it takes the field's.

function nameChoosers() {
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = select.labels?.[0];
    const box = select.nextElementSibling?.querySelector(".select2-selection");
    const shown = box?.querySelector(".select2-selection__rendered");
    if (!label || !box || box.dataset.named) continue;
    label.id ||= `${select.id}-label`;
    box.dataset.named = "true";
    box.setAttribute("aria-labelledby", [label.id, shown?.id].filter(Boolean).join(" "));
    shown?.setAttribute("aria-labelledby", label.id);
  }
}

window.addEventListener("load", nameChoosers);
// after the row's own scripts
document.addEventListener("formset:added", () => setTimeout(nameChoosers));
