"use strict";
// What makes the page live: tables that sort and filter, plots that tell their values, zoom and hide series.
// Everything is there without it; it fetches nothing and stores nothing.
(() => {
	document.documentElement.classList.add("live");
	const make = (tag, attributes = {}, ...children) => {
		const e = document.createElement(tag);
		for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
		e.append(...children);
		return e;
	};

	// pressable lets the mouse and the keys of a button do something.
	function pressable(element, act) {
		element.addEventListener("click", act);
		element.addEventListener("keydown", e => {
			if (e.key !== "Enter" && e.key !== " ") return;
			e.preventDefault();
			act();
		});
	}

	// ---- tables ----

	const collator = new Intl.Collator("en", {numeric: true, sensitivity: "base"});
	const textOf = cell => {
		const copy = cell.cloneNode(true);
		copy.querySelectorAll("sup, .interval, .count").forEach(e => e.remove());
		return copy.textContent.trim().replace(/\s*\(\d+\/\d+\)$/, ""); // n/N where it differs from that of the line
	};

	// sortKey is what a cell is sorted by: a number, a text, or null where there is no value.
	function sortKey(cell) {
		if (!cell) return null;
		if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
		const text = textOf(cell);
		if (text === "" || text === "–") return null;
		const fraction = /^(\d+)\/(\d+)$/.exec(text);
		if (fraction) return Number(fraction[1]) / Math.max(1, Number(fraction[2]));
		const number = text.replace(/[\u2009\u202f\u00a0,]/g, "").replace(/^−/, "-").replace(/%$/, "");
		return /^-?(\d+\.?\d*|\.\d+)(e[-+−]?\d+)?$/i.test(number) ? Number(number.replace("−", "-")) : text;
	}

	function compare(a, b) {
		if (typeof a === "number" && typeof b === "number") return a - b;
		return collator.compare(String(a), String(b));
	}

	// columnsOf finds the head that stands directly over each column, given heads that span rows and columns.
	function columnsOf(table) {
		const grid = [];
		[...table.tHead.rows].forEach((row, r) => {
			grid[r] ??= [];
			let c = 0;
			for (const cell of row.cells) {
				while (grid[r][c]) c++;
				for (let i = 0; i < cell.rowSpan; i++) {
					grid[r + i] ??= [];
					for (let j = 0; j < cell.colSpan; j++) grid[r + i][c + j] = cell;
				}
				c += cell.colSpan;
			}
		});
		return grid[grid.length - 1] ?? [];
	}

	function sortable(table) {
		const body = table.tBodies[0], heads = columnsOf(table), original = [...body.rows];
		if (original.length < 2) return;
		heads.forEach((head, column) => {
			if (head.colSpan > 1) return;
			// no <button>: browsers do not print those where a head is repeated on the next sheet
			const button = make("span", {class: "sort", role: "button", tabindex: "0", title: "sort by this column"}, ...head.childNodes);
			head.append(button);
			pressable(button, () => {
				const order = {ascending: "descending", descending: ""}[head.getAttribute("aria-sort")] ?? "ascending";
				heads.forEach(h => h.removeAttribute("aria-sort"));
				if (order) head.setAttribute("aria-sort", order);
				const rows = original.map(row => ({row, key: sortKey(row.cells[column])}));
				const sign = order === "descending" ? -1 : 1;
				if (order) rows.sort((a, b) => {
					if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
					return sign * compare(a.key, b.key);
				});
				body.append(...rows.map(r => r.row));
			});
		});
	}

	const filterFrom = 15; // lines from which a table has a box to filter it

	function filterable(table) {
		const rows = [...table.tBodies[0].rows];
		if (rows.length < filterFrom) return null;
		const count = make("span", {role: "status"}, `${rows.length} lines`);
		const input = make("input", {type: "search", autocomplete: "off", spellcheck: "false"});
		const texts = rows.map(row => row.textContent.toLowerCase());
		input.addEventListener("input", () => {
			const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
			let shown = 0;
			rows.forEach((row, i) => {
				row.hidden = !words.every(w => texts[i].includes(w));
				shown += !row.hidden;
			});
			count.textContent = words.length ? `${shown} of ${rows.length} lines` : `${rows.length} lines`;
		});
		return make("div", {class: "filter"}, make("label", {}, "Show lines with ", input), count);
	}

	// boxed lets a table scroll inside its box, under heads that stay; its caption and notes do not scroll with it.
	function boxed(table) {
		const figure = table.closest("figure"), box = make("div", {class: "scroll", role: "group", tabindex: "0"});
		const caption = table.caption;
		if (caption) box.setAttribute("aria-label", caption.textContent);
		table.before(box);
		box.append(table);
		const filter = filterable(table);
		if (filter) box.before(filter);
		if (caption) {
			const title = make("p", {class: "title", "aria-hidden": "true"}, ...[...caption.childNodes].map(n => n.cloneNode(true)));
			(filter ?? box).before(title);
			caption.hidden = true;
		}
		const fit = () => {
			let top = 0;
			for (const row of table.tHead.rows) {
				for (const cell of row.cells) cell.style.top = `${top}px`;
				top += row.getBoundingClientRect().height;
			}
			if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0;
			else box.removeAttribute("tabindex");
		};
		new ResizeObserver(fit).observe(figure);
	}

	for (const table of document.querySelectorAll("figure.table table")) {
		sortable(table);
		boxed(table);
	}

	// ---- plots ----

	const tip = document.getElementById("tip");
	const hideTip = () => { tip.hidden = true; };

	function showTip(text, x, y) {
		tip.textContent = text;
		tip.hidden = false;
		const box = tip.getBoundingClientRect(), wide = document.documentElement.clientWidth, high = document.documentElement.clientHeight;
		const left = x + 14 + box.width > wide ? x - 14 - box.width : x + 14;
		const top = y + 14 + box.height > high ? y - 14 - box.height : y + 14;
		tip.style.left = `${Math.max(4, Math.min(left, wide - box.width - 4))}px`;
		tip.style.top = `${Math.max(4, top)}px`;
	}

	function live(figure) {
		const svg = figure.querySelector(".paper svg"), raw = figure.querySelector("script[type='application/json']");
		if (!svg || !raw) return;
		const marks = JSON.parse(raw.textContent);
		const spots = marks.spots.map(([x, y, series, text]) => ({x, y, series, text}));
		const whole = svg.getAttribute("viewBox").split(" ").map(Number);
		const hidden = new Set();
		const light = document.createElementNS("http://www.w3.org/2000/svg", "circle");
		light.setAttribute("class", "spotlight");
		light.setAttribute("visibility", "hidden");
		svg.append(light);
		let box = [...whole], at = -1;

		const place = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
		const onScreen = (x, y) => new DOMPoint(x, y).matrixTransform(svg.getScreenCTM());

		// ---- values ----

		function nearest(p, reach) {
			let best = -1, distance = reach * reach;
			spots.forEach((s, i) => {
				const d = (s.x - p.x) ** 2 + (s.y - p.y) ** 2;
				if (d < distance && !hidden.has(s.series)) [best, distance] = [i, d];
			});
			return best;
		}

		function inGrid(p) {
			for (const g of marks.grids) {
				const [x, y, w, h] = g.box;
				const c = Math.floor((p.x - x) / w * g.columns.length), r = Math.floor((p.y - y) / h * g.rows.length);
				if (c < 0 || r < 0 || c >= g.columns.length || r >= g.rows.length) continue;
				const where = [g.title, `${g.rows[r]} × ${g.columns[c]}`].filter(Boolean).join("\n");
				return {x: x + (c + .5) * w / g.columns.length, y: y + (r + .5) * h / g.rows.length, text: `${where}\n${g.values[r][c] || "no value"}`};
			}
			return null;
		}

		function point(spot, x, y) {
			light.setAttribute("visibility", spot ? "visible" : "hidden");
			if (!spot) return hideTip();
			light.setAttribute("cx", spot.x);
			light.setAttribute("cy", spot.y);
			light.setAttribute("r", 4 * box[2] / whole[2]);
			showTip(spot.text, x, y);
		}

		function hover(event) {
			const p = place(event.clientX, event.clientY);
			at = nearest(p, Math.max(4, 14 * box[2] / whole[2]));
			point(at >= 0 ? spots[at] : inGrid(p), event.clientX, event.clientY);
		}

		// step goes from spot to spot, those of one series after each other.
		function step(by) {
			const open = spots.map((_, i) => i).filter(i => !hidden.has(spots[i].series));
			if (!open.length) return;
			const k = open.indexOf(at);
			at = open[k < 0 ? (by > 0 ? 0 : open.length - 1) : (k + by + open.length) % open.length];
			const s = onScreen(spots[at].x, spots[at].y);
			point(spots[at], s.x, s.y);
		}

		// cross goes to the next series, to the point with the nearest x.
		function cross(by) {
			if (at < 0) return step(by);
			const series = [...new Set(spots.map(s => s.series))].filter(s => !hidden.has(s));
			const now = spots[at], next = series[(series.indexOf(now.series) + by + series.length) % series.length];
			let best = at, distance = Infinity;
			spots.forEach((s, i) => {
				const d = Math.hypot(s.x - now.x, (s.y - now.y) / 100);
				if (s.series === next && d < distance) [best, distance] = [i, d];
			});
			at = best;
			step(0);
		}

		// ---- zoom ----

		const most = 12;
		const smaller = make("button", {type: "button", "aria-label": "zoom out"}, "−");
		const larger = make("button", {type: "button", "aria-label": "zoom in"}, "+");
		const all = make("button", {type: "button"}, "whole plot");
		figure.querySelector(".paper").before(make("div", {class: "tools", role: "group", "aria-label": "zoom"}, smaller, larger, all));

		function show(x, y, scale) {
			scale = Math.min(most, Math.max(1, scale));
			const w = whole[2] / scale, h = whole[3] / scale;
			box = [Math.max(0, Math.min(x, whole[2] - w)), Math.max(0, Math.min(y, whole[3] - h)), w, h];
			svg.setAttribute("viewBox", box.map(v => +v.toFixed(3)).join(" "));
			svg.classList.toggle("zoomed", scale > 1);
			smaller.disabled = all.disabled = scale <= 1;
			larger.disabled = scale >= most;
			hideTip();
			light.setAttribute("visibility", "hidden");
		}

		// zoom keeps the point p where it is on the screen; without one, the middle.
		function zoom(factor, p = {x: box[0] + box[2] / 2, y: box[1] + box[3] / 2}) {
			const scale = Math.min(most, Math.max(1, whole[2] / box[2] * factor)), w = whole[2] / scale;
			show(p.x - (p.x - box[0]) * w / box[2], p.y - (p.y - box[1]) * w / box[2], scale);
		}

		smaller.addEventListener("click", () => zoom(1 / 1.5));
		larger.addEventListener("click", () => zoom(1.5));
		all.addEventListener("click", () => show(0, 0, 1));
		svg.addEventListener("dblclick", e => zoom(2, place(e.clientX, e.clientY)));
		svg.addEventListener("wheel", e => {
			if (!e.ctrlKey && !e.metaKey) return; // the page scrolls
			e.preventDefault();
			zoom(e.deltaY < 0 ? 1.2 : 1 / 1.2, place(e.clientX, e.clientY));
		}, {passive: false});

		let held = null;
		svg.addEventListener("pointerdown", e => {
			if (box[2] >= whole[2] || e.button !== 0 || e.target.closest("[data-key]")) return;
			held = place(e.clientX, e.clientY);
			svg.setPointerCapture(e.pointerId);
		});
		svg.addEventListener("pointermove", e => {
			if (!held) return hover(e);
			const p = place(e.clientX, e.clientY);
			show(box[0] + held.x - p.x, box[1] + held.y - p.y, whole[2] / box[2]);
		});
		for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = null; });
		svg.addEventListener("pointerleave", () => { if (!held) point(null); });
		svg.addEventListener("blur", () => point(null));
		svg.setAttribute("tabindex", "0");
		svg.addEventListener("keydown", e => {
			if (e.target !== svg || e.ctrlKey || e.metaKey || e.altKey) return;
			const act = {
				"+": () => zoom(1.5), "=": () => zoom(1.5), "-": () => zoom(1 / 1.5), "0": () => show(0, 0, 1), "Escape": () => point(null),
				"ArrowRight": () => step(1), "ArrowLeft": () => step(-1), "ArrowDown": () => cross(1), "ArrowUp": () => cross(-1),
			}[e.key];
			if (!act) return;
			e.preventDefault();
			act();
		});
		show(0, 0, 1);

		// ---- series ----

		function toggle(series, key) {
			const hide = !hidden.has(series);
			if (hide) hidden.add(series); else hidden.delete(series);
			svg.querySelectorAll(`[data-series="${series}"]`).forEach(g => g.setAttribute("display", hide ? "none" : "inline"));
			key.setAttribute("aria-pressed", String(!hide));
			point(null);
			at = -1;
		}

		for (const key of svg.querySelectorAll("[data-key]")) {
			const series = Number(key.dataset.key), size = key.getBBox();
			const area = document.createElementNS("http://www.w3.org/2000/svg", "rect"); // all of the line can be clicked
			for (const name of ["x", "y", "width", "height"]) area.setAttribute(name, size[name]);
			area.setAttribute("fill", "transparent");
			key.append(area);
			key.setAttribute("role", "button");
			key.setAttribute("tabindex", "0");
			key.setAttribute("aria-pressed", "true");
			key.setAttribute("aria-label", `series ${marks.series?.[series] ?? series}`);
			pressable(key, () => toggle(series, key));
			key.addEventListener("dblclick", e => e.stopPropagation());
		}
		if (svg.querySelector("[data-key]")) svg.setAttribute("role", "group"); // an image would hide its buttons from readers of the screen
	}

	document.querySelectorAll("figure.plot").forEach(live);
	addEventListener("scroll", hideTip, {passive: true});

	// ---- print: what is folded is printed, and all of every plot ----

	let folded = [];
	addEventListener("beforeprint", () => {
		folded = [...document.querySelectorAll("details:not([open])")];
		folded.forEach(d => { d.open = true; });
		hideTip();
	});
	addEventListener("afterprint", () => folded.forEach(d => { d.open = false; }));
})();
