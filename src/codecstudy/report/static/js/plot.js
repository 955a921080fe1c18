// A plot of lines, bands and points in SVG. It is redrawn when its size changes, so that text keeps its size.
/**
 * The path of a regular shape around (0, 0), with the first corner at the top.
 * @param {number} count
 * @param {(corner: number) => number} radius
 */
const corners = (count, radius) => `M${Array.from({ length: count }, (_, k) => {
  const angle = (2 * Math.PI * k) / count;
  return `${(radius(k) * Math.sin(angle)).toFixed(2)} ${(-radius(k) * Math.cos(angle)).toFixed(2)}`;
}).join("L")}z`;

// The shapes of codecstudy.types.MARKERS, all with about the same area.
/** @type {Record<string, (r: number) => string>} */
const MARKERS = {
  circle: (r) => `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  square: (r) => `M${-r * 0.9} ${-r * 0.9}h${r * 1.8}v${r * 1.8}h${-r * 1.8}z`,
  triangle: (r) => `M0 ${-r * 1.2}L${r * 1.15} ${r * 0.85}H${-r * 1.15}z`,
  diamond: (r) => `M0 ${-r * 1.3}L${r * 1.3} 0L0 ${r * 1.3}L${-r * 1.3} 0z`,
  "triangle-down": (r) => `M0 ${r * 1.2}L${r * 1.15} ${-r * 0.85}H${-r * 1.15}z`,
  pentagon: (r) => corners(5, () => r * 1.15),
  hexagon: (r) => corners(6, () => r * 1.1),
  star: (r) => corners(10, (k) => (k % 2 ? r * 0.7 : r * 1.4)),
};
const DASHES = ["", "7 4", "2 4", "10 3 2 3", "1 3", "12 5"];

/**
 * @param {string} style
 * @param {number} r
 */
const marker = (style, r) => MARKERS[data.markers[style]](r);

/** @param {number} index */
const dashes = (index) => DASHES[index % DASHES.length] || null;

/** @param {Point[]} points */
const path = (points) => points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/**
 * The scale and the ticks of a numeric axis.
 * @param {Axis} axis
 * @param {number} from
 * @param {number} to
 * @param {number} most
 */
function numberAxis(axis, from, to, most) {
  const scale = axis.log ? logScale(axis.domain, from, to) : linearScale(axis.domain, from, to);
  const ticks = axis.ticks ?? (axis.log ? logTicks(axis.domain, most) : linearTicks(axis.domain, most));
  return { scale, ticks: ticks.map((tick) => ({ at: tick, text: axis.format(tick), css: "" })) };
}

/**
 * The scale and the ticks of either kind of y axis.
 * @param {Axis | RowAxis} axis
 * @param {number} from
 * @param {number} to
 * @param {number} most
 */
function anyAxis(axis, from, to, most) {
  if (!("labels" in axis)) return numberAxis(axis, from, to, most);
  return {
    // Rows run downwards.
    scale: linearScale([-0.6, axis.labels.length - 0.4], to, from),
    ticks: axis.labels.map(({ text, style }, k) => ({ at: k, text, css: `row-label f-${style}` })),
  };
}

/** @template {Dot} D */
class Plot {
  static count = 0;

  /**
   * @param {HTMLElement} host
   * @param {string} label
   * @param {() => void} close called when Escape is pressed, after the tooltip is closed
   */
  constructor(host, label, close) {
    this.close = close;
    this.frame = h("div", { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "plot", "aria-label": label });
    this.tip = h("div", { class: "tip", role: "status" });
    this.focusMark = s("path", { class: "focus-mark", d: "" });
    this.width = 0;
    this.box = { left: 0, right: 0, top: 0, bottom: 0 };
    this.x = linearScale([0, 1], 0, 1);
    this.y = this.x;
    /** @type {ChartSpec<D> | null} */
    this.spec = null;
    /** Boxes that names must not overlap. @type {[left: number, top: number, right: number, bottom: number][]} */
    this.taken = [];
    host.append(this.frame);
    /** @type {Pointer<D>} */
    this.pointer = new Pointer(this);
    new ResizeObserver(() => {
      if (Math.abs(this.frame.clientWidth - this.width) > 1 && this.spec) this.draw(this.spec);
    }).observe(this.frame);
  }

  /** @param {ChartSpec<D>} spec */
  draw(spec) {
    this.spec = spec;
    this.width = this.frame.clientWidth || 640;
    const wide = this.width >= 640;
    const height = spec.height ?? Math.round(Math.max(290, Math.min(470, this.width * 0.54)));
    // On narrow screens, the hint has a line of its own.
    const hintBelow = Boolean(spec.y.hint) && 20 + 7.5 * spec.y.title.length + 6.6 * (spec.y.hint ?? "").length > this.width;
    const [top, bottom] = [hintBelow ? 47 : 30, height - 48];
    const y = anyAxis(spec.y, bottom, top, Math.max(3, Math.floor(height / 60)));
    const left = Math.min(this.width * 0.36, 14 + 7.2 * Math.max(...y.ticks.map(({ text }) => text.length), 2));
    const labelled = wide && spec.series.some((one) => one.label);
    const right = labelled ? 20 + 7.2 * Math.max(...spec.series.map((one) => (one.label ?? "").length)) : 14;
    const box = { left, right: this.width - Math.min(right, this.width * 0.3), top, bottom };
    const x = numberAxis(spec.x, box.left, box.right, Math.max(4, Math.floor(this.width / 80)));
    this.box = box;
    this.x = x.scale;
    this.y = y.scale;
    const root = s("svg", { width: this.width, height, viewBox: `0 0 ${this.width} ${height}`, "aria-hidden": "true" });
    root.append(this.#axes(spec, x.ticks, y.ticks, height, hintBelow), this.#marks(spec.marks ?? []));
    const clip = `clip-${Plot.count += 1}`;
    root.append(s("clipPath", { id: clip }, s("rect", { x: box.left - 7, y: box.top - 7, width: box.right - box.left + 14, height: box.bottom - box.top + 14 })));
    const body = s("g", { "clip-path": `url(#${clip})` });
    this.taken = spec.series.flatMap((one) => (one.dots ?? []).filter((dot) => dot.text))
      .map((dot) => [this.x.at(dot.x) - 6, this.y.at(dot.y) - 6, this.x.at(dot.x) + 6, this.y.at(dot.y) + 6]);
    for (const one of spec.series) body.append(this.#series(one));
    root.append(body);
    if (labelled) root.append(this.#labels(spec.series));
    if (!spec.series.some((one) => one.line?.length || one.dots?.length || one.faint?.length)) {
      root.append(s("text", { class: "nothing", x: this.width / 2, y: height / 2, "text-anchor": "middle" }, spec.empty ?? "Nothing to draw for this choice."));
    }
    this.focusMark = s("path", { class: "focus-mark", d: "" });
    root.append(this.focusMark);
    this.frame.replaceChildren(root, this.tip);
    this.pointer.reset();
  }

  /**
   * @param {ChartSpec<D>} spec
   * @param {{ at: number, text: string }[]} xTicks
   * @param {{ at: number, text: string, css: string }[]} yTicks
   * @param {number} height
   * @param {boolean} hintBelow
   */
  #axes(spec, xTicks, yTicks, height, hintBelow) {
    const { box } = this;
    const g = s("g", { class: "axes" });
    for (const { at, text, css } of yTicks) {
      const y = this.y.at(at);
      g.append(s("line", { class: "grid", x1: box.left, x2: box.right, y1: y, y2: y }));
      g.append(s("text", { x: box.left - 8, y: y + 4, "text-anchor": "end", class: css || null }, text));
    }
    for (const { at, text } of xTicks) {
      const x = this.x.at(at);
      g.append(s("line", { class: "tick", x1: x, x2: x, y1: box.bottom, y2: box.bottom + 5 }));
      g.append(s("text", { x, y: box.bottom + 18, "text-anchor": "middle" }, text));
    }
    g.append(s("line", { class: "base", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    const yTitle = "labels" in spec.y ? box.left : Math.min(box.left - 8, 8);
    g.append(s("text", { class: "title", x: yTitle, y: 13 }, spec.y.title, spec.y.hint ? s("tspan", hintBelow ? { class: "hint", x: yTitle, dy: 16 } : { class: "hint", dx: 7 }, spec.y.hint) : null));
    g.append(s("text", { class: "title", x: box.right, y: height - 7, "text-anchor": "end" }, spec.x.hint && this.width > 480 ? s("tspan", { class: "hint" }, spec.x.hint + "   ") : null, spec.x.title));
    return g;
  }

  /** @param {Mark[]} marks */
  #marks(marks) {
    const { box } = this;
    const g = s("g", { class: "marks" });
    for (const mark of marks) {
      const across = mark.axis === "x";
      const at = (across ? this.x : this.y).at(mark.at);
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

  /** @param {Series<D>} one */
  #series(one) {
    /** @param {Point} point @returns {Point} */
    const at = ([x, y]) => [this.x.at(x), this.y.at(y)];
    const g = s("g", { class: `series f-${one.style}${one.strong ? " strong" : ""}`, "data-v": one.v });
    if (one.band?.length) g.append(s("path", { class: "band", d: path(one.band.map(at)) + "z" }));
    for (const line of one.faint ?? []) g.append(s("path", { class: "faint", d: path(line.map(at)) }));
    if (one.line?.length) g.append(s("path", { class: "line", d: path(one.line.map(at)), "stroke-dasharray": dashes(one.dash ?? 0) }));
    for (const dot of one.dots ?? []) {
      const [x, y] = at([dot.x, dot.y]);
      if (typeof dot.x1 === "number" && typeof dot.x2 === "number") g.append(s("line", { class: "error", x1: this.x.at(dot.x1), x2: this.x.at(dot.x2), y1: y, y2: y }));
      if (typeof dot.y1 === "number" && typeof dot.y2 === "number") g.append(s("line", { class: "error", x1: x, x2: x, y1: this.y.at(dot.y1), y2: this.y.at(dot.y2) }));
      if (!dot.bare) g.append(s("path", { class: dot.hollow ? "dot hollow" : "dot", d: marker(one.style, dot.r ?? 4), transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }));
      if (dot.text) g.append(this.#dotText(dot.text, x, y));
    }
    return g;
  }

  /**
   * The name of a point, at the first position next to it that is free: on its right or left, then further up or down.
   * @param {string} text
   * @param {number} x
   * @param {number} y
   */
  #dotText(text, x, y) {
    const width = 7.2 * text.length;
    const places = [-9, 17, -26, 34, -43, 51, -60, 68]
      .flatMap((down) => /** @type {Point[]} */ ([[x + 10, y + down], [x - 10 - width, y + down]]));
    /** @param {Point} place */
    const inside = ([left, base]) => left >= this.box.left && left + width <= this.width - 2
      && base - 12 >= this.box.top && base + 4 <= this.box.bottom;
    /** @param {Point} place */
    const free = ([left, base]) => this.taken.every(([a, b, c, d]) => left + width < a || left > c || base + 4 < b || base - 12 > d);
    const [left, base] = places.find((place) => inside(place) && free(place)) ?? places.find(inside) ?? places[0];
    this.taken.push([left, base - 12, left + width, base + 4]);
    return s("text", { class: "dot-text", x: left, y: base }, text);
  }

  /**
   * Names at the ends of the lines, moved apart if they would overlap.
   * @param {Series<D>[]} series
   */
  #labels(series) {
    const ends = series.flatMap(({ label, style, line, dots }) => {
      const last = line?.at(-1)?.[1] ?? dots?.at(-1)?.y;
      if (!label || last === undefined) return [];
      return [{ label, style, y: Math.max(this.box.top, Math.min(this.box.bottom, this.y.at(last))) }];
    }).sort((a, b) => a.y - b.y);
    for (let round = 0; round < 20; round++) {
      for (let k = 1; k < ends.length; k++) {
        const lack = 15 - (ends[k].y - ends[k - 1].y);
        if (lack > 0) { ends[k].y += lack / 2; ends[k - 1].y -= lack / 2; }
      }
    }
    return s("g", { class: "labels" }, ends.map(({ label, style, y }) =>
      s("text", { class: `f-${style}`, x: this.box.right + 10, y: y + 4 }, label)));
  }
}
