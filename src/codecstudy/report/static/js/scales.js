// Scales and ticks of axes.
/**
 * @param {[number, number]} domain
 * @param {number} from
 * @param {number} to
 * @returns {Scale}
 */
function linearScale(domain, from, to) {
  const span = domain[1] - domain[0] || 1;
  return { at: (value) => from + ((value - domain[0]) / span) * (to - from) };
}

/**
 * @param {[number, number]} domain
 * @param {number} from
 * @param {number} to
 * @returns {Scale}
 */
function logScale(domain, from, to) {
  const low = Math.log(domain[0]);
  const span = Math.log(domain[1]) - low || 1;
  return { at: (value) => from + ((Math.log(value) - low) / span) * (to - from) };
}

/**
 * @param {[number, number]} domain
 * @param {number} most
 */
function linearTicks(domain, most) {
  const [low, high] = domain[0] <= domain[1] ? domain : [domain[1], domain[0]];
  if (low === high) return [low];
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5].find((m) => m * power >= rough * 0.999) ?? 10) * power;
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) {
    ticks.push(Number((k * step).toPrecision(12)));
  }
  return ticks;
}

/**
 * @param {[number, number]} domain
 * @param {number} most
 */
function logTicks(domain, most) {
  const candidates = [[1, 1.5, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];
  for (const steps of candidates) {
    const ticks = [];
    for (let e = Math.floor(Math.log10(domain[0])); e <= Math.ceil(Math.log10(domain[1])); e++) {
      for (const m of steps) {
        const tick = Number((m * 10 ** e).toPrecision(6));
        if (tick >= domain[0] * 0.9999 && tick <= domain[1] * 1.0001) ticks.push(tick);
      }
    }
    if (ticks.length <= most || steps.length === 1) return ticks;
  }
  return [];
}

/**
 * The range of the values, with some room at both ends.
 * @param {(number | null)[]} values
 * @param {number} room as a share of the range
 * @param {boolean} log
 * @returns {[number, number]}
 */
function extent(values, room = 0, log = false) {
  const known = values.filter((v) => v !== null).filter((v) => Number.isFinite(v) && (!log || v > 0));
  if (!known.length) return log ? [0.1, 10] : [0, 1];
  const low = Math.min(...known);
  const high = Math.max(...known);
  if (low === high) {
    const by = log ? 1.5 : Math.abs(low) * 0.1 || 1;
    return log ? [low / by, high * by] : [low - by, high + by];
  }
  if (log) {
    const factor = (high / low) ** room;
    return [low / factor, high * factor];
  }
  const by = (high - low) * room;
  return [low - by, high + by];
}
