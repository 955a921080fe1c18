// The legend, which shows and hides lines in all plots of the page.
/** @param {Variant} variant */
function sample(variant) {
  const svg = s("svg", { width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true", class: `f-${variant.style}` });
  svg.append(
    s("line", { x1: 1, x2: 29, y1: 7, y2: 7, class: "line", "stroke-dasharray": dashes(variant.dash) }),
    s("path", { class: "dot", d: marker(variant.style, 3.6), transform: "translate(15 7)" }));
  return svg;
}

// Hides all variants except the recommended ones, or shows them again.
function toggleOthers() {
  const others = inScope().filter((e) => !e.variant.pick).map((e) => e.v);
  const allHidden = others.every((v) => state.hidden.has(v));
  const hidden = new Set(state.hidden);
  for (const v of others) { if (allHidden) hidden.delete(v); else hidden.add(v); }
  set("hidden", hidden);
}

/** @param {HTMLElement} host */
function legend(host) {
  const list = h("div", { class: "legend", role: "group", "aria-label": "Lines to show" });
  host.append(list);
  watch(["scope", "hidden"], () => {
    const buttons = inScope().map(({ variant, v }) => h("button", {
      type: "button", "data-variant": v, "aria-pressed": String(!state.hidden.has(v)),
      title: variant.pick ? "recommended at the chosen quality" : null,
      onclick: () => {
        toggleVariant(v);
        all(`[data-variant="${v}"]`, HTMLButtonElement, list)[0]?.focus();
      },
    }, sample(variant), variant.name));
    list.replaceChildren(...buttons);
    if (buttons.length > 4 && inScope().some((e) => !e.variant.pick)) {
      const shown = inScope().some((e) => !e.variant.pick && !state.hidden.has(e.v));
      list.append(h("button", { type: "button", class: "quiet", onclick: toggleOthers }, shown ? "Recommended only" : "Show all"));
    }
  });
}
