// Creates elements without parsing markup: all text is inserted as text.
const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {Element} E
 * @param {E} element
 * @param {Attributes} attributes
 * @param {(Child | Child[])[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} attributes
 * @param {...(Child | Child[])} children
 */
const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes} attributes
 * @param {...(Child | Child[])} children
 */
const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/**
 * All elements of one kind below `root`.
 * @template {Element} E
 * @param {string} selector
 * @param {new () => E} kind
 * @param {ParentNode} root
 */
const all = (selector, kind, root = document) =>
  [...root.querySelectorAll(selector)].filter(/** @returns {element is E} */ (element) => element instanceof kind);

/**
 * The element with an id; null if the page does not have it.
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} kind
 */
function byId(id, kind) {
  const element = document.getElementById(id);
  return element instanceof kind ? element : null;
}

const MINUS = "\u2212";
const NARROW = "\u202f";

/** @param {string} text */
const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @param {number | null | undefined} value */
function number(value, digits = 3) {
  if (value === null || value === undefined) return "\u2013";
  if (value === 0) return "0";
  const magnitude = Number(value.toExponential(digits - 1).split("e")[1]);
  const decimals = Math.max(0, Math.min(6, digits - 1 - magnitude));
  return value.toFixed(decimals).replace("-", MINUS);
}

/** @param {number} share */
function percent(share) {
  const value = Math.abs(share) * 100;
  const text = value >= 0.05 && value < 9.95 ? value.toFixed(1).replace(/\.0$/, "") : value.toFixed(0);
  return text + NARROW + "%";
}

/** @param {number} ratio */
function signed(ratio) {
  if (Math.abs(ratio - 1) < 0.0005) return "0" + NARROW + "%";
  return (ratio < 1 ? MINUS : "+") + percent(ratio - 1);
}

/** @param {number} ratio */
function change(ratio) {
  if (Math.abs(ratio - 1) < 0.0005) return "the same size";
  return percent(ratio - 1) + (ratio < 1 ? " smaller" : " larger");
}

/** @param {number | null | undefined} value */
function seconds(value) {
  if (value === null || value === undefined) return "\u2013";
  return value < 0.9995 ? number(value * 1000, 2) + " ms" : number(value, 2) + " s";
}

const BYTE_UNITS = /** @type {const} */ ([[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]);

/** @param {number} count */
function bytes(count) {
  for (const [factor, unit] of BYTE_UNITS) {
    if (count >= factor * 0.9995) return number(count / factor, 3) + " " + unit;
  }
  return Math.round(count) + " B";
}

/** @param {number} bitsPerPixel */
const megapixel = (bitsPerPixel) => bytes(bitsPerPixel * 125000);

/**
 * @param {number | null | undefined} value
 * @param {string} metric
 */
function score(value, metric) {
  if (value === null || value === undefined) return "\u2013";
  return value.toFixed(data.metrics[metric].digits).replace("-", MINUS);
}

/**
 * An interval as text; empty if there is none.
 * @param {Estimate} ends
 * @param {(value: number) => string} format
 */
function range([, low, high], format) {
  return low === null || high === null ? "" : `${format(low)} to ${format(high)}`;
}

/**
 * A button that copies a text. If the page may not use the clipboard, it selects the text instead.
 * @param {string} text
 * @param {HTMLElement} source
 */
function copyButton(text, source) {
  const button = h("button", { type: "button", class: "copy", "aria-label": "Copy: " + text }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(source);
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1800);
  });
  return button;
}

/** @param {string} text */
function codeLine(text) {
  const code = h("code", {}, text);
  return h("span", { class: "code-line" }, code, copyButton(text, code));
}
