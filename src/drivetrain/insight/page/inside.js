(() => {
  const opened = () => document.querySelector(".feature:target, .sheet:target");
  let came = "";
  addEventListener("DOMContentLoaded", () => {
    document.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='#']");
      if (!link) return;
      const feature = link.closest(".feature");
      if (feature) came = feature.id;
      if (link.classList.contains("close") && link.closest(".sheet") && came) {
        event.preventDefault();
        location.hash = came;
      }
    });
    const mark = () => {
      const sheet = opened();
      if (!sheet) return;
      sheet.tabIndex = -1;
      sheet.focus({ preventScroll: true });
      sheet.scrollTop = 0;
      sheet.querySelectorAll("[data-feature]").forEach((part) => part.classList.toggle("from", part.dataset.feature === came));
    };
    addEventListener("hashchange", mark);
    mark();
  });
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const close = opened()?.querySelector(":scope > .close");
    if (close) close.click();
  });
})();
