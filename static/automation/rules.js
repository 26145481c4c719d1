// Shows the settings of a command as soon as it is chosen; without this a button does.
for (const choice of document.querySelectorAll("select[data-reload]")) {
  const row = choice.closest(".brow");
  const button = row?.querySelector(".brow__show");
  if (button) {
    button.hidden = true;
    choice.addEventListener("change", () => choice.form.requestSubmit(button));
  }
}
