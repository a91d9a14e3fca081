"use strict";
(() => {
  const body = document.querySelector("#list tbody");
  const tools = document.querySelector(".tools");
  const only = document.querySelector("#only");
  const status = document.querySelector("#status");
  const buttons = [...tools.querySelectorAll("button")];
  const title = document.querySelector("#list thead .file");
  const rows = [...body.rows];  // as they come: the most leaked first
  const texts = new Map(rows.map((row) => {
    const text = (name) => row.querySelector(name)?.textContent ?? "";
    return [row, { file: text(".file > bdi"), group: text(".file > small") }];
  }));
  const collator = new Intl.Collator("en", { numeric: true });
  const by = (key) => (a, b) => collator.compare(texts.get(a)[key], texts.get(b)[key]);
  const orders = {
    leak: [() => 0, "most leaked first"],
    file: [by("file"), "by file name"],
    group: [by("group"), "by class, the most leaked of each first"],
  };
  let chosen = "leak";

  const counted = (number) => number + (number === 1 ? " image" : " images");

  function show() {
    const [compare, said] = orders[chosen];
    body.append(...[...rows].sort(compare));
    let shown = 0;
    for (const row of rows) {
      row.hidden = only.checked && !("leaked" in row.dataset);
      shown += !row.hidden;
    }
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.order === chosen));
    }
    if (chosen === "file") title.setAttribute("aria-sort", "ascending");
    else title.removeAttribute("aria-sort");
    const count = only.checked ? shown + " of " + counted(rows.length) : counted(shown);
    const which = only.checked ? ", only those that came back recognisably" : "";
    status.textContent = count + ", " + said + which + ".";
  }

  for (const button of buttons) {
    button.addEventListener("click", () => { chosen = button.dataset.order; show(); });
  }
  only.addEventListener("change", show);
  if (only.checked) show();  // a browser may keep what was ticked
  tools.hidden = false;
})();
