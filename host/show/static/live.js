// Keeps a page of the collector at what is newest. /updates says when there is something new; the page is then
// asked for again, and the parts of it that differ are put in place. Runs before charts.js changes the page.
"use strict";

(() => {
  if (!("live" in document.body.dataset)) return;
  const PARTS = "#state, #troubles, #tiles, #choices, main section[id]";
  const status = document.getElementById("status"), pause = document.getElementById("pause");
  const parts = new Map();  // id → the HTML that the server made
  for (const part of document.querySelectorAll(PARTS)) parts.set(part.id, part.innerHTML);

  let paused = false, busy = false, missed = false;

  const time = () => `${new Date().toISOString().slice(11, 19)} UTC`;

  async function update() {
    if (paused || busy || document.hidden) {
      missed = true;
      return;
    }
    busy = true;
    missed = false;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.redirected && new URL(answer.url).pathname === "/login") return location.reload();
      if (!answer.ok) throw new Error(`the collector answered ${answer.status}`);
      put(new DOMParser().parseFromString(await answer.text(), "text/html"));
      status.textContent = `As of ${time()}`;
    } catch (error) {
      status.textContent = `Not up to date since ${time()}: ${error.message}`;
    } finally {
      busy = false;
    }
  }

  function put(fresh) {
    for (const part of fresh.querySelectorAll(PARTS)) {
      const here = document.getElementById(part.id);
      if (!here || parts.get(part.id) === part.innerHTML) continue;
      parts.set(part.id, part.innerHTML);
      const focus = here.contains(document.activeElement) ? document.activeElement : null;
      const at = focus && [...here.querySelectorAll(focus.tagName)].indexOf(focus);
      const open = new Set([...here.querySelectorAll("details[open] > summary")].map((one) => one.textContent));
      const scrolled = [...here.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
      here.replaceChildren(...[...part.childNodes].map((node) => document.adoptNode(node)));
      for (const summary of here.querySelectorAll("details > summary"))
        if (open.has(summary.textContent)) summary.parentElement.open = true;
      here.querySelectorAll(".scroll").forEach((one, i) => { one.scrollLeft = scrolled[i] ?? 0; });
      window.charts?.refresh();
      if (focus) {
        const address = focus.getAttribute("href");
        const same = address && [...here.querySelectorAll("a")].find((one) => one.getAttribute("href") === address);
        (same || here.querySelectorAll(focus.tagName)[at])?.focus({ preventScroll: true });
      }
    }
  }

  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    status.textContent = paused ? `Paused at ${time()}` : `As of ${time()}`;
    if (!paused && missed) update();
  });
  document.addEventListener("visibilitychange", () => missed && update());
  new EventSource("/updates").addEventListener("changed", update);
})();
