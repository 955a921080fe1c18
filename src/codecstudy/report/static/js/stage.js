// Zoom and position of the shown region, shared by all panes.
class View {
  constructor() {
    this.zoom = 1;
    this.x = 0.5;
    this.y = 0.5;
    /** @type {(() => void)[]} */
    this.listeners = [];
  }

  /** @param {number} zoom */
  set(zoom, x = this.x, y = this.y) {
    this.zoom = Math.max(1, Math.min(8, zoom));
    const margin = 0.5 / this.zoom;
    this.x = Math.max(margin, Math.min(1 - margin, x));
    this.y = Math.max(margin, Math.min(1 - margin, y));
    for (const listener of this.listeners) listener();
  }
}

// Shows the region of a picture, filling the pane at the view's zoom. All lengths are relative to the pane, so that
// it has the right size on paper, too.
class Pane {
  /**
   * @param {View} view
   * @param {string[]} pictures
   * @param {() => Region} region
   */
  constructor(view, pictures, region) {
    this.view = view;
    this.pictures = pictures;
    this.region = region;
    this.image = h("img", { alt: "", draggable: "false" });
    this.heat = h("img", { alt: "", draggable: "false", class: "heat", hidden: true });
    this.element = h("div", { class: "pane" }, this.image, this.heat);
    /** @type {Picture | null} */
    this.picture = null;
    /** @type {Picture | null} */
    this.heatPicture = null;
    view.listeners.push(() => this.layout());
    new ResizeObserver(() => this.layout()).observe(this.element);
  }

  /**
   * @param {Picture} picture
   * @param {string} alt
   * @param {Picture | null} heat
   */
  show(picture, alt, heat) {
    this.picture = picture;
    this.image.src = this.pictures[picture.src];
    this.image.alt = alt;
    if (heat) this.heat.src = this.pictures[heat.src];
    this.heatPicture = heat;
    this.layout();
  }

  /** @param {boolean} on */
  showHeat(on) {
    this.heat.hidden = !(on && this.heatPicture);
  }

  layout() {
    if (!this.picture) return;
    const [, , regionWidth, regionHeight] = this.region();
    const { zoom, x, y } = this.view;
    /**
     * @param {HTMLImageElement} image
     * @param {[number, number]} size
     * @param {[number, number]} at
     */
    const fit = (image, size, at) => {
      image.style.width = `${(100 * zoom * size[0]) / regionWidth}%`;
      image.style.height = `${(100 * zoom * size[1]) / regionHeight}%`;
      image.style.left = `${50 - 100 * zoom * (x + at[0] / regionWidth)}%`;
      image.style.top = `${50 - 100 * zoom * (y + at[1] / regionHeight)}%`;
    };
    this.element.style.aspectRatio = `${regionWidth} / ${regionHeight}`;
    fit(this.image, this.picture.size, this.picture.at);
    if (this.heatPicture) fit(this.heat, [regionWidth, regionHeight], [0, 0]);
    const scale = (this.element.clientWidth / regionWidth) * zoom;
    this.image.classList.toggle("pixels", scale * (devicePixelRatio || 1) >= 3);
  }
}

/**
 * Dragging moves the view. The wheel scrolls the page; keys and buttons zoom.
 * @param {HTMLElement} element
 * @param {View} view
 */
function movable(element, view) {
  /** @type {{ clientX: number, clientY: number, x: number, y: number } | null} */
  let from = null;
  element.addEventListener("pointerdown", ({ clientX, clientY, target }) => {
    if (view.zoom > 1 && !(target instanceof HTMLInputElement)) from = { clientX, clientY, x: view.x, y: view.y };
  });
  addEventListener("pointermove", (event) => {
    if (!from) return;
    const width = element.clientWidth * view.zoom;
    const height = element.clientHeight * view.zoom;
    view.set(view.zoom, from.x - (event.clientX - from.clientX) / width, from.y - (event.clientY - from.clientY) / height);
  });
  addEventListener("pointerup", () => { from = null; });
  addEventListener("pointercancel", () => { from = null; });
}
