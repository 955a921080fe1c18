// What the reader has chosen. Code that shows it registers with `watch`.
/** @type {ChartData} */
const data = JSON.parse(document.getElementById("data")?.textContent ?? "");
/** @type {State} */
const state = { metric: data.metric, target: String(data.target), scope: 0, hidden: new Set() };
// With more variants than this, only the recommended ones are drawn at first; the legend shows the others.
const MANY = 10;
for (const [v, variant] of data.variants.entries()) {
  const same = data.variants.filter((other) => other.scope === variant.scope);
  if (same.length > MANY && same.some((other) => other.pick) && !variant.pick) state.hidden.add(v);
}
/** @type {[(keyof State)[], () => void][]} */
const watchers = [];

/**
 * Call `action` now, and whenever one of `keys` changes.
 * @param {(keyof State)[]} keys
 * @param {() => void} action
 */
function watch(keys, action) {
  watchers.push([keys, action]);
  action();
}

/**
 * @template {keyof State} K
 * @param {K} key
 * @param {State[K]} value
 */
function set(key, value) {
  state[key] = value;
  for (const [keys, action] of watchers) if (keys.includes(key)) action();
}

/** @param {number} index */
function toggleVariant(index) {
  const hidden = new Set(state.hidden);
  if (!hidden.delete(index)) hidden.add(index);
  set("hidden", hidden);
}

// The variants of the chosen scope, with their index.
const inScope = () => data.variants.map((variant, v) => ({ variant, v })).filter((e) => e.variant.scope === state.scope);
const visible = () => inScope().filter((e) => !state.hidden.has(e.v));

/**
 * Applies the value of a control.
 * @param {string | undefined} key
 * @param {string} value
 */
function choose(key, value) {
  if (key === "scope") set("scope", Number(value));
  else if (key === "metric" || key === "target") set(key, value);
}

const CHOICES = /** @type {const} */ (["metric", "scope", "target"]);

// Segmented controls and menus for the same choice stay in sync across the page.
function bindControls() {
  for (const control of all("[data-control]", HTMLElement)) {
    const key = CHOICES.find((choice) => choice === control.dataset.control);
    if (!key) continue;
    if (control instanceof HTMLSelectElement) {
      control.addEventListener("change", () => choose(key, control.value));
      watch([key], () => { control.value = String(state[key]); });
    } else {
      const buttons = all("button", HTMLButtonElement, control);
      for (const button of buttons) button.addEventListener("click", () => choose(key, button.value));
      watch([key], () => {
        for (const b of buttons) b.setAttribute("aria-pressed", String(b.value === String(state[key])));
      });
    }
  }
}

// Of the tables and answers, which the page contains for every choice, shows the chosen ones.
function bindChoices() {
  watch([...CHOICES], () => {
    for (const block of all("[data-when]", HTMLElement)) {
      block.hidden = !CHOICES.every(
        (key) => block.dataset[key] === undefined || block.dataset[key] === String(state[key]));
    }
  });
}

function bindTheme() {
  const button = byId("theme", HTMLButtonElement);
  if (!button) return;
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);
  const label = () => {
    button.setAttribute("aria-pressed", String(dark()));
    button.setAttribute("aria-label", dark() ? "Change to light colours" : "Change to dark colours");
  };
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("codecstudy-theme", root.dataset.theme); } catch { /* a page opened from disk may have no storage */ }
    label();
  });
  system.addEventListener("change", label);
  label();
}
