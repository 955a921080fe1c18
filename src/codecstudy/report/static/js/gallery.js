// The gallery: compares two versions of an image with a divider, and shows all codecs side by side below.
const ZOOMS = [1, 2, 4, 8];

class Gallery {
  /**
   * @param {HTMLElement} host
   * @param {{ pictures: string[], entries: GalleryEntry[] }} gallery
   */
  constructor(host, { pictures, entries }) {
    this.pictures = pictures;
    this.entries = entries;
    this.at = 0;
    this.look = 0;
    this.left = 0;
    this.right = 1;
    this.heatShown = false;
    this.view = new View();
    const region = () => this.entry.region;
    this.a = new Pane(this.view, pictures, region);
    this.b = new Pane(this.view, pictures, region);
    this.thumbs = h("div", { class: "thumbs", role: "group", "aria-label": "Image" });
    this.why = h("p", { class: "why" });
    this.slider = h("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50, class: "divider", "aria-label": "Divider between the two pictures" });
    this.slider.addEventListener("input", () => this.divide());
    this.line = h("div", { class: "divider-line", "aria-hidden": "true" });
    this.leftTag = h("span", { class: "tag left" });
    this.rightTag = h("span", { class: "tag right" });
    this.stage = h("div", { class: "stage" }, this.a.element, this.b.element, this.line, this.slider, this.leftTag, this.rightTag);
    this.menus = h("div", { class: "choosers" });
    this.levels = h("div", { class: "segments", role: "group", "aria-label": "Quality" });
    this.labelled = h("div", { class: "labelled" }, h("span", {}, "All at"), this.levels);
    this.zooms = ZOOMS.map((zoom) => h("button", { type: "button", onclick: () => this.view.set(zoom) }, `${zoom}\u00d7`));
    this.heat = h("button", { type: "button", "aria-pressed": "false", onclick: () => { this.heatShown = !this.heatShown; this.updateHeat(); } }, "Difference map");
    this.scale = h("span", { class: "heat-scale", hidden: true });
    this.grid = h("div", { class: "sides" });
    /** @type {Pane[]} */
    this.panes = [];
    host.append(
      this.thumbs, this.why, h("div", { class: "choosers" }, this.menus, this.labelled), this.stage, this.tools(), this.grid);
    this.view.listeners.push(() => this.zooms.forEach((b, k) => b.setAttribute("aria-pressed", String(ZOOMS[k] === this.view.zoom))));
    this.stage.addEventListener("keydown", (event) => this.key(event));
    movable(this.stage, this.view);
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    entries.forEach((entry, k) => this.thumbs.append(h("button", {
      type: "button", onclick: () => this.choose(k), title: entry.name, "aria-label": entry.name,
    }, h("img", { src: pictures[entry.thumbnail.src], alt: "", width: entry.thumbnail.size[0], height: entry.thumbnail.size[1] }))));
    // Compare the original with the format with the smallest files first.
    const best = this.shots.findIndex((shot) => shot.encoder === data.best);
    this.right = best < 0 ? 1 : best + 1;
    this.choose(0);
  }

  get entry() { return this.entries[this.at]; }
  get shots() { return this.entry.looks[this.look].shots; }

  /**
   * Pressing anywhere on the picture moves the divider there. When zoomed in, dragging moves the picture instead.
   * @param {PointerEvent} event
   */
  grab(event) {
    if (event.target === this.slider || this.view.zoom > 1) return;
    /** @param {PointerEvent} e */
    const move = (e) => {
      const box = this.stage.getBoundingClientRect();
      this.slider.value = String(((e.clientX - box.left) / box.width) * 100);
      this.divide();
    };
    move(event);
    const stop = () => { removeEventListener("pointermove", move); removeEventListener("pointerup", stop); removeEventListener("pointercancel", stop); };
    addEventListener("pointermove", move);
    addEventListener("pointerup", stop);
    addEventListener("pointercancel", stop);
  }

  divide() {
    const at = Number(this.slider.value);
    this.b.element.style.clipPath = `inset(0 0 0 ${at}%)`;
    this.line.style.left = `${at}%`;
    this.slider.setAttribute("aria-valuetext", `${Math.round(at)} % ${this.label(this.left)}, the rest ${this.label(this.right)}`);
  }

  tools() {
    const flip = h("button", { type: "button", onclick: () => {
      this.slider.value = Number(this.slider.value) > 50 ? "0" : "100";
      this.divide();
    } }, "Flip");
    return h("div", { class: "stage-tools" },
      h("div", { class: "segments", role: "group", "aria-label": "Zoom" }, ...this.zooms), flip, this.heat, this.scale,
      h("span", { class: "hint" }, "Arrow keys move the divider; when zoomed in, drag the picture."));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const { view } = this;
    const step = 0.12 / view.zoom;
    switch (event.key) {
      case "+": case "=": view.set(view.zoom * 2); break;
      case "-": view.set(view.zoom / 2); break;
      case "w": view.set(view.zoom, view.x, view.y - step); break;
      case "s": view.set(view.zoom, view.x, view.y + step); break;
      case "a": view.set(view.zoom, view.x - step, view.y); break;
      case "d": view.set(view.zoom, view.x + step, view.y); break;
      default: return;
    }
    event.preventDefault();
  }

  /** @param {number} k */
  choose(k) {
    this.at = k;
    this.look = Math.min(this.look, this.entry.looks.length - 1);
    all("button", HTMLElement, this.thumbs).forEach((b, n) => b.setAttribute("aria-pressed", String(n === k)));
    const { name, why, size } = this.entry;
    this.why.replaceChildren(h("strong", {}, name), ` ${size[0]} \u00d7 ${size[1]}`, why ? ` \u2013 ${why}` : "");
    this.levels.replaceChildren(...this.entry.looks.map((look, n) => h("button", {
      type: "button", "aria-pressed": String(n === this.look), onclick: () => {
        this.look = n;
        all("button", HTMLElement, this.levels).forEach((b, at) => b.setAttribute("aria-pressed", String(at === n)));
        this.refresh();
      },
    }, look.label)));
    this.view.set(1, 0.5, 0.5);
    this.refresh();
  }

  refresh() {
    this.choosers();
    this.sides();
    this.pick();
  }

  /**
   * @param {number} which 0 is the original, 1 the first codec, and so on
   */
  label(which) {
    return which === 0 ? "Original" : this.shots[which - 1].title;
  }

  choosers() {
    /**
     * @param {"left" | "right"} side
     * @param {string} text
     */
    const menu = (side, text) => {
      const select = h("select", { "aria-label": text, onchange: () => { this[side] = Number(select.value); this.pick(); } },
        ["Original", ...this.shots.map((shot) => `${shot.title} ${shot.setting}`)].map((name, k) => h("option", { value: k }, name)));
      this[side] = Math.min(this[side], this.shots.length);
      select.value = String(this[side]);
      return h("label", {}, h("span", {}, text), select);
    };
    this.menus.replaceChildren(menu("left", "Left"), menu("right", "Right"));
    this.labelled.hidden = this.entry.looks.length < 2;
  }

  pick() {
    /**
     * @param {Pane} pane
     * @param {number} which
     */
    const put = (pane, which) => {
      if (which === 0) pane.show(this.entry.original, `Original of ${this.entry.name}, worst region`, null);
      else {
        const shot = this.shots[which - 1];
        pane.show(shot.picture, `${shot.title} ${shot.setting} of ${this.entry.name}, worst region`, shot.heat);
      }
    };
    put(this.a, this.left);
    put(this.b, this.right);
    /** @param {number} which */
    const tag = (which) => `${this.label(which)} ${bytes(which ? this.shots[which - 1].bytes : this.entry.bytes)}`;
    this.leftTag.textContent = tag(this.left);
    this.rightTag.textContent = tag(this.right);
    this.updateHeat();
    this.divide();
  }

  updateHeat() {
    this.heat.setAttribute("aria-pressed", String(this.heatShown));
    for (const pane of [this.a, this.b, ...this.panes]) pane.showHeat(this.heatShown);
    this.scale.hidden = !this.heatShown;
    this.scale.replaceChildren("Butteraugli 0", h("i", { "aria-hidden": "true" }), String(this.entry.looks[this.look].top));
  }

  sides() {
    this.view.listeners.length = 3; // keep those of the stage's two panes and of the zoom buttons
    /**
     * @param {Picture} picture
     * @param {string} name
     * @param {Picture | null} heat
     */
    const pane = (picture, name, heat) => {
      const made = new Pane(this.view, this.pictures, () => this.entry.region);
      made.show(picture, `${name} of ${this.entry.name}`, heat);
      movable(made.element, this.view);
      return made;
    };
    const original = pane(this.entry.original, "Original", null);
    const encoded = this.shots.map((shot) => pane(shot.picture, shot.title, shot.heat));
    this.panes = [original, ...encoded];
    this.grid.replaceChildren(
      h("figure", {}, original.element, h("figcaption", {},
        h("strong", {}, "Original"), h("span", { class: "size" }, bytes(this.entry.bytes)),
        h("span", { class: "quiet" }, "this part, as lossless WebP"))),
      ...this.shots.map((shot, k) => h("figure", { class: `f-${shot.style}` }, encoded[k].element, h("figcaption", {}, caption(shot)))));
  }
}

/** @param {Shot} shot */
function caption(shot) {
  return [
    h("strong", {}, `${shot.title} ${shot.setting}`),
    h("span", { class: "size" }, bytes(shot.bytes)),
    h("span", { class: "scores" }, Object.entries(shot.scores)
      .map(([m, value]) => h("span", {}, `${data.metrics[m].title.replace(" (dB)", "")} ${score(value, m)}`))),
    h("span", { class: "quiet" }, [shot.details, shot.shown].filter(Boolean).join("; ")),
    shot.measure ? h("details", {}, h("summary", {}, "Score it again"), codeLine(shot.measure)) : "",
  ];
}

function bindGallery() {
  const host = byId("gallery", HTMLElement);
  if (data.gallery && host) new Gallery(host, data.gallery);
}
