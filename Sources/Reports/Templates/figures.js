// Draws figures from their data, so that a reader can read values, hide series and change scales. Without this script a
// page shows the same figures as images. The data are described at `Figure.data`.
"use strict";
const figures = (() => {
  const namespace = "http://www.w3.org/2000/svg";
  const dashes = {
    solid: "", dashed: "7 4", dotted: "2 4", dashDotted: "7 3 2 3", longDashed: "12 5", dashDoubleDotted: "7 3 2 3 2 3",
  };

  function add(parent, name, attributes = {}, text) {
    const element = document.createElementNS(namespace, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  function addHTML(parent, name, className, text) {
    const element = document.createElement(name);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // MARK: Numbers

  const superscript = (exponent) => String(exponent).replace("-", "⁻").replace(/[0-9]/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
  const plain = (value, digits) => String(Number(value.toPrecision(digits))).replace("-", "−");

  function power(value, digits) {
    const exponent = Math.floor(Math.log10(Math.abs(value)) + 1e-9);
    const mantissa = plain(value / 10 ** exponent, digits);
    return (mantissa === "1" ? "" : mantissa + "×") + "10" + superscript(exponent);
  }

  // A number for people: 0.0213, 1.25M, 3.1×10¹².
  function text(value, digits = 4) {
    const size = Math.abs(value);
    if (size === 0) return "0";
    if (size >= 1e9 || size < 1e-3) return power(value, digits);
    if (size >= 1e6) return plain(value / 1e6, digits) + "M";
    if (size >= 1e4) return plain(value / 1e3, digits) + "k";
    return plain(value, digits);
  }

  // MARK: Axes

  // The marks of an axis: [value, label], the label empty for a minor one.
  function ticks(axis, [low, high]) {
    if (axis.names) return axis.names.map((name, index) => [index + 1, name]);
    const decades = axis.log ? Math.log10(high / low) : 0;
    if (decades < 0.7) {
      const rough = (high - low) / 6;
      const unit = 10 ** Math.floor(Math.log10(rough));
      const [factor, parts] = [[1, 5], [2, 4], [5, 5], [10, 5]].find(([factor]) => factor * unit >= rough) ?? [10, 5];
      const step = (factor * unit) / parts;
      const first = Math.ceil(low / step);
      const last = Math.floor(high / step);
      if (!(step > 0) || last - first > 100) return [];
      return Array.from({ length: last - first + 1 }, (_, index) => {
        const number = first + index;
        return [number * step, number % parts === 0 ? text(number * step, 6) : ""];
      });
    }
    const labelled = decades < 1.5 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil(decades / 7));
    const marks = [];
    for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent++) {
      for (let digit = 1; digit <= (decades > 30 ? 1 : 9); digit++) {
        const value = Number(`${digit}e${exponent}`);
        if (value < low || value > high) continue;
        const isMajor = labelled.includes(digit) && exponent % every === 0;
        marks.push([value, !isMajor ? "" : decades < 3 && high < 1e9 ? text(value, 3) : power(value, 3)]);
      }
    }
    return marks;
  }

  const shows = (axis, value) => value !== null && Math.abs(value) <= 1e250 && (!axis.log || value >= 1e-250);

  // The values of a layer that lie on the x axis or, for `isY`, on the y axis.
  function spanned(layer, isY) {
    switch (layer.kind) {
      case "points": return layer.values.flatMap((point) => (isY ? point.slice(1) : [point[0]]));
      case "line": return layer.values.map((point) => point[isY ? 1 : 0]);
      case "band": return layer.values.flatMap((point) => (isY ? point.slice(1) : [point[0]]));
      case "cells": return layer.values.flatMap((cell) => (isY ? cell.slice(2) : cell.slice(0, 2)));
      case "horizontal": return isY ? layer.values : [];
      case "vertical": return [];
      default: return [layer.values[isY ? 1 : 0]];
    }
  }

  // Its own range, or that of its values with a margin.
  function rangeOf(axis, panel, isY) {
    if (axis.range && axis.range[0] < axis.range[1] && axis.range.every((end) => shows(axis, end))) return axis.range;
    let [low, high] = [Infinity, -Infinity];
    for (const layer of panel.layers) {
      for (const value of spanned(layer, isY)) {
        if (!shows(axis, value)) continue;
        low = Math.min(low, value);
        high = Math.max(high, value);
      }
    }
    if (low > high) return axis.log ? [1, 10] : [0, 1];
    if (axis.log) {
      const decades = Math.log10(high / low);
      const air = decades > 1e-12 ? 10 ** (0.04 * decades) : 1.2;
      return [low / air, high * air];
    }
    const size = Math.max(Math.abs(low), Math.abs(high));
    const air = high - low > 1e-12 * size ? 0.04 * (high - low) : Math.max(0.1 * size, 1e-3);
    return [low - air, high + air];
  }

  // Whether a logarithmic scale shows all values of an axis.
  const isPositive = (data, name) =>
    data.panels.every((panel) => panel.layers.every((layer) => spanned(layer, name === "y").every((value) => value === null || value > 0)));

  // MARK: Markers

  function marker(parent, layer, x, y, size = 1) {
    const number = Math.max(layer.number, 0);
    const isOpen = layer.marker === "open";
    const radius = size * (layer.marker === "small" ? 1.8 : 4);
    const polygon = (count, turn) =>
      Array.from({ length: count }, (_, index) => {
        const angle = 2 * Math.PI * (index / count + turn);
        return `${(x + 1.15 * radius * Math.sin(angle)).toFixed(2)},${(y - 1.15 * radius * Math.cos(angle)).toFixed(2)}`;
      }).join(" ");
    const paint = { fill: isOpen ? "#fff" : layer.ink, stroke: layer.ink, "stroke-width": isOpen ? 1.4 : 0.5 };
    const kind = layer.marker === "diamond" ? 4 : layer.marker === "small" ? 0 : number % 6;
    if (kind === 0) return add(parent, "circle", { cx: x.toFixed(2), cy: y.toFixed(2), r: radius, ...paint });
    const [count, turn] = [[4, 0.125], [3, 0], [3, 0.5], [4, 0], [5, 0]][kind - 1];
    return add(parent, "polygon", { points: polygon(count, turn), ...paint });
  }

  const lineStyle = (layer) => ({
    fill: "none", stroke: layer.ink, "stroke-width": layer.number < 0 ? 1.2 : 2, "stroke-dasharray": dashes[layer.dash] ?? "",
    "stroke-linejoin": "round",
  });

  // MARK: Panels

  // A layer without a label belongs to the series of its colour, as a cooldown to its training.
  function isHidden(layer, panel, state) {
    if (state.hidden.size === 0) return false;
    if (layer.label !== undefined) return state.hidden.has(layer.label);
    if (!["points", "line", "band"].includes(layer.kind)) return false;
    const series = panel.layers.filter((other) => other.label !== undefined && other.ink === layer.ink);
    return series.length > 0 && series.every((other) => state.hidden.has(other.label));
  }

  let clips = 0;

  // Draws a panel into a rectangle, and adds what a reader can point at to `targets`.
  function drawPanel(svg, panel, state, box, targets) {
    const [xAxis, yAxis] = ["x", "y"].map((name) => ({ ...panel[name], ...(name in state.log && !panel[name].names ? { log: state.log[name] } : {}) }));
    const [xRange, yRange] = [rangeOf(xAxis, panel, false), rangeOf(yAxis, panel, true)];
    const yTicks = ticks(yAxis, yRange);
    const left = box.x + 30 + 7 * Math.max(...yTicks.map(([, label]) => label.length), 2);
    const verticals = panel.layers.some((layer) => layer.kind === "vertical");
    const top = box.y + (panel.title ? 24 : 6) + (verticals ? 16 : 0);
    const [right, bottom] = [box.x + box.width - 12, box.y + box.height - 46];
    const place = (axis, [low, high], from, to) => (value) => {
      const part = axis.log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      return from + part * (to - from);
    };
    const [X, Y] = [place(xAxis, xRange, left, right), place(yAxis, yRange, bottom, top)];
    if (panel.title) add(svg, "text", { x: box.x + 10, y: box.y + 13, class: "panel" }, panel.title);

    // Marks, from the roundest on: of labels that would touch, the rounder one stays.
    const taken = [];
    const roundness = ([value]) => ({ 1: 0, 5: 1, 2: 2 })[Math.round(Math.abs(value) / 10 ** Math.floor(Math.log10(Math.abs(value) || 1) + 1e-9))] ?? 3;
    const xTicks = ticks(xAxis, xRange);
    const shortened = (label) => {
      const fitting = Math.max(1, Math.floor((right - left) / (xRange[1] - xRange[0]) / 7) - 1);
      return xAxis.names && label.length > fitting + 1 ? label.slice(0, fitting) + "…" : label;
    };
    for (const [value, label] of [...xTicks].sort((one, other) => roundness(one) - roundness(other))) {
      const x = X(value);
      add(svg, "line", { x1: x, x2: x, y1: top, y2: bottom, class: label ? "grid" : "none" });
      add(svg, "line", { x1: x, x2: x, y1: bottom, y2: bottom + (label ? 6 : 3), class: "axis" });
      const shown = shortened(label);
      const half = 3.6 * shown.length + 4;
      if (!shown || taken.some(([from, to]) => x - half < to && from < x + half)) continue;
      taken.push([x - half, x + half]);
      add(svg, "text", { x, y: bottom + 19, "text-anchor": "middle" }, shown);
    }
    for (const [value, label] of yTicks) {
      const y = Y(value);
      if (label) {
        add(svg, "line", { x1: left, x2: right, y1: y, y2: y, class: "grid" });
        add(svg, "text", { x: left - 9, y: y + 4, "text-anchor": "end" }, label);
      }
      add(svg, "line", { x1: left - (label ? 6 : 3), x2: left, y1: y, y2: y, class: "axis" });
    }
    add(svg, "path", { d: `M${left},${top}V${bottom}H${right}`, class: "axis", fill: "none" });
    add(svg, "text", { x: (left + right) / 2, y: bottom + 38, "text-anchor": "middle", class: "label" }, xAxis.label);
    const middle = (top + bottom) / 2;
    add(svg, "text", { x: box.x + 12, y: middle, "text-anchor": "middle", class: "label", transform: `rotate(-90 ${box.x + 12} ${middle})` }, yAxis.label);

    const clip = `clip${++clips}`;
    add(add(svg, "clipPath", { id: clip }), "rect", { x: left - 5, y: top - 5, width: right - left + 10, height: bottom - top + 10 });
    const group = add(svg, "g", { "clip-path": `url(#${clip})` });
    const near = (layer, x, y, value) => {
      if (x >= left - 5 && x <= right + 5 && y >= top - 5 && y <= bottom + 5) targets.push({ layer, x, y, value, xAxis, yAxis });
    };
    // Lines with gaps where the axes cannot show a point.
    const path = (points) => {
      let d = "", isPen = false;
      for (const [x, y] of points) {
        const isShown = shows(xAxis, x) && shows(yAxis, y);
        if (isShown) d += `${isPen ? "L" : "M"}${X(x).toFixed(2)},${Y(y).toFixed(2)}`;
        isPen = isShown;
      }
      return d;
    };
    const lines = [];
    for (const layer of panel.layers) {
      if (isHidden(layer, panel, state)) continue;
      switch (layer.kind) {
        case "band": {
          const shown = layer.values.filter(([x, low, high]) => shows(xAxis, x) && shows(yAxis, low) && shows(yAxis, high));
          const d = path(shown.map(([x, low]) => [x, low]).concat(shown.map(([x, , high]) => [x, high]).reverse()));
          if (d) add(group, "path", { d: d + "Z", fill: layer.ink, "fill-opacity": 0.2 });
          break;
        }
        case "cells":
          for (const [x0, x1, y0, y1] of layer.values) {
            if (![x0, x1].every((x) => shows(xAxis, x)) || ![y0, y1].every((y) => shows(yAxis, y))) continue;
            add(group, "rect", { x: X(x0), y: Y(y1), width: X(x1) - X(x0), height: Y(y0) - Y(y1), fill: layer.ink, stroke: layer.ink, "stroke-width": 0.5 });
            near(layer, (X(x0) + X(x1)) / 2, (Y(y0) + Y(y1)) / 2, [(x0 + x1) / 2, (y0 + y1) / 2]);
          }
          break;
        case "line":
          add(group, "path", { d: path(layer.values), ...lineStyle(layer) });
          for (const [x, y] of layer.values) if (shows(xAxis, x) && shows(yAxis, y)) near(layer, X(x), Y(y), [x, y]);
          break;
        case "points":
          for (const value of layer.values) {
            const [x, y, low, high] = value;
            if (!shows(xAxis, x) || !shows(yAxis, y)) continue;
            if (low !== undefined && low !== null && high !== null) {
              const end = shows(yAxis, low) ? Y(low) : bottom + 5;
              add(group, "line", { x1: X(x), x2: X(x), y1: Y(high), y2: end, stroke: layer.ink, "stroke-width": 1.2 });
            }
            marker(group, layer, X(x), Y(y));
            near(layer, X(x), Y(y), value);
          }
          break;
        case "horizontal":
          if (shows(yAxis, layer.values[0])) lines.push([layer, Y(Math.min(Math.max(layer.values[0], yRange[0]), yRange[1]))]);
          break;
        case "vertical":
          if (shows(xAxis, layer.values[0]) && layer.values[0] >= xRange[0] && layer.values[0] <= xRange[1]) {
            const x = X(layer.values[0]);
            add(group, "line", { x1: x, x2: x, y1: top, y2: bottom, ...lineStyle(layer) });
            add(svg, "text", { x, y: top - 5, "text-anchor": "middle", class: "note", fill: layer.ink }, layer.text);
          }
          break;
        case "text":
          if (shows(xAxis, layer.values[0]) && shows(yAxis, layer.values[1])) {
            add(svg, "text", { x: X(layer.values[0]), y: Y(layer.values[1]) - 8, "text-anchor": "middle", class: "note" }, layer.text);
          }
      }
    }
    // The labels of horizontal lines, moved apart from the lowest upwards.
    let last = Infinity;
    for (const [layer, y] of lines.sort((one, other) => other[1] - one[1])) {
      const value = layer.values[0];
      if (value >= yRange[0] && value <= yRange[1]) add(group, "line", { x1: left, x2: right, y1: y, y2: y, ...lineStyle(layer) });
      const beyond = value > yRange[1] ? " ↑" : value < yRange[0] ? " ↓" : "";
      last = Math.max(Math.min(y - 4, last - 13), top + 9);
      add(svg, "text", { x: right - 2, y: last, "text-anchor": "end", class: "note halo", fill: layer.ink }, layer.text + beyond);
    }
  }

  // MARK: Figures

  function draw(host, data, state) {
    const width = Math.max(host.clientWidth, 260);
    const isNarrow = width < 560;
    const hasLabels = data.panels.some((panel) => panel.layers.some((layer) => layer.kind === "horizontal" && layer.text.length > 4));
    const columns = Math.min(data.panels.length, isNarrow ? 1 : data.panels.length === 4 || hasLabels ? 2 : 3);
    const height = isNarrow ? 300 : [400, 320, 290][columns - 1];
    const rows = Math.ceil(data.panels.length / columns);
    const chart = state.chart;
    chart.replaceChildren();
    const svg = add(chart, "svg", {
      viewBox: `0 0 ${width} ${rows * height}`, width, height: rows * height, role: "img", "aria-label": data.title,
    });
    const targets = [];
    data.panels.forEach((panel, index) => {
      const cell = width / columns;
      drawPanel(svg, panel, state, { x: (index % columns) * cell, y: Math.floor(index / columns) * height, width: cell, height }, targets);
    });
    const tip = addHTML(chart, "div", "tip");
    tip.hidden = true;
    const ring = add(svg, "circle", { r: 7, class: "ring", visibility: "hidden" });
    svg.addEventListener("pointermove", (event) => point(event));
    svg.addEventListener("pointerdown", (event) => point(event));
    svg.addEventListener("pointerleave", hide);

    function hide() {
      tip.hidden = true;
      ring.setAttribute("visibility", "hidden");
    }

    function point(event) {
      const frame = svg.getBoundingClientRect();
      const [x, y] = [((event.clientX - frame.left) * width) / frame.width, ((event.clientY - frame.top) * rows * height) / frame.height];
      let best = null, least = 40;
      for (const target of targets) {
        // A marker is meant rather than a line through it.
        const distance = Math.hypot(target.x - x, target.y - y) + (target.layer.kind === "points" ? 0 : 6);
        if (distance < least) [best, least] = [target, distance];
      }
      if (!best) return hide();
      const [a, b, low, high] = best.value;
      const name = (axis, value) => axis.names?.[value - 1] ?? text(value);
      tip.replaceChildren();
      if (best.layer.label) addHTML(tip, "b", "", (data.legend ? data.legend + ": " : "") + best.layer.label);
      addHTML(tip, "span", "", `${best.xAxis.label}: ${name(best.xAxis, a)}`);
      addHTML(tip, "span", "", `${best.yAxis.label}: ${name(best.yAxis, b)}` + (low === undefined || low === null || high === null ? "" : ` [${text(low)} … ${text(high)}]`));
      tip.hidden = false;
      ring.setAttribute("cx", best.x);
      ring.setAttribute("cy", best.y);
      ring.setAttribute("visibility", "visible");
      const scale = frame.width / width;
      tip.style.left = `${Math.min(Math.max(best.x * scale - tip.offsetWidth / 2, 0), Math.max(frame.width - tip.offsetWidth, 0))}px`;
      const above = best.y * scale - tip.offsetHeight - 12;
      tip.style.top = `${above >= 0 ? above : best.y * scale + 12}px`;
    }
    return svg;
  }

  // The series of a figure, each with the layers that show it.
  function series(data) {
    const found = new Map();
    for (const panel of data.panels) {
      for (const layer of panel.layers) {
        if (layer.label === undefined) continue;
        if (!found.has(layer.label)) found.set(layer.label, []);
        found.get(layer.label).push(layer);
      }
    }
    return found;
  }

  function swatch(parent, layers) {
    const svg = add(parent, "svg", { width: 26, height: 14, "aria-hidden": "true" });
    const kind = (name) => layers.find((layer) => layer.kind === name);
    const area = kind("cells") ?? (kind("line") || kind("points") ? undefined : kind("band"));
    if (area) add(svg, "rect", { x: 3, y: 2, width: 20, height: 10, fill: area.ink, "fill-opacity": area.kind === "band" ? 0.3 : 1 });
    if (kind("line")) add(svg, "path", { d: "M1,7H25", ...lineStyle(kind("line")) });
    if (kind("points")) marker(svg, kind("points"), 13, 7);
  }

  // The buttons of a figure: one for each axis that may have either scale, and one for each series.
  function controls(host, data, state, redraw) {
    const bar = state.bar;
    bar.replaceChildren();
    const button = (label, isOn, act) => {
      const element = addHTML(bar, "button");
      element.type = "button";
      element.setAttribute("aria-pressed", isOn);
      element.append(label);
      element.addEventListener("click", act);
      return element;
    };
    const all = series(data);
    if (data.legend && all.size) addHTML(bar, "span", "title", data.legend);
    for (const [label, layers] of all) {
      const element = button("", !state.hidden.has(label), () => {
        if (!state.hidden.delete(label)) state.hidden.add(label);
        redraw();
      });
      swatch(element, layers);
      element.append(label);
    }
    const scales = addHTML(bar, "span", "scales");
    for (const name of ["x", "y"]) {
      if (data.panels.some((panel) => panel[name].names) || !isPositive(data, name)) continue;
      const isLog = state.log[name] ?? data.panels[0][name].log;
      scales.append(
        button(`${name}: ${isLog ? "logarithmic" : "linear"}`, isLog, () => {
          state.log[name] = !isLog;
          redraw();
        }));
    }
  }

  // Shows a figure in an element. Called again with other data, it keeps what the reader has hidden and changed.
  function show(host, data) {
    const isNew = !host.figure;
    const state = (host.figure ??= { hidden: new Set(), log: {} });
    state.data = data;
    if (isNew) {
      state.chart = addHTML(host, "div", "chart");
      state.bar = addHTML(host, "div", "bar");
      state.redraw = () => {
        draw(host, state.data, state);
        controls(host, state.data, state, state.redraw);
      };
      let width = host.clientWidth;
      new ResizeObserver(() => {
        if (Math.abs(host.clientWidth - width) < 2) return;
        width = host.clientWidth;
        draw(host, state.data, state);
      }).observe(host);
    }
    state.redraw();
    host.classList.add("drawn");
  }

  // Draws the figures of a page as they come into sight.
  function showAll() {
    const observer = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        observer.unobserve(entry.target);
        show(entry.target, JSON.parse(entry.target.querySelector("script").textContent));
      }
    }, { rootMargin: "400px" });
    for (const host of document.querySelectorAll("figure > .drawing")) if (host.querySelector("script")) observer.observe(host);
  }

  return { show, showAll, text, addHTML };
})();
