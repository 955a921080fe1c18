// What one more point of score costs: the slope of the mean rate-distortion curves.
/** @typedef {Dot & { from: number, to: number, k: number }} CostDot */

/**
 * @param {Inspector} inspector
 * @returns {ChartSpec<CostDot>}
 */
function costSpec(inspector) {
  const metric = state.metric;
  const { title, up } = data.metrics[metric];
  const series = visible().map(({ variant, v }) => {
    const cost = data.cost[metric][v];
    const levels = data.mean[metric][v]?.level ?? [];
    const dots = !cost ? [] : cost.at.map((x, i) => (
      { x, y: cost.bits[i], from: cost.from[i], to: cost.to[i], k: levels.indexOf(cost.to[i]) }));
    return { v, style: variant.style, dash: variant.dash, strong: variant.pick, dots, line: lineThrough(dots) };
  });
  const dots = series.flatMap((e) => e.dots);
  const xDomain = extent(dots.map((d) => d.x), 0.03);
  if (!up) xDomain.reverse();
  const unit = `Bits per pixel for ${up ? "+" : "\u2212"}1 ${title}`;
  return {
    x: { title, hint: up ? "" : "better \u2192", domain: xDomain, format: fine },
    y: { title: unit, log: true, domain: extent(dots.map((d) => d.y), 0.06, true), format: short },
    marks: targetMark("x", data.labels[state.target] || state.target),
    series,
    empty: "No two measured settings of a format differ in score and size.",
    tip: (dot, { v }) => {
      const { name, axis } = data.variants[v];
      return {
        title: `${name}, ${axis} ${plain(dot.from)} to ${plain(dot.to)}`,
        rows: [[unit, number(dot.y, 2)], [title, score(dot.x, metric)]],
        hint: TIP_HINT,
      };
    },
    open: (dot, { v }) => openLevel(inspector, v, dot.k, metric),
  };
}
