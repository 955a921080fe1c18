// The panel below each plot: details of the selected point, with the commands that reproduce it.
/**
 * The entries of a definition list.
 * @param {Row[]} rows
 */
const facts = (rows) => rows.filter((row) => row !== false)
  .flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]);

class Inspector {
  /** @param {HTMLElement} host */
  constructor(host) {
    this.panel = h("div", { class: "inspect", hidden: true, tabindex: "-1", role: "region", "aria-label": "Selected point" });
    host.append(this.panel);
  }

  close() {
    this.panel.hidden = true;
  }

  /** @param {Inspection} what */
  open({ style, title, rows, tools, notes = [] }) {
    this.panel.replaceChildren(
      h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.close() }, "\u00d7"),
      h("h3", { class: `f-${style}` }, title),
      h("dl", { class: "facts" }, facts(rows)),
      h("h4", {}, "How to reproduce it"),
      h("dl", { class: "tools" }, tools.flatMap(([name, text, note]) => [
        h("dt", {}, name),
        h("dd", {}, text ? codeLine(text) : "", note ? h("span", { class: "note" }, note) : ""),
      ])),
      ...notes.map((note) => h("p", { class: "note" }, note)));
    this.panel.hidden = false;
    this.panel.scrollIntoView({ block: "nearest" });
  }
}

/**
 * The commands for one variant at one measured level, and for the whole study.
 * @param {Variant} variant
 * @param {number} k index among the levels; negative for none
 * @returns {Tool[]}
 */
function toolsOf(variant, k) {
  /** @type {Tool} */
  const again = ["Measure again", data.again, null];
  return k < 0 ? [again] : [...variant.tools[k].filter(([, command]) => command !== null), again];
}

/**
 * Index of the value closest to `to`; -1 if there are no values.
 * @param {(number | null)[]} values
 * @param {number} to
 */
function nearest(values, to) {
  let [best, least] = [-1, Infinity];
  for (const [k, value] of values.entries()) {
    if (value !== null && Math.abs(value - to) < least) [best, least] = [k, Math.abs(value - to)];
  }
  return best;
}
