"use strict";
(() => {
	const one = (selector, within) => (within || document).querySelector(selector);
	const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
	const {packet, rater} = document.body.dataset;
	const place = `ehrlab-review ${packet} ${rater}`;
	const pages = all(".page"), items = all(".item"), state = one("#state");
	const fields = ["realism", "guess", "confidence"];
	const seconds = new Map(); // by item: how long it was looked at
	let at = 0, since = null;

	const say = (text, alarm) => { state.textContent = text; state.classList.toggle("alarm", !!alarm); };
	const group = (page, name) => all(`fieldset[data-name="${name}"] input`, page);
	const chosen = (page, name) => (group(page, name).find(input => input.checked) || {value: ""}).value;
	const remark = page => one("textarea", page);
	const answered = page => fields.every(name => chosen(page, name));
	const study = items.filter(page => !("practice" in page.dataset));

	// Time runs for the record that is on the screen while the page is.
	const stop = () => {
		if (since === null) return;
		const id = pages[at].dataset.item;
		seconds.set(id, (seconds.get(id) || 0) + (performance.now() - since) / 1000);
		since = null;
	};
	const start = () => { if (since === null && pages[at].dataset.item && !document.hidden) since = performance.now(); };
	const lap = () => { stop(); start(); };

	const answers = page => {
		const id = page.dataset.item, out = {comment: remark(page).value, seconds: Math.round(10 * (seconds.get(id) || 0)) / 10};
		for (const name of fields) out[name] = chosen(page, name);
		return out;
	};
	const save = () => {
		lap();
		const kept = {};
		for (const page of items) if (seconds.has(page.dataset.item)) kept[page.dataset.item] = answers(page);
		try {
			localStorage.setItem(place, JSON.stringify({at, kept}));
		} catch {
			say("This browser keeps nothing: save the answers as a file before you close the page.", true);
		}
		tell();
	};
	const restore = () => {
		for (const form of all("form")) form.reset();
		let stored = null;
		try {
			stored = JSON.parse(localStorage.getItem(place));
		} catch { /* nothing that could be read: begin anew */ }
		if (!stored || typeof stored !== "object" || typeof stored.kept !== "object" || !stored.kept) return;
		for (const page of items) {
			const was = stored.kept[page.dataset.item];
			if (!was || typeof was !== "object") continue;
			for (const name of fields) for (const input of group(page, name)) input.checked = input.value === was[name];
			if (typeof was.comment === "string") remark(page).value = was.comment;
			if (Number.isFinite(was.seconds) && was.seconds >= 0) seconds.set(page.dataset.item, was.seconds);
		}
		if (Number.isInteger(stored.at) && stored.at > 0 && stored.at < pages.length) at = stored.at;
	};

	const tell = () => {
		const done = study.filter(answered).length;
		one("#count").textContent = `${done} of ${study.length} answered`;
		one("#progress").value = done;
		const open = study.filter(page => !answered(page));
		one("#left").textContent = open.length ? `Not yet answered in full: ${open.length}` : "All records are answered.";
		one("#open").replaceChildren(...open.map(page => {
			const link = document.createElement("a"), line = document.createElement("li");
			link.href = "#" + page.id;
			link.textContent = one("h2", page).textContent;
			link.addEventListener("click", e => { e.preventDefault(); show(pages.indexOf(page)); });
			line.append(link);
			return line;
		}));
	};
	const show = to => {
		stop();
		at = Math.max(0, Math.min(pages.length - 1, to));
		pages.forEach((page, i) => { page.hidden = i !== at; });
		start();
		save();
		scrollTo({top: 0, behavior: "instant"});
		one("h1, h2", pages[at]).focus({preventScroll: true});
	};
	const choose = (name, value) => {
		const input = group(pages[at], name).find(i => i.value === value);
		if (!input) return false;
		input.checked = true;
		save();
		return true;
	};
	const focusOn = name => {
		const inputs = group(pages[at], name);
		(inputs.find(i => i.checked) || inputs[0]).focus();
	};

	// A cell that begins so would be a formula in a spreadsheet; whoever reads the file takes the apostrophe away again.
	const cell = text => {
		text = String(text).replace(/\r\n?/g, "\n");
		if (/^[=+\-@\t\r']/.test(text)) text = "'" + text;
		return `"${text.replaceAll('"', '""')}"`;
	};
	const table = () => {
		const head = ["packet", "rater", "item", "realism", "guess", "confidence", "comment", "seconds"];
		const rows = items.map(page => {
			const a = answers(page);
			return [packet, rater, page.dataset.item, a.realism, a.guess, a.confidence, a.comment, seconds.has(page.dataset.item) ? a.seconds.toFixed(1) : ""];
		});
		return [head, ...rows].map(row => row.map(cell).join(",") + "\r\n").join("");
	};
	const hand = () => {
		save();
		const link = document.createElement("a"), url = URL.createObjectURL(new Blob([table()], {type: "text/csv;charset=utf-8"}));
		link.href = url;
		link.download = `answers-${rater}.csv`;
		link.click();
		setTimeout(() => URL.revokeObjectURL(url), 10000);
		const left = study.filter(page => !answered(page)).length;
		say(left ? `Saved as answers-${rater}.csv; not yet answered in full: ${left} of ${study.length} records.` : `Saved as answers-${rater}.csv: all records are answered.`);
	};

	const forth = () => show(at + 1), back = () => show(at - 1);
	for (const button of all("button.next")) button.addEventListener("click", forth);
	for (const button of all("button.back")) button.addEventListener("click", back);
	for (const button of all("#export, button.export")) button.addEventListener("click", hand);
	for (const form of all("form")) form.addEventListener("submit", e => e.preventDefault());
	document.addEventListener("input", save);
	document.addEventListener("visibilitychange", () => { if (document.hidden) { save(); stop(); } else start(); });
	addEventListener("pagehide", save);

	document.addEventListener("keydown", e => {
		if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
		const on = document.activeElement, writing = on instanceof HTMLTextAreaElement, page = pages[at];
		const radio = on instanceof HTMLInputElement && on.closest("fieldset");
		if (e.key === "Escape") {
			one("h1, h2", page).focus({preventScroll: true});
			e.preventDefault();
		}
		if (writing || e.key === "Escape") return;
		const key = e.key.length === 1 ? e.key.toLowerCase() : e.key, item = !!page.dataset.item;
		const does = {
			"j": forth, "k": back,
			"ArrowRight": radio ? null : forth, "ArrowLeft": radio ? null : back,
			"Enter": on instanceof HTMLButtonElement || on instanceof HTMLAnchorElement ? null : at < pages.length - 1 ? forth : hand,
			"t": item && (() => remark(page).focus()),
			"r": item && (() => { choose("guess", "real"); focusOn("confidence"); }),
			"s": item && (() => { choose("guess", "synthetic"); focusOn("confidence"); }),
		}[key];
		if (does) {
			does();
			e.preventDefault();
			return;
		}
		if (!item || !/^[0-9]$/.test(key)) return;
		const sure = radio && radio.dataset.name === "confidence";
		if (sure ? choose("confidence", key) : choose("realism", key === "0" ? "10" : key)) {
			if (sure) one("h2", page).focus({preventScroll: true});
			e.preventDefault();
		}
	});

	for (const body of all("table")) { // narrow windows have no room for the head
		const heads = all("thead th", body).map(head => head.textContent);
		for (const row of all("tbody tr", body)) [...row.cells].forEach((cell, i) => { cell.dataset.head = heads[i]; });
	}
	restore();
	show(at);
})();
