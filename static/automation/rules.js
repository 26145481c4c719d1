// Shows the settings of a command as soon as it is chosen; without this a button does.
for (const choice of document.querySelectorAll("select[data-reload]")) {
  const row = choice.closest(".brow");
  const button = row?.querySelector(".brow__show");
  if (button) {
    button.hidden = true;
    const ask = () => choice.form.requestSubmit(button);
    choice.addEventListener("change", ask);
    // what was chosen before this was loaded has told nobody
    const shown = [...choice.options].find((option) => option.defaultSelected)?.value;
    if (shown !== undefined && choice.value !== shown) ask();
  }
}
