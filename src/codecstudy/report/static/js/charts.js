// The plots: what each draws from the data, and what its points say.
const TIP_HINT = "Enter or click: the command";
const levelText = (variant, level) => (variant.axis ? `${variant.axis} ${plain(level)}` : variant.details);
const plain = (level, digits = 5) => String(Number(level.toPrecision(digits)));
const short = (tick) => String(Number(tick.toPrecision(3)));
const place = (variant, level) => (level === null ? 0 : variant.levels.indexOf(level));

// `named`: its points are named in the plot itself, so that it needs no legend and always shows them all.
function chart(id, label, keys, spec, named = false) {
  const host = document.getElementById(id);
  if (!host) return;
  if (!named) legend(host);
  const plot = new Plot(host, label);
  const inspector = new Inspector(host);
  watch([...keys, "scope", ...(named ? [] : ["hidden"])], () => {
    inspector.close();
    plot.draw({ close: () => inspector.close(), ...spec(inspector) });
  });
}

// Facts and commands of one variant at one measured level.
function openLevel(inspector, v, k, metric) {
  const variant = data.variants[v];
  const mean = data.mean[metric][v];
  inspector.open({
    slot: variant.slot,
    title: `${variant.title} ${levelText(variant, mean.level[k])}${variant.details && variant.axis ? ", " + variant.details : ""}`,
    rows: [
      [data.metrics[metric].title, `${score(mean.score[k][0], metric)} (95 % interval ${range(mean.score[k], (x) => score(x, metric)) || "none"})`],
      ["Single images", `${score(mean.spread[k][0], metric)} to ${score(mean.spread[k][2], metric)} (p5 to p95)`],
      ["Bits per pixel", `${number(mean.bpp[k][0])} (${range(mean.bpp[k], number) || "no interval"})`],
      ["A megapixel", bytes(mean.bpp[k][0] * 125000)],
      mean.encode[k][0] !== null && ["Encoding", `${seconds(mean.encode[k][0])} per megapixel, one core`],
      mean.decode[k][0] !== null && ["Decoding", `${seconds(mean.decode[k][0])} per megapixel, one core`],
      ["Images", String(mean.images)],
      mean.lossless[k] > 0 && ["Lossless", `${mean.lossless[k]} images, left out of the mean`],
    ],
    tools: toolsOf(variant, place(variant, mean.level[k])),
  });
}

// Quality against size ------------------------------------------------------------------------------------------
const curvesView = { image: "", every: false };

function curvesSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const one = curvesView.image === "" ? null : Number(curvesView.image);
  const series = visible().map(({ variant, v }) => (one === null ? meanSeries(variant, v, metric) : imageSeries(variant, v, metric, one)));
  const xs = series.flatMap((e) => [...(e.line ?? []), ...(e.faint ?? []).flat(), ...(e.strong ? e.band ?? [] : [])].map((p) => p[0]));
  const ys = series.flatMap((e) => [...(e.line ?? []), ...(e.faint ?? []).flat()].map((p) => p[1]));
  const yDomain = extent(ys, 0.05);
  if (!up) yDomain.reverse();
  return {
    x: { title: "Bits per pixel", hint: "\u2190 smaller files", log: true, domain: extent(xs, 0.03, true), format: short },
    y: { title, hint: up ? "higher is better" : "lower is better, drawn upwards", domain: yDomain, format: (t) => String(Number(t.toPrecision(4))) },
    marks: metric === data.metric ? [{ axis: "y", at: Number(state.target), text: `${title} ${state.target}${data.looks[state.target] ? ": " + data.looks[state.target] : ""}` }] : [],
    series,
    tip: (dot, { v }) => ({
      title: `${data.variants[v].title} ${levelText(data.variants[v], dot.level)}`,
      rows: [[title, score(dot.y, metric)], ["Bits per pixel", number(dot.x)], ["A megapixel", bytes(dot.x * 125000)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => (one === null ? openLevel(inspector, v, dot.k, metric) : openImage(inspector, v, dot, one)),
  };
}

function meanSeries(variant, v, metric) {
  const mean = data.mean[metric][v];
  if (!mean) return { v, slot: variant.slot, dots: [] };
  const [scores, bits, low, high] = mean.line;
  const line = scores.map((y, k) => [bits[k], y]);
  const banded = low.length && low[0] !== null && !curvesView.every;
  const band = banded ? [...scores.map((y, k) => [low[k], y]), ...scores.map((y, k) => [high[k], y]).reverse()] : [];
  const dots = mean.level.map((level, k) => ({ x: mean.bpp[k][0], y: mean.score[k][0], level, k })).filter((d) => d.y !== null);
  const faint = curvesView.every
    ? variant.bpp.map((row, i) => row.map((x, k) => [x, variant.scores[metric][i][k]]).filter(([x, y]) => x !== null && y !== null)).filter((l) => l.length > 1)
    : [];
  return { v, slot: variant.slot, dash: variant.dash, strong: variant.pick, line: line.length ? line : dots.map((d) => [d.x, d.y]), band, dots, faint };
}

function imageSeries(variant, v, metric, image) {
  const dots = variant.levels.map((level, k) => ({ x: variant.bpp[image][k], y: variant.scores[metric][image][k], level, k }))
    .filter((dot) => dot.x !== null && dot.y !== null);
  return { v, slot: variant.slot, dash: variant.dash, strong: variant.pick, line: dots.map((d) => [d.x, d.y]), dots };
}

function openImage(inspector, v, dot, image) {
  const variant = data.variants[v];
  inspector.open({
    slot: variant.slot,
    title: `${data.images[image]}: ${variant.title} ${levelText(variant, dot.level)}`,
    rows: [
      ...Object.keys(data.metrics).map((m) => [data.metrics[m].title, variant.scores[m][image][dot.k] === null ? "lossless or not measured" : score(variant.scores[m][image][dot.k], m)]),
      ["Bits per pixel", number(dot.x)],
    ],
    tools: toolsOf(variant, dot.k),
  });
}

function bindCurves() {
  const menu = document.getElementById("curve-image");
  const every = document.getElementById("curve-every");
  if (!menu) return;
  data.images.forEach((name, k) => menu.append(h("option", { value: k }, name)));
  menu.addEventListener("change", () => { curvesView.image = menu.value; every.disabled = menu.value !== ""; set("metric", state.metric); });
  every.addEventListener("change", () => { curvesView.every = every.checked; set("metric", state.metric); });
  chart("plot-curves", "Quality against size: mean curves of all codecs", ["metric", "target"], curvesSpec);
}

// Size at the same quality ----------------------------------------------------------------------------------------
function ratioSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const { at, series: all } = data.ratio[metric];
  const series = visible().map(({ variant, v }) => {
    const entry = all[v];
    const dots = entry ? at.map((x, k) => ({ x, k, y: entry.ratio[k][0], ends: entry.ratio[k], images: entry.images[k], level: entry.level[k], bpp: entry.bpp[k], bare: true })).filter((d) => d.y !== null) : [];
    const ends = dots.filter((d) => d.ends[1] !== null);
    return {
      v, slot: variant.slot, dash: variant.dash, strong: variant.pick, label: nameOf(variant), dots,
      line: dots.map((d) => [d.x, d.y]),
      band: variant.base ? [] : [...ends.map((d) => [d.x, d.ends[1]]), ...ends.map((d) => [d.x, d.ends[2]]).reverse()],
    };
  });
  const ys = series.flatMap((e) => e.dots.map((d) => d.y));
  const xs = series.flatMap((e) => e.dots.map((d) => d.x));
  const xDomain = extent(xs, 0.01);
  if (!up) xDomain.reverse();
  return {
    x: { title, hint: "better quality \u2192", domain: xDomain, format: (t) => String(Number(t.toPrecision(4))) },
    y: { title: `Size compared with ${data.baseline}`, hint: "lower is smaller", domain: extent([...ys, 1], 0.08), format: (t) => signed(t) },
    marks: metric === data.metric ? [{ axis: "x", at: Number(state.target), text: data.looks[state.target] || state.target }] : [],
    series,
    tip: (dot, { v }) => ({
      title: `${nameOf(data.variants[v])} at ${title} ${score(dot.x, metric)}`,
      rows: [["Files", data.variants[v].base ? "the yardstick" : change(dot.y)], !data.variants[v].base && dot.ends[1] !== null && ["95 % interval", range(dot.ends, signed)], dot.level !== null && ["Median " + data.variants[v].axis, plain(dot.level, 3)], ["Images", String(dot.images)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const near = dot.level === null ? -1 : nearestLevel(variant, dot.level);
      inspector.open({
        slot: variant.slot,
        title: `${nameOf(variant)} at ${title} ${score(dot.x, metric)}`,
        rows: [
          ["Files", variant.base ? "the yardstick" : `${change(dot.y)} (${range(dot.ends, signed) || "no interval"})`],
          ["Bits per pixel", number(dot.bpp)],
          dot.level !== null && [`Median ${variant.axis}`, plain(dot.level, 3)],
          ["Images", String(dot.images)],
        ],
        tools: toolsOf(variant, near),
        notes: near >= 0 ? [`Each image was matched on its own; the commands are for the nearest measured setting, ${levelText(variant, variant.levels[near])}.`] : [],
      });
    },
  };
}

// Encode time -----------------------------------------------------------------------------------------------------
function timeSpec(inspector) {
  const front = data.pareto[state.target]?.[state.scope] ?? { points: [], reason: null };
  const points = front.points;
  const title = data.metrics[data.metric].title;
  const on = points.filter((p) => p.front);
  const steps = on.flatMap((p, k) => (k ? [[p.seconds[0], on[k - 1].bpp[0]], [p.seconds[0], p.bpp[0]]] : [[p.seconds[0], p.bpp[0]]]));
  const series = points.map((p) => ({
    v: p.v, slot: data.variants[p.v].slot, strong: true, label: null,
    dots: [{ x: p.seconds[0], y: p.bpp[0], x1: p.seconds[1], x2: p.seconds[2], y1: p.bpp[1], y2: p.bpp[2], hollow: !p.front, r: 5.5, text: nameOf(data.variants[p.v]), p }],
  }));
  if (steps.length > 1) series.unshift({ v: -1, slot: "front", line: steps, dots: [] });
  const xs = points.flatMap((p) => p.seconds);
  const ys = points.flatMap((p) => p.bpp);
  return {
    x: { title: "Encode CPU seconds per megapixel", hint: "\u2190 faster", log: true, domain: extent(xs, 0.08, true), format: short },
    y: { title: `Bits per pixel at ${title} ${state.target}`, hint: "lower is smaller", domain: extent(ys, 0.1), format: short },
    series,
    empty: front.reason ? front.reason : "Nothing to draw for this choice.",
    tip: (dot, { v }) => ({
      title: `${nameOf(data.variants[v])}`,
      rows: [["Encoding", seconds(dot.x) + " per megapixel"], ["Bits per pixel", number(dot.y)], ["A megapixel", bytes(dot.y * 125000)], ["On the front", dot.p.share === null ? (dot.p.front ? "yes" : "no") : `in ${percent(dot.p.share)} of resamples`]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const mean = data.mean[data.metric][v];
      const best = mean ? mean.score.reduce((a, s2, k) => (s2[0] !== null && (a < 0 || Math.abs(s2[0] - state.target) < Math.abs(mean.score[a][0] - state.target)) ? k : a), -1) : -1;
      inspector.open({
        slot: variant.slot,
        title: `${nameOf(variant)} at ${title} ${state.target}`,
        rows: [
          ["Encoding", `${seconds(dot.x)} per megapixel (${range(dot.p.seconds, seconds) || "no interval"})`],
          ["Bits per pixel", `${number(dot.y)} (${range(dot.p.bpp, number) || "no interval"})`],
          ["Images", String(front.images)],
        ],
        tools: toolsOf(variant, best < 0 ? -1 : place(variant, mean.level[best])),
        notes: best >= 0 ? [`The commands are for the measured setting whose mean score is nearest, ${levelText(variant, mean.level[best])}.`] : [],
      });
    },
  };
}

function bindTime() {
  chart("plot-time", "Size against encode time", ["target"], timeSpec, true);
  const left = document.getElementById("time-left");
  if (left) watch(["target", "scope"], () => {
    const front = data.pareto[state.target]?.[state.scope];
    const entries = Object.entries(front?.left ?? {});
    left.textContent = entries.length ? "Not drawn: " + entries.map(([name, why]) => `${name} (${why})`).join("; ") + "." : "";
  });
}

// What the quality numbers mean ---------------------------------------------------------------------------------------
function numbersSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const shown = visible();
  const axes = shown.map((e) => e.variant.axis).filter(Boolean);
  const axis = axes.includes("quality") ? "quality" : axes[0];
  const series = shown.filter((e) => e.variant.axis === axis).map(({ variant, v }) => {
    const mean = data.mean[metric][v];
    const dots = mean ? mean.level.map((x, k) => ({ x, k, y: mean.spread[k][1], low: mean.spread[k][0], high: mean.spread[k][2], images: mean.images })).filter((d) => d.y !== null && d.x !== null) : [];
    const ends = dots.filter((d) => d.low !== null && d.high !== null);
    return { v, slot: variant.slot, dash: variant.dash, strong: variant.pick, dots, line: dots.map((d) => [d.x, d.y]), band: [...ends.map((d) => [d.x, d.low]), ...ends.map((d) => [d.x, d.high]).reverse()] };
  });
  const yDomain = extent(series.flatMap((e) => e.dots.flatMap((d) => [d.y, d.low, d.high])), 0.04);
  if (!up) yDomain.reverse();
  return {
    x: { title: `The encoder's ${axis ?? "setting"}`, domain: extent(series.flatMap((e) => e.dots.map((d) => d.x)), 0.02), format: (t) => String(Number(t.toPrecision(4))) },
    y: { title, hint: "median and p5 to p95 of the images", domain: yDomain, format: (t) => String(Number(t.toPrecision(4))) },
    marks: metric === data.metric ? [{ axis: "y", at: Number(state.target), text: data.looks[state.target] || state.target }] : [],
    series,
    tip: (dot, { v }) => ({
      title: `${nameOf(data.variants[v])}, ${axis} ${plain(dot.x)}`,
      rows: [["Median " + title, score(dot.y, metric)], ["p5 to p95", `${score(dot.low, metric)} to ${score(dot.high, metric)}`], ["Images", String(dot.images)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => openLevel(inspector, v, dot.k, metric),
  };
}

// Image by image ------------------------------------------------------------------------------------------------------
function imagesSpec(inspector) {
  const entries = (data.single[state.target] ?? []).filter((e) => data.variants[e.v].scope === state.scope);
  const series = entries.map((entry, row) => {
    const variant = data.variants[entry.v];
    // A steady scatter within the row, so that equal ratios do not hide each other.
    const dots = entry.image.map((image, k) => ({ x: entry.ratio[k], y: row + (((image * 7919) % 13) / 13 - 0.46) * 0.5, image, ratio: entry.ratio[k], level: entry.level[k], r: 3.6 }));
    return { v: entry.v, slot: variant.slot, strong: true, dots };
  });
  const xs = entries.flatMap((e) => e.ratio);
  return {
    height: Math.max(170, 90 + 52 * entries.length),
    x: { title: `Size compared with ${data.baseline}`, hint: "\u2190 smaller files", domain: extent([...xs, 1], 0.05), format: (t) => signed(t) },
    y: { title: `${data.metrics[data.metric].title} ${state.target}, one point an image`, labels: entries.map((e) => ({ text: nameOf(data.variants[e.v]), slot: data.variants[e.v].slot })) },
    marks: [{ axis: "x", at: 1, text: data.baseline }],
    series,
    empty: `No image reaches ${data.metrics[data.metric].title} ${state.target} with any codec and ${data.baseline}.`,
    tip: (dot, { v }) => ({
      title: data.images[dot.image],
      rows: [["Files", `${change(dot.ratio)} with ${nameOf(data.variants[v])}`], dot.level !== null && [`At ${data.variants[v].axis}`, plain(dot.level, 3)]],
      hint: TIP_HINT,
    }),
    open: (dot, { v }) => {
      const variant = data.variants[v];
      const near = dot.level === null ? -1 : nearestLevel(variant, dot.level);
      inspector.open({
        slot: variant.slot,
        title: `${data.images[dot.image]}: ${nameOf(variant)}`,
        rows: [["Files", `${change(dot.ratio)} at ${data.metrics[data.metric].title} ${state.target}`], dot.level !== null && [`Its ${variant.axis}`, plain(dot.level, 3)]],
        tools: toolsOf(variant, near),
        notes: near >= 0 ? [`The commands are for the nearest measured setting, ${levelText(variant, variant.levels[near])}.`] : [],
      });
    },
  };
}
