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

// Sizes and weights of the texts, as in plots.css.
const FONTS = /** @type {const} */ ({ tick: "12.5px", name: "600 12.5px", title: "600 13px", hint: "13px", mark: "12px", nothing: "14px" });
/** @typedef {keyof typeof FONTS} Font */
const measuring = document.createElement("canvas").getContext("2d");

/**
 * Width in pixels, known before a text is drawn, so that it can be given a free place.
 * @param {string} text
 * @param {Font} font
 */
function textWidth(text, font) {
  if (!measuring) return 8 * text.length;
  measuring.font = `${FONTS[font]} ${getComputedStyle(document.body).fontFamily}`;
  return measuring.measureText(text).width;
}

/**
 * The text, or as much of its beginning as fits.
 * @param {string} text
 * @param {number} width
 * @param {Font} font
 */
function shortened(text, width, font) {
  if (textWidth(text, font) <= width) return text;
  let count = text.length - 1;
  while (count > 1 && textWidth(text.slice(0, count) + "\u2026", font) > width) count--;
  return text.slice(0, count) + "\u2026";
}

/**
 * The text in lines that are no wider than `width`.
 * @param {string} text
 * @param {number} width
 * @param {Font} font
 */
function wrapped(text, width, font) {
  /** @type {string[]} */
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && textWidth(longer, font) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines.map((line) => shortened(line, width, font));
}

/**
 * A text of several lines around a height.
 * @param {string[]} lines
 * @param {number} x
 * @param {number} middle
 * @param {Attributes} attributes
 */
const block = (lines, x, middle, attributes) => s("text", { ...attributes, x, y: middle + 4 - 7 * (lines.length - 1) },
  lines.length === 1 ? lines[0] : lines.map((line, k) => s("tspan", { x, dy: k ? 14 : 0 }, line)));

// Width of a plot on paper, whatever the width of the window.
const PAPER_WIDTH = 690;
const LABEL_HEIGHT = 15;

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
    /** Says that points have no names, for lack of room. */
    this.unnamed = h("p", { class: "note", hidden: true });
    host.append(this.frame, this.unnamed);
    /** @type {Pointer<D>} */
    this.pointer = new Pointer(this);
    new ResizeObserver(() => {
      if (Math.abs(this.frame.clientWidth - this.width) > 1 && this.spec) this.draw(this.spec);
    }).observe(this.frame);
    addEventListener("beforeprint", () => { if (this.spec) this.draw(this.spec, PAPER_WIDTH); });
    addEventListener("afterprint", () => { if (this.spec) this.draw(this.spec); });
  }

  /** @param {ChartSpec<D>} spec */
  draw(spec, width = this.frame.clientWidth || 640) {
    this.spec = spec;
    this.width = width;
    const wide = this.width >= 640;
    let height = spec.height ?? Math.round(Math.max(290, Math.min(470, this.width * 0.54)));
    // On narrow screens, the hint has a line of its own.
    const hintBelow = Boolean(spec.y.hint) && textWidth(spec.y.title, "title") + 20 + textWidth(spec.y.hint ?? "", "hint") > this.width;
    const [top, bottom] = [hintBelow ? 47 : 30, height - 48];
    const y = anyAxis(spec.y, bottom, top, Math.max(3, Math.floor(height / 60)));
    const left = Math.min(this.width * 0.36, 16 + Math.max(...y.ticks.map(({ text, css }) => textWidth(text, css ? "name" : "tick")), 14));
    const labelled = wide && spec.series.some((one) => one.label);
    const right = labelled ? 14 + Math.max(...spec.series.map((one) => textWidth(one.label ?? "", "name"))) : 14;
    const box = { left, right: this.width - Math.min(right, this.width * 0.3), top, bottom };
    const x = numberAxis(spec.x, box.left, box.right, Math.max(4, Math.floor(this.width / 80)));
    this.box = box;
    this.x = x.scale;
    this.y = y.scale;
    const xTicks = this.#places(x.ticks, Boolean(spec.x.ticks));
    if (xTicks.some((tick) => tick.row > 0)) height += LABEL_HEIGHT;
    this.taken = spec.series.flatMap((one) => (one.dots ?? []).filter((dot) => dot.text))
      .map((dot) => [this.x.at(dot.x) - 6, this.y.at(dot.y) - 6, this.x.at(dot.x) + 6, this.y.at(dot.y) + 6]);
    const root = s("svg", { width: this.width, height, viewBox: `0 0 ${this.width} ${height}`, "aria-hidden": "true" });
    root.append(this.#axes(spec, xTicks, y.ticks, height, hintBelow), this.#marks(spec.marks ?? []));
    const clip = `clip-${Plot.count += 1}`;
    root.append(s("clipPath", { id: clip }, s("rect", { x: box.left - 7, y: box.top - 7, width: box.right - box.left + 14, height: box.bottom - box.top + 14 })));
    const body = s("g", { "clip-path": `url(#${clip})` });
    for (const one of spec.series) body.append(this.#series(one));
    root.append(body, this.#names(spec.series));
    if (labelled) root.append(this.#labels(spec.series));
    if (!spec.series.some((one) => one.line?.length || one.dots?.length || one.faint?.length)) {
      const lines = wrapped(spec.empty ?? "Nothing to draw for this choice.", box.right - box.left, "nothing");
      root.append(block(lines, (box.left + box.right) / 2, (top + bottom) / 2, { class: "nothing", "text-anchor": "middle" }));
    }
    this.focusMark = s("path", { class: "focus-mark", d: "" });
    root.append(this.focusMark);
    this.frame.replaceChildren(root, this.tip);
    this.pointer.reset();
  }

  /**
   * Places of the ticks' texts: a number that has no room has none; names may take a second row.
   * @param {{ at: number, text: string }[]} ticks
   * @param {boolean} names
   */
  #places(ticks, names) {
    const ends = names ? [-Infinity, -Infinity] : [-Infinity];
    return ticks.map(({ at, text }) => ({ tick: this.x.at(at), text: shortened(text, this.width / 2, "tick") }))
      .sort((a, b) => a.tick - b.tick)
      .map(({ tick, text }) => {
        const half = textWidth(text, "tick") / 2;
        const x = Math.max(half, Math.min(this.width - half - 1, tick));
        const row = ends.findIndex((end) => x - half > end + 6);
        if (row >= 0) ends[row] = x + half;
        return { tick, text, x, row };
      });
  }

  /**
   * @param {ChartSpec<D>} spec
   * @param {{ tick: number, text: string, x: number, row: number }[]} xTicks
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
      g.append(block(css ? wrapped(text, box.left - 10, "name") : [text], box.left - 8, y, { "text-anchor": "end", class: css || null }));
    }
    for (const { tick, text, x, row } of xTicks) {
      g.append(s("line", { class: "tick", x1: tick, x2: tick, y1: box.bottom, y2: box.bottom + 5 }));
      if (row >= 0) g.append(s("text", { x, y: box.bottom + 18 + LABEL_HEIGHT * row, "text-anchor": "middle" }, text));
    }
    g.append(s("line", { class: "base", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    const yTitle = shortened(spec.y.title, this.width - 4, "title");
    const yHint = spec.y.hint && shortened(spec.y.hint, this.width - 4, "hint");
    const room = this.width - textWidth(yTitle, "title") - 4;
    const start = Math.max(1, "labels" in spec.y ? Math.min(box.left, room) : Math.min(box.left - 8, 8, room));
    g.append(s("text", { class: "title", x: start, y: 13 }, yTitle, yHint ? s("tspan", hintBelow ? { class: "hint", x: start, dy: 16 } : { class: "hint", dx: 7 }, yHint) : null));
    const xTitle = shortened(spec.x.title, box.right - 2, "title");
    // The hint is left out where it has no room.
    const xHint = spec.x.hint && textWidth(xTitle, "title") + 12 + textWidth(spec.x.hint, "hint") <= box.right - 2 ? spec.x.hint : null;
    g.append(s("text", { class: "title", x: box.right, y: height - 7, "text-anchor": "end" }, xHint ? s("tspan", { class: "hint" }, xHint + "   ") : null, xTitle));
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
      const text = shortened(mark.text, box.right - box.left - 8, "mark");
      const width = textWidth(text, "mark");
      const left = !across ? box.left + 4 : at + 5 + width <= box.right ? at + 5 : Math.max(2, at - 5 - width);
      const base = across ? box.top + 9 : at - 18 < box.top ? at + 15 : at - 5;
      g.append(s("text", { x: left, y: base }, text));
      this.taken.push([left, base - 12, left + width, base + 3]);
    }
    return g;
  }

  /** @param {Series<D>} one */
  #series(one) {
    /** @param {Point} point @returns {Point} */
    const at = ([x, y]) => [this.x.at(x), this.y.at(y)];
    const g = s("g", { class: `series f-${one.style}${one.strong ? " strong" : ""}${one.banded ? " banded" : ""}`, "data-v": one.v });
    if (one.band?.length) g.append(s("path", { class: "band", d: path(one.band.map(at)) + "z" }));
    for (const line of one.faint ?? []) g.append(s("path", { class: "faint", d: path(line.map(at)) }));
    if (one.line?.length) g.append(s("path", { class: "line", d: path(one.line.map(at)), "stroke-dasharray": dashes(one.dash ?? 0) }));
    for (const dot of one.dots ?? []) {
      const [x, y] = at([dot.x, dot.y]);
      if (typeof dot.x1 === "number" && typeof dot.x2 === "number") g.append(s("line", { class: "error", x1: this.x.at(dot.x1), x2: this.x.at(dot.x2), y1: y, y2: y }));
      if (typeof dot.y1 === "number" && typeof dot.y2 === "number") g.append(s("line", { class: "error", x1: x, x2: x, y1: this.y.at(dot.y1), y2: this.y.at(dot.y2) }));
      if (!dot.bare) g.append(s("path", { class: dot.hollow ? "dot hollow" : "dot", d: marker(one.style, dot.r ?? 4), transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})` }));
    }
    return g;
  }

  /**
   * The names of points, each at the first free place next to its point, filled points first. A point without a free
   * place gets no name, and a note below the plot says how to see it.
   * @param {Series<D>[]} series
   */
  #names(series) {
    const named = series.flatMap(({ style, dots }) => (dots ?? []).filter((dot) => dot.text).map((dot) => ({ style, dot })));
    named.sort((a, b) => Number(a.dot.hollow ?? false) - Number(b.dot.hollow ?? false));
    const { box } = this;
    const g = s("g", { class: "names" });
    let unnamed = 0;
    for (const { style, dot } of named) {
      const text = dot.text ?? "";
      const [x, y] = [this.x.at(dot.x), this.y.at(dot.y)];
      const width = textWidth(text, "name");
      const places = [[10, -9], [10, 17], [-10 - width, -9], [-10 - width, 17], [10, 4], [-10 - width, 4], [-width / 2, -12], [-width / 2, 22]];
      const place = places.map(([dx, dy]) => [x + dx, y + dy]).find(([left, base]) =>
        left >= box.left && left + width <= this.width - 2 && base - 13 >= box.top - 8 && base <= box.bottom
        && this.taken.every(([a, b, c, d]) => left + width < a - 2 || left > c + 2 || base + 4 < b || base - 13 > d));
      if (place) {
        const [left, base] = place;
        this.taken.push([left, base - 13, left + width, base + 4]);
        g.append(s("text", { class: `dot-text f-${style}`, x: left, y: base }, text));
      } else unnamed++;
    }
    this.unnamed.hidden = unnamed === 0;
    this.unnamed.textContent = `${unnamed === 1 ? "One point has" : `${unnamed} points have`} no name here, for lack of room: point at it, or use the arrow keys, to see what it is.`;
    return g;
  }

  /**
   * Names at the ends of the lines, moved apart if they would overlap. If there is no room for all, the recommended
   * ones are named; the legend has all.
   * @param {Series<D>[]} series
   */
  #labels(series) {
    const { box } = this;
    const [top, bottom] = [box.top, box.bottom - 6];
    const room = Math.max(1, Math.floor((bottom - top) / LABEL_HEIGHT));
    const ends = series.flatMap(({ label, style, strong, line, dots }) => {
      const last = line?.at(-1)?.[1] ?? dots?.at(-1)?.y;
      if (!label || last === undefined) return [];
      return [{ label, style, strong: strong ?? false, y: Math.max(top, Math.min(bottom, this.y.at(last))) }];
    }).sort((a, b) => Number(b.strong) - Number(a.strong)).slice(0, room).sort((a, b) => a.y - b.y);
    for (let round = 0; round < 20; round++) {
      for (let k = 1; k < ends.length; k++) {
        const lack = LABEL_HEIGHT - (ends[k].y - ends[k - 1].y);
        if (lack > 0) { ends[k].y += lack / 2; ends[k - 1].y -= lack / 2; }
      }
    }
    // What is still too close, or outside, is moved down and then up.
    for (let k = 0; k < ends.length; k++) ends[k].y = Math.max(ends[k].y, k ? ends[k - 1].y + LABEL_HEIGHT : top);
    for (let k = ends.length - 1; k >= 0; k--) ends[k].y = Math.min(ends[k].y, k + 1 < ends.length ? ends[k + 1].y - LABEL_HEIGHT : bottom);
    return s("g", { class: "labels" }, ends.map(({ label, style, y }) =>
      s("text", { class: `f-${style}`, x: box.right + 10, y: y + 4 }, shortened(label, this.width - box.right - 12, "name"))));
  }
}
