// The sign-in page.

import { signIn } from "./api.js";
import { h, put } from "./dom.js";

/** Show it in `root`; the session's "signed-in" event tells when it is done. */
export function signInPage(root) {
  const name = h("input", { id: "username", name: "username", autocomplete: "username", required: true, maxlength: 64, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { id: "password", name: "password", type: "password", autocomplete: "current-password", required: true, maxlength: 1024 });
  const problem = h("p", { class: "notice error", role: "alert", hidden: true });
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    problem.hidden = true;
    try {
      await signIn(name.value, password.value);
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
      password.select();
    } finally {
      button.disabled = false;
    }
  }

  put(root, h("section", { class: "signin", "aria-labelledby": "signin-title" },
    h("h1", { id: "signin-title" }, "LiveOps AI"),
    h("p", { class: "muted" }, "Monitoring and incident intelligence"),
    h("form", { class: "card stack", onsubmit: submit },
      h("label", { for: "username" }, "Name"), name,
      h("label", { for: "password" }, "Password"), password,
      problem, button)));
  name.focus();
  return () => null;
}
