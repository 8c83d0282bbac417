// The sign-in page.

import { signIn } from "./api.js";
import { h, put } from "./dom.js";
import { duration } from "./times.js";

/** Show it in `root`; `reason`: why one is here, or null. The session tells when it is done. */
export function signInPage(root, reason) {
  const name = h("input", { id: "username", name: "username", autocomplete: "username", required: true, maxlength: 64, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: 1024 });
  const problem = h("p", { class: "notice error", role: "alert", hidden: true });
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");
  let waiting = null;

  function tell(words) {
    problem.textContent = words;
    problem.hidden = false;
  }

  /** Too many tries: count down until another is allowed. */
  function wait(untilMs) {
    const leftMs = untilMs - Date.now();
    button.disabled = leftMs > 0;
    if (leftMs > 0) return tell(`Too many failed tries. Try again in ${duration(leftMs)}.`);
    clearInterval(waiting);
    waiting = null;
    tell("You can try again now.");
  }

  function fail(error) {
    password.select();
    if (error.status !== 429 || error.retryAfterS === null) return tell(error.message);
    const untilMs = Date.now() + error.retryAfterS * 1000;
    wait(untilMs);
    waiting = setInterval(() => wait(untilMs), 1_000);
  }

  async function submit(event) {
    event.preventDefault();
    if (waiting !== null) return;
    button.disabled = true;
    problem.hidden = true;
    try {
      await signIn(name.value, password.value);
    } catch (error) {
      fail(error);
    } finally {
      button.disabled = waiting !== null;
    }
  }

  put(root, h("section", { class: "signin", "aria-labelledby": "signin-title" },
    h("h1", { id: "signin-title" }, "LiveOps AI"),
    h("p", { class: "muted" }, "Monitoring and incident intelligence"),
    reason ? h("p", { class: "notice", role: "status" }, reason) : null,
    h("form", { class: "card stack", onsubmit: submit },
      h("label", { for: "username" }, "Name"), name,
      h("label", { for: "password" }, "Password"), password,
      problem, button)));
  name.focus();
  return () => clearInterval(waiting);
}
