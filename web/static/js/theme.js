// A classic script in <head>: the chosen theme is there before the first paint.
(() => {
  let stored = null;
  try {
    stored = localStorage.getItem("liveops.theme");
  } catch {
    // Storage may be forbidden; the system's theme then applies.
  }
  if (stored === "light" || stored === "dark") document.documentElement.dataset.theme = stored;
})();
