// A plot of lines, bands and points in SVG, drawn anew at every size so that its text keeps its own.
//
// spec: { x, y: {title, hint, log, domain, ticks, format, labels}, series: [{v, slot, dash, strong, name, label, line,
// band, dots, faint}], marks: [{axis, at, text}], tip(dot, series), open(dot, series), empty }
// dots: {x, y, x1, x2, y1, y2, hollow}; a dot without a marker (bare) can be pointed at all the same.
const MARKERS = {
  jpeg: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  webp: (r) => `M${-r * 0.9} ${-r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  avif: (r) => `M0 ${-r * 1.2}L${r * 1.15} ${r * 0.85}H${-r * 1.15}z`,
  jxl: (r) => `M0 ${-r * 1.3}L${r * 1.3} 0L0 ${r * 1.3}L${-r * 1.3} 0z`,
  other: (r) => `M0 ${r * 1.2}L${r * 1.15} ${-r * 0.85}H${-r * 1.15}z`,
};
const DASHES = ["", "7 4", "2 4", "10 3 2 3", "1 3", "12 5"];
const marker = (slot, r) => (MARKERS[slot] ?? MARKERS.other)(r);
const path = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

class Plot {
  constructor(host, label) {
    this.host = host;
    this.label = label;
    this.frame = h("div", { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "plot", "aria-label": label });
    this.tip = h("div", { class: "tip", role: "status" });
    host.append(this.frame);
    this.pointer = new Pointer(this);
    this.width = 0;
    new ResizeObserver(() => {
      if (Math.abs(this.frame.clientWidth - this.width) > 1 && this.spec) this.draw(this.spec);
    }).observe(this.frame);
  }

  draw(spec) {
    this.spec = spec;
    this.width = this.frame.clientWidth || 640;
    const wide = this.width >= 640;
    const height = spec.height ?? Math.round(Math.max(290, Math.min(470, this.width * 0.54)));
    const size = (axis, most) => axis.ticks ?? (axis.log ? logTicks : linearTicks)(axis.domain, most);
    const xTicks = size(spec.x, Math.max(4, Math.floor(this.width / 80)));
    const yTicks = spec.y.labels ? spec.y.labels.map((_, k) => k) : size(spec.y, Math.max(3, Math.floor(height / 60)));
    const yText = yTicks.map((t, k) => (spec.y.labels ? spec.y.labels[k].text : spec.y.format(t)));
    const left = Math.min(this.width * 0.36, 14 + 7.2 * Math.max(...yText.map((t) => t.length), 2));
    const labelled = wide && spec.series.some((one) => one.label);
    const right = labelled ? 20 + 7.2 * Math.max(...spec.series.map((one) => (one.label ?? "").length)) : 14;
    const box = { left, right: this.width - Math.min(right, this.width * 0.3), top: 30, bottom: height - 48 };
    const make = (axis, from, to) => (axis.log ? logScale : linearScale)(axis.domain, from, to);
    this.box = box;
    this.x = make(spec.x, box.left, box.right);
    this.y = spec.y.labels
      ? linearScale([-0.6, spec.y.labels.length - 0.4], box.top, box.bottom)
      : make(spec.y, box.bottom, box.top);
    const root = s("svg", { width: this.width, height, viewBox: `0 0 ${this.width} ${height}`, "aria-hidden": "true" });
    root.append(this.#axes(xTicks, yTicks, yText, height), this.#marks());
    const clip = `clip-${Plot.count = (Plot.count ?? 0) + 1}`;
    root.append(s("clipPath", { id: clip }, s("rect", { x: box.left - 7, y: box.top - 7, width: box.right - box.left + 14, height: box.bottom - box.top + 14 })));
    const body = s("g", { "clip-path": `url(#${clip})` });
    this.taken = spec.series.flatMap((one) => (one.dots ?? []).filter((dot) => dot.text))
      .map((dot) => [this.x.at(dot.x) - 6, this.y.at(dot.y) - 6, this.x.at(dot.x) + 6, this.y.at(dot.y) + 6]);
    for (const one of spec.series) body.append(this.#series(one));
    root.append(body);
    if (labelled) root.append(this.#labels());
    if (!spec.series.some((one) => one.line?.length || one.dots?.length || one.faint?.length)) {
      root.append(s("text", { class: "nothing", x: this.width / 2, y: height / 2, "text-anchor": "middle" }, spec.empty ?? "Nothing to draw for this choice."));
    }
    this.focusMark = s("path", { class: "focus-mark", d: "" });
    root.append(this.focusMark);
    this.frame.replaceChildren(root, this.tip);
    this.pointer.reset();
  }

  #axes(xTicks, yTicks, yText, height) {
    const { box, spec } = this;
    const g = s("g", { class: "axes" });
    yTicks.forEach((tick, k) => {
      const y = this.y.at(tick);
      g.append(s("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y }));
      g.append(s("text", { x: box.left - 8, y: y + 4, "text-anchor": "end", class: spec.y.labels ? `row-label f-${spec.y.labels[k].slot}` : null }, yText[k]));
    });
    for (const tick of xTicks) {
      const x = this.x.at(tick);
      g.append(s("line", { class: "tick", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 5 }));
      g.append(s("text", { x, y: box.bottom + 18, "text-anchor": "middle" }, spec.x.format(tick)));
    }
    g.append(s("line", { class: "base", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    g.append(s("text", { class: "title", x: spec.y.labels ? box.left : Math.min(box.left - 8, 8), y: 13 }, spec.y.title, spec.y.hint && s("tspan", { class: "hint", dx: 7 }, spec.y.hint)));
    g.append(s("text", { class: "title", x: box.right, y: height - 7, "text-anchor": "end" }, spec.x.hint && this.width > 480 && s("tspan", { class: "hint" }, spec.x.hint + "   "), spec.x.title));
    return g;
  }

  #marks() {
    const { box } = this;
    const g = s("g", { class: "marks" });
    for (const mark of this.spec.marks ?? []) {
      const scale = mark.axis === "x" ? this.x : this.y;
      const at = scale.at(mark.at);
      const across = mark.axis === "x";
      if (at < (across ? box.left : box.top) - 1 || at > (across ? box.right : box.bottom) + 1) continue;
      g.append(across
        ? s("line", { x1: at, x2: at, y1: box.top, y2: box.bottom })
        : s("line", { x1: box.left, x2: box.right, y1: at, y2: at }));
      g.append(across
        ? s("text", at + 8 + 6.5 * mark.text.length < this.width ? { x: at + 5, y: box.top + 9 } : { x: at - 5, y: box.top + 9, "text-anchor": "end" }, mark.text)
        : s("text", { x: box.left + 4, y: at - 5 }, mark.text));
    }
    return g;
  }

  #series(one) {
    const place = ([x, y]) => [this.x.at(x), this.y.at(y)];
    const g = s("g", { class: `series f-${one.slot}${one.strong ? " strong" : ""}`, "data-v": one.v });
    if (one.band?.length) g.append(s("path", { class: "band", d: path(one.band.map(place)) + "z" }));
    for (const line of one.faint ?? []) g.append(s("path", { class: "faint", d: path(line.map(place)) }));
    if (one.line?.length) g.append(s("path", { class: "line", d: path(one.line.map(place)), "stroke-dasharray": DASHES[(one.dash ?? 0) % DASHES.length] || null }));
    for (const dot of one.dots ?? []) {
      const x = this.x.at(dot.x);
      const y = this.y.at(dot.y);
      if (dot.x1 !== undefined && dot.x1 !== null) g.append(s("line", { class: "error", x1: this.x.at(dot.x1), x2: this.x.at(dot.x2), y1: y, y2: y }));
      if (dot.y1 !== undefined && dot.y1 !== null) g.append(s("line", { class: "error", x1: x, x2: x, y1: this.y.at(dot.y1), y2: this.y.at(dot.y2) }));
      if (!dot.bare) g.append(s("path", { class: dot.hollow ? "dot hollow" : "dot", d: marker(one.slot, dot.r ?? 4), transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }));
      if (dot.text) g.append(this.#dotText(dot.text, x, y));
    }
    return g;
  }

  // The name of a point beside it: of four places the first where no other name or point is.
  #dotText(text, x, y) {
    const width = 7 * text.length;
    const places = [[10, -9], [10, 17], [-10 - width, -9], [-10 - width, 17]].map(([dx, dy]) => [x + dx, y + dy]);
    const free = ([left, base]) => left >= this.box.left && left + width <= this.width - 2
      && this.taken.every(([a, b, c, d]) => left + width < a || left > c || base < b || base - 13 > d);
    const [left, base] = places.find(free) ?? places.find(([at]) => at + width <= this.width - 2) ?? places[3];
    this.taken.push([left, base - 13, left + width, base]);
    return s("text", { class: "dot-text", x: left, y: base }, text);
  }

  // Names at the ends of the lines, pushed apart where they would touch.
  #labels() {
    const ends = this.spec.series.filter((one) => one.label && (one.line?.length || one.dots?.length)).map((one) => {
      const [x, y] = one.line?.length ? one.line.at(-1) : [one.dots.at(-1).x, one.dots.at(-1).y];
      return { one, y: Math.max(this.box.top, Math.min(this.box.bottom, this.y.at(y))), x: this.x.at(x) };
    }).sort((a, b) => a.y - b.y);
    for (let round = 0; round < 20; round++) {
      for (let k = 1; k < ends.length; k++) {
        const lack = 15 - (ends[k].y - ends[k - 1].y);
        if (lack > 0) { ends[k].y += lack / 2; ends[k - 1].y -= lack / 2; }
      }
    }
    return s("g", { class: "labels" }, ends.map(({ one, y }) =>
      s("text", { class: `f-${one.slot}`, x: this.box.right + 10, y: y + 4 }, one.label)));
  }
}
