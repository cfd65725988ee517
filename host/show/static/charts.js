// Draws the charts of a page with uPlot. Each figure.chart holds its drawing as JSON (host/show/chart.py says
// what stands in it) and a table of the same numbers; this file only adds the picture.
"use strict";

(() => {
  const DASHES = [[], [7, 4], [2, 3]];
  const COLORS = 8;
  const FONT = "12px system-ui, sans-serif";
  const LABEL = 12, GROUP = 24;  // px: text, a group's name
  const row = () => (document.documentElement.classList.contains("printing") ? 13 : 18);  // px: a box with its gap
  const PRINTED = { wide: 660, narrow: 322 };  // px of a page's width

  const charts = new Map();  // figure → its uPlot

  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const series = (index) => color(`--c${index % COLORS}`);
  const dash = (index) => DASHES[Math.floor(index / COLORS) % DASHES.length];
  const number = (value) => Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 5 });

  // Axes ---------------------------------------------------------------------------------------------------

  function ranged(axis, values) {
    let low = Infinity, high = -Infinity;
    for (const value of values) {
      if (value != null) {
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) return [0, 1];
    if (axis.scale === "log") {
      // At least a factor of two, so that what is steady does not look wild.
      const spread = Math.max(high / low, 2) * 1.15, middle = Math.sqrt(low * high);
      return [middle / Math.sqrt(spread), middle * Math.sqrt(spread)];
    }
    if (axis.ticks) return [axis.ticks[0][0], axis.ticks[axis.ticks.length - 1][0]];
    if (axis.scale === "time") return low < high ? [low, high] : [low - 60, high + 60];
    if (axis.zero) return [0, (high || 1) * 1.08];
    const margin = Math.max((high - low) * 0.1, Math.abs(high) * 0.02, 1e-9);
    return [low - margin, high + margin];
  }

  function logTicks(low, high, most) {
    const of = (factors) => {
      const found = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e++)
        for (const factor of factors) {
          const tick = factor * 10 ** e;
          if (tick >= low && tick <= high) found.push(tick);
        }
      return found;
    };
    for (const factors of [[1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
      const found = of(factors);
      if (found.length <= most && (found.length > 1 || factors.length === 1)) return found;
    }
    return of([1]).filter((_, i, all) => i % Math.ceil(all.length / most) === 0);
  }

  const date = (seconds) => new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });

  function moment(seconds, increment) {
    const text = new Date(seconds * 1000).toISOString();
    if (increment >= 86400) return date(seconds);
    return increment >= 60 ? text.slice(11, 16) : text.slice(11, 19);
  }

  function timeLabels(splits, increment) {
    return splits.map((seconds, i) => {
      const day = date(seconds), before = i && date(splits[i - 1]);
      return moment(seconds, increment) + (increment < 86400 && day !== before ? `\n${day}` : "");
    });
  }

  function drawnAxis(axis, side, shown = true) {
    const base = {
      show: shown, side, font: FONT, labelFont: FONT, labelSize: 16, labelGap: 0, label: axis.label,
      stroke: color("--soft"), grid: { stroke: color("--line"), width: 1 },
      ticks: { stroke: color("--line"), width: 1, size: 4 }, gap: 4,
    };
    if (side === 3) base.size = (u, values) => Math.max(26, ...(values || []).map((v) => String(v).length * 7 + 14));
    if (side === 2) base.size = axis.scale === "time" ? 38 : 26;
    if (axis.ticks) {
      base.splits = () => axis.ticks.map(([at]) => at);
      base.values = () => axis.ticks.map(([, text]) => text);
    } else if (axis.scale === "log") {
      base.splits = (u, index, low, high) =>
        logTicks(low, high, Math.max(2, Math.floor((side === 2 ? u.width / 48 : u.height / 34))));
      base.filter = (u, splits) => splits;
      base.values = (u, splits) => splits.map(number);
    } else if (axis.scale === "time") {
      base.space = 60;
      base.values = (u, splits, index, space, increment) => timeLabels(splits, increment);
    } else {
      base.values = (u, splits) => splits.map((value) => value.toLocaleString("en"));
    }
    return base;
  }

  const scale = (axis, values) => ({
    time: axis.scale === "time", distr: axis.scale === "log" ? 3 : 1, range: () => ranged(axis, values),
  });

  // What is drawn ------------------------------------------------------------------------------------------

  function lines(drawing) {
    const values = drawing.lines.flatMap((line) => line.values);
    return {
      height: 230,
      data: [drawing.x, ...drawing.lines.map((line) => line.values)],
      options: {
        cursor: {
          y: false, drag: { x: false, y: false },
          ...(drawing.sync ? { sync: { key: drawing.sync } } : {}),
          points: { size: 6 },
        },
        scales: { x: scale(drawing.x_axis, drawing.x), y: scale(drawing.y_axis, values) },
        axes: [drawnAxis(drawing.x_axis, 2), drawnAxis(drawing.y_axis, 3)],
        series: [{}, ...drawing.lines.map((line) => ({
          label: line.name, stroke: series(line.color), width: 2, dash: dash(line.color),
          points: { show: drawing.x.length < 3 },
          ...(drawing.bars ? { fill: series(line.color), width: 0, paths: uPlot.paths.bars({ size: [0.85, 60] }) } : {}),
        }))],
        ...(drawing.marks.length ? { padding: [20, null, null, null] } : {}),
        hooks: { drawClear: [(u) => bands(u, drawing.bands)], draw: [(u) => marks(u, drawing.marks)] },
      },
      reads(u) {
        const index = u.cursor.idx;
        if (index == null) return "";
        const at = drawing.x_axis.scale === "time"
          ? new Date(drawing.x[index] * 1000).toISOString().slice(0, 19).replace("T", " ")
          : drawing.x_axis.ticks && drawing.lines.length && drawing.x.length === 101 ? `${index} %` : number(drawing.x[index]);
        const band = drawing.bands.find((one) => one.start <= drawing.x[index] && drawing.x[index] <= one.stop);
        return `${at}: ` + drawing.lines.map((line) =>
          `${drawing.lines.length > 1 ? `${line.name} ` : ""}${line.values[index] == null ? "–" : number(line.values[index])}`,
        ).join(", ") + ` ${drawing.y_axis.label}` + (band ? `, ${band.label}` : "");
      },
    };
  }

  function bands(u, list) {
    const { left, top, width, height } = u.bbox;
    u.ctx.save();
    for (const band of list) {
      const from = Math.max(u.valToPos(band.start, "x", true), left);
      const to = Math.min(Math.max(u.valToPos(band.stop, "x", true), from + 2), left + width);
      u.ctx.fillStyle = color("--band");
      u.ctx.fillRect(from, top, to - from, height);
      // A line above, too: shades are lost in print and to some eyes.
      u.ctx.fillStyle = color("--doubt");
      u.ctx.fillRect(from, top, to - from, 3 * devicePixelRatio);
    }
    u.ctx.restore();
  }

  function marks(u, list) {
    const { left, top, width, height } = u.bbox, ratio = devicePixelRatio;
    u.ctx.save();
    u.ctx.strokeStyle = u.ctx.fillStyle = color("--soft");
    u.ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    u.ctx.setLineDash([3 * ratio, 3 * ratio]);
    let free = Infinity;
    // Labels stand above the plot, the newest for sure, others where there is room.
    for (const mark of [...list].reverse()) {
      const x = u.valToPos(mark.at, "x", true), long = u.ctx.measureText(mark.label).width;
      u.ctx.beginPath();
      u.ctx.moveTo(x, top);
      u.ctx.lineTo(x, top + height);
      u.ctx.stroke();
      const start = Math.max(left, Math.min(x - 4 * ratio, left + width - long));
      if (start + long + 8 * ratio > free) continue;
      free = start;
      u.ctx.textAlign = "left";
      u.ctx.fillText(mark.label, start, top - 5 * ratio);
    }
    u.ctx.restore();
  }

  function boxes(drawing) {
    const places = [];  // {top, box} and {top, name}, px from the plot's upper edge
    const high = row();
    let top = 4;
    for (const group of drawing.groups) {
      if (group.name) {
        places.push({ top, name: group.name });
        top += GROUP;
      }
      for (const box of group.boxes) {
        places.push({ top, high, box, group: group.name });
        top += high;
      }
      top += 6;
    }
    const values = drawing.groups.flatMap((group) => group.boxes.flatMap((box) => [box.low, box.most ?? box.high]));
    return {
      height: top + 50,
      data: [[0, 1], [null, null]],
      options: {
        cursor: { x: false, y: false, drag: { x: false, y: false }, points: { show: false } },
        scales: { x: scale(drawing.axis, values), y: { range: () => [0, 1] } },
        axes: [drawnAxis(drawing.axis, 2), { show: false }],
        series: [{}, { show: false }],
        padding: [4, 14, 0, 8],
        hooks: { draw: [(u) => places.forEach((place) => (place.box ? box(u, place) : groupName(u, place)))] },
      },
      reads(u) {
        const found = places.find((place) => place.box && place.top <= u.cursor.top && u.cursor.top < place.top + high);
        return found ? `${[found.group, found.box.name].filter(Boolean).join(", ")}: ${found.box.says}` : "";
      },
    };
  }

  function groupName(u, { top, name }) {
    const ratio = devicePixelRatio;
    u.ctx.save();
    u.ctx.fillStyle = color("--ink");
    u.ctx.font = `600 ${LABEL * ratio}px system-ui, sans-serif`;
    u.ctx.textBaseline = "middle";
    u.ctx.textAlign = "left";
    u.ctx.fillText(name, u.bbox.left + 2 * ratio, u.bbox.top + (top + GROUP / 2) * ratio);
    u.ctx.restore();
  }

  function box(u, { top, high, box }) {
    const ratio = devicePixelRatio, { ctx } = u, x = (value) => u.valToPos(value, "x", true);
    const middle = u.bbox.top + (top + high / 2) * ratio, half = 5 * ratio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = series(box.color);
    ctx.lineWidth = 1.5 * ratio;
    ctx.setLineDash(dash(box.color).map((length) => length * ratio / 2));
    ctx.beginPath();
    ctx.moveTo(x(box.low), middle);
    ctx.lineTo(x(box.high), middle);
    for (const end of [box.low, box.high]) {
      ctx.moveTo(x(end), middle - half / 2);
      ctx.lineTo(x(end), middle + half / 2);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    if (box.first != null) {
      const width = Math.max(x(box.third) - x(box.first), 2 * ratio);
      ctx.fillStyle = color("--card");
      ctx.fillRect(x(box.first), middle - half, width, 2 * half);
      ctx.globalAlpha = 0.35;
      ctx.fillStyle = series(box.color);
      ctx.fillRect(x(box.first), middle - half, width, 2 * half);
      ctx.globalAlpha = 1;
      ctx.strokeRect(x(box.first), middle - half, width, 2 * half);
      ctx.fillRect(x(box.middle) - 1.5 * ratio, middle - half, 3 * ratio, 2 * half);
    } else dot(ctx, x(box.middle), middle, 4 * ratio);
    if (box.most != null) dot(ctx, x(box.most), middle, 2 * ratio);
    ctx.restore();
  }

  function dot(ctx, x, y, radius) {
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
  }

  function points(drawing) {
    const list = [...drawing.points].sort((one, other) => one.x - other.x);
    return {
      height: 340,
      data: [list.map((one) => one.x), list.map((one) => one.y)],
      options: {
        cursor: { drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: scale(drawing.x_axis, list.map((one) => one.x)), y: scale(drawing.y_axis, list.map((one) => one.y)),
        },
        axes: [drawnAxis(drawing.x_axis, 2), drawnAxis(drawing.y_axis, 3)],
        series: [{}, { paths: () => null, points: { show: false } }],
        padding: [12, 20, 0, 0],
        hooks: { draw: [(u) => scatter(u, list)] },
      },
      reads(u) {
        const near = nearest(u, list);
        return near ? `${near.name}: ${near.says}` : "";
      },
    };
  }

  function nearest(u, list) {
    if (u.cursor.left < 0) return null;
    const away = (one) =>
      Math.hypot(u.valToPos(one.x, "x") - u.cursor.left, u.valToPos(one.y, "y") - u.cursor.top);
    return list.reduce((best, one) => (!best || away(one) < away(best) ? one : best), null);
  }

  function scatter(u, list) {
    const ratio = devicePixelRatio, { ctx } = u, place = (one) => [u.valToPos(one.x, "x", true), u.valToPos(one.y, "y", true)];
    ctx.save();
    // Stairs: what lies above and to the right of them is beaten.
    ctx.strokeStyle = color("--soft");
    ctx.lineWidth = ratio;
    ctx.setLineDash([4 * ratio, 4 * ratio]);
    ctx.beginPath();
    let last = null;
    for (const one of list.filter((each) => each.best)) {
      const [x, y] = place(one);
      if (last) ctx.lineTo(x, last);
      else ctx.moveTo(x, u.bbox.top);
      ctx.lineTo(x, y);
      last = y;
    }
    if (last != null) ctx.lineTo(u.bbox.left + u.bbox.width, last);
    ctx.stroke();
    ctx.setLineDash([]);
    const taken = list.map((one) => { const [x, y] = place(one); return [x - 6 * ratio, y - 6 * ratio, 12 * ratio, 12 * ratio]; });
    ctx.font = `${LABEL * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "middle";
    ctx.textAlign = "left";
    for (const one of list) {
      const [x, y] = place(one);
      ctx.strokeStyle = ctx.fillStyle = series(one.color);
      ctx.lineWidth = 2 * ratio;
      ctx.beginPath();
      if (one.best) ctx.arc(x, y, 5 * ratio, 0, 2 * Math.PI);
      else ctx.rect(x - 4 * ratio, y - 4 * ratio, 8 * ratio, 8 * ratio);
      one.best ? ctx.fill() : ctx.stroke();
      label(u, one.name, x, y, taken);
    }
    ctx.restore();
  }

  // Beside its point where there is room, else left out: the table and the pointer name it.
  function label(u, text, x, y, taken) {
    const ratio = devicePixelRatio, { ctx } = u, width = ctx.measureText(text).width, height = 14 * ratio, off = 9 * ratio;
    for (const [left, top] of [
      [x + off, y - height / 2], [x - off - width, y - height / 2],
      [x - width / 2, y - height - off], [x - width / 2, y + off],
      [x + off, y - height - 2 * ratio], [x - off - width, y + 2 * ratio],
    ]) {
      const inside = left >= u.bbox.left && left + width <= u.bbox.left + u.bbox.width && top >= u.bbox.top
        && top + height <= u.bbox.top + u.bbox.height;
      const free = taken.every(([l, t, w, h]) => left >= l + w || l >= left + width || top >= t + h || t >= top + height);
      if (inside && free) {
        taken.push([left, top, width, height]);
        ctx.fillStyle = color("--ink");
        ctx.fillText(text, left, top + height / 2);
        return;
      }
    }
  }

  // Figures ------------------------------------------------------------------------------------------------

  const KINDS = { lines, boxes, points };

  function draw(figure, width) {
    const plot = figure.querySelector(".plot"), drawing = JSON.parse(figure.querySelector(".drawing").textContent);
    const { height, data, options, reads } = KINDS[drawing.type](drawing);
    charts.get(figure)?.destroy();
    const readout = figure.querySelector(".readout");
    options.hooks.setCursor = [(u) => { readout.textContent = reads(u); }];
    const made = new uPlot(
      { width: Math.floor(width ?? plot.clientWidth), height, legend: { show: false }, pxAlign: 1, ...options }, data, plot);
    charts.set(figure, made);
  }

  function attempt(figure, width) {
    try {
      draw(figure, width);
    } catch (error) {
      // The table says the same.
      figure.querySelector("details").open = true;
      console.error(figure.id, error);
    }
  }

  function drawAll(width) {
    for (const figure of document.querySelectorAll("figure.chart")) attempt(figure, width?.(figure));
  }

  const widths = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const chart = charts.get(target.closest("figure"));
      if (chart && !document.documentElement.classList.contains("printing") && Math.floor(contentRect.width) !== chart.width)
        chart.setSize({ width: Math.floor(contentRect.width), height: chart.height });
    }
  });

  function start() {
    document.documentElement.classList.add("drawn");
    drawAll();
    for (const plot of document.querySelectorAll("figure.chart .plot")) widths.observe(plot);
  }

  // A canvas keeps its colours: it is drawn again when those of the page change, and for paper.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll());
  addEventListener("beforeprint", () => {
    document.documentElement.classList.add("printing");
    // Paper unfolds nothing.
    for (const part of document.querySelectorAll("details.part:not([open])")) {
      part.open = true;
      part.dataset.opened = "";
    }
    drawAll((figure) => (figure.classList.contains("wide") ? PRINTED.wide : PRINTED.narrow));
  });
  addEventListener("afterprint", () => {
    document.documentElement.classList.remove("printing");
    for (const part of document.querySelectorAll("details[data-opened]")) {
      part.open = false;
      delete part.dataset.opened;
    }
    drawAll();
  });

  window.charts = {
    // Draws what has come into the page, and forgets what has left it.
    refresh() {
      for (const [figure, chart] of charts) {
        if (!figure.isConnected) {
          chart.destroy();
          charts.delete(figure);
        }
      }
      for (const figure of document.querySelectorAll("figure.chart")) {
        if (!charts.has(figure)) {
          widths.observe(figure.querySelector(".plot"));
          attempt(figure);
        }
      }
    },
  };
  start();
})();
