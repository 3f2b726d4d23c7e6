/** What an administrator grants at Microsoft, held against what the adapter asks for. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { scopes } from "../adapters/azure/grants.ts";
import { marketplaceApplication } from "../adapters/azure/wire-offers.ts";
import { callbackPath } from "../src/http/consent.ts";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "infra/azure/application.json"), "utf8"));
/** The APIs behind the scopes, by their application ids: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-authentication */
const applications: Readonly<Record<string, string>> = {
  "https://api.partner.microsoft.com/.default": "4990cffe-04e8-4e8b-808a-1175604b879f",
  "https://api.partnercenter.microsoft.com/.default": "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
};
const run = promisify(execFile);
const script = (...words: readonly string[]) =>
  run("bash", [join(root, "infra/azure/create-application.sh"), ...words]);

describe("the Entra application", () => {
  it("is allowed what the adapter signs in to, for a user, and nothing that it does not", () => {
    const asked = Object.values(scopes).map((scope) => ({
      resourceAppId: applications[scope],
      resourceAccess: [{ type: "Scope", value: "user_impersonation" }],
    }));
    expect(manifest.requiredResourceAccess.toSorted(byId)).toEqual(asked.toSorted(byId));
  });
  it("is of one tenant, gives tokens by code only, and comes back to our address", () => {
    expect(manifest.signInAudience).toBe("AzureADMyOrg");
    expect(manifest.web.implicitGrantSettings).toEqual({
      enableAccessTokenIssuance: false,
      enableIdTokenIssuance: false,
    });
    expect(new URL(manifest.web.redirectUris[0]).pathname).toBe(callbackPath);
    expect(Object.keys(manifest)).not.toContain("spa");
  });
  it("is made by a script that refuses another redirect address before it does anything", async () => {
    await expect(script("--redirect", "http://evil.example/consent/callback")).rejects.toMatchObject({ code: 2 });
    await expect(script("--nonsense")).rejects.toMatchObject({ code: 2 });
  });
  it("is asked for no more where private offers are made: only the marketplace's own application is made known", async () => {
    const redirect = ["--redirect", `https://cosell.example${callbackPath}`, "--dry-run"];
    const [plain, offers] = [await script(...redirect), await script(...redirect, "--offers")];
    expect(offers.stdout).toBe(plain.stdout);
    expect(offers.stderr).toContain(marketplaceApplication);
    expect(plain.stderr).not.toContain(marketplaceApplication);
  });
});

const byId = (
  a: { readonly resourceAppId?: string | undefined },
  b: { readonly resourceAppId?: string | undefined },
) => ((a.resourceAppId ?? "") < (b.resourceAppId ?? "") ? -1 : 1);
