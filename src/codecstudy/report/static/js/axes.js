// The axes that the study itself asked for: any parameter against scores, size or time, one line a group.
const axesView = { y: "score" };

// Lines may run over all resolutions: what is hidden in one is hidden in all.
const hiddenLike = (variant) => inScope().some((e) =>
  state.hidden.has(e.v) && e.variant.format === variant.format && e.variant.details === variant.details);

function axesSpec(inspector) {
  const metric = state.metric;
  const { x: xAxis, group } = data.axes;
  const means = data.variants.flatMap((variant, v) => {
    const mean = data.mean[metric][v];
    if (!mean || hiddenLike(variant)) return [];
    return mean.level.map((level, k) => {
      const given = { ...variant.parameters, [variant.axis || "-"]: level };
      if (xAxis.key !== "resolution" && group.key !== "resolution" && variant.scope !== state.scope) return null;
      const value = { score: mean.score[k][0], bpp: mean.bpp[k][0], encode: mean.encode[k][0], decode: mean.decode[k][0] }[axesView.y];
      // An image at its own size has no number: it is a place of its own, after all others.
      const own = ["resolution", "crop"].includes(xAxis.key) ? "original" : null;
      return { x: given[xAxis.key] ?? own, group: given[group.key] ?? "default", value, v, k, slot: variant.slot, title: variant.title };
    });
  }).filter((e) => e && e.x !== null && e.value !== null);
  const numeric = means.every((e) => typeof e.x === "number");
  const names = [...new Set(means.map((e) => e.x))].sort((a, b) => (typeof a === typeof b ? (a > b ? 1 : -1) : typeof a === "number" ? -1 : 1)).map(String);
  const groups = [...new Set(means.map((e) => `${e.title}|${e.group}`))];
  const perFormat = {};
  const series = groups.map((name) => {
    const mine = means.filter((e) => `${e.title}|${e.group}` === name);
    const xs = [...new Set(mine.map((e) => e.x))].sort((a, b) => (numeric ? a - b : names.indexOf(String(a)) - names.indexOf(String(b))));
    const dots = xs.map((x) => {
      const at = mine.filter((e) => e.x === x);
      return { x: numeric ? x : names.indexOf(String(x)), raw: x, y: at.reduce((sum, e) => sum + e.value, 0) / at.length, settings: at.length, v: at[0].v, k: at[0].k };
    });
    const dash = (perFormat[mine[0].title] = (perFormat[mine[0].title] ?? -1) + 1);
    const label = group.key === "format" ? mine[0].title : `${mine[0].title} ${mine[0].group}`;
    return { v: mine[0].v, slot: mine[0].slot, dash, strong: true, label, dots, line: dots.map((d) => [d.x, d.y]) };
  });
  const titles = { score: data.metrics[metric].title, bpp: "Bits per pixel", encode: "Encode CPU seconds per megapixel", decode: "Decode CPU seconds per megapixel" };
  const log = axesView.y !== "score";
  const format = (t) => (axesView.y === "score" ? score(t, metric) : number(t, 2));
  const xDomain = extent(series.flatMap((e) => e.dots.map((d) => d.x)), 0.04);
  return {
    x: { title: { resolution: "Longest edge, pixels", crop: "Longest edge of the crop, pixels" }[xAxis.key] ?? `The encoder's ${xAxis.title}`, domain: xDomain, ticks: numeric ? undefined : names.map((_, k) => k), format: (t) => (numeric ? String(Number(t.toPrecision(4))) : names[t]) },
    y: { title: titles[axesView.y], log, domain: extent(series.flatMap((e) => e.dots.map((d) => d.y)), 0.06, log), format: short },
    series,
    empty: `No setting of this study has a ${xAxis.title}.`,
    tip: (dot, one) => ({
      title: one.label,
      rows: [[xAxis.title, String(dot.raw)], [titles[axesView.y], format(dot.y)], dot.settings > 1 && ["Mean of", `${dot.settings} settings`]],
      hint: dot.settings === 1 ? TIP_HINT : "",
    }),
    open: (dot) => { if (dot.settings === 1) openLevel(inspector, dot.v, dot.k, metric); },
  };
}

function bindAxes() {
  const menu = document.getElementById("axes-y");
  if (!data.axes || !menu) return;
  menu.addEventListener("change", () => { axesView.y = menu.value; set("metric", state.metric); });
  chart("plot-axes", "The study's own axes", ["metric"], axesSpec);
}
