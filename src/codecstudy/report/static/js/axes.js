// The axes that the study requests: any parameter against score, size or time, with one line per group.
/** @typedef {"score" | "bpp" | "encode" | "decode"} Quantity */
/** @type {{ y: Quantity }} */
const axesView = { y: "score" };

/** @type {Record<Exclude<Quantity, "score">, string>} */
const QUANTITIES = {
  bpp: "Bits per pixel",
  encode: "Encode CPU seconds per megapixel",
  decode: "Decode CPU seconds per megapixel",
};

/** What distinguishes scopes: a plot over one of these shows all of them. */
const SIZES = ["resolution", "crop"];

/** @typedef {string | number | boolean} Parameter */
/** @typedef {{ x: Parameter, group: Parameter, value: number, v: number, k: number, style: string, title: string, format: string }} Mean */
/** @typedef {Dot & { raw: Parameter, settings: number, v: number, k: number }} GroupDot */

/**
 * Lines may span all resolutions: a variant that is hidden at one is hidden at all.
 * @param {Variant} variant
 */
const hiddenLike = (variant) => inScope().some((e) =>
  state.hidden.has(e.v) && e.variant.encoder === variant.encoder && e.variant.details === variant.details);

/**
 * The mean of each visible variant at each level, with its position on the study's axes.
 * @param {string} metric
 * @param {string} xKey
 * @param {string} groupKey
 * @returns {Mean[]}
 */
function axesMeans(metric, xKey, groupKey) {
  return data.variants.flatMap((variant, v) => {
    const mean = data.mean[metric][v];
    if (!mean || hiddenLike(variant)) return [];
    if (!SIZES.includes(xKey) && !SIZES.includes(groupKey) && variant.scope !== state.scope) return [];
    return mean.level.flatMap((level, k) => {
      const given = { ...variant.parameters, [variant.axis || "-"]: level };
      const [value] = mean[axesView.y][k];
      // The original size is not a number: it gets its own position after all others.
      const x = given[xKey] ?? (SIZES.includes(xKey) ? "original" : null);
      if (x === null || value === null) return [];
      return [{ x, group: given[groupKey] ?? "default", value, v, k, style: variant.style, title: variant.title, format: String(variant.parameters.format) }];
    });
  });
}

/**
 * Sorts numbers before texts.
 * @param {Parameter} a
 * @param {Parameter} b
 */
function inOrder(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "number" || typeof b === "number") return typeof a === "number" ? -1 : 1;
  return String(a) > String(b) ? 1 : -1;
}

/**
 * @param {{ x: AxisChoice, group: AxisChoice }} axes
 * @param {Inspector} inspector
 * @returns {ChartSpec<GroupDot>}
 */
function axesSpec({ x: xAxis, group }, inspector) {
  const metric = state.metric;
  const means = axesMeans(metric, xAxis.key, group.key);
  const numeric = means.every((e) => typeof e.x === "number");
  const names = [...new Set(means.map((e) => e.x))].sort(inOrder).map(String);
  /** @param {Parameter} x */
  const position = (x) => (numeric ? Number(x) : names.indexOf(String(x)));
  /** @type {Map<string, number>} */
  const perFormat = new Map();
  const series = [...new Set(means.map((e) => `${e.title}|${e.group}`))].map((name) => {
    const mine = means.filter((e) => `${e.title}|${e.group}` === name);
    const [{ v, style, title, format, group: value }] = mine;
    const xs = [...new Set(mine.map((e) => e.x))].sort((a, b) => position(a) - position(b));
    const dots = xs.map((x) => {
      const at = mine.filter((e) => e.x === x);
      return { x: position(x), raw: x, y: at.reduce((sum, e) => sum + e.value, 0) / at.length, settings: at.length, v: at[0].v, k: at[0].k };
    });
    const dash = perFormat.get(format) ?? 0;
    perFormat.set(format, dash + 1);
    return { v, style, dash, strong: true, label: group.key === "format" || group.key === "encoder" ? title : `${title} ${value}`, dots, line: lineThrough(dots) };
  });
  const dots = series.flatMap((e) => e.dots);
  const quantity = axesView.y;
  const yTitle = quantity === "score" ? data.metrics[metric].title : QUANTITIES[quantity];
  const log = quantity !== "score";
  const edges = xAxis.key === "resolution" ? "Longest edge, pixels" : xAxis.key === "crop" ? "Longest edge of the crop, pixels" : `The encoder's ${xAxis.title}`;
  return {
    x: { title: edges, domain: extent(dots.map((d) => d.x), 0.04), ticks: numeric ? undefined : names.map((_, k) => k), format: (t) => (numeric ? fine(t) : names[t]) },
    y: { title: yTitle, log, domain: extent(dots.map((d) => d.y), 0.06, log), format: short },
    series,
    empty: `No setting of this study has a ${xAxis.title}.`,
    tip: (dot, one) => ({
      title: one.label ?? "",
      rows: [[xAxis.title, String(dot.raw)], [yTitle, log ? number(dot.y, 2) : score(dot.y, metric)], dot.settings > 1 && ["Mean of", `${dot.settings} settings`]],
      hint: dot.settings === 1 ? TIP_HINT : "",
    }),
    open: (dot) => { if (dot.settings === 1) openLevel(inspector, dot.v, dot.k, metric); },
  };
}

function bindAxes() {
  const menu = byId("axes-y", HTMLSelectElement);
  const axes = data.axes;
  if (!axes || !menu) return;
  menu.addEventListener("change", () => {
    const { value } = menu;
    if (value === "score" || value === "bpp" || value === "encode" || value === "decode") axesView.y = value;
    set("metric", state.metric);
  });
  chart("plot-axes", "The axes that the study requests", ["metric"], (inspector) => axesSpec(axes, inspector));
}
