// Has the vendors' own libraries sign requests, and posts them to a running host: node send.mjs FILE, with a JSON file
// {"url", "secrets": {SOURCE: secret or private key}}. Each request must be taken, and refused for the right reason
// when it is signed with another secret, by another algorithm or too long ago, when its body or its signature is
// altered, and when a header that proves it is missing.

import * as crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { sign as signGithub } from "@octokit/webhooks-methods";
import { CloudEvent, HTTP } from "cloudevents";
import { createSigner, httpbis } from "http-message-signatures";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import twilio from "twilio";

const told = JSON.parse(readFileSync(process.argv[2], "utf8"));
const JSON_TYPE = { "content-type": "application/json" };
const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" };
const address = (source) => `${told.url}/api/webhooks/receive/${source}/`;
const sha512 = (secret, text) => crypto.createHmac("sha512", secret).update(text);

/** Seconds. A signature counts for 300. */
const TOO_OLD = 360;

// Each is asked with {source, secret, at, byAnother}: `at` in seconds, `byAnother` for a signature by another
// algorithm. Where a library has one only, that is made here.

async function byOctokit({ secret, byAnother }) {
  const body = JSON.stringify({ ref: "refs/heads/main", by: "é" });
  const signature = byAnother ? `sha256=${sha512(secret, body).digest("hex")}` : await signGithub(secret, body);
  const headers = { ...JSON_TYPE, "x-github-event": "push", "x-github-delivery": "node" };
  return { headers: { ...headers, "x-hub-signature-256": signature }, body };
}

async function byStripe({ secret, at, byAnother }) {
  const body = JSON.stringify({ id: "evt_node", object: "event", type: "charge.succeeded" });
  const signature = byAnother ? sha512(secret, `${at}.${body}`).digest("hex") : undefined;
  const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp: at, signature });
  return { headers: { ...JSON_TYPE, "stripe-signature": header }, body };
}

function standardWebhooks(at, body, signature) {
  const headers = { "webhook-id": "msg_node", "webhook-timestamp": String(at), "webhook-signature": signature };
  return { headers: { ...JSON_TYPE, ...headers }, body };
}

async function byStandardWebhooks({ secret, at, byAnother }) {
  const body = JSON.stringify({ type: "contact.created" });
  const key = Buffer.from(secret.slice("whsec_".length), "base64");
  const signature = byAnother
    ? `v1,${sha512(key, `msg_node.${at}.${body}`).digest("base64")}`
    : new Webhook(secret).sign("msg_node", new Date(at * 1000), body);
  return standardWebhooks(at, body, signature);
}

// The library has shared secrets only: signed as the specification says ("Signature scheme"). By the other algorithm,
// with what everybody may know as the shared secret.
async function byStandardWebhooksEd25519({ secret, at, byAnother }) {
  const body = JSON.stringify({ type: "contact.updated" });
  const key = crypto.createPrivateKey(secret);
  if (byAnother) {
    const known = Buffer.from(crypto.createPublicKey(key).export({ format: "jwk" }).x, "base64url");
    const signature = new Webhook(known, { format: "raw" }).sign("msg_node", new Date(at * 1000), body);
    return standardWebhooks(at, body, signature);
  }
  const signature = crypto.sign(null, Buffer.from(`msg_node.${at}.${body}`), key);
  return standardWebhooks(at, body, `v1a,${signature.toString("base64")}`);
}

function twilioSignature({ source, secret, byAnother }, query, fields) {
  const algorithm = byAnother ? "HMAC_SHA256" : undefined;
  return twilio.getExpectedTwilioSignature(secret, address(source) + query, fields, algorithm);
}

async function byTwilioForm(ask) {
  const fields = { MessageSid: "SMnode", SmsStatus: "received", Body: "é + ü", From: "+12349013030" };
  const query = "?a=1";
  const headers = { ...FORM_TYPE, "x-twilio-signature": twilioSignature(ask, query, fields) };
  return { headers, body: new URLSearchParams(fields).toString(), query };
}

async function byTwilioJson(ask) {
  const body = '[{"type": "com.twilio.messaging"}]';
  const query = `?bodySHA256=${crypto.createHash("sha256").update(body).digest("hex")}`;
  return { headers: { ...JSON_TYPE, "x-twilio-signature": twilioSignature(ask, query, {}) }, body, query };
}

// Section 3.3.1 has a salt of 64 bytes; the library's own signer takes one as long as fits.
function signer(key, algorithm) {
  if (algorithm !== "rsa-pss-sha512") {
    return createSigner(key, algorithm, "key");
  }
  const padding = crypto.constants.RSA_PKCS1_PSS_PADDING;
  const sign = async (data) => crypto.sign("sha512", data, { key, padding, saltLength: 64 });
  return { id: "key", alg: algorithm, sign };
}

// A key of RSA signs in either way; who has a public key can use its text as a shared secret.
function anotherSigner(key, algorithm) {
  if (algorithm === "hmac-sha256") {
    return signer(crypto.generateKeyPairSync("ed25519").privateKey, "ed25519");
  }
  if (algorithm.startsWith("rsa-")) {
    return signer(key, algorithm === "rsa-pss-sha512" ? "rsa-v1_5-sha256" : "rsa-pss-sha512");
  }
  const known = crypto.createPublicKey(key).export({ type: "spki", format: "pem" }).trim();
  return signer(known, "hmac-sha256");
}

// By another algorithm the request does not say by which, so that the key alone tells.
const byMessage = (algorithm) =>
  async function byMessageSignature({ source, secret, at, byAnother }) {
    const body = '{"n": 2}';
    const digest = crypto.createHash("sha256").update(body).digest("base64");
    const key = algorithm === "hmac-sha256" ? secret : crypto.createPrivateKey(secret);
    const signed = await httpbis.signMessage(
      {
        key: byAnother ? anotherSigner(key, algorithm) : signer(key, algorithm),
        fields: ["@method", "@authority", "@target-uri", "content-digest"],
        params: byAnother ? ["created", "keyid"] : ["created", "keyid", "alg"],
        paramValues: { created: new Date(at * 1000) },
      },
      { method: "POST", url: address(source), headers: { ...JSON_TYPE, "content-digest": `sha-256=:${digest}:` } },
    );
    const headers = Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]);
    return { headers: Object.fromEntries(headers), body };
  };

function cloudEvent(id) {
  return new CloudEvent({ type: "com.example.made", source: "/node", id, data: { message: "é" } });
}

async function byCloudEventsBinary({ secret }) {
  const { headers, body } = HTTP.binary(cloudEvent("binary"));
  return { headers: { ...headers, authorization: `Bearer ${secret}` }, body };
}

async function byCloudEventsStructured({ secret }) {
  const { headers, body } = HTTP.structured(cloudEvent("structured"));
  return { headers: { ...headers, authorization: `Bearer ${secret}` }, body };
}

// The library makes each event; a batch is a list of them (HTTP Protocol Binding, section 3.3).
async function byCloudEventsBatch({ secret }) {
  const events = ["first", "second"].map((id) => HTTP.structured(cloudEvent(id)).body);
  const headers = { "content-type": "application/cloudevents-batch+json", authorization: `Bearer ${secret}` };
  return { headers, body: `[${events.join(",")}]`, events: 2 };
}

const STANDARD_WEBHOOKS = ["webhook-signature", "webhook-id", "webhook-timestamp"];
const MESSAGE = ["signature", "signature-input", "content-digest"];
const TOKEN = { proof: ["authorization"], token: true };

// Of each: its source, who signs, and what proves the sender: the signature or the token, and what it needs beside it.
// `dated` where a time is signed; `token` where the secret itself is sent.
const senders = [
  { source: "github", sender: byOctokit, proof: ["x-hub-signature-256"] },
  { source: "stripe", sender: byStripe, proof: ["stripe-signature"], dated: true },
  { source: "standard-webhooks", sender: byStandardWebhooks, proof: STANDARD_WEBHOOKS, dated: true },
  { source: "standard-webhooks-ed25519", sender: byStandardWebhooksEd25519, proof: STANDARD_WEBHOOKS, dated: true },
  { source: "twilio", sender: byTwilioForm, proof: ["x-twilio-signature"] },
  { source: "twilio", sender: byTwilioJson, proof: ["x-twilio-signature"] },
  { source: "message", sender: byMessage("hmac-sha256"), proof: MESSAGE, dated: true },
  { source: "message-ed25519", sender: byMessage("ed25519"), proof: MESSAGE, dated: true },
  { source: "message-p256", sender: byMessage("ecdsa-p256-sha256"), proof: MESSAGE, dated: true },
  { source: "message-p384", sender: byMessage("ecdsa-p384-sha384"), proof: MESSAGE, dated: true },
  { source: "message-pss", sender: byMessage("rsa-pss-sha512"), proof: MESSAGE, dated: true },
  { source: "message-v1_5", sender: byMessage("rsa-v1_5-sha256"), proof: MESSAGE, dated: true },
  { source: "cloudevents", sender: byCloudEventsBinary, ...TOKEN },
  { source: "cloudevents", sender: byCloudEventsStructured, ...TOKEN },
  { source: "cloudevents", sender: byCloudEventsBatch, ...TOKEN },
];

/** A secret of the same kind. */
function another(secret) {
  if (secret.startsWith("whsec_")) {
    return `whsec_${secret.slice(6).split("").reverse().join("")}`;
  }
  if (!secret.startsWith("-----BEGIN")) {
    return `${secret}-other`;
  }
  const { asymmetricKeyType: kind, asymmetricKeyDetails } = crypto.createPrivateKey(secret);
  const { namedCurve, modulusLength } = asymmetricKeyDetails;
  const pair = crypto.generateKeyPairSync(kind, { namedCurve, modulusLength });
  return pair.privateKey.export({ type: "pkcs8", format: "pem" });
}

/** A proof without its end, which can still be read. */
const cutOff = (value) => (value.endsWith(":") ? `${value.slice(0, -5)}:` : value.slice(0, -4));

async function post(source, { headers, body, query = "" }) {
  const answer = await fetch(address(source) + query, { method: "POST", headers, body });
  return { status: answer.status, problem: await answer.json() };
}

async function taken(source, request, what) {
  const { status, problem } = await post(source, request);
  const { events = [problem] } = problem;
  const wanted = request.events ?? 1;
  if (status !== 200 || events.length !== wanted) {
    throw new Error(`${what}: ${status} instead of 200 with ${wanted} events: ${JSON.stringify(problem)}`);
  }
}

async function refused(source, request, check, what) {
  const { status, problem } = await post(source, request);
  if (status !== 401 || problem.check !== check) {
    throw new Error(`${what}: ${status} instead of 401 for the check ${check}: ${JSON.stringify(problem)}`);
  }
}

async function tryAll({ source, sender, proof, dated = false, token = false }) {
  const secret = told.secrets[source];
  const now = () => Math.floor(Date.now() / 1000);
  const ask = (other = {}) => sender({ source, secret, at: now(), byAnother: false, ...other });
  const expect = (request, check, what) => refused(source, request, check, `${source}, ${sender.name} ${what}`);
  const differs = token ? "credential" : "signature";

  const good = await ask();
  await taken(source, good, `${source}, ${sender.name}`);
  await expect(await ask({ secret: another(secret) }), differs, "with another secret");
  for (const header of proof) {
    const { [header]: _left, ...headers } = good.headers;
    await expect({ ...good, headers }, "missing", `without ${header}`);
  }
  const short = { ...good.headers, [proof[0]]: cutOff(good.headers[proof[0]]) };
  await expect({ ...good, headers: short }, differs, "with a proof that is cut off");
  if (!token) {
    await expect({ ...good, body: `${good.body} ` }, "signature", "with another body");
    await expect(await ask({ byAnother: true }), "signature", "by another algorithm");
  }
  for (const at of dated ? [now() - TOO_OLD, now() + TOO_OLD] : []) {
    await expect(await ask({ at }), "timestamp", "signed at another time");
  }
  console.log(`node: ${source}, ${sender.name}`);
}

for (const sender of senders) {
  await tryAll(sender);
}
