// Before the first paint, and in a file of its own since the hub's policy allows no script inside a page.
(() => {
  let wanted = null;
  try {
    wanted = localStorage.getItem("lyceum.theme");
  } catch {
    // storage is off: the system's theme
  }
  const dark = wanted === "dark" || (wanted !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
