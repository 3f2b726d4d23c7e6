import { exportPKCS8, generateKeyPair, importPKCS8, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/gcp/simulator/index.ts";
import {
  assertionFor,
  type Claims,
  channel,
  channelScope,
  codeOf,
  crm,
  crmScope,
  goodDeal,
  goodLead,
  openRig,
  partner,
  rawOf,
  requestOf,
  tokenRequest,
  tokenUrl,
} from "./gcp-simulator-rig.ts";

const rig = openRig();
const now = rig.clock.now();
const grant = async (claims: Partial<Claims> = {}) =>
  rawOf(await rig.simulator.fetch(tokenRequest(await assertionFor({ now, ...claims }))));
const reason = (body: { error: string; error_description: string }) => `${body.error}: ${body.error_description}`;

describe("the token endpoint", () => {
  let otherKey = "";
  beforeAll(async () => {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    otherKey = await exportPKCS8(privateKey);
  });

  it("trades a signed assertion for a bearer token that lives an hour", async () => {
    const { status, body, headers } = await grant();
    expect([status, body.token_type, body.expires_in]).toEqual([200, "Bearer", 3599]);
    expect(body.access_token).toMatch(/^ya29\./);
    expect(headers.get("content-type")).toBe("application/json; charset=UTF-8");
  });
  it("takes the address that a client reached it at for its audience", async () => {
    const at = "http://127.0.0.1:3000/simulator/gcp/oauth2.googleapis.com/token";
    const assertion = await assertionFor({ now, aud: at });
    expect((await rawOf(await rig.simulator.fetch(tokenRequest(assertion, at)))).status).toBe(200);
  });
  it("refuses what another key signed, another key's name, and an unknown account", async () => {
    expect(reason((await grant({ privateKey: otherKey })).body)).toBe("invalid_grant: Invalid JWT Signature.");
    expect(reason((await grant({ kid: "another" })).body)).toBe("invalid_grant: Invalid JWT Signature.");
    const unknown = await grant({ iss: "nobody@simulated-partner.iam.gserviceaccount.com" });
    expect([unknown.status, reason(unknown.body)]).toEqual([400, "invalid_grant: Invalid grant: account not found"]);
  });
  it("refuses an assertion whose body was changed after it was signed", async () => {
    const [head, body = "", signature] = (await assertionFor({ now })).split(".");
    const padded = body.replaceAll("-", "+").replaceAll("_", "/");
    const claims = { ...JSON.parse(atob(padded)), scope: `${channelScope} ${crmScope}` };
    const forged = `${head}.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "")}.${signature}`;
    const answer = await rawOf(await rig.simulator.fetch(tokenRequest(forged)));
    expect(reason(answer.body)).toBe("invalid_grant: Invalid JWT Signature.");
  });
  it("refuses an assertion signed with a shared secret instead of the key", async () => {
    const secret = new TextEncoder().encode(simulatedCredential.publicKey);
    const iat = Math.floor(now.getTime() / 1000);
    const assertion = await new SignJWT({ scope: channelScope })
      .setProtectedHeader({ alg: "HS256" })
      .setIssuer(simulatedCredential.clientEmail)
      .setAudience(tokenUrl)
      .setIssuedAt(iat)
      .setExpirationTime(iat + 3600)
      .sign(secret);
    const answer = await rawOf(await rig.simulator.fetch(tokenRequest(assertion)));
    expect(reason(answer.body)).toBe("invalid_grant: Invalid JWT Signature.");
  });
  it("refuses the wrong audience, an unknown scope and another subject", async () => {
    expect(reason((await grant({ aud: "https://cloudchannel.googleapis.com/" })).body)).toContain(
      "Failed audience check",
    );
    expect((await grant({ scope: "https://www.googleapis.com/auth/everything" })).body.error).toBe("invalid_scope");
    expect((await grant({ sub: "ada@partner.example" })).body.error).toBe("unauthorized_client");
  });
  it("refuses an assertion that lives longer than an hour, is over, or is not yet made", async () => {
    const short = /short-lived token \(60 minutes\) and in a reasonable timeframe/;
    expect(reason((await grant({ seconds: 3_601 })).body)).toMatch(short);
    expect(reason((await grant({ now: new Date(now.getTime() - 2 * 3_600_000) })).body)).toMatch(short);
    expect(reason((await grant({ now: new Date(now.getTime() + 600_000) })).body)).toMatch(short);
    expect((await grant({ now: new Date(now.getTime() + 240_000) })).status).toBe(200);
  });
  it("refuses other grants and a missing assertion", async () => {
    const ask = async (body: string) =>
      rawOf(
        await rig.simulator.fetch(
          new Request(tokenUrl, {
            method: "POST",
            body,
            headers: { "content-type": "application/x-www-form-urlencoded" },
          }),
        ),
      );
    expect((await ask("grant_type=refresh_token")).body.error).toBe("unsupported_grant_type");
    expect((await ask("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")).body.error).toBe(
      "invalid_request",
    );
    expect(
      (await ask("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=x.y")).body.error,
    ).toBe("invalid_grant");
  });
});

describe("an access token", () => {
  const list = `${channel}/opportunities:query?partner=${partner}`;
  const ask = async (bearer: string | null, on = rig) =>
    rawOf(await on.simulator.fetch(requestOf("GET", list, { bearer })));

  it("is demanded, known and not yet over", async () => {
    const none = await ask(null);
    expect([none.status, codeOf(none), none.body.error.details[0].reason]).toEqual([
      401,
      "UNAUTHENTICATED",
      "CREDENTIALS_MISSING",
    ]);
    expect((await ask("ya29.invented")).status).toBe(401);
    const world = openRig();
    const bearer = await world.signIn();
    expect((await ask(bearer, world)).status).toBe(200);
    world.pause(3_599);
    const over = await ask(bearer, world);
    expect([over.status, over.body.error.details[0].reason]).toEqual([401, "ACCESS_TOKEN_EXPIRED"]);
    expect(over.headers.get("www-authenticate")).toContain('error="invalid_token"');
  });
  it("opens only the surface of its scope", async () => {
    const [forChannel, forCrm] = [await rig.signIn(channelScope), await rig.signIn(crmScope)];
    const create = (address: string, body: object, bearer: string) =>
      rig.simulator.fetch(requestOf("POST", address, { body, bearer })).then(rawOf);
    expect((await create(`${channel}/opportunities?partner=${partner}`, goodDeal(), forChannel)).status).toBe(200);
    expect((await create(`${crm}/leads`, goodLead(), forCrm)).status).toBe(200);
    for (const refused of [
      await create(`${channel}/opportunities?partner=${partner}`, goodDeal(), forCrm),
      await create(`${crm}/leads`, goodLead(), forChannel),
    ]) {
      expect([refused.status, codeOf(refused)]).toEqual([403, "PERMISSION_DENIED"]);
      expect(refused.body.error.details[0].reason).toBe("ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    }
  });
  it("ends when the key is deleted, and is never shown in the ledger", async () => {
    const world = openRig();
    const bearer = await world.signIn();
    expect(JSON.stringify(await world.controls.ledger())).not.toContain(bearer);
    expect((await world.controls.revokeTokens()).revoked).toBe(1);
    expect((await ask(bearer, world)).status).toBe(401);
  });
  it("is had and used also when the simulator was sent weeks ahead of its caller's clock", async () => {
    const world = openRig();
    const here = world.clock.now();
    await world.controls.advance(14);
    const answer = await rawOf(await world.simulator.fetch(tokenRequest(await assertionFor({ now: here }))));
    expect(answer.status).toBe(200);
    expect((await ask(answer.body.access_token, world)).status).toBe(200);
    const stale = await assertionFor({ now: new Date(here.getTime() - 7_200_000) });
    expect((await rawOf(await world.simulator.fetch(tokenRequest(stale)))).body.error).toBe("invalid_grant");
  });
  it("comes from a key pair that fits together and is clearly a test's", async () => {
    await expect(importPKCS8(simulatedCredential.privateKey, "RS256")).resolves.toBeDefined();
    expect(simulatedCredential.clientEmail).toContain("simulated");
  });
});
