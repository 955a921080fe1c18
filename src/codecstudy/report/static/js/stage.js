// One region of an image on a stage: any two pictures with a slider between them, zoomed and moved alike.
class View {
  constructor() {
    this.zoom = 1;
    this.x = 0.5;
    this.y = 0.5;
    this.listeners = [];
  }

  set(zoom, x = this.x, y = this.y) {
    this.zoom = Math.max(1, Math.min(8, zoom));
    const margin = 0.5 / this.zoom;
    this.x = Math.max(margin, Math.min(1 - margin, x));
    this.y = Math.max(margin, Math.min(1 - margin, y));
    for (const listener of this.listeners) listener();
  }
}

// A picture of which the region is shown, filling its frame at the view's zoom.
class Pane {
  constructor(view, region) {
    this.view = view;
    this.region = region;
    this.image = h("img", { alt: "", draggable: "false" });
    this.heat = h("img", { alt: "", draggable: "false", class: "heat", hidden: true });
    this.element = h("div", { class: "pane" }, this.image, this.heat);
    view.listeners.push(() => this.layout());
    new ResizeObserver(() => this.layout()).observe(this.element);
  }

  show(picture, alt, heat) {
    this.picture = picture;
    this.image.src = data.gallery.pictures[picture.src];
    this.image.alt = alt;
    if (heat) this.heat.src = data.gallery.pictures[heat.src];
    this.heatPicture = heat;
    this.layout();
  }

  warm(on) {
    this.heat.hidden = !(on && this.heatPicture);
  }

  layout() {
    const width = this.element.clientWidth;
    if (!width || !this.picture) return;
    const [, , regionWidth, regionHeight] = this.region();
    const scale = (width / regionWidth) * this.view.zoom;
    const height = width * (regionHeight / regionWidth);
    const left = width / 2 - this.view.x * regionWidth * scale;
    const top = height / 2 - this.view.y * regionHeight * scale;
    const fit = (image, size, at, by) => {
      image.style.width = `${size[0] * by}px`;
      image.style.height = `${size[1] * by}px`;
      image.style.transform = `translate(${left - at[0] * by}px, ${top - at[1] * by}px)`;
    };
    this.element.style.height = `${height}px`;
    fit(this.image, this.picture.size, this.picture.at, scale);
    if (this.heatPicture) fit(this.heat, [regionWidth, regionHeight], [0, 0], scale);
    this.image.classList.toggle("pixels", scale * (devicePixelRatio || 1) >= 3);
  }
}

// Dragging moves the view; the wheel is left to the page, keys and buttons zoom.
function movable(element, view) {
  let from = null;
  element.addEventListener("pointerdown", (event) => {
    if (view.zoom > 1 && event.target.tagName !== "INPUT") from = [event.clientX, event.clientY, view.x, view.y];
  });
  addEventListener("pointermove", (event) => {
    if (!from) return;
    const width = element.clientWidth * view.zoom;
    const height = element.clientHeight * view.zoom;
    view.set(view.zoom, from[2] - (event.clientX - from[0]) / width, from[3] - (event.clientY - from[1]) / height);
  });
  addEventListener("pointerup", () => { from = null; });
  addEventListener("pointercancel", () => { from = null; });
}
