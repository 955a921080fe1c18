// Look at it: choose an image and two pictures of it; all codecs of it are below, side by side.
class Gallery {
  constructor(host) {
    this.entries = data.gallery.entries;
    this.at = 0;
    this.look = 0;
    this.left = 0;
    this.right = 1;
    this.hot = false;
    this.view = new View();
    const region = () => this.entry.region;
    this.a = new Pane(this.view, region);
    this.b = new Pane(this.view, region);
    this.thumbs = h("div", { class: "thumbs", role: "group", "aria-label": "Image" });
    this.why = h("p", { class: "why" });
    this.slider = h("input", { type: "range", min: 0, max: 100, step: 0.5, value: 50, class: "divider", "aria-label": "Divider between the two pictures" });
    this.slider.addEventListener("input", () => this.divide());
    this.line = h("div", { class: "divider-line", "aria-hidden": "true" });
    this.tags = [h("span", { class: "tag left" }), h("span", { class: "tag right" })];
    this.stage = h("div", { class: "stage" }, this.a.element, this.b.element, this.line, this.slider, ...this.tags);
    this.menus = h("div", { class: "choosers" });
    this.levels = h("div", { class: "segments", role: "group", "aria-label": "Quality" });
    this.labelled = h("div", { class: "labelled" }, h("span", {}, "All at"), this.levels);
    this.chooser = h("div", { class: "choosers" }, this.menus, this.labelled);
    this.tools = h("div", { class: "stage-tools" });
    this.grid = h("div", { class: "sides" });
    this.panes = [];
    host.append(this.thumbs, this.why, this.chooser, this.stage, this.tools, this.grid);
    this.controls();
    movable(this.stage, this.view);
    this.stage.addEventListener("pointerdown", (event) => this.grab(event));
    this.entries.forEach((entry, k) => this.thumbs.append(h("button", {
      type: "button", onclick: () => this.choose(k), title: entry.name, "aria-label": entry.name,
    }, h("img", { src: data.gallery.pictures[entry.thumbnail.src], alt: "", width: entry.thumbnail.size[0], height: entry.thumbnail.size[1] }))));
    // The original against the format with the smallest files.
    const best = this.shots.findIndex((shot) => shot.format === data.best);
    this.right = best < 0 ? 1 : best + 1;
    this.choose(0);
  }

  get entry() { return this.entries[this.at]; }
  get shots() { return this.entry.looks[this.look].shots; }

  // Pressing anywhere on the picture moves the divider there, unless it is zoomed: then it moves the picture.
  grab(event) {
    if (event.target === this.slider || this.view.zoom > 1) return;
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

  controls() {
    this.zooms = [1, 2, 4, 8].map((zoom) => h("button", { type: "button", onclick: () => this.view.set(zoom) }, `${zoom}\u00d7`));
    this.heat = h("button", { type: "button", "aria-pressed": "false", onclick: () => { this.hot = !this.hot; this.warm(); } }, "Damage map");
    this.flip = h("button", { type: "button", onclick: () => {
      this.slider.value = Number(this.slider.value) > 50 ? "0" : "100";
      this.divide();
    } }, "Flip");
    this.scale = h("span", { class: "heat-scale", hidden: true });
    this.tools.append(
      h("div", { class: "segments", role: "group", "aria-label": "Zoom" }, ...this.zooms), this.flip, this.heat, this.scale,
      h("span", { class: "hint" }, "Arrow keys move the divider; when zoomed in, drag the picture."));
    this.view.listeners.push(() => this.zooms.forEach((b, k) => b.setAttribute("aria-pressed", String([1, 2, 4, 8][k] === this.view.zoom))));
    this.stage.addEventListener("keydown", (event) => {
      const step = 0.12 / this.view.zoom;
      const moves = { w: [0, -step], s: [0, step], a: [-step, 0], d: [step, 0] };
      if (event.key === "+" || event.key === "=") this.view.set(this.view.zoom * 2);
      else if (event.key === "-") this.view.set(this.view.zoom / 2);
      else if (moves[event.key]) this.view.set(this.view.zoom, this.view.x + moves[event.key][0], this.view.y + moves[event.key][1]);
      else return;
      event.preventDefault();
    });
  }

  choose(k) {
    this.at = k;
    this.look = Math.min(this.look, this.entry.looks.length - 1);
    all("button", this.thumbs).forEach((b, n) => b.setAttribute("aria-pressed", String(n === k)));
    const { name, why, size } = this.entry;
    this.why.replaceChildren(h("strong", {}, name), ` ${size[0]} \u00d7 ${size[1]}`, why ? ` \u2013 ${why}` : "");
    this.levels.replaceChildren(...this.entry.looks.map((look, n) => h("button", {
      type: "button", "aria-pressed": String(n === this.look), onclick: () => {
        this.look = n;
        all("button", this.levels).forEach((b, at) => b.setAttribute("aria-pressed", String(at === n)));
        this.refresh();
      },
    }, `${data.metrics[data.metric].title} ${look.target}`)));
    this.view.set(1, 0.5, 0.5);
    this.refresh();
  }

  refresh() {
    this.choosers();
    this.sides();
    this.pick();
  }

  // 0 is the original, 1 the first codec, and so on.
  label(which) {
    return which === 0 ? "Original" : this.shots[which - 1].title;
  }

  choosers() {
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
    const put = (pane, which) => {
      if (which === 0) pane.show(this.entry.original, `Original of ${this.entry.name}, worst region`, null);
      else {
        const shot = this.shots[which - 1];
        pane.show(shot.picture, `${shot.title} ${shot.setting} of ${this.entry.name}, worst region`, shot.heat);
      }
    };
    put(this.a, this.left);
    put(this.b, this.right);
    const tag = (which) => `${this.label(which)} ${bytes(which ? this.shots[which - 1].bytes : this.entry.bytes)}`;
    this.tags[0].textContent = tag(this.left);
    this.tags[1].textContent = tag(this.right);
    this.warm();
    this.divide();
  }

  warm() {
    this.heat.setAttribute("aria-pressed", String(this.hot));
    for (const pane of [this.a, this.b, ...this.panes]) pane.warm(this.hot);
    this.scale.hidden = !this.hot;
    this.scale.replaceChildren("Butteraugli 0", h("i", { "aria-hidden": "true" }), String(this.entry.looks[this.look].top));
  }

  sides() {
    this.view.listeners.length = 3; // the stage's two panes and the zoom buttons stay
    this.panes = [];
    const figure = (which) => {
      const pane = new Pane(this.view, () => this.entry.region);
      this.panes.push(pane);
      const shot = which ? this.shots[which - 1] : null;
      pane.show(shot ? shot.picture : this.entry.original, `${this.label(which)} of ${this.entry.name}`, shot?.heat);
      movable(pane.element, this.view);
      return h("figure", { class: shot ? `f-${shot.slot}` : "" }, pane.element, h("figcaption", {}, shot ? caption(shot) : [
        h("strong", {}, "Original"), h("span", { class: "size" }, bytes(this.entry.bytes)), h("span", { class: "quiet" }, "this part of it, kept without loss as WebP")]));
    };
    this.grid.replaceChildren(...[0, ...this.shots.map((_, k) => k + 1)].map(figure));
  }
}

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
