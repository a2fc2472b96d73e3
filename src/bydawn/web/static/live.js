// Says so when the page no longer follows the night.
(() => {
  const note = document.getElementById("stale");
  if (!note) return;
  let heard = new Date();
  const lost = (status) => {
    const why = status === 401 ? note.dataset.key : note.dataset.away;
    note.textContent = `${why} ${heard.toLocaleTimeString([], { hour12: false })}.`;
    note.hidden = false;
  };
  const back = () => {
    heard = new Date();
    note.hidden = true;
  };
  document.addEventListener("htmx:response:error", (e) => lost(e.detail.ctx.response.status));
  document.addEventListener("htmx:error", (e) => e.detail.ctx && lost(0));
  document.addEventListener("htmx:sse:error", (e) => lost(e.detail.status));
  document.addEventListener("htmx:after:swap", back);
})();
