"use strict";

const picture = document.getElementById("picture");
const state = document.getElementById("state");
const plates = document.getElementById("plates");
const none = document.getElementById("none");
const WHY = { cut: "cut by the edge", unsure: "not sure enough" };

function connect() {
  picture.src = "stream.mjpg?" + Date.now();
}

function cell(text, name) {
  const td = document.createElement("td");
  td.textContent = text;
  if (name) td.className = name;
  return td;
}

function show(now) {
  const late = now.age_s === null || now.age_s > 5;
  const size = now.width ? `, ${now.width}×${now.height} px, ${now.total_ms} ms a frame` : "";
  state.textContent = now.age_s === null ? "no frame yet"
    : late ? `no frame for ${Math.round(now.age_s)} s`
    : `${now.frames_a_second} frames a second${size}`;
  state.className = late && now.age_s !== null ? "late" : "";
  const found = now.plates || [];
  plates.replaceChildren(...found.map((plate) => {
    const row = document.createElement("tr");
    row.append(
      cell(plate.text ?? WHY[plate.why] ?? plate.why, plate.text === null ? "unread" : ""),
      cell(plate.confidence === null ? "–" : (100 * plate.confidence).toFixed(1) + " %"),
      cell(plate.width === null ? "–" : plate.width + " px"),
    );
    return row;
  }));
  none.hidden = found.length > 0;
}

let failed = false;

async function ask() {
  try {
    const answer = await fetch("state");
    if (!answer.ok) throw new Error(String(answer.status));
    show(await answer.json());
    if (failed) connect();
    failed = false;
  } catch {
    failed = true;
    state.textContent = "lpr-run does not answer";
    state.className = "late";
  }
  setTimeout(ask, 1000);
}

picture.addEventListener("error", () => { failed = true; });
connect();
ask();
