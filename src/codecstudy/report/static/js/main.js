// Binds the controls and draws the plots.
function bindCopies() {
  for (const code of all("code[data-copy]", HTMLElement)) code.after(copyButton(code.textContent ?? "", code));
}

// Marks the visible section in the navigation.
function bindNavigation() {
  const links = new Map(all("nav a[href^='#']", HTMLAnchorElement).map((a) => [a.hash.slice(1), a]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const [id, link] of links) {
        if (id === entry.target.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }
  }, { rootMargin: "-25% 0px -65% 0px" });
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) seen.observe(section);
  }
}

// Details that are closed on the screen are opened for print.
function bindPrint() {
  /** @type {HTMLDetailsElement[]} */
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])", HTMLDetailsElement);
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
    opened = [];
  });
}

bindTheme();
bindPrint();
bindControls();
bindChoices();
bindCopies();
bindNavigation();
chart("plot-ratio", "Size at the same score", ["metric", "target"], ratioSpec);
bindCurves();
chart("plot-cost", "What one more point costs", ["metric", "target"], costSpec);
bindTime();
chart("plot-numbers", "What the quality numbers mean", ["metric", "target"], numbersSpec);
chart("plot-images", "Image by image", ["target"], imagesSpec, true);
bindAxes();
bindGallery();
document.documentElement.dataset.ready = "true";
