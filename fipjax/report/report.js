"use strict";
(() => {
  const all = (root, query) => Array.from(root.querySelectorAll(query));
  const format = (v, digits = 4) => (v === null || v === undefined || !isFinite(v)) ? "–" : Number(v.toPrecision(digits)).toString();

  // tables: sort by a column, filter by text and by the size of the pull
  for (const table of all(document, "table.sortable")) {
    const body = table.tBodies[0];
    const value = (row, i) => {
      const cell = row.cells[i], raw = cell.dataset.v;
      if (raw === undefined) return cell.textContent.trim().toLowerCase();
      return raw === "" ? NaN : Number(raw);
    };
    all(table, "thead th").forEach((head, i) => {
      const button = head.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        all(table, "thead th[aria-sort]").forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down > 0 ? "ascending" : "descending");
        const rows = Array.from(body.rows).map((row, k) => [value(row, i), k, row]);
        rows.sort(([a, j], [b, k]) => {
          // what has no number comes last either way
          const x = Number.isNaN(a), y = Number.isNaN(b);
          if (x || y) return x - y || j - k;
          return (a < b ? -down : a > b ? down : 0) || j - k;
        });
        body.append(...rows.map((r) => r[2]));
      });
    });
    const controls = document.querySelector(`[data-for="${table.id}"]`);
    if (!controls) continue;
    const text = controls.querySelector("input[type=search]"), least = controls.querySelector("input[type=number]");
    const count = controls.querySelector("output");
    const update = () => {
      const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const floor = least && least.value !== "" ? Math.abs(Number(least.value)) : 0;
      let shown = 0;
      for (const row of body.rows) {
        const content = row.textContent.toLowerCase();
        const size = row.dataset.size === undefined ? Infinity : Number(row.dataset.size);
        row.hidden = !(words.every((w) => content.includes(w)) && size >= floor);
        shown += !row.hidden;
      }
      count.textContent = `${shown} of ${body.rows.length}`;
    };
    for (const input of [text, least]) if (input) input.addEventListener("input", update);
    update();
  }

  // figures: layers, zoom, read-out
  for (const figure of all(document, "figure[data-figure]")) {
    const svg = figure.querySelector("svg"), stage = figure.querySelector(".stage"), line = figure.querySelector(".readout");
    const home = svg.getAttribute("viewBox").split(" ").map(Number);
    let box = home.slice();
    const show = () => {
      box[2] = Math.min(box[2], home[2]);
      box[3] = Math.min(box[3], home[3]);
      box[0] = Math.min(Math.max(box[0], home[0]), home[0] + home[2] - box[2]);
      box[1] = Math.min(Math.max(box[1], home[1]), home[1] + home[3] - box[3]);
      svg.setAttribute("viewBox", box.join(" "));
      stage.classList.toggle("zoomed", box[2] < 0.999 * home[2]);
    };
    const place = (event) => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      return [p.x, p.y];
    };
    const zoom = (factor, at) => {
      const [x, y] = at || [box[0] + box[2] / 2, box[1] + box[3] / 2];
      const f = Math.max(factor, 1 / 40 * home[2] / box[2]);
      box = [x - (x - box[0]) * f, y - (y - box[1]) * f, box[2] * f, box[3] * f];
      show();
    };
    const pan = (dx, dy) => { box[0] += dx * box[2]; box[1] += dy * box[3]; show(); };
    const actions = {
      in: () => zoom(1 / 1.5), out: () => zoom(1.5), home: () => { box = home.slice(); show(); },
    };
    all(figure, "[data-zoom]").forEach((b) => b.addEventListener("click", () => actions[b.dataset.zoom]()));
    stage.addEventListener("keydown", (event) => {
      if (event.target !== stage) return;
      const keys = { "+": actions.in, "=": actions.in, "-": actions.out, "0": actions.home };
      const zoomed = stage.classList.contains("zoomed");
      if (zoomed) Object.assign(keys, {
        ArrowLeft: () => pan(-0.1, 0), ArrowRight: () => pan(0.1, 0), ArrowUp: () => pan(0, -0.1), ArrowDown: () => pan(0, 0.1),
      });
      if (keys[event.key]) { keys[event.key](); event.preventDefault(); }
    });
    // a bare wheel scrolls the page
    stage.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, place(event));
    }, { passive: false });
    svg.addEventListener("dblclick", (event) => { event.preventDefault(); zoom(1 / 1.8, place(event)); });
    let grip = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button === 0 && stage.classList.contains("zoomed")) { grip = place(event); svg.setPointerCapture(event.pointerId); }
    });
    svg.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const [x, y] = place(event);
      box[0] -= x - grip[0]; box[1] -= y - grip[1];
      show();
    });
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { grip = null; });

    const boxes = all(figure, "input[data-toggle]");
    const apply = (input) => {
      for (const part of all(svg, "[data-layer]"))
        if (part.dataset.layer === input.dataset.toggle) part.style.display = input.checked ? "" : "none";
    };
    boxes.forEach((input) => { input.addEventListener("change", () => apply(input)); apply(input); });
    all(figure, "[data-all]").forEach((b) => b.addEventListener("click", () => boxes.forEach((input) => {
      if (input.dataset.toggle.startsWith("bound:")) { input.checked = b.dataset.all === "on"; apply(input); }
    })));

    const source = figure.querySelector("script[type='application/json']");
    const info = source ? JSON.parse(source.textContent) : {};
    if (!info.box || !line) continue;
    const scales = {
      log: [Math.log, Math.exp], linear: [(v) => v, (v) => v],
    };
    const invert = (axis, share) => {
      if (axis.scale === "asinh") {
        const a = Math.asinh(axis.low / axis.width), b = Math.asinh(axis.high / axis.width);
        return axis.width * Math.sinh(a + share * (b - a));
      }
      const [to, from] = scales[axis.scale] || scales.linear;
      return from(to(axis.low) + share * (to(axis.high) - to(axis.low)));
    };
    const cells = {};
    if (info.cells) for (const [name, text] of Object.entries(info.cells.bounds))
      cells[name] = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const unit = (axis) => (axis.unit ? " " + axis.unit : "");
    const rest = line.textContent;
    const tell = (u, v) => {
      const x = invert(info.x, u) * info.x.sign, y = invert(info.y, v) * info.y.sign;
      const words = [];
      const bin = (info.bins || []).filter((b) => x >= b.low && x <= b.high);
      if (info.bins) {
        words.push(`q² = ${format(x, 3)} GeV²`);
        for (const b of bin)
          words.push(`bin [${b.low}, ${b.high}]: measured ${format(b.measured)} ± ${format(b.error, 2)}, SM ${format(b.sm)}, ` +
            `best fit ${format(b.value)}${unit(info.y)}, pull ${format(b.pull, 3)}`);
        if (info.curve && info.curve.q2.length) {
          const q = info.curve.q2;
          let k = 0;
          for (let i = 1; i < q.length; i++) if (Math.abs(q[i] - x) < Math.abs(q[k] - x)) k = i;
          if (Math.abs(q[k] - x) < 0.5) words.push(`unbinned at ${format(q[k], 4)}: ${format(info.curve.value[k])}`);
        }
      } else {
        words.push(`${info.x.name} = ${format(x)}${unit(info.x)}, ${info.y.name} = ${format(y)}${unit(info.y)}`);
      }
      if (info.cells) {
        const n = info.cells.n, i = Math.min(n - 1, Math.floor(v * n)), j = Math.min(n - 1, Math.floor(u * n));
        const k = i * n + j;
        const on = new Set(boxes.filter((b) => b.checked).map((b) => b.dataset.toggle));
        const names = Object.keys(cells).filter((name) => on.has("bound:" + name) && (cells[name][k >> 3] >> (7 - (k & 7))) & 1);
        words.push(names.length ? `excluded by ${names.join(", ")}` : "allowed by the bounds shown");
      }
      line.textContent = words.join("; ");
    };
    svg.addEventListener("pointermove", (event) => {
      const [x, y] = place(event), [x0, y0, w, h] = info.box;
      const u = (x - x0) / w, v = 1 - (y - y0) / h;
      if (u >= 0 && u <= 1 && v >= 0 && v <= 1) tell(u, v); else line.textContent = rest;
    });
    svg.addEventListener("pointerleave", () => { line.textContent = rest; });
  }
  // what is folded away is wanted on paper
  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = all(document, "section > details:not([open])");
    opened.forEach((d) => { d.open = true; });
  });
  window.addEventListener("afterprint", () => opened.forEach((d) => { d.open = false; }));
})();
