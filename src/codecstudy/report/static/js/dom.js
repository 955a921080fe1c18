// Elements without markup: every text goes in as text.
const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const MINUS = "\u2212";
const NARROW = "\u202f";

function number(value, digits = 3) {
  if (value === null || value === undefined) return "\u2013";
  if (value === 0) return "0";
  const magnitude = Number(value.toExponential(digits - 1).split("e")[1]);
  const decimals = Math.max(0, Math.min(6, digits - 1 - magnitude));
  return value.toFixed(decimals).replace("-", MINUS);
}

function percent(share) {
  const value = Math.abs(share) * 100;
  const text = value >= 0.05 && value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(0);
  return text + NARROW + "%";
}

function signed(ratio) {
  if (Math.abs(ratio - 1) < 0.0005) return "0" + NARROW + "%";
  return (ratio < 1 ? MINUS : "+") + percent(ratio - 1);
}

function change(ratio) {
  if (Math.abs(ratio - 1) < 0.0005) return "the same size";
  return percent(ratio - 1) + (ratio < 1 ? " smaller" : " larger");
}

function seconds(value) {
  if (value === null || value === undefined) return "\u2013";
  return value < 0.9995 ? number(value * 1000, 2) + " ms" : number(value, 2) + " s";
}

function bytes(count) {
  for (const [factor, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (count >= factor * 0.9995) return number(count / factor, 3) + " " + unit;
  }
  return Math.round(count) + " B";
}

function score(value, metric) {
  if (value === null || value === undefined) return "\u2013";
  return value.toFixed(data.metrics[metric].digits).replace("-", MINUS);
}

const range = (ends, format) => (ends[1] === null ? "" : `${format(ends[1])} to ${format(ends[2])}`);

// A button that copies a text; where the clipboard is closed to the page it selects the text instead.
function copyButton(text, source) {
  const button = h("button", { type: "button", class: "copy", "aria-label": "Copy: " + text }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(source);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1800);
  });
  return button;
}

function codeLine(text) {
  const code = h("code", {}, text);
  return h("span", { class: "code-line" }, code, copyButton(text, code));
}
