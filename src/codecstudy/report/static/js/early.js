document.documentElement.classList.remove("unscripted");
try {
  const theme = localStorage.getItem("codecstudy-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* a page opened from disk may have no storage */ }
