// Shows a tooltip for the point closest to the mouse or finger, or selected with the keyboard.
const NEAR = 42;

/** @template {Dot} D */
class Pointer {
  /** @param {Plot<D>} plot */
  constructor(plot) {
    this.plot = plot;
    /** The point whose tooltip is shown. @type {{ series: Series<D>, dot: D, k: number, n: number } | null} */
    this.current = null;
    const frame = plot.frame;
    frame.addEventListener("pointermove", (event) => this.#hover(event));
    frame.addEventListener("pointerleave", () => { if (document.activeElement !== frame) this.clear(); });
    frame.addEventListener("click", (event) => { this.#hover(event); this.#open(); });
    frame.addEventListener("keydown", (event) => this.#key(event));
    frame.addEventListener("blur", () => this.clear());
  }

  reset() {
    this.current = null;
    this.plot.tip.replaceChildren();
    this.plot.tip.classList.remove("shown");
  }

  clear() {
    this.#light(null);
    this.reset();
    this.plot.focusMark.setAttribute("d", "");
  }

  /**
   * Highlights a series and its band.
   * @param {number | null} v
   */
  #light(v) {
    for (const g of all(".series", SVGElement, this.plot.frame)) {
      g.classList.toggle("lit", v !== null && g.dataset.v === String(v));
    }
  }

  #places() {
    const { plot } = this;
    return (plot.spec?.series ?? []).flatMap((series, k) =>
      (series.dots ?? []).map((dot, n) => ({ series, dot, k, n, x: plot.x.at(dot.x), y: plot.y.at(dot.y) })));
  }

  /** @param {MouseEvent} event */
  #hover(event) {
    const box = this.plot.frame.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let best = null;
    let nearest = NEAR;
    for (const place of this.#places()) {
      const far = Math.hypot(place.x - x, place.y - y);
      if (far < nearest) [best, nearest] = [place, far];
    }
    if (best) this.#show(best);
    else this.clear();
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const places = this.#places();
    if (!places.length) return;
    const { key } = event;
    if (key === "Escape") { this.clear(); this.plot.close(); return; }
    if (key === "Enter" || key === " ") { event.preventDefault(); this.#open(); return; }
    if (!key.startsWith("Arrow") && key !== "Home" && key !== "End") return;
    event.preventDefault();
    const now = places.find(({ k, n }) => k === this.current?.k && n === this.current.n);
    if (!now) { this.#show(places[0]); return; }
    const rows = [...new Set(places.map((p) => p.k))];
    if (key === "ArrowUp" || key === "ArrowDown") {
      const next = rows[(rows.indexOf(now.k) + (key === "ArrowDown" ? 1 : rows.length - 1)) % rows.length];
      const row = places.filter((p) => p.k === next);
      this.#show(row.reduce((a, b) => (Math.abs(b.x - now.x) < Math.abs(a.x - now.x) ? b : a)));
      return;
    }
    const row = places.filter((p) => p.k === now.k).sort((a, b) => a.x - b.x);
    const at = row.findIndex((p) => p.n === now.n);
    const to = key === "Home" ? 0 : key === "End" ? row.length - 1 : key === "ArrowLeft" ? at - 1 : at + 1;
    this.#show(row[Math.max(0, Math.min(row.length - 1, to))]);
  }

  #open() {
    if (this.current) this.plot.spec?.open(this.current.dot, this.current.series);
  }

  /** @param {{ series: Series<D>, dot: D, k: number, n: number, x: number, y: number }} place */
  #show(place) {
    const { plot } = this;
    if (!plot.spec || (this.current?.k === place.k && this.current.n === place.n)) return;
    this.current = place;
    const { title, rows, hint } = plot.spec.tip(place.dot, place.series);
    plot.tip.replaceChildren(
      h("strong", { class: `f-${place.series.style}` }, title),
      h("dl", {}, facts(rows)),
      hint ? h("span", { class: "tip-hint" }, hint) : "");
    plot.tip.classList.add("shown");
    const width = plot.tip.offsetWidth;
    const height = plot.tip.offsetHeight;
    const left = place.x + 16 + width < plot.width ? place.x + 16 : place.x - 16 - width;
    const x = Math.max(2, Math.min(plot.width - width - 2, left));
    const y = Math.max(0, place.y - height - 12);
    plot.tip.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
    this.#light(place.series.v);
    plot.focusMark.setAttribute("class", `focus-mark f-${place.series.style}`);
    plot.focusMark.setAttribute("d", marker(place.series.style, 7.5));
    plot.focusMark.setAttribute("transform", `translate(${place.x.toFixed(1)} ${place.y.toFixed(1)})`);
  }
}
