// Makes key pairs: node keys.mjs FOLDER SOURCE KIND [SOURCE KIND ...]. What a source is told of its sender's key is in
// FOLDER/SOURCE.key; the private keys, in PEM by source, are printed as JSON.

import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const make = {
  ed25519: () => generateKeyPairSync("ed25519"),
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  "P-384": () => generateKeyPairSync("ec", { namedCurve: "P-384" }),
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
};

/** As Standard Webhooks writes it, or in PEM. */
function told(source, publicKey) {
  if (source.startsWith("standard-webhooks")) {
    const bytes = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url");
    return `whpk_${bytes.toString("base64")}`;
  }
  return publicKey.export({ type: "spki", format: "pem" });
}

const [folder, ...asked] = process.argv.slice(2);
const privateKeys = {};
for (let at = 0; at < asked.length; at += 2) {
  const [source, kind] = asked.slice(at, at + 2);
  const pair = make[kind]();
  writeFileSync(join(folder, `${source}.key`), told(source, pair.publicKey));
  privateKeys[source] = pair.privateKey.export({ type: "pkcs8", format: "pem" });
}
console.log(JSON.stringify(privateKeys));
