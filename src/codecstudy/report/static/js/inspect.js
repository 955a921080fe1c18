// Below each plot: one of its points in full, and the commands that make it again.
class Inspector {
  constructor(host) {
    this.panel = h("div", { class: "inspect", hidden: true, tabindex: "-1", role: "region", "aria-label": "The chosen point" });
    host.append(this.panel);
  }

  close() {
    this.panel.hidden = true;
  }

  open({ slot, title, rows, tools, notes }) {
    const close = h("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => this.close() }, "\u00d7");
    this.panel.replaceChildren(
      close,
      h("h3", { class: `f-${slot}` }, title),
      h("dl", { class: "facts" }, rows.filter(Boolean).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
      h("h4", {}, "How to make it"),
      h("dl", { class: "tools" }, tools.flatMap(([name, text, note]) => [
        h("dt", {}, name),
        h("dd", {}, text ? codeLine(text) : "", note ? h("span", { class: "note" }, note) : ""),
      ])),
      ...(notes ?? []).map((note) => h("p", { class: "note" }, note)));
    this.panel.hidden = false;
    this.panel.scrollIntoView({ block: "nearest" });
  }
}

// The commands of one variant at one measured level (its place among the levels), and of the whole study.
function toolsOf(variant, place) {
  const again = ["Measure again", data.again, null];
  if (place === null || place < 0) return [again];
  const tools = variant.tools[place].filter((tool) => tool[1] !== null);
  return [...tools, again];
}

// The measured level next to a value between levels.
function nearestLevel(variant, level) {
  let best = -1;
  variant.levels.forEach((value, k) => {
    if (value !== null && (best < 0 || Math.abs(value - level) < Math.abs(variant.levels[best] - level))) best = k;
  });
  return best;
}
