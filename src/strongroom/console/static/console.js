// What the pages do in the browser, beside what the server does. Every page works without it, but for what is said.
"use strict";

const each = (selector, act, within = document) => within.querySelectorAll(selector).forEach(act);

// Search as you type: the same page is fetched, and its results put in the place of the old ones.
each("form[data-live]", (form) => {
  let waiting = 0;
  let asked = 0;
  const target = form.dataset.live;
  const look = async () => {
    const mine = ++asked;
    const fields = new URLSearchParams(new FormData(form));
    const where = `${form.action}?${fields}`;
    const answer = await fetch(where, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = page.querySelector(target);
    if (mine !== asked) return;
    if (!found) { location.assign(where); return; }
    document.querySelector(target).replaceWith(found);
    history.replaceState(null, "", where);
    onward();
  };
  // A search among very many secrets comes back before it has found one: it is gone on with, until the person types.
  const onward = async () => {
    const mine = asked;
    for (let more; (more = document.querySelector(`${target} [data-search-on]`));) {
      const answer = await fetch(more.href, { credentials: "same-origin" });
      const found = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector(target);
      if (mine !== asked || !found) return;
      document.querySelector(target).replaceWith(found);
    }
  };
  onward();
  form.addEventListener("input", (event) => {
    if (event.target.type !== "search") return;
    clearTimeout(waiting);
    waiting = setTimeout(look, 200);
  });
});

// What takes long to find out comes after its page, in the place of a link to it.
each("[data-later]", async (part) => {
  const link = part.querySelector("a");
  part.setAttribute("aria-busy", "true");
  link.replaceWith("Being counted\u2026");
  const answer = await fetch(part.dataset.later, { credentials: "same-origin" }).catch(() => null);
  const page = new DOMParser().parseFromString(answer ? await answer.text() : "", "text/html");
  const found = page.getElementById(part.id);
  if (found) { part.replaceWith(found); return; }
  part.removeAttribute("aria-busy");
  part.querySelector("p").replaceChildren(link);
});

// A value that was retrieved is hidden again after a minute, and when the page is left and come back to.
each("[data-hide-after]", (box) => {
  const hide = () => location.replace(box.dataset.hideTo);
  const until = Date.now() + Number(box.dataset.hideAfter) * 1000;
  const told = box.querySelector("[data-left]");
  const tick = () => {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0) { box.querySelectorAll("[data-value]").forEach((one) => one.remove()); hide(); return; }
    if (told) told.textContent = String(left);
    setTimeout(tick, 500);
  };
  tick();
  addEventListener("pageshow", (event) => { if (event.persisted) hide(); });
});

// Copy what is written in another element.
each("[data-copy]", (button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Copying is not allowed here";
    }
  });
});

// Rows of pairs: more, and fewer.
each("[data-rows]", (rows) => {
  const first = rows.querySelector(".row");
  rows.addEventListener("click", (event) => {
    const gone = event.target.closest("[data-drop]");
    if (!gone) return;
    const row = gone.closest(".row");
    if (rows.querySelectorAll(".row").length > 1) row.remove();
    else each("input, textarea", (input) => { input.value = ""; }, row);
  });
  each(`[data-add="${rows.id}"]`, (button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const row = first.cloneNode(true);
      each("input, textarea", (input) => { input.value = ""; }, row);
      rows.append(row);
      row.querySelector("input").focus();
    });
  });
});

// Parts of a form that belong to one choice are shown with it.
const choose = (form) => each("[data-when]", (part) => {
  const [name, ...values] = part.dataset.when.split(" ");
  const chosen = form.elements[name];
  part.hidden = !values.includes(chosen.type === "checkbox" ? String(chosen.checked) : chosen.value);
}, form);
each("form", (form) => {
  if (!form.querySelector("[data-when]")) return;
  form.addEventListener("change", () => choose(form));
  choose(form);
});

// A wizard: its fieldsets one after the other, the last of them a review of what was filled in.
each("form[data-wizard]", (form) => {
  const parts = [...form.querySelectorAll("fieldset[data-step]")];
  const marks = [...document.querySelectorAll("[data-mark]")];
  const review = form.querySelector("[data-review]");
  const back = form.querySelector("[data-back]");
  const on = form.querySelector("[data-on]");
  const end = form.querySelector("[data-end]");
  let at = 0;
  const name = () => form.elements.Name.value;
  const tell = () => {
    review.textContent = "";
    each("[data-told]", (field) => {
      if (field.closest("[hidden]") && field.closest("[data-when]")?.hidden) return;
      const value = field.type === "checkbox" ? (field.checked ? "yes" : "no")
        : field.selectedOptions ? field.selectedOptions[0]?.text : field.value;
      if (!value || (field.type === "radio" && !field.checked)) return;
      const term = document.createElement("dt");
      const told = document.createElement("dd");
      term.textContent = field.dataset.told;
      told.textContent = field.type === "radio" ? field.closest("label").textContent.trim() : value;
      review.append(term, told);
    }, form);
    each("[data-sample]", (code) => {
      code.dataset.sample ||= code.textContent;
      code.textContent = code.dataset.sample.replaceAll("THE-NAME", () => name());
    }, form);
  };
  const show = (step, focus = true) => {
    at = Math.max(0, Math.min(parts.length - 1, step));
    parts.forEach((part, index) => { part.hidden = index !== at; });
    marks.forEach((mark, index) => {
      if (index === at) mark.setAttribute("aria-current", "step"); else mark.removeAttribute("aria-current");
    });
    back.hidden = at === 0;
    on.hidden = at === parts.length - 1;
    end.hidden = at !== parts.length - 1;
    if (at === parts.length - 1) tell();
    if (focus) { parts[at].querySelector("legend").focus(); scrollTo(0, 0); }
  };
  const good = () => [...parts[at].elements].every((field) => field.closest("[hidden]") || field.reportValidity());
  on.addEventListener("click", () => { if (good()) show(at + 1); });
  back.addEventListener("click", () => show(at - 1));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.tagName === "TEXTAREA" || event.target.tagName === "BUTTON") return;
    if (at < parts.length - 1) { event.preventDefault(); on.click(); }
  });
  show(Number(form.dataset.wizard) || 0, false);
});

// Work that is under way: its part of the page is fetched anew, until it is done or for a minute.
const follow = async (left) => {
  const part = document.querySelector("[data-under-way]");
  if (!part || left === 0) return;
  await new Promise((go) => { setTimeout(go, 2000); });
  const answer = await fetch(location.href, { credentials: "same-origin" });
  const found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(part.id);
  if (!found || part.contains(document.activeElement)) return;
  part.replaceWith(found);
  follow(left - 1);
};
follow(30);

// One menu is open at a time; Escape closes it.
addEventListener("click", (event) => each("details.menu[open]", (menu) => {
  if (!menu.contains(event.target)) menu.open = false;
}));
addEventListener("keydown", (event) => {
  if (event.key === "Escape") each("details.menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
});
