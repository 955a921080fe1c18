// The plots: what each of them draws, and what its tooltips show.
const TIP_HINT = "Press Enter or click for the command";

/** @param {number} level */
const plain = (level, digits = 5) => String(Number(level.toPrecision(digits)));

/** @param {number} tick */
const short = (tick) => plain(tick, 3);

/** @param {number} tick */
const fine = (tick) => plain(tick, 4);

/**
 * @param {Variant} variant
 * @param {number | null} level
 */
const levelText = (variant, level) => (variant.axis && level !== null ? `${variant.axis} ${plain(level)}` : variant.details);

/**
 * Index of a level among the measured ones. A variant that was not swept has a single level, null.
 * @param {Variant} variant
 * @param {number | null} level
 */
const levelIndex = (variant, level) => (level === null ? 0 : variant.levels.indexOf(level));

/**
 * The outline of the area between `low` and `high`; points that lack either are left out.
 * @template T
 * @param {T[]} points
 * @param {(point: T) => [x: number, low: number | null, high: number | null]} ends
 * @returns {Point[]}
 */
function outline(points, ends) {
  /** @type {Point[]} */
  const there = [];
  /** @type {Point[]} */
  const back = [];
  for (const point of points) {
    const [x, low, high] = ends(point);
    if (low === null || high === null) continue;
    there.push([x, low]);
    back.unshift([x, high]);
  }
  return [...there, ...back];
}

/**
 * @param {Dot[]} dots
 * @returns {Point[]}
 */
const lineThrough = (dots) => dots.map((dot) => [dot.x, dot.y]);

/**
 * Draws a plot, and redraws it whenever the state that it depends on changes.
 * @template {Dot} D
 * @param {string} id
 * @param {string} label
 * @param {(keyof State)[]} keys
 * @param {(inspector: Inspector) => ChartSpec<D>} spec
 * @param {boolean} named Whether points are named in the plot itself: it then has no legend and always shows all of them.
 */
function chart(id, label, keys, spec, named = false) {
  const host = byId(id, HTMLElement);
  if (!host) return;
  if (!named) legend(host);
  /** @type {Plot<D>} */
  const plot = new Plot(host, label, () => inspector.close());
  const inspector = new Inspector(host);
  watch([...keys, "scope", ...(named ? [] : /** @type {const} */ (["hidden"]))], () => {
    inspector.close();
    plot.draw(spec(inspector));
  });
}

/**
 * Shows facts and commands of one variant at one measured level.
 * @param {Inspector} inspector
 * @param {number} v
 * @param {number} k
 * @param {string} metric
 */
function openLevel(inspector, v, k, metric) {
  const variant = data.variants[v];
  const mean = data.mean[metric][v];
  if (!mean) return;
  const [low, , high] = mean.spread[k];
  const [bpp] = mean.bpp[k];
  inspector.open({
    style: variant.style,
    title: `${variant.title} ${levelText(variant, mean.level[k])}${variant.details && variant.axis ? ", " + variant.details : ""}`,
    rows: [
      [data.metrics[metric].title, `${score(mean.score[k][0], metric)} (95 % interval ${range(mean.score[k], (x) => score(x, metric)) || "none"})`],
      ["Single images", `${score(low, metric)} to ${score(high, metric)} (${mean.spreadNames})`],
      ["Bits per pixel", `${number(bpp)} (${range(mean.bpp[k], number) || "no interval"})`],
      bpp !== null && ["Size per megapixel", megapixel(bpp)],
      mean.encode[k][0] !== null && ["Encoding", `${seconds(mean.encode[k][0])} per megapixel, one core`],
      mean.decode[k][0] !== null && ["Decoding", `${seconds(mean.decode[k][0])} per megapixel, one core`],
      ["Images", String(mean.images)],
      mean.lossless[k] > 0 && ["Lossless", `${mean.lossless[k]} images, left out of the mean`],
    ],
    tools: toolsOf(variant, levelIndex(variant, mean.level[k])),
  });
}

// The chosen target, in plots of the metric that it belongs to ----------------------------------------------------
/**
 * @param {"x" | "y"} axis
 * @param {string} text
 * @returns {Mark[]}
 */
const targetMark = (axis, text) => (state.metric === data.metric ? [{ axis, at: Number(state.target), text }] : []);

// Quality against size ------------------------------------------------------------------------------------------
const curvesView = { image: "", every: false };

/** @typedef {Dot & { level: number | null, k: number }} LevelDot */

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<LevelDot>}
 */
function curvesSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const one = curvesView.image === "" ? null : Number(curvesView.image);
  const series = visible().map(({ variant, v }) => (one === null ? meanSeries(variant, v, metric) : imageSeries(variant, v, metric, one)));
  const lines = series.flatMap((e) => [...(e.line ?? []), ...(e.faint ?? []).flat()]);
  const bands = series.flatMap((e) => (e.banded ? e.band ?? [] : []));
  const yDomain = extent(lines.map(([, y]) => y), 0.05);
  if (!up) yDomain.reverse();
  const label = data.labels[state.target];
  return {
    x: { title: "Bits per pixel", hint: "\u2190 smaller files", log: true, domain: extent([...lines, ...bands].map(([x]) => x), 0.03, true), format: short },
    y: { title, hint: up ? "higher is better" : "lower is better, drawn upwards", domain: yDomain, format: fine },
    marks: targetMark("y", `${title} ${state.target}${label ? ": " + label : ""}`),
    series,
    tip: (dot, { v }) => ({
      title: `${data.variants[v].title} ${levelText(data.variants[v], dot.level)}`,
      rows: [[title, score(dot.y, metric)], ["Bits per pixel", number(dot.x)], ["Size per megapixel", megapixel(dot.x)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => (one === null ? openLevel(inspector, v, dot.k, metric) : openImage(inspector, v, dot, one)),
  };
}

/**
 * The measured levels that have both a size and a score.
 * @param {(number | null)[]} levels
 * @param {(number | null)[]} xs
 * @param {(number | null)[]} ys
 * @returns {LevelDot[]}
 */
function levelDots(levels, xs, ys) {
  return levels.flatMap((level, k) => {
    const [x, y] = [xs[k], ys[k]];
    return x === null || y === null ? [] : [{ x, y, level, k }];
  });
}

/**
 * @param {Variant} variant
 * @param {number} v
 * @param {string} metric
 * @returns {Series<LevelDot>}
 */
function meanSeries(variant, v, metric) {
  const mean = data.mean[metric][v];
  if (!mean) return { v, style: variant.style };
  const [scores, bits, low, high] = mean.line;
  /** @type {Point[]} */
  const line = scores.map((y, k) => [bits[k], y]);
  // The band runs along the scores, because the interval is one of sizes.
  const band = curvesView.every ? [] : outline([...scores.keys()], (k) => [scores[k], low[k], high[k]]).map(([y, x]) => /** @type {Point} */ ([x, y]));
  const dots = levelDots(mean.level, mean.bpp.map(([x]) => x), mean.score.map(([y]) => y));
  const faint = curvesView.every
    ? variant.bpp.map((row, i) => lineThrough(levelDots(variant.levels, row, variant.scores[metric][i]))).filter((l) => l.length > 1)
    : [];
  return { v, style: variant.style, dash: variant.dash, strong: variant.pick, banded: variant.banded, line: line.length ? line : lineThrough(dots), band, dots, faint };
}

/**
 * @param {Variant} variant
 * @param {number} v
 * @param {string} metric
 * @param {number} image
 * @returns {Series<LevelDot>}
 */
function imageSeries(variant, v, metric, image) {
  const dots = levelDots(variant.levels, variant.bpp[image], variant.scores[metric][image]);
  return { v, style: variant.style, dash: variant.dash, strong: variant.pick, line: lineThrough(dots), dots };
}

/**
 * @param {Inspector} inspector
 * @param {number} v
 * @param {LevelDot} dot
 * @param {number} image
 */
function openImage(inspector, v, dot, image) {
  const variant = data.variants[v];
  inspector.open({
    style: variant.style,
    title: `${data.images[data.drawn[image]]}: ${variant.title} ${levelText(variant, dot.level)}`,
    rows: [
      ...Object.keys(data.metrics).map((m) => {
        const value = variant.scores[m][image][dot.k];
        return /** @type {Row} */ ([data.metrics[m].title, value === null ? "lossless or not measured" : score(value, m)]);
      }),
      ["Bits per pixel", number(dot.x)],
    ],
    tools: toolsOf(variant, dot.k),
  });
}

function bindCurves() {
  const menu = byId("curve-image", HTMLSelectElement);
  const every = byId("curve-every", HTMLInputElement);
  if (!menu || !every) return;
  data.drawn.forEach((i, k) => menu.append(h("option", { value: k }, data.images[i])));
  menu.addEventListener("change", () => { curvesView.image = menu.value; every.disabled = menu.value !== ""; set("metric", state.metric); });
  every.addEventListener("change", () => { curvesView.every = every.checked; set("metric", state.metric); });
  chart("plot-curves", "Quality against size: mean curves of all codecs", ["metric", "target"], curvesSpec);
}

// Size at the same score ----------------------------------------------------------------------------------------
/** @typedef {Dot & { ends: Estimate, images: number, level: number | null, bpp: number | null }} RatioDot */

/**
 * @param {Ratios} ratios
 * @param {number} v
 * @returns {RatioDot[]}
 */
function ratioDots(ratios, v) {
  const entry = ratios.series[v];
  if (!entry) return [];
  return ratios.at.flatMap((x, k) => {
    const ends = entry.ratio[k];
    const [y] = ends;
    return y === null ? [] : [{ x, y, ends, images: entry.images[k], level: entry.level[k], bpp: entry.bpp[k], bare: true }];
  });
}

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<RatioDot>}
 */
function ratioSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const series = visible().map(({ variant, v }) => {
    const dots = ratioDots(data.ratio[metric], v);
    return {
      v, style: variant.style, dash: variant.dash, strong: variant.pick, banded: variant.banded, label: variant.name, dots,
      line: lineThrough(dots),
      band: variant.base ? [] : outline(dots, (d) => [d.x, d.ends[1], d.ends[2]]),
    };
  });
  const dots = series.flatMap((e) => e.dots);
  const xDomain = extent(dots.map((d) => d.x), 0.01);
  if (!up) xDomain.reverse();
  /** @param {RatioDot} dot @param {Variant} variant */
  const heading = (dot, variant) => `${variant.name} at ${title} ${score(dot.x, metric)}`;
  return {
    x: { title, hint: "better score \u2192", domain: xDomain, format: fine },
    y: { title: `Size compared with ${data.baseline}`, hint: "lower is smaller", domain: extent([...dots.map((d) => d.y), 1], 0.08), format: signed },
    marks: targetMark("x", data.labels[state.target] || state.target),
    series,
    tip: (dot, { v }) => {
      const variant = data.variants[v];
      return {
        title: heading(dot, variant),
        rows: [
          ["Files", variant.base ? "the baseline" : change(dot.y)],
          !variant.base && dot.ends[1] !== null && ["95 % interval", range(dot.ends, signed)],
          dot.level !== null && [`Median ${variant.axis}`, plain(dot.level, 3)],
          ["Images", String(dot.images)],
        ],
        hint: TIP_HINT,
      };
    },
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const near = dot.level === null ? -1 : nearest(variant.levels, dot.level);
      inspector.open({
        style: variant.style,
        title: heading(dot, variant),
        rows: [
          ["Files", variant.base ? "the baseline" : `${change(dot.y)} (${range(dot.ends, signed) || "no interval"})`],
          ["Bits per pixel", number(dot.bpp)],
          dot.level !== null && [`Median ${variant.axis}`, plain(dot.level, 3)],
          ["Images", String(dot.images)],
        ],
        tools: toolsOf(variant, near),
        notes: near >= 0 ? [`Each image was matched separately; the commands are for the nearest measured setting, ${levelText(variant, variant.levels[near])}.`] : [],
      });
    },
  };
}

// Encode time -----------------------------------------------------------------------------------------------------
/** @typedef {Dot & { p: FrontPoint }} FrontDot */

/** @returns {Front} */
const chosenFront = () => data.pareto[state.target]?.[state.scope] ?? { images: 0, reason: null, left: {}, points: [] };

/**
 * The Pareto front as a stepped line.
 * @param {FrontPoint[]} points
 * @returns {Point[]}
 */
const stepsThrough = (points) => points.flatMap((p, k) => {
  /** @type {Point} */
  const corner = [p.seconds[0], p.bpp[0]];
  /** @type {Point[]} */
  const steps = k ? [[p.seconds[0], points[k - 1].bpp[0]], corner] : [corner];
  return steps;
});

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<FrontDot>}
 */
function timeSpec(inspector) {
  const front = chosenFront();
  const points = front.points;
  const title = data.metrics[data.metric].title;
  /** @type {Series<FrontDot>[]} */
  const series = points.map((p) => ({
    v: p.v, style: data.variants[p.v].style, strong: true,
    dots: [{ x: p.seconds[0], y: p.bpp[0], x1: p.seconds[1], x2: p.seconds[2], y1: p.bpp[1], y2: p.bpp[2], hollow: !p.front, r: 5.5, text: data.variants[p.v].name, p }],
  }));
  const steps = stepsThrough(points.filter((p) => p.front));
  if (steps.length > 1) series.unshift({ v: -1, style: "front", line: steps });
  return {
    x: { title: "Encode CPU seconds per megapixel", hint: "\u2190 faster", log: true, domain: extent(points.flatMap((p) => p.seconds), 0.08, true), format: short },
    y: { title: `Bits per pixel at ${title} ${state.target}`, hint: "lower is smaller", domain: extent(points.flatMap((p) => p.bpp), 0.1), format: short },
    series,
    empty: front.reason || "Nothing to draw for this choice.",
    tip: (dot, { v }) => ({
      title: data.variants[v].name,
      rows: [["Encoding", seconds(dot.x) + " per megapixel"], ["Bits per pixel", number(dot.y)], ["Size per megapixel", megapixel(dot.y)], ["On the Pareto front", dot.p.share === null ? (dot.p.front ? "yes" : "no") : `in ${percent(dot.p.share)} of bootstrap resamples`]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const mean = data.mean[data.metric][v];
      const best = mean ? nearest(mean.score.map(([value]) => value), Number(state.target)) : -1;
      const level = mean && best >= 0 ? mean.level[best] : null;
      inspector.open({
        style: variant.style,
        title: `${variant.name} at ${title} ${state.target}`,
        rows: [
          ["Encoding", `${seconds(dot.x)} per megapixel (${range(dot.p.seconds, seconds) || "no interval"})`],
          ["Bits per pixel", `${number(dot.y)} (${range(dot.p.bpp, number) || "no interval"})`],
          ["Images", String(front.images)],
        ],
        tools: toolsOf(variant, best < 0 ? -1 : levelIndex(variant, level)),
        notes: best >= 0 ? [`The commands are for the measured setting with the closest mean score, ${levelText(variant, level)}.`] : [],
      });
    },
  };
}

function bindTime() {
  chart("plot-time", "Size against encode time", ["target"], timeSpec, true);
  const left = byId("time-left", HTMLElement);
  if (left) watch(["target", "scope"], () => {
    const entries = Object.entries(chosenFront().left);
    left.textContent = entries.length ? "Not drawn: " + entries.map(([name, why]) => `${name} (${why})`).join("; ") + "." : "";
  });
}

// What the quality numbers mean ---------------------------------------------------------------------------------------
/** @typedef {Dot & { k: number, low: number | null, high: number | null, images: number, names: string }} SpreadDot */

/**
 * @param {MeanCurve | null} mean
 * @returns {SpreadDot[]}
 */
function spreadDots(mean) {
  return (mean?.level ?? []).flatMap((x, k) => {
    const [low, y, high] = mean?.spread[k] ?? [null, null, null];
    return mean && x !== null && y !== null ? [{ x, y, k, low, high, images: mean.images, names: mean.spreadNames }] : [];
  });
}

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<SpreadDot>}
 */
function numbersSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const shown = visible();
  const axes = shown.map((e) => e.variant.axis).filter(Boolean);
  const axis = axes.includes("quality") ? "quality" : axes[0];
  const series = shown.filter((e) => e.variant.axis === axis).map(({ variant, v }) => {
    const dots = spreadDots(data.mean[metric][v]);
    return { v, style: variant.style, dash: variant.dash, strong: variant.pick, banded: variant.banded, dots, line: lineThrough(dots), band: outline(dots, (d) => [d.x, d.low, d.high]) };
  });
  const dots = series.flatMap((e) => e.dots);
  const names = new Set(dots.map((d) => d.names));
  const yDomain = extent(dots.flatMap((d) => [d.y, d.low, d.high]), 0.04);
  if (!up) yDomain.reverse();
  return {
    x: { title: `The encoder's ${axis ?? "setting"}`, domain: extent(dots.map((d) => d.x), 0.02), format: fine },
    y: { title, hint: names.size === 1 ? `median and ${[...names][0]} of the images` : "median and range of the images", domain: yDomain, format: fine },
    marks: targetMark("y", data.labels[state.target] || state.target),
    series,
    tip: (dot, { v }) => ({
      title: `${data.variants[v].name}, ${axis} ${plain(dot.x)}`,
      rows: [["Median " + title, score(dot.y, metric)], [capital(dot.names), `${score(dot.low, metric)} to ${score(dot.high, metric)}`], ["Images", String(dot.images)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => openLevel(inspector, v, dot.k, metric),
  };
}

// Image by image ------------------------------------------------------------------------------------------------------
/** @typedef {Dot & { image: number, ratio: number, level: number | null }} ImageDot */

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<ImageDot>}
 */
function imagesSpec(inspector) {
  const entries = (data.single[state.target] ?? []).filter((e) => data.variants[e.v].scope === state.scope);
  const target = `${data.metrics[data.metric].title} ${state.target}`;
  const series = entries.map((entry, row) => {
    // A deterministic scatter within the row, so that equal ratios do not hide each other.
    const dots = entry.image.map((image, k) => ({ x: entry.ratio[k], y: row + (((image * 7919) % 13) / 13 - 0.46) * 0.5, image, ratio: entry.ratio[k], level: entry.level[k], r: 3.6 }));
    return { v: entry.v, style: data.variants[entry.v].style, strong: true, dots };
  });
  return {
    height: Math.max(170, 90 + 52 * entries.length),
    x: { title: `Size compared with ${data.baseline}`, hint: "\u2190 smaller files", domain: extent([...entries.flatMap((e) => e.ratio), 1], 0.05), format: signed },
    y: { title: `${target}, one point per image`, labels: entries.map((e) => ({ text: data.variants[e.v].name, style: data.variants[e.v].style })) },
    marks: [{ axis: "x", at: 1, text: data.baseline }],
    series,
    empty: `No image reaches ${target} with both ${data.baseline} and another codec.`,
    tip: (dot, { v }) => ({
      title: data.images[dot.image],
      rows: [["Files", `${change(dot.ratio)} with ${data.variants[v].name}`], dot.level !== null && [`At ${data.variants[v].axis}`, plain(dot.level, 3)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const near = dot.level === null ? -1 : nearest(variant.levels, dot.level);
      inspector.open({
        style: variant.style,
        title: `${data.images[dot.image]}: ${variant.name}`,
        rows: [["Files", `${change(dot.ratio)} at ${target}`], dot.level !== null && [`Its ${variant.axis}`, plain(dot.level, 3)]],
        tools: toolsOf(variant, near),
        notes: near >= 0 ? [`The commands are for the nearest measured setting, ${levelText(variant, variant.levels[near])}.`] : [],
      });
    },
  };
}
