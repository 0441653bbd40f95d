// Has the vendors' own libraries sign requests, and posts them to a running host: node send.mjs FILE, with a JSON
// file {"url", "secrets": {SOURCE: secret}, "ed25519_private_key"}. Each request must be taken, and refused once its
// body is altered, or when it is signed with another secret.

import { createHash, createPrivateKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { sign as signGithub } from "@octokit/webhooks-methods";
import { CloudEvent, HTTP } from "cloudevents";
import { createSigner, httpbis } from "http-message-signatures";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";

const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
const JSON_TYPE = { "content-type": "application/json" };
const address = (source) => `${told.url}/api/webhooks/receive/${source}/`;

async function byOctokit(secret) {
  const body = JSON.stringify({ ref: "refs/heads/main", by: "é" });
  const headers = { ...JSON_TYPE, "x-github-event": "push", "x-github-delivery": "node" };
  return { source: "github", headers: { ...headers, "x-hub-signature-256": await signGithub(secret, body) }, body };
}

async function byStripe(secret) {
  const body = JSON.stringify({ id: "evt_node", object: "event", type: "charge.succeeded" });
  const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret });
  return { source: "stripe", headers: { ...JSON_TYPE, "stripe-signature": header }, body };
}

async function byStandardWebhooks(secret) {
  const body = JSON.stringify({ type: "contact.created" });
  const now = new Date();
  const headers = {
    ...JSON_TYPE,
    "webhook-id": "msg_node",
    "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign("msg_node", now, body),
  };
  return { source: "standard-webhooks", headers, body };
}

async function byMessageSignature(key) {
  const body = '{"n": 2}';
  const digest = createHash("sha256").update(body).digest("base64");
  const signed = await httpbis.signMessage(
    {
      key: createSigner(createPrivateKey(key), "ed25519", "key"),
      fields: ["@method", "@authority", "@target-uri", "content-digest"],
      params: ["created", "keyid", "alg"],
    },
    { method: "POST", url: address("message-ed25519"), headers: { ...JSON_TYPE, "content-digest": `sha-256=:${digest}:` } },
  );
  return { source: "message-ed25519", headers: signed.headers, body };
}

function cloudEvent(id) {
  return new CloudEvent({ type: "com.example.made", source: "/node", id, data: { message: "é" } });
}

async function byCloudEventsBinary(secret) {
  const { headers, body } = HTTP.binary(cloudEvent("binary"));
  return { source: "cloudevents", headers: { ...headers, authorization: `Bearer ${secret}` }, body };
}

async function byCloudEventsStructured(secret) {
  const { headers, body } = HTTP.structured(cloudEvent("structured"));
  return { source: "cloudevents", headers: { ...headers, authorization: `Bearer ${secret}` }, body };
}

const another = (secret) => (secret.startsWith("whsec_") ? `whsec_${secret.slice(6).split("").reverse().join("")}` : `${secret}-other`);
const { privateKey } = generateKeyPairSync("ed25519");

const senders = [
  [byOctokit, told.secrets.github, another(told.secrets.github)],
  [byStripe, told.secrets.stripe, another(told.secrets.stripe)],
  [byStandardWebhooks, told.secrets["standard-webhooks"], another(told.secrets["standard-webhooks"])],
  [byMessageSignature, told.ed25519_private_key, privateKey.export({ type: "pkcs8", format: "pem" })],
  [byCloudEventsBinary, told.secrets.cloudevents, another(told.secrets.cloudevents)],
  [byCloudEventsStructured, told.secrets.cloudevents, another(told.secrets.cloudevents)],
];

async function expect(request, wanted, what) {
  const answer = await fetch(address(request.source), { method: "POST", headers: request.headers, body: request.body });
  if (answer.status !== wanted) {
    throw new Error(`${what}: ${answer.status} instead of ${wanted}: ${await answer.text()}`);
  }
}

for (const [sender, secret, wrong] of senders) {
  const good = await sender(secret);
  await expect(good, 200, sender.name);
  await expect(await sender(wrong), 401, `${sender.name} with another secret`);
  if (good.source !== "cloudevents") {
    await expect({ ...good, body: `${good.body} ` }, 401, `${sender.name} with another body`);
  }
  console.log(`node: ${sender.name}`);
}
