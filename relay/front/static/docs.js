// Shows the description that the reader may fetch. Addresses are relative, so that they hold under any --prefix. A token is
// kept in this page alone, and is forgotten with it.
const form = document.getElementById("caller");
const said = document.getElementById("said");

async function fetched(token) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch("openapi.json", { headers, cache: "no-store" });
  const body = await answer.json();
  if (answer.ok) return body;
  const problem = new Error(body.detail ?? body.title ?? `${answer.status}`);
  problem.status = answer.status;
  throw problem;
}

function shown(description, token) {
  const ui = SwaggerUIBundle({
    spec: description,
    domNode: document.getElementById("docs"),
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
    deepLinking: true,
    docExpansion: "list",
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    queryConfigEnabled: false,
    onComplete: () => { if (token) ui.preauthorizeApiKey("Bearer", token); },
  });
}

async function show(token = "") {
  said.textContent = "";
  try {
    shown(await fetched(token), token);
    form.hidden = true;
  } catch (problem) {
    form.hidden = problem.status !== 401;
    if (token || problem.status !== 401) said.textContent = `The description can't be shown: ${problem.message}`;
    if (!form.hidden) form.elements.token.focus();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(form.elements.token.value);
});
show();
