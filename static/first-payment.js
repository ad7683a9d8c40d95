// Walks a newcomer through a first payment: the same calls as the commands beside them.

const POLL_MILLISECONDS = 1500;
const POLLS_AT_MOST = 400;
const ENDS = ["completed", "authorized", "failed", "cancelled", "expired"];
const TONES = { completed: "good", authorized: "good", failed: "bad", cancelled: "bad", expired: "bad" };

const walk = document.getElementById("first-payment");
const steps = Object.fromEntries(
  [...walk.querySelectorAll(".step")].map((step) => [step.dataset.step, step]),
);
const commands = [...walk.querySelectorAll("code")].map((code) => [code, code.textContent]);
const known = {};

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${walk.dataset.key}` };
  if (body) {
    headers["Content-Type"] = "application/json";
    headers["Idempotency-Key"] = crypto.randomUUID();
  }
  const answer = await fetch(`/payments/v2${path}`, {
    method,
    headers,
    credentials: "omit",
    body: body && JSON.stringify(body),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.errors.map((error) => error.detail).join(" "));
  return told;
}

function fillIn(names) {
  Object.assign(known, names);
  for (const [code, template] of commands) {
    code.textContent = template.replace(/\$(ID|REF)\b/g, (name, key) => known[key] ?? name);
  }
}

function say(step, ...nodes) {
  const said = step.querySelector(".said");
  said.classList.remove("is-bad");
  said.replaceChildren(...nodes);
}

function complain(step, error) {
  say(step, error.message);
  step.querySelector(".said").classList.add("is-bad");
}

function goOn(from, to) {
  steps[from].classList.replace("is-next", "is-done");
  steps[to].classList.add("is-next");
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function badge(status) {
  return element("span", `status ${TONES[status] ?? "wait"}`, status);
}

function onClick(step, act) {
  const button = step.querySelector("button.button");
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      complain(step, error);
      button.disabled = false;
    }
  });
  return button;
}

function allow(name) {
  steps[name].querySelector(".button").disabled = false;
}

onClick(steps.create, async () => {
  const payment = await call("POST", "/create", {
    amount: "125.50",
    currency: "AED",
    description: "A first payment",
  });
  fillIn({ ID: payment.id });
  say(steps.create, badge(payment.status), ` Payment ${payment.id}`);
  goOn("create", "process");
  allow("process");
});

onClick(steps.process, async () => {
  const payment = await call("POST", `/process/${known.ID}`, {});
  fillIn({ REF: payment.transaction_ref });
  say(steps.process, badge(payment.status), ` Transaction ${payment.transaction_ref}`);
  const link = steps.pay.querySelector("a");
  link.href = payment.redirect_url;
  link.removeAttribute("aria-disabled");
  goOn("process", "pay");
  watch(POLLS_AT_MOST);
});

async function watch(pollsLeft) {
  try {
    const payment = await call("GET", `/${known.ID}`);
    await show(payment);
    if (ENDS.includes(payment.status)) return finish();
  } catch (error) {
    complain(steps.watch, error);
  }
  if (pollsLeft > 1) setTimeout(watch, POLL_MILLISECONDS, pollsLeft - 1);
  else say(steps.watch, "Nothing happened for a while; load this page again to go on.");
}

async function show(payment) {
  const events = await call("GET", `/${known.ID}/events`);
  const failure = payment.failure ? ` ${payment.failure.message}` : "";
  say(steps.watch, badge(payment.status), failure);
  steps.watch.querySelector(".history").replaceChildren(...events.results.map(line));
}

function line(event) {
  const { previous_status: from, status: to, heard_from: source } = event.data;
  const item = element("li", "", `${event.type} `);
  const move = from === to ? to : `${from} → ${to}`;
  const heard = source ? `, heard from: ${source}` : "";
  item.append(element("span", "muted", `${move}${heard} `));
  item.append(element("time", "", new Date(event.timestamp).toLocaleTimeString()));
  return item;
}

function finish() {
  goOn("pay", "watch");
  steps.watch.classList.replace("is-next", "is-done");
  steps.watch.querySelector("button.button").hidden = false;
}

steps.watch.querySelector("button.button").addEventListener("click", () => location.reload());

for (const block of walk.querySelectorAll(".code")) {
  const button = element("button", "copy", "Copy");
  button.type = "button";
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(block.querySelector("code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  block.append(button);
}
