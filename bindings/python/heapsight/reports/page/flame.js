// SPDX-License-Identifier: MIT
// The page around the chart. Names come from strangers: they reach the page as text, never as markup.
"use strict";
(function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const KINDS = {
    program: "program",
    library: "installed packages",
    standard: "standard library",
    other: "not Python, or folded",
  };
  const about = data.estimated ? "about " : "";
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const at = (id) => document.getElementById(id);
  const chartBox = at("chart");
  let figure = data.figures[0];
  let chart = null;
  let zoomed = null;

  function element(name, text, parent) {
    const made = document.createElement(name);
    made.textContent = text;
    if (parent) parent.append(made);
    return made;
  }

  const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
  function sizeText(bytes) {
    let power = 0;
    while (bytes >= 1024 && power < UNITS.length - 1) {
      bytes /= 1024;
      power += 1;
    }
    return (power ? bytes.toFixed(1) : String(bytes)) + " " + UNITS[power];
  }
  const countText = (count, what) =>
    count.toLocaleString("en-US") + " " + what + (count === 1 ? "" : "s");
  const shareText = (bytes) =>
    (figure.bytes[0] ? (100 * bytes / figure.bytes[0]).toFixed(1) : "0.0") + " %";

  // Columns, callers first, to nodes as the library wants them: name, value, children.
  function tree(columns) {
    const nodes = columns.frame.map((frame, index) => {
      const [name, file, line, kind] = data.frames[frame];
      const place = file && line ? file + ":" + line : file;
      const short = place.slice(place.lastIndexOf("/") + 1);
      return {
        name: short ? name + "  " + short : name, title: name, place: place, kind: kind,
        value: columns.bytes[index], blocks: columns.blocks[index],
        own: columns.bytes[index], children: [],
      };
    });
    columns.parent.forEach((parent, index) => {
      if (index) {
        nodes[parent].children.push(nodes[index]);
        nodes[parent].own -= nodes[index].value;
      }
    });
    return nodes[0];
  }

  const styles = getComputedStyle(document.documentElement);
  const colour = (node) => styles.getPropertyValue(
    "--" + (node.highlight ? "match" : node.data.kind)).trim();
  const textOf = (node) => node.data.title + (node.data.place ? "  " + node.data.place : "");

  function describe(node) {
    return textOf(node) + " \u2014 " + about + sizeText(node.data.value) + " (" +
      shareText(node.data.value) + ") in " + countText(node.data.blocks, "block");
  }

  function fillTip(tip, node) {
    tip.replaceChildren();
    element("b", node.data.title, tip);
    element("span", node.data.place, tip);
    const table = element("table", "", tip);
    const row = (name, ...cells) => {
      const line = element("tr", "", table);
      [name, ...cells].forEach((cell) => element("td", cell, line));
    };
    row("with what it called", about + sizeText(node.data.value), shareText(node.data.value));
    row("itself", about + sizeText(node.data.own), shareText(node.data.own));
    row("blocks", about + node.data.blocks.toLocaleString("en-US"), "");
  }

  function tooltip() {}
  tooltip.show = function (event, node) {
    const tip = at("tip");
    fillTip(tip, node);
    tip.hidden = false;
    const beside = event.clientX + 14;
    const below = event.clientY + 18;
    const fits = (start, size, room) => start + size <= room;
    const left = fits(beside, tip.offsetWidth, innerWidth) ? beside : event.clientX - tip.offsetWidth - 8;
    const top = fits(below, tip.offsetHeight, innerHeight) ? below : event.clientY - tip.offsetHeight - 8;
    tip.style.left = Math.max(4, left) + "px";
    tip.style.top = Math.max(4, top) + "px";
  };
  tooltip.hide = function () { at("tip").hidden = true; };

  const hint = () => {
    at("details").textContent = zoomed && zoomed.parent
      ? "Zoomed to " + describe(zoomed)
      : "Point at a box to see its bytes and blocks.";
  };

  function matches(node, term) {
    return Boolean(term) && textOf(node).toLowerCase().includes(term.toLowerCase());
  }

  function showFound(results, bytes) {
    at("found").textContent = at("search").value
      ? countText(results.length, "box").replace("boxs", "boxes") + " found, " + about +
        sizeText(bytes) + " (" + shareText(bytes) + ")"
      : "";
  }

  function markMatches() {
    d3.select(chartBox).selectAll("g.frame").classed("match", (node) => node.highlight);
  }

  function search() {
    if (!chart) return;
    chart.search(at("search").value.trim());
    markMatches();
  }

  function width() { return Math.max(320, chartBox.clientWidth); }

  function draw() {
    at("sum").replaceChildren();
    element("b", about + sizeText(figure.bytes[0]), at("sum"));
    at("sum").append(" in " + countText(figure.blocks[0], "block") + ": " + figure.meaning + ". " + data.how);
    at("figures").querySelectorAll("button").forEach((button) =>
      button.setAttribute("aria-pressed", String(button.value === figure.name)));
    if (chart) chart.destroy();
    chart = null;
    zoomed = null;
    tooltip.hide();
    chartBox.replaceChildren();
    at("reset").hidden = true;
    at("found").textContent = "";
    at("empty").hidden = figure.frame.length > 1;
    at("empty").textContent = figure.empty;
    if (figure.frame.length > 1) makeChart();
    hint();
  }

  function makeChart() {
    chart = flamegraph.default()
      .width(width()).cellHeight(20).inverted(true).minFrameSize(0.4)
      .transitionDuration(still ? 0 : 250).title("").tooltip(tooltip)
      .color(colour).label(describe)
      .setSearchMatch(matches).setSearchHandler(showFound)
      .setDetailsHandler((text) => { if (text) at("details").textContent = text; else hint(); })
      .onClick((node) => {
        zoomed = node;
        at("reset").hidden = !node.parent;
        markMatches();
        hint();
      });
    d3.select(chartBox).datum(tree(figure)).call(chart);
    search();
  }

  function reset() {
    if (chart) chart.resetZoom();
  }

  data.figures.forEach((each) => {
    const button = element("button", each.title, at("figures"));
    button.type = "button";
    button.value = each.name;
    button.title = each.meaning;
    button.addEventListener("click", () => { figure = each; draw(); });
  });
  Object.entries(KINDS).forEach(([kind, name]) =>
    element("li", name, at("colours")).style.setProperty("--colour", "var(--" + kind + ")"));
  at("search").addEventListener("input", search);
  at("reset").addEventListener("click", reset);
  addEventListener("keydown", (event) => { if (event.key === "Escape") reset(); });
  let waiting = 0;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { if (chart) { chart.width(width()).update(); markMatches(); } }, 100);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { if (chart) chart.update(); });
  draw();
})();
